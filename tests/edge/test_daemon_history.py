"""The daemon and its history: whose it is, where it is, and when it begins."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from bursts import ABOUT, Bursts, configured, night, stored

from edge.config import StoreSettings
from edge.daemon import run
from edge.errors import TryAgainError
from edge.store import Store, claimed, is_full

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def test_two_daemons_do_not_share_a_history(tmp_path):
    """The second is told which history is taken, and starts once the first is over."""
    settings = configured(tmp_path, 1, night(2, [0.5]))
    with claimed(settings.store.path):
        with pytest.raises(TryAgainError, match="another airway run keeps its history in"):
            run(settings, Bursts, ABOUT)
        assert not settings.store.path.exists()
    assert run(settings, Bursts, ABOUT) == 0
    assert run(settings, Bursts, ABOUT) == 0


def test_a_history_has_one_daemon_by_any_name(tmp_path):
    """A link to a history that is taken is taken, too."""
    settings = configured(tmp_path, None, night(2, [0.5]))
    assert run(settings, Bursts, ABOUT) == 0
    link = tmp_path / "link.db"
    link.symlink_to(settings.store.path)
    with claimed(settings.store.path), pytest.raises(TryAgainError, match="another airway run"):
        run(replace(settings, store=StoreSettings(link)), Bursts, ABOUT)


def test_a_history_is_always_a_file(tmp_path, monkeypatch):
    """What SQLite would keep in memory alone is the name of a file here."""
    monkeypatch.chdir(tmp_path)
    settings = configured(tmp_path, None, night(2, [0.5]))
    settings = replace(settings, store=StoreSettings(Path(":memory:")))
    assert run(settings, Bursts, ABOUT) == 0
    assert stored(settings)[0] == {"burst": 1}


def test_a_disk_without_inodes_is_full(tmp_path, monkeypatch):
    """Free bytes are of no use where no file can be made; some file systems count none."""
    free = os.statvfs(tmp_path)
    assert not is_full(tmp_path / "airway.db")
    for files, left, full in ((1000, 0, True), (1000, 1, False), (0, 0, False)):
        said = SimpleNamespace(
            f_bavail=free.f_bavail, f_frsize=free.f_frsize, f_files=files, f_favail=left
        )
        monkeypatch.setattr(os, "statvfs", lambda _, said=said: said)
        assert is_full(tmp_path / "airway.db") is full


def test_a_slow_store_does_not_move_the_session(tmp_path, monkeypatch):
    """Sample 0 is when the listening begins, however long the store took before."""
    now_s = [1_000.0]
    setting = Store.setting

    def slow(store: Store, name: str) -> str | None:
        now_s[0] += 4.5
        return setting(store, name)

    monkeypatch.setattr(Store, "setting", slow)
    settings = configured(tmp_path, None, night(2, [0.5]))
    assert run(settings, Bursts, ABOUT, wall=lambda: T0 + now_s[0], clock=lambda: now_s[0]) == 0
    with Store(settings.store.path) as store:
        assert store.begin_unix_s() == T0 + 1_004.5

"""What the store refuses: a full disk, a broken database, and the limits of what is kept."""

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bursts import Live, configured, stored
from test_retention import filled

from edge.config import Settings, StoreSettings
from edge.daemon import keeper as keeper_module
from edge.daemon import reporter as reporter_module
from edge.daemon.diary import Diary
from edge.daemon.keeper import Backlog, Keeper
from edge.daemon.session import Clocks, Session
from edge.errors import InputOutputError
from edge.messages import Message, uuid7
from edge.records import Coverage, Event
from edge.store import DamagedError, Reader, Store

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def message(number: int) -> Message:
    """A message with an identifier of its own."""
    return Message("airway/n/mic/event", {"id": uuid7(number, bytes(10))})


class Fragile:
    """A store whose failures are decided by the test."""

    fails: type[Exception] | None = None

    def __init__(self, path: Path) -> None:
        if Fragile.fails:
            raise Fragile.fails("the disk is full")
        self.store = Store(path)

    def add_message(self, message: Message) -> None:
        """Write, or fail."""
        if Fragile.fails:
            raise Fragile.fails("the disk is full")
        self.store.add_message(message)

    def close(self) -> None:
        """Close."""
        self.store.close()


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Fragile]]:
    """The keeper's store, which fails on demand."""
    monkeypatch.setattr(keeper_module, "Store", Fragile)
    Fragile.fails = None
    yield Fragile
    Fragile.fails = None


def test_what_the_store_refuses_waits_in_order(tmp_path, fragile, caplog):
    """A disk that is full for a while costs nothing: once told, all is written, in order."""
    now_s = [0.0]
    keeper = Keeper(tmp_path / "a.db", Backlog(), lambda: now_s[0])
    write = lambda n: lambda store: store.add_message(message(n))  # noqa: E731
    keeper.keep(write(0))
    fragile.fails = InputOutputError
    for number in range(1, 50):
        keeper.keep(write(number))
        now_s[0] += 0.1
    assert keeper.waiting == 49
    assert 1 < keeper.failures < 6, "a failed store is left in peace for a while"
    assert caplog.text.count("the disk is full") == 1
    fragile.fails = None
    now_s[0] += 60
    assert keeper.flush()
    assert keeper.waiting == 0
    assert "the store works again; 49 writes waited" in caplog.text
    keeper.close()
    with Store(tmp_path / "a.db") as store:
        ids = [row.payload["id"] for row in store.pending(0, 100)]
    assert ids == [message(number).payload["id"] for number in range(50)]


def test_what_waited_in_memory_is_no_news(tmp_path, monkeypatch):
    """An event and the coverage that a full disk refused are written later, and say so."""
    now_s = [0.0]
    clocks = Clocks(lambda: now_s[0], lambda: T0 + now_s[0], lambda unix_s: True)
    session, path = Session.begin("airway", "n", "mic", clocks), tmp_path / "a.db"
    keeper = Keeper(path, Backlog(), lambda: now_s[0])
    diary = Diary(session, keeper, lambda: None)
    event = Event("cough", 1.0, 1.4, 0.9, 0.8)
    diary.event(event, message(1))
    with monkeypatch.context() as full:
        full.setattr(keeper_module, "Store", refuse)
        keeper.close()
        diary.event(event, message(2))
        diary.coverage(Coverage(400.0, 390.0, 10.0), 0.0, now=True)
    now_s[0] += 60
    diary.try_again()
    diary.event(event, message(3))
    keeper.close()
    with Store(path) as store:
        late = [row.payload.get("historical", False) for row in store.pending(0, 10)]
        assert store.summary(0.0, 1e11).monitored_s == pytest.approx(390.0)
    assert late == [False, True, False]


def refuse(*_: object) -> None:
    """A disk that is full."""
    raise InputOutputError("the disk is full")


def test_memory_is_bounded_when_the_disk_stays_full(tmp_path, fragile, monkeypatch):
    """Beyond the limit the oldest go, and are counted."""
    monkeypatch.setattr(keeper_module, "BACKLOG_LIMIT", 10)
    fragile.fails = InputOutputError
    keeper = Keeper(tmp_path / "a.db", Backlog(), lambda: 0.0)
    for number in range(25):
        keeper.keep(lambda store, number=number: store.add_message(message(number)))
    assert (keeper.waiting, keeper.dropped) == (10, 15)


def test_damage_is_not_waited_out(tmp_path, fragile):
    """A broken database ends the session at once, and the write is still there for the next."""
    fragile.fails = DamagedError
    backlog = Backlog()
    keeper = Keeper(tmp_path / "a.db", backlog, lambda: 0.0)
    with pytest.raises(DamagedError):
        keeper.keep(lambda store: store.add_message(message(1)))
    assert len(backlog.writes) == 1


def test_a_database_that_breaks_is_replaced_in_the_same_run(tmp_path, quick, wait_until, caplog):
    """Noise in the file while the daemon runs: it is put aside, and every event is kept."""
    caplog.set_level(logging.INFO)
    settings = configured(tmp_path, None)
    path = settings.store.path
    filled(path, 20)
    with Store(path) as store:
        store._db.execute("DELETE FROM outbox")
    daemon = Live(settings)
    assert wait_until(lambda: "listening at" in caplog.text)
    with path.open("r+b") as file:  # behind the first pages, which every connection has read
        file.seek(30 * 1024)
        file.write(os.urandom(path.stat().st_size - 30 * 1024))
    for _ in range(3):
        daemon.hear(1, [0.5])
        time.sleep(0.2)
    assert wait_until(lambda: list(path.parent.glob("airway.damaged-*.db")))
    for _ in range(3):
        daemon.hear(1, [0.5])
        time.sleep(0.2)
    assert daemon.end() == [0]
    assert stored(settings)[0]["burst"] >= 4  # a reader of the first session may take one
    assert "recording goes on in a new one" in caplog.text


def with_an_old_event(settings: Settings) -> Settings:
    """Settings that keep a day, and a store with an event of ten days ago."""
    with Store(settings.store.path) as store:
        store.start_session("old", "mic", time.time() - 10 * 86_400, True)
        store.add_event("old", Event("bang", 1.0, 1.5, 0.5, 0.5), message(1))
    return replace(settings, store=StoreSettings(settings.store.path, keep_days=1))


def test_the_limits_of_the_store_are_kept(tmp_path, mosquitto, quick, monkeypatch, wait_until):
    """The daemon prunes by itself, and says how many messages it had to give up."""
    monkeypatch.setattr(reporter_module, "PRUNE_EVERY_S", 0.1)
    settings = with_an_old_event(configured(tmp_path, mosquitto.port))
    daemon = Live(settings, synced=lambda unix_s: True)
    daemon.hear(1, [0.5])
    assert wait_until(lambda: stored(settings)[0] == {"burst": 1})
    daemon.end()


def test_a_session_that_begins_on_a_full_disk_is_kept_later(tmp_path, monkeypatch):
    """Its beginning, and what it listens for, wait in memory as its events do."""
    path = tmp_path / "a.db"
    Store(path).close()
    clocks = Clocks(lambda: 0.0, lambda: T0, lambda unix_s: True)
    session = Session.begin("airway", "n", "mic", clocks)
    now_s = [0.0]
    keeper = Keeper(path, Backlog(), lambda: now_s[0])
    diary = Diary(session, keeper, lambda: None)
    with monkeypatch.context() as full:
        full.setattr(Store, "start_session", refuse)
        diary.begin(("burst", "bang"))
    now_s[0] = 1e3
    diary.try_again()
    keeper.close()
    with Reader(path) as reader:
        assert reader.labels() == ("burst", "bang")
        assert reader.latest_session() is not None


def test_a_short_session_keeps_the_limits_too(tmp_path):
    """What is too old goes at the end of a session of seconds."""
    settings = with_an_old_event(configured(tmp_path, None))
    daemon = Live(settings, synced=lambda unix_s: True)
    daemon.hear(1, [0.5])
    assert daemon.end() == [0]
    assert stored(settings)[0] == {"burst": 1}


@pytest.mark.parametrize(("synced", "left"), [(True, 0), (False, 1_000)])
def test_a_clock_that_may_be_wrong_makes_nothing_old(tmp_path, synced, left):
    """Ten years in the future without synchronisation: not one event of the past is deleted."""
    path = tmp_path / "a.db"
    filled(path, 20)
    ahead_s = T0 + 10 * 365 * 86_400.0
    clocks = Clocks(lambda: 0.0, lambda: ahead_s, lambda unix_s: synced)
    session = Session.begin("airway", "n", "mic", clocks)
    keeper = Keeper(path, Backlog(), lambda: 0.0)
    Diary(session, keeper, lambda: None).prune(StoreSettings(path))
    keeper.close()
    with Store(path) as store:
        assert sum(store.summary(0.0, 1e11).counts.values()) == left

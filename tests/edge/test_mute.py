"""The mute switch: what it silences at once, and what a disk or a strange command can't change."""

import contextlib
import io
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from bursts import ABOUT, Bursts, Live, configured, stored, valid
from hypothesis import given
from hypothesis import strategies as st

from edge.daemon import Setup
from edge.daemon import shift as shift_module
from edge.daemon.board import Board
from edge.daemon.keeper import Backlog
from edge.daemon.listener import Listener, Mute
from edge.daemon.pace import HOLD_S, REST_S, Pace
from edge.daemon.session import Clocks, difference
from edge.daemon.shift import Shift
from edge.errors import InputOutputError
from edge.pipeline import Attention
from edge.records import AudioBlock, Coverage
from edge.store import Store

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def test_the_mute_switch(tmp_path, mosquitto, quick, wait_until):
    """Muted by a command: nothing is heard, the time is not monitored, and all of it is said."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/#")
    settings = configured(tmp_path, mosquitto.port)
    daemon = Live(settings)
    said = lambda: [message.body for message in subscriber.on("/mic/mute")]  # noqa: E731
    daemon.hear(1, [0.5])
    assert wait_until(lambda: subscriber.on("/event"))
    assert said() == [b"off"]
    command = subscriber._client.publish("airway/n/mic/mute/set", b"ON\n", 1, retain=True)
    command.wait_for_publish(10)
    daemon.hear(0.1, [])
    assert wait_until(lambda: said() == [b"off", b"on"])
    daemon.hear(3, [0.5, 1.5])
    assert wait_until(lambda: subscriber.on("/health"))
    assert wait_until(lambda: valid(subscriber.on("/health")[-1], "health")["muted_s"] > 2.9)
    assert daemon.end() == [0]
    assert len(subscriber.on("/event")) == 1
    counts, monitored_s, lost_s = stored(settings)
    assert counts == {"burst": 1}
    assert monitored_s == pytest.approx(1.0, abs=0.2)
    assert lost_s == 0.0
    health = valid(subscriber.on("/health")[-1], "health")
    assert health["muted"] is True
    with Store(settings.store.path) as store:
        assert store.setting("mute") == "on"

    again = Live(settings)  # a restart stays muted, though nobody says so
    again.hear(2, [0.5])
    assert wait_until(lambda: said() == [b"off", b"on", b"on"])
    subscriber._client.publish("airway/n/mic/mute/set", b"off", 1, retain=True)
    assert wait_until(lambda: said()[-1] == b"off")
    again.hear(1, [0.5])
    assert wait_until(lambda: len(subscriber.on("/event")) == 2)
    again.end()
    # A retained command is obeyed once: the broker forgets it, and no later connection hears it.
    late = mosquitto.listen("airway/n/mic/mute/#")
    assert wait_until(lambda: late.on("/mic/mute"))
    assert not late.on("/mute/set")


@pytest.mark.parametrize("enabled", [True, False])
def test_a_muted_start_says_so_and_how_it_ends(tmp_path, mosquitto, caplog, enabled):
    """A mute of before is in the log with its topic, and that it needs the broker."""
    settings = configured(tmp_path, mosquitto.port if enabled else None)
    with Store(settings.store.path) as store:
        store.put_setting("mute", "on")
    daemon = Live(settings)
    daemon.hear(1, [0.5])
    assert daemon.end() == [0]
    assert "is muted, as it was asked to be" in caplog.text
    assert "off is sent to airway/n/mic/mute/set" in caplog.text
    assert ("mqtt.enabled is false" in caplog.text) is not enabled


def test_a_command_that_changes_nothing_is_taken_off_the_broker(tmp_path, mosquitto, wait_until):
    """Off while it is off: obeyed already, and not to be obeyed again later."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/n/#")
    daemon = Live(configured(tmp_path, mosquitto.port))
    assert wait_until(lambda: subscriber.on("n/availability"))
    subscriber._client.publish("airway/n/mic/mute/set", b"off", 1, retain=True)
    assert wait_until(lambda: [m.body for m in subscriber.on("/mute/set")] == [b"off", b""])
    daemon.end()


class Still(Bursts):
    """Nothing happens, as far as it can tell."""

    quiet = True

    def attention(self) -> Attention:
        """Nor as far as the capture thread can tell."""
        return Attention(0.1, 0.5, SimpleNamespace(push=lambda pcm: b""))


def test_a_resting_daemon_is_muted_at_once(tmp_path, mosquitto, quick, wait_until):
    """In a still room, where blocks are kept for seconds, a command ends the rest."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/#")
    daemon = Live(configured(tmp_path, mosquitto.port), Still)
    over = threading.Event()

    def play() -> None:
        while not over.wait(0.1):
            daemon.hear(0.1, [])

    player = threading.Thread(target=play)
    player.start()
    late_s = []
    for number in range(3):
        word = (b"on", b"off")[number % 2]
        time.sleep(HOLD_S - 0.7 * number)  # in the midst of one or the other
        begin_s = time.monotonic()
        subscriber._client.publish("airway/n/mic/mute/set", word, 1).wait_for_publish(10)
        assert wait_until(lambda w=word: subscriber.on("/mic/mute")[-1].body == w)
        late_s.append(time.monotonic() - begin_s)
    over.set()
    player.join()
    time.sleep(2 * REST_S)  # and when no sound comes at all
    begin_s = time.monotonic()
    subscriber._client.publish("airway/n/mic/mute/set", b"off", 1).wait_for_publish(10)
    assert wait_until(lambda: subscriber.on("/mic/mute")[-1].body == b"off")
    late_s.append(time.monotonic() - begin_s)
    assert daemon.end() == [0]
    assert max(late_s) < 1.0


def test_a_mute_is_known_where_nothing_can_be_written(tmp_path, monkeypatch, caplog):
    """On a full disk the daemon starts as muted as it was, and a new session keeps a command."""
    settings = configured(tmp_path, None)
    with Store(settings.store.path) as store:
        store.put_setting("mute", "on")
    monkeypatch.setattr(Store, "start_session", full)
    monkeypatch.setattr(shift_module, "is_full", lambda path: True)
    mute, clocks = Mute(False), Clocks(time.monotonic, time.time, lambda unix_s: True)
    setup = Setup(settings, Bursts, ABOUT)
    for word in ("on", "off"):
        shift = Shift(
            setup, io.BytesIO(), clocks, Board(), Backlog(), mute, queue.SimpleQueue()
        )  # fmt: skip
        shift.stop()
        assert mute.muted is (word == "on")
        mute.command(b"off")  # by an automation; the store goes on saying "on"
        mute.obey()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 4 MB, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("word", ["on", "off", ""])
def test_a_really_full_disk_changes_no_mute(small_disk, word):
    """SQLite can open nothing there to write it; the daemon starts as muted as it was."""
    settings = configured(small_disk, None)
    if word:
        with Store(settings.store.path) as store:
            store.put_setting("mute", word)
    else:
        settings.store.path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass
    assert shutil.disk_usage(small_disk).free == 0
    mute, clocks = Mute(False), Clocks(time.monotonic, time.time, lambda unix_s: True)
    setup = Setup(settings, Bursts, ABOUT)
    Shift(setup, io.BytesIO(), clocks, Board(), Backlog(), mute, queue.SimpleQueue()).stop()
    assert mute.muted is (word == "on")


def test_a_mute_is_known_where_nothing_can_be_opened(tmp_path, monkeypatch, caplog):
    """Where a full disk keeps SQLite from its log, the file is read; unreadable, it is muted."""
    settings = configured(tmp_path, None)
    monkeypatch.setattr(shift_module, "is_full", lambda path: True)
    clocks = Clocks(time.monotonic, time.time, lambda unix_s: True)
    setup = Setup(settings, Bursts, ABOUT)

    def muted() -> bool:
        mute = Mute(False)
        Shift(
            setup, io.BytesIO(), clocks, Board(), Backlog(), mute, queue.SimpleQueue()
        ).stop()  # fmt: skip
        return mute.muted

    with monkeypatch.context() as patch:
        patch.setattr(shift_module, "Store", full)
        patch.setattr(shift_module, "ensure_sound", full)
        assert not muted()  # no history: nobody ever said so
        for word in ("on", "off"):
            with Store(settings.store.path) as store:
                store.put_setting("mute", word)
            assert muted() is (word == "on")
        patch.setattr(shift_module, "Reader", full)
        assert muted()
    assert "nobody can tell whether the microphone was muted" in caplog.text


def full(*_: object) -> None:
    """No space for a row."""
    raise InputOutputError("the disk is full")


@given(st.binary(max_size=40))
def test_any_command_is_survived(body):
    """Bytes of any kind change nothing but for the two words, in any case and spacing."""
    mute = Mute(False)
    mute.command(body)
    word = body.strip().lower()
    assert mute.obey() == (word in (b"on", b"off"))
    assert mute.muted == (word == b"on")


def test_a_strange_command_is_told_once(caplog):
    """A command that is neither word is one line in the log; clearing it is none."""
    mute = Mute(True)
    for body in (b"", b"yes" * 1000, b"no", b"\xff"):
        mute.command(body)
    assert not mute.obey()
    assert mute.muted
    assert len(caplog.records) == 1
    assert len(caplog.text) < 400


def test_an_hour_of_silence_by_switch_is_an_hour_of_coverage(tmp_path):
    """Muted for an hour after a loss: each span between two writes can be stored, to the second."""
    settings = configured(tmp_path, None)
    mute = Mute(True)
    pipeline = Bursts(16_000)
    listener = Listener(
        pipeline, queue.Queue(), live=True, open_reporter=nullcontext, clock=time.monotonic,
        mute=mute, pace=Pace(), ended=lambda: None,
    )  # fmt: skip
    reporter = SimpleNamespace(event=lambda event: None)
    size, at, before = 14_400, 12_345, Coverage(0.0, 0.0, 0.0)
    with Store(settings.store.path) as store:
        store.start_session("s", "mic", T0, True)
        for number in range(4_000):
            lost = 12_345 if number == 0 else 0
            block = AudioBlock(np.ones(size, np.int16), 16_000, at, lost)
            listener._hear(block, reporter)
            at += size
            after = listener._coverage()
            if number % 7 == 0:
                store.add_coverage("s", difference(before, after))
                before = after
        summary = store.summary(T0, T0 + 3_700)
    assert summary.monitored_s == 0.0
    assert summary.lost_s == pytest.approx(12_345 / 16_000, abs=1e-6)

"""The daemon with real threads, a real database, a real broker and real signals."""

import io
import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
import soundfile
from bursts import ABOUT, RATE_HZ, Bursts, Child, configured, night, stored, valid

from edge.daemon import listener as listener_module
from edge.daemon import reporter as reporter_module
from edge.daemon import run
from edge.daemon import shift as shift_module
from edge.daemon import system as system_module
from edge.daemon.session import WINDOW_S, Recent
from edge.daemon.source import open_source
from edge.errors import BadInputError, DeviceUnavailableError, InputOutputError, TryAgainError
from edge.messages import Message, uuid7
from edge.records import AudioBlock, Coverage, Event
from edge.store import Store


def test_a_recording_becomes_messages(tmp_path, mosquitto, wait_until):
    """Each burst reaches a subscriber once, with a summary, the state and who is there."""
    mosquitto.start()
    subscriber = mosquitto.listen()
    onsets_s = [0.5, 2.0, 7.25, 7.5]
    settings = configured(tmp_path, mosquitto.port, night(8, onsets_s))
    pipelines: list[Bursts] = []

    def factory(rate_hz: int) -> Bursts:
        pipelines.append(Bursts(rate_hz))
        return pipelines[-1]

    before_s = time.time()
    assert run(settings, factory, ABOUT) == 0
    assert wait_until(lambda: subscriber.on("/mic/availability")[1:])
    events = [valid(message, "event") for message in subscriber.on("/event")]
    assert [event["onset_s"] for event in events] == onsets_s
    assert {(event["duration_s"], event["label"], event["model"]) for event in events} == {
        (0.2, "burst", "bursts")
    }
    assert len({event["id"] for event in events}) == len(events)
    (summary,) = (valid(message, "summary") for message in subscriber.on("/summary/night"))
    assert summary["counts"] == {"burst": 4, "bang": 0}
    assert summary["rate_per_hour"] == {"burst": 1_800.0, "bang": 0.0}
    assert (summary["monitored_s"], summary["lost_s"]) == (8.0, 0.0)
    assert [event["seq"] for event in events] + [summary["seq"]] == [1, 2, 3, 4, 5]
    (info,) = (valid(message, "info") for message in subscriber.on("n/info"))
    assert (info["version"], info["runtime"], info["bundles"], info["config_digest"]) == (
        "1.2.3",
        "arithmetic",
        {"bursts": "ab" * 32},
        settings.digest,
    )
    state = valid(subscriber.on("/state")[-1], "state")
    assert (state["counts"], state["monitored_s"]) == ({"burst": 4, "bang": 0}, 8.0)
    health = valid(subscriber.on("/health")[-1], "health")
    assert (health["processed_s"], health["outbox_depth"], health["outbox_oldest_s"]) == (
        8.0,
        0,
        None,
    )
    for suffix in ("n/availability", "/mic/availability"):
        assert [message.body for message in subscriber.on(suffix)] == [b"online", b"offline"]
    assert stored(settings) == ({"burst": 4}, pytest.approx(8.0), 0.0)
    with Store(settings.store.path) as store:
        assert store.outbox_depth() == 0
        assert before_s <= store.begin_unix_s() <= time.time()
    assert pipelines[0].rate_hz == RATE_HZ
    assert pipelines[0].threads == {"pipeline"}
    assert {thread.name for thread in threading.enumerate()} & {
        "pipeline",
        "capture",
        "uplink",
    } == set()


def test_without_a_broker_everything_is_kept(tmp_path, mosquitto, monkeypatch, wait_until):
    """A run that meets no broker ends well and soon; the next one delivers both runs."""
    monkeypatch.setattr(reporter_module, "DRAIN_S", 0.3)
    settings = configured(tmp_path, mosquitto.port, night(3, [1.0, 2.0]))
    began_s = time.monotonic()
    assert run(settings, Bursts, ABOUT) == 0
    assert time.monotonic() - began_s < 5
    with Store(settings.store.path) as store:
        assert store.outbox_depth() == 3
    mosquitto.start()
    subscriber = mosquitto.listen("airway/+/+/event")
    monkeypatch.setattr(reporter_module, "DRAIN_S", 15.0)
    assert run(settings, Bursts, ABOUT) == 0
    assert wait_until(lambda: len(subscriber.received) >= 4)
    payloads = [valid(message, "event") for message in subscriber.received]
    assert [payload["seq"] for payload in payloads] == [1, 2, 4, 5]
    assert [payload["historical"] for payload in payloads][:2] == [True, True]
    assert len({payload["session"] for payload in payloads}) == 2


def test_without_mqtt_the_history_stays_and_no_message_waits(tmp_path):
    """With mqtt.enabled = false events are kept on the device, and the outbox does not grow."""
    settings = configured(tmp_path, None, night(2, [1.0]))
    assert run(settings, Bursts, ABOUT) == 0
    assert stored(settings) == ({"burst": 1}, pytest.approx(2.0), 0.0)
    with Store(settings.store.path) as store:
        assert store.outbox_depth() == 0


def test_what_waits_for_a_broker_outlives_a_run_without(tmp_path):
    """Switching mqtt.enabled off for a while deletes nothing that a broker has not taken."""
    settings = configured(tmp_path, None, night(2, [1.0]))
    with Store(settings.store.path) as store:
        store.start_session("old", "mic", time.time() - 100, True)
        message = Message("airway/n/mic/event", {"id": uuid7(1, bytes(10))})
        store.add_event("old", Event("burst", 1.0, 1.5, 0.5, 0.5), message)
    assert run(settings, Bursts, ABOUT) == 0
    with Store(settings.store.path) as store:
        assert [row.payload["id"] for row in store.pending(0, 10)] == [message.payload["id"]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_open_event(tmp_path, mosquitto, wait_until, number):
    """Stopped in the middle of a burst, the daemon ends it, delivers it, and exits with 0."""
    mosquitto.start()
    subscriber = mosquitto.listen()
    soundfile.write(tmp_path / "a.wav", np.full(60 * RATE_HZ, 8_000, np.int16), RATE_HZ)
    with Child(tmp_path, '[source]\nkind = "wav"\npath = "a.wav"', mosquitto.port) as child:
        assert wait_until(lambda: subscriber.on("n/info")), child.log.read_text()
        time.sleep(0.5)
        code, log = child.ended(number)
    assert code == 0, log
    assert number.name in log
    assert "Traceback" not in log
    assert wait_until(lambda: subscriber.on("n/availability")[1:])
    (event,) = (valid(message, "event") for message in subscriber.on("/event"))
    assert event["onset_s"] == 0.0
    assert 0.3 < event["offset_s"] < 30
    (summary,) = (valid(message, "summary") for message in subscriber.on("/summary/night"))
    assert summary["monitored_s"] == pytest.approx(event["offset_s"])
    assert subscriber.on("n/availability")[-1].body == b"offline"


def test_a_silent_pipe_does_not_hold_up_a_stop(tmp_path, mosquitto, wait_until):
    """While a read waits for a source that says nothing, SIGTERM still ends in good order."""
    mosquitto.start()
    with Child(tmp_path, '[source]\nkind = "stdin"\nrate_hz = 4000', mosquitto.port) as child:
        assert wait_until(lambda: child.said("listening at 4000 Hz")), child.log.read_text()
        began_s = time.monotonic()
        code, log = child.ended(signal.SIGTERM)
    assert code == 0, log
    assert time.monotonic() - began_s < 8
    assert "Fatal" not in log


def test_what_was_heard_before_a_kill_is_delivered(tmp_path, mosquitto, wait_until):
    """SIGKILL with no broker takes none of the events that were stored; a later run sends them."""
    text = '[source]\nkind = "stdin"\nrate_hz = 4000\nrealtime = false'
    with Child(tmp_path, text, mosquitto.port) as child:
        assert child.process.stdin is not None
        child.process.stdin.write(night(10, [1, 3, 5, 7]).tobytes())
        assert wait_until(lambda: child.log.read_text().count("burst at") == 4)

        def rows() -> int:
            with Store(child.database) as store:
                return store.outbox_depth()

        assert wait_until(lambda: rows() == 4)
        child.ended(signal.SIGKILL)
    mosquitto.start()
    subscriber = mosquitto.listen("airway/+/+/event")
    with Child(tmp_path, text, mosquitto.port) as child:
        assert child.process.stdin is not None
        child.process.stdin.write(night(2, [1]).tobytes())
        child.process.stdin.close()
        assert child.process.wait(20) == 0, child.log.read_text()
    assert wait_until(lambda: len(subscriber.received) >= 5)
    payloads = [valid(message, "event") for message in subscriber.received]
    assert [payload["onset_s"] for payload in payloads] == [1, 3, 5, 7, 1]
    assert [payload["historical"] for payload in payloads][:4] == [True] * 4


def test_recording_goes_on_while_the_broker_is_away(tmp_path, mosquitto, wait_until):
    """A broker that goes and comes back in the middle of a run misses nothing."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/+/+/event")
    settings = configured(tmp_path, mosquitto.port, realtime=False)
    reading, writing = os.pipe()
    codes: list[int] = []
    with io.FileIO(reading, "rb") as stream, io.FileIO(writing, "wb") as pipe:
        thread = threading.Thread(
            target=lambda: codes.append(run(settings, Bursts, ABOUT, stdin=stream))
        )
        thread.start()
        pipe.write(night(1, [0.4]).tobytes())
        assert wait_until(lambda: len(subscriber.received) == 1)
        mosquitto.stop()
        pipe.write(night(2, [0.4, 1.4]).tobytes())
        assert wait_until(lambda: stored(settings)[0].get("burst") == 3)
        mosquitto.start()
        pipe.write(night(1, [0.4]).tobytes())
        pipe.close()
        thread.join(20)
    assert codes == [0]
    assert wait_until(lambda: len(subscriber.received) >= 4)
    onsets_s = {message.payload["onset_s"] for message in subscriber.received}
    assert onsets_s == {0.4, 1.4, 2.4, 3.4}


def test_an_event_is_sent_at_once(tmp_path, mosquitto, wait_until):
    """An event does not wait for the uplink to look: eight in a row take less than 3 s."""
    mosquitto.start()
    subscriber = mosquitto.listen()
    settings = configured(tmp_path, mosquitto.port, realtime=False)
    reading, writing = os.pipe()
    with io.FileIO(reading, "rb") as stream, io.FileIO(writing, "wb") as pipe:
        thread = threading.Thread(target=lambda: run(settings, Bursts, ABOUT, stdin=stream))
        thread.start()
        assert wait_until(lambda: subscriber.on("n/info"))
        began_s = time.monotonic()
        for count in range(1, 9):
            pipe.write(night(0.5, [0.1]).tobytes())
            assert wait_until(lambda count=count: len(subscriber.on("/event")) == count)
        took_s = time.monotonic() - began_s
        pipe.close()
        thread.join(20)
    assert took_s < 3


class Held(Bursts):
    """A pipeline that hangs until it is let go."""

    holds = threading.Event()
    let_go = threading.Event()

    def push(self, block: AudioBlock) -> list[Event]:
        """Wait, then listen."""
        self.holds.set()
        assert self.let_go.wait(20)
        return super().push(block)


def test_what_is_lost_at_the_end_is_counted(tmp_path, caplog, wait_until):
    """A live source that ends while the model hangs leaves no second unaccounted for."""
    settings = configured(tmp_path, None)
    reading, writing = os.pipe()
    with io.FileIO(reading, "rb") as stream, io.FileIO(writing, "wb") as pipe:
        thread = threading.Thread(target=lambda: run(settings, Held, ABOUT, stdin=stream))
        thread.start()
        for second in range(30):
            pipe.write(night(1, [0.1]).tobytes())
            assert second or Held.holds.wait(20)  # or the queue is full before it holds one
        assert wait_until(lambda: "can't keep up" in caplog.text)
        pipe.close()
        assert wait_until(lambda: all(t.name != "capture" for t in threading.enumerate()))
        Held.let_go.set()
        thread.join(20)
    counts, monitored_s, lost_s = stored(settings)
    assert monitored_s + lost_s == pytest.approx(30)
    assert 10 <= monitored_s < 11  # what the queue holds, and the block in the model's hands
    assert counts == {"burst": sum(k + 0.1 < monitored_s - 1e-6 for k in range(30))}


def test_a_silent_source_is_offline_until_it_is_heard(tmp_path, mosquitto, monkeypatch, wait_until):
    """A live source that says nothing is announced as offline, and as online when it is back."""
    monkeypatch.setattr(listener_module, "SILENT_AFTER_S", 0.3)
    monkeypatch.setattr(listener_module, "REPORT_EVERY_S", 0.2)
    monkeypatch.setattr(listener_module, "_TICK_S", 0.05)
    mosquitto.start()
    subscriber = mosquitto.listen()
    settings = configured(tmp_path, mosquitto.port)
    reading, writing = os.pipe()
    codes: list[int] = []

    def said() -> list[bytes]:
        return [message.body for message in subscriber.on("/mic/availability")]

    with io.FileIO(reading, "rb") as stream, io.FileIO(writing, "wb") as pipe:
        thread = threading.Thread(
            target=lambda: codes.append(run(settings, Bursts, ABOUT, stdin=stream))
        )
        thread.start()
        assert wait_until(lambda: said() == [b"online", b"offline"])
        pipe.write(night(0.5, [0.1]).tobytes())
        assert wait_until(lambda: b"online" in said()[2:])
        assert wait_until(lambda: subscriber.on("/event"))
        pipe.close()
        thread.join(20)
    assert codes == [0]

    def monitored_s() -> list[float]:
        return [valid(message, "state")["monitored_s"] for message in subscriber.on("/state")]

    assert wait_until(lambda: monitored_s()[-1] == 0.5), "the last state is sent before the end"
    assert monitored_s()[0] == 0.0 < valid(subscriber.on("/state")[0], "state")["window_s"]
    assert valid(subscriber.on("/state")[-1], "state")["counts"] == {"burst": 1, "bang": 0}
    assert len([valid(message, "health") for message in subscriber.on("/health")]) > 1


class Broken(Bursts):
    """A pipeline that fails after a second of audio."""

    def push(self, block: AudioBlock) -> list[Event]:
        """Fail, sooner or later."""
        if self.processed >= self.rate_hz:
            raise ArithmeticError("the model has burst")
        return super().push(block)


@pytest.mark.parametrize("kind", ["wav", "stdin"])
def test_a_broken_pipeline_ends_the_daemon(tmp_path, caplog, kind):
    """No deaf daemon: one error in the log, exit code 75, and what was heard is kept."""
    pcm = night(30, [0.2])
    settings = configured(tmp_path, None, pcm if kind == "wav" else None)
    reading, writing = os.pipe()
    began_s = time.monotonic()
    with io.FileIO(reading, "rb") as stream, io.FileIO(writing, "wb") as pipe:
        pipe.write(pcm[: 7 * RATE_HZ].tobytes())  # less than the pipe holds; it stays open
        assert run(settings, Broken, ABOUT, stdin=stream) == TryAgainError.exit_code == 75
    assert time.monotonic() - began_s < 5
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "the model has burst" in caplog.text
    assert stored(settings)[0] == {"burst": 1}


def test_what_no_store_took_is_told_at_the_end(tmp_path, caplog, monkeypatch):
    """A recording whose events could never be written ends with their number and 74, not with 0."""
    settings = configured(tmp_path, 1, night(8, [0.5, 2.0]))
    monkeypatch.setattr(Store, "__init__", refuse)
    monkeypatch.setattr(shift_module, "is_full", lambda path: True)
    monkeypatch.setattr(shift_module, "ensure_sound", lambda *_: None)
    assert run(settings, Bursts, ABOUT) == InputOutputError.exit_code
    assert "writes waited for the store until the end and are lost" in caplog.text


def refuse(*_: Any) -> None:
    """A disk that stays full."""
    raise InputOutputError("no space left on it")


def test_a_source_that_fails_ends_with_its_own_code(tmp_path, caplog):
    """A recording that is damaged in the middle gives code 65, and what came before is kept."""
    pcm = np.zeros(40 * RATE_HZ)
    pcm[RATE_HZ : RATE_HZ + 100] = 0.5
    pcm[30 * RATE_HZ] = np.nan
    settings = configured(tmp_path, None, night(1, []))
    assert settings.source.path is not None
    soundfile.write(settings.source.path, pcm, RATE_HZ, subtype="FLOAT")
    assert run(settings, Bursts, ABOUT) == BadInputError.exit_code == 65
    assert [record.getMessage() for record in caplog.records if record.levelno >= 40] == [
        f"the source failed: {settings.source.path} has nan as sample 120000, full scale "
        "being 1.0; divide integers by 32768, or export it again"
    ]
    assert stored(settings)[0] == {"burst": 1}


def test_a_recording_needs_no_standard_input(tmp_path):
    """Where it is closed, a file is played all the same, and only samples from it are refused."""
    settings = configured(tmp_path, None, night(1, [0.5]))
    text = 'node = "n"\nmqtt.enabled = false\nstore.path = "a.db"\n[source]\n'
    config = tmp_path / "config.toml"
    found = []
    for source in (f'kind = "wav"\npath = "{settings.source.path}"', 'kind = "stdin"'):
        config.write_text(text + source)
        command = f"exec {sys.executable} -m edge.cli run --config {config} <&-"
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=False, timeout=60
        )
        found.append((done.returncode, "standard input can't be read" in done.stderr))
    assert found == [(0, False), (74, True)]


def test_a_source_that_is_not_there_leaves_nothing_behind(tmp_path):
    """A missing file and a microphone are refused before a database is made."""
    for settings, error in (
        (configured(tmp_path, None, kind="wav", path=tmp_path / "no.wav"), InputOutputError),
        (configured(tmp_path, None, kind="microphone", device="usb:99-9"), DeviceUnavailableError),
    ):
        with pytest.raises(error):
            run(settings, Bursts, ABOUT)
        assert not settings.store.path.parent.exists()


def test_a_repeated_recording_is_one_long_session(tmp_path):
    """With source.repeat the clock goes on where the file ended."""
    settings = configured(tmp_path, None, night(0.35, []), repeat=True).source
    source = open_source(settings, io.BytesIO())
    blocks = list(itertools.islice(source.open(threading.Event(), time.monotonic), 10))
    ends = itertools.accumulate([len(block.pcm) for block in blocks], initial=0)
    assert [block.start for block in blocks] == list(ends)[:-1]
    assert not source.live


def test_a_paced_recording_takes_its_time(tmp_path):
    """With source.realtime a file takes as long as it lasts."""
    settings = configured(tmp_path, None, night(1.0, [0.2]), realtime=True)
    began_s = time.monotonic()
    assert run(settings, Bursts, ABOUT) == 0
    assert 1.0 <= time.monotonic() - began_s < 5.0
    assert stored(settings)[0] == {"burst": 1}


def test_the_window_is_the_last_hour():
    """Counts and monitored seconds cover the same hour, begun to the minute, in silence too."""
    recent = Recent()
    heard_s = 0.0
    for second in range(20, 3 * 3600, 20):
        silent = 4_000 < second <= 9_000
        heard_s += 0 if silent else 20
        if second % 100 == 0 and not silent:
            recent.add(Event("burst", second, second + 0.5, 1.0, 1.0))
        lost_s = heard_s / 4
        coverage = Coverage(heard_s, heard_s - lost_s, lost_s)
        recent.advance(second, coverage)
        counts, window, window_s = recent.figures(second, coverage)
        assert min(second, WINDOW_S) <= window_s < WINDOW_S + 60
        begin = round(second - window_s)
        span = range(begin + 1, second + 1)
        assert window.audio_s == sum(not 4_000 < s <= 9_000 for s in span)
        assert window.lost_s == pytest.approx(window.audio_s / 4)
        onsets = [s for s in range(100, second + 1, 100) if not 4_000 < s <= 9_000 and s >= begin]
        assert counts["burst"] == len(onsets)


@pytest.mark.parametrize(
    ("unix_s", "state", "synced"),
    [
        (1_800_000_000, 0, True),
        (1_800_000_000, 4, True),
        (1_800_000_000, 5, False),
        (1_800_000_000, -1, False),
        (1_000, 0, False),
        (5_000_000_000, 0, False),
    ],
)
def test_a_doubtful_clock_is_not_synchronised(monkeypatch, unix_s, state, synced):
    """Only a plausible year on a clock that the kernel calls synchronised is trusted."""

    class Libc:
        def adjtimex(self, timex: Any) -> int:
            assert len(timex) >= 208
            assert not any(timex.raw)
            return state

    monkeypatch.setattr(system_module.ctypes, "CDLL", lambda name: Libc())
    assert system_module.clock_synced(unix_s) is synced
    monkeypatch.setattr(system_module.ctypes, "CDLL", lambda name: object())
    assert system_module.clock_synced(unix_s) is False


def test_the_real_kernel_answers():
    """The call to the kernel itself gives a truth value, and the memory in use is plausible."""
    assert system_module.clock_synced(time.time()) in (True, False)
    assert 1_000_000 < system_module.resident_bytes() < 10**11

"""A real PulseAudio server, PortAudio and the capture process: a microphone that comes and goes.

The server is this test's own, in a folder of its own; see `sound_server`.
"""

import contextlib
import json
import logging
import os
import pty
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sound_server import RATE_HZ, Server, missing, running

from edge.capture import Microphone, elapsed_s, list_inputs
from edge.capture import microphone as microphone_module
from edge.capture import process as process_module
from edge.capture.cards import Card, sound_cards
from edge.capture.process import CaptureProcess
from edge.config import MqttSettings, Settings, SourceSettings, StoreSettings
from edge.daemon import About, run
from edge.daemon import listener as listener_module
from edge.daemon.feeder import Feeder
from edge.daemon.source import open_source
from edge.errors import DeviceUnavailableError
from edge.records import AudioBlock, Coverage, Event

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[Server]:
    """A running server with the virtual microphone, which is ALSA's default."""
    with running(tmp_path, monkeypatch) as server:
        yield server


class Listening:
    """A microphone that is recorded in a thread, as the daemon does."""

    def __init__(self, device: str = "pulse:vmic.monitor", rate_hz: int = RATE_HZ) -> None:
        settings = SourceSettings(device=device, rate_hz=rate_hz)
        self.source = open_source(settings, sys.stdin.buffer)
        self.blocks: queue.Queue[AudioBlock | None] = queue.Queue(100_000)
        self.feeder = Feeder(self.source, self.blocks, elapsed_s, lambda: None)
        self.heard: list[AudioBlock] = []
        self.began_s = elapsed_s()
        self.feeder.start()

    def __enter__(self) -> "Listening":
        return self

    def __exit__(self, *_: Any) -> None:
        self.feeder.stop(20)

    def until(self, done: Any, timeout_s: float = 30.0) -> None:
        """Take blocks until `done(block)` is true of one."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            assert time.monotonic() < deadline_s, self.feeder.figures()
            with contextlib.suppress(queue.Empty):
                block = self.blocks.get(timeout=0.1)
                assert block is not None
                end = self.heard[-1].start + len(self.heard[-1].pcm) if self.heard else 0
                assert block.start == end + block.lost  # no sample is unaccounted for
                self.heard.append(block)
                if done(block):
                    return

    @property
    def pcm(self) -> np.ndarray:
        """The whole session, zeros where something is lost."""
        parts = [np.zeros(0, np.int16)]
        for block in self.heard:
            parts += [np.zeros(block.lost, np.int16), block.pcm]
        return np.concatenate(parts)

    @property
    def behind_s(self) -> float:
        """By how much the session's clock is behind the system's."""
        return elapsed_s() - self.began_s - len(self.pcm) / self.source.rate_hz


def loud(block: AudioBlock) -> bool:
    """There is sound in it."""
    return bool(np.any(block.pcm))


def delivered(block: AudioBlock) -> bool:
    """There are samples in it, be they zeros."""
    return len(block.pcm) > 0


def noise(seconds: float, rate_hz: int = RATE_HZ, channels: int = 1) -> np.ndarray:
    """Sound that is louder than the lead-in in each sample."""
    values = np.random.default_rng(5).integers(2, 3_000, (round(seconds * rate_hz), channels))
    return values.astype(np.int16)


def test_what_is_captured_is_bit_exact(server):
    """Every sample that was played arrives, once and unchanged, at the pace of time."""
    played = noise(3.0)
    with Listening() as listening:
        listening.until(delivered)
        player = server.play(played)
        listening.until(loud)
        listening.until(lambda block: not loud(block))
        assert player.wait(10) == 0
        assert -0.1 < listening.behind_s < 1.0
        figures = listening.feeder.figures()
    assert (figures.device, figures.overruns, figures.reopened) == ("pulse", 0, 0)
    assert listening.source.rate_hz == RATE_HZ
    assert sum(block.lost > 0 for block in listening.heard) <= 1  # until the device was open
    pcm = listening.pcm
    at = np.flatnonzero(pcm > 1)[0]
    np.testing.assert_array_equal(pcm[at : at + len(played)], played[:, 0])
    assert not pcm[at + len(played) :].any()


def test_a_card_of_44100_hz_in_stereo_is_taken_as_it_is(server, monkeypatch):
    """A rate that the card refuses is followed by the next; two channels become one."""
    server.unplug()
    server.plug(44_100, 2)
    played = noise(1.0, 44_100, 2)
    ask = CaptureProcess.record

    def only_44100(process: Any, device: Any, formats: Any, blocks_per_second: int) -> Any:
        offered = [each for each in formats if each == (44_100, 2)]
        assert formats[0] == (RATE_HZ, 1)
        return ask(process, device, [(1, 1), *offered], blocks_per_second)  # 1 Hz is refused

    monkeypatch.setattr(CaptureProcess, "record", only_44100)
    with Listening() as listening:
        assert listening.source.rate_hz == 44_100
        listening.until(delivered)
        server.play(played, 44_100)
        listening.until(loud)
        listening.until(lambda block: not loud(block))
    pcm = listening.pcm
    at = np.flatnonzero(pcm > 1)[0]
    mean = np.rint(played.mean(axis=1)).astype(np.int16)
    np.testing.assert_array_equal(pcm[at : at + len(mean)], mean)


def test_a_microphone_that_comes_back_with_another_rate_is_converted(server, monkeypatch):
    """The session keeps its rate when the device behind the name has another one."""
    with Listening() as listening:
        listening.until(delivered)
        ask = CaptureProcess.record
        monkeypatch.setattr(
            CaptureProcess,
            "record",
            lambda process, device, formats, n: ask(process, device, [(48_000, 1)], n),
        )
        assert listening.source.microphone is not None
        listening.source.microphone.reopen()
        listening.until(lambda block: block.lost > 0)
        listening.until(delivered)
        tone = 8_000 * np.sin(2 * np.pi * 1_000 * np.arange(48_000) / 48_000)
        server.play(np.rint(tone).astype(np.int16)[:, None], 48_000)
        listening.until(loud)
        listening.until(lambda block: not loud(block))
        assert {block.rate_hz for block in listening.heard} == {RATE_HZ}
        assert -0.1 < listening.behind_s < 1.0
    tone_16k = listening.pcm[np.flatnonzero(listening.pcm > 1_000)[0] :][1_000:13_000]
    spectrum = np.abs(np.fft.rfft(tone_16k.astype(float)))
    assert np.argmax(spectrum) * RATE_HZ / 12_000 == pytest.approx(1_000, abs=5)


def test_a_microphone_that_is_unplugged_comes_back(server, caplog):
    """Without it the lost seconds are told as they pass; with it sound arrives at its time."""
    with Listening() as listening:
        listening.until(delivered)
        server.unplug()
        listening.until(lambda block: block.lost > 0)
        listening.until(lambda block: not delivered(block))
        assert listening.feeder.figures().device == ""
        pieces = [block.lost for block in listening.heard if not delivered(block)]
        assert max(pieces) < 10 * RATE_HZ
        server.plug()
        back = len(listening.heard)
        listening.until(lambda block: delivered(block) and len(listening.heard) > back)
        server.play(noise(1.0))
        listening.until(loud)
        assert -0.1 < listening.behind_s < 1.0
        assert listening.feeder.figures().reopened >= 1
        assert listening.feeder.failure is None
    assert sum(record.levelno >= logging.WARNING for record in caplog.records) <= 2
    assert "the microphone is away" in caplog.text


def test_a_card_that_is_plugged_in_ends_the_wait(monkeypatch, tmp_path):
    """However long the next attempt is away, a new card is tried at once."""
    (tmp_path / "pyaudio.py").write_text(OVERRUNNING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(microphone_module, "_RETRY_S", (600.0,))
    cards: list[Card] = []
    monkeypatch.setattr(microphone_module, "sound_cards", lambda: list(cards))
    with Listening("old mic") as listening:
        listening.until(delivered)
        assert listening.source.microphone is not None
        listening.source.microphone._process._process.kill()
        listening.until(lambda block: not delivered(block))
        cards.append(Card(3, "Old", "1-1.2"))
        listening.until(delivered, 10)
        assert listening.feeder.figures().device == "usb:1-1.2"


def test_a_sound_server_that_is_killed_and_started_again(server):
    """The capture process ends or hangs with the server; a new one meets the new server."""
    with Listening() as listening:
        listening.until(delivered)
        server.kill()
        listening.until(lambda block: not delivered(block))
        server.start()
        server.plug()
        back = len(listening.heard)
        listening.until(lambda block: delivered(block) and len(listening.heard) > back)
        assert -0.1 < listening.behind_s < 2.5
        assert listening.feeder.failure is None


def test_a_server_that_hangs_is_left(server, monkeypatch):
    """Nothing for too long, and no end of it either: the capture process is killed and replaced."""
    with Listening() as listening:
        listening.until(delivered)
        assert server._process is not None
        server._process.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(microphone_module, "SILENT_S", 0.6)  # not before: a start may take more
        try:
            listening.until(lambda block: not delivered(block))
        finally:
            server._process.send_signal(signal.SIGCONT)
        monkeypatch.setattr(microphone_module, "SILENT_S", 5.0)
        back = len(listening.heard)
        listening.until(lambda block: delivered(block) and len(listening.heard) > back)


def test_a_capture_process_that_crashes_is_replaced(server):
    """A crash inside the sound libraries costs a second of sound, not the night."""
    with Listening() as listening:
        listening.until(delivered)
        assert listening.source.microphone is not None
        listening.source.microphone._process._process.send_signal(signal.SIGSEGV)
        listening.until(lambda block: block.lost > 0)
        listening.until(delivered)
        assert listening.feeder.figures().reopened == 1
        assert -0.1 < listening.behind_s < 2.5


def test_a_capture_process_that_is_held_up_loses_nothing(server):
    """What the sound server kept meanwhile comes late and all at once, and is no loss."""
    with Listening() as listening:
        listening.until(lambda block: delivered(block) and block.start > RATE_HZ)
        assert listening.source.microphone is not None
        process = listening.source.microphone._process._process
        process.send_signal(signal.SIGSTOP)
        time.sleep(2.0)
        process.send_signal(signal.SIGCONT)
        end = len(listening.pcm)
        listening.until(lambda block: block.start > end + 4 * RATE_HZ)
        assert -0.1 < listening.behind_s < 1.0
        assert sum(block.lost > 0 for block in listening.heard) <= 1  # until the device was open


# PortAudio with one card that takes 44.1 kHz in stereo only, and that loses half a second after
# its twentieth block, which it says.
OVERRUNNING = """
import array, threading, time
paInt16, paInputOverflow, paContinue = 8, 2, 0

class Stream:
    def __init__(self, frames, callback):
        self.frames, self.callback = frames, callback
    def start_stream(self):
        threading.Thread(target=self.run, daemon=True).start()
    def is_active(self):
        return True
    def run(self):
        begin, lost = time.monotonic(), 0.0
        for block in range(1_000_000):
            lost += 0.5 * (block == 20)
            time.sleep(max(0.0, begin + lost + (block + 1) * 0.1 - time.monotonic()))
            samples = array.array("h", [block % 100 + 1, block % 100 + 3]) * self.frames
            self.callback(samples.tobytes(), self.frames, None, 2 * (block == 20))

class PyAudio:
    info = {"index": 0, "name": "Old Mic: USB Audio (hw:3,0)", "maxInputChannels": 2,
            "defaultSampleRate": 44100.0}
    def get_device_count(self):
        return 1
    def get_device_info_by_index(self, index):
        return self.info
    def get_default_input_device_info(self):
        return self.info
    def open(self, rate, channels, frames_per_buffer, stream_callback, **_):
        if (rate, channels) != (44100, 2):
            raise OSError(-9997, "Invalid sample rate")
        return Stream(frames_per_buffer, stream_callback)
"""


def test_an_overrun_is_lost_time(monkeypatch, tmp_path):
    """A card of 44.1 kHz loses half a second: it is counted, and the clock goes on with time."""
    (tmp_path / "pyaudio.py").write_text(OVERRUNNING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Listening("old mic") as listening:
        assert listening.source.rate_hz == 44_100
        listening.until(lambda block: block.lost > 10_000)
        listening.until(lambda block: block.start > 4.5 * 44_100)
        assert -0.1 < listening.behind_s < 0.4
        figures = listening.feeder.figures()
    assert (figures.overruns, figures.device) == (1, "Old Mic: USB Audio")
    (lost,) = (block.lost for block in listening.heard if block.lost > 10_000)
    assert lost == pytest.approx(22_050, abs=1_000)
    values = [int(block.pcm[0]) for block in listening.heard if len(block.pcm)]
    assert values == [*range(values[0], values[0] + len(values))]  # the mean of both channels


def test_zeros_are_said_lost_and_looked_into(server, monkeypatch, caplog):
    """Nothing but zeros: it is said, counted as lost, the device is opened anew, and it ends."""
    monkeypatch.setattr("edge.capture.signal_health.DEAD_S", 1.0)
    caplog.set_level(logging.INFO)
    with Listening() as listening:
        listening.until(delivered)
        listening.until(lambda block: not delivered(block))
        assert listening.feeder.figures().signal == "zeros"
        assert "delivers only zeros" in caplog.text
        listening.until(lambda block: listening.feeder.figures().reopened == 1)
        server.play(noise(2.0))
        listening.until(loud)
        assert listening.feeder.figures().signal == "good"
        assert -0.1 < listening.behind_s < 1.5
    assert caplog.text.count("delivers only zeros") == 1
    assert "delivers sound again" in caplog.text


def test_what_the_capture_process_must_drop_is_counted(server):
    """A reader that was held up for longer than the queues are is told what it missed."""
    rate_hz, block = 48_000, 240
    with CaptureProcess("pulse:vmic.monitor") as process:
        (device,) = [each for each in process.devices if each.name == "pulse"]
        assert process.record(device, [(rate_hz, 1)], rate_hz // block) == (rate_hz, 1)
        assert process.read(10.0) is not None
        time.sleep(2.5)  # the pipe holds 0.7 s of it, and the queue of 100 blocks half a second
        gaps, end, late_s = [], block, []
        while len(late_s) < 700:
            captured = process.read(10.0)
            assert captured is not None
            if captured.first != end:
                gaps.append(captured.first - end)
            end = captured.first + len(captured.pcm)
            late_s.append(captured.stamp_s - end / rate_hz)
    (gap,) = gaps
    assert gap % block == 0
    assert gap > rate_hz
    assert late_s[0] == pytest.approx(late_s[-1], abs=0.3)  # the index went on with the clock


def test_a_session_begins_with_its_first_call(server):
    """What was recorded between the opening and the session's begin is left out."""
    microphone = Microphone("pulse:vmic.monitor", RATE_HZ, 1, 10)
    time.sleep(1.0)
    stop = threading.Event()
    began_s = elapsed_s()
    for block in microphone.blocks(stop, elapsed_s):
        assert block.start + len(block.pcm) <= (elapsed_s() - began_s + 0.05) * RATE_HZ
        if block.start > RATE_HZ:
            stop.set()


def test_a_wrong_name_is_refused_with_what_is_there(server):
    """Code 69, the value and the names that would do."""
    with pytest.raises(DeviceUnavailableError, match=r'"usb:9-9"; there are .*"default"'):
        Microphone("usb:9-9", RATE_HZ, 1, 10)
    with pytest.raises(DeviceUnavailableError, match=r"can't be opened: .*[a-z]{4}"):
        Microphone("pulse:no-such-source", RATE_HZ, 1, 10)


@pytest.mark.skipif(bool(sound_cards()), reason="this machine has a sound card")
def test_without_a_sound_system_there_is_no_microphone(monkeypatch, tmp_path):
    """No card and no server: one sentence, code 69."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/none")
    with pytest.raises(DeviceUnavailableError, match="plug one in"):
        Microphone("", RATE_HZ, 1, 10)


def test_a_crash_in_the_sound_libraries_is_told(monkeypatch, tmp_path):
    """PortAudio aborts when ALSA's configuration is missing; only the capture process ends."""
    (tmp_path / "pyaudio.py").write_text("import os\nos.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DeviceUnavailableError, match="crashed with signal 6"):
        Microphone("", RATE_HZ, 1, 10)


def test_a_sound_system_that_hangs_is_given_up(monkeypatch, tmp_path):
    """No answer in time: it is said, and the process is killed."""
    (tmp_path / "pyaudio.py").write_text("import time\ntime.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(process_module, "_ANSWER_S", 0.3)
    began_s = time.monotonic()
    with pytest.raises(DeviceUnavailableError, match="did not answer for"):
        Microphone("", RATE_HZ, 1, 10)
    assert time.monotonic() - began_s < 5


def test_without_pyaudio_the_remedy_is_said(monkeypatch):
    """Not installed, or without its library: how to get it."""
    monkeypatch.setattr(process_module, "find_spec", lambda name: None)
    with pytest.raises(DeviceUnavailableError, match=r"pip install '\.\[mic\]'"):
        Microphone("", RATE_HZ, 1, 10)


def test_a_library_that_is_missing_is_named(monkeypatch, tmp_path):
    """PyAudio is there and its library is not: the loader's own words are passed on."""
    (tmp_path / "pyaudio.py").write_text("raise ImportError('libportaudio.so.2: not found')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DeviceUnavailableError, match=r"libportaudio\.so\.2: not found"):
        list_inputs()


def test_the_capture_process_ends_with_its_parent(server, tmp_path):
    """A parent that is killed leaves no recording behind."""
    script = (
        "import time, sys; from edge.capture import Microphone\n"
        "m = Microphone('pulse:vmic.monitor', 16000, 1, 10)\n"
        "print(m._process._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline_s = time.monotonic() + 10
    while Path(f"/proc/{child}").exists():
        # An orphan that nobody reaps stays in the table, as a zombie.
        if "\nState:\tZ" in Path(f"/proc/{child}/status").read_text():
            break
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def drained(terminal: int) -> None:
    """Read until the other end of a terminal is closed."""
    with contextlib.suppress(OSError):  # how Linux tells it
        while os.read(terminal, 1_000):
            pass


def test_devices_lists_and_meters(server):
    """`airway devices` lists, as text and as JSON; the meter writes in place until Ctrl-C."""
    command = [sys.executable, "-m", "edge.cli", "devices"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PULSE_SOURCE": "vmic.monitor"}
    run = {"env": environment, "capture_output": True, "text": True, "timeout": 60, "check": True}
    text = subprocess.run(command, **run).stdout
    assert '"default"  default' in text
    lines = subprocess.run([*command, "--json"], **run).stdout.splitlines()
    inputs = {found["name"]: found for found in map(json.loads, lines)}
    assert {"type", "name", "title", "channels", "rates_hz", "default"} == set(inputs["pulse"])
    assert 44_100 in inputs["pulse"]["rates_hz"]
    assert inputs["default"]["default"] is True
    controller, terminal = pty.openpty()
    meter = subprocess.Popen(
        [*command, "--meter"],
        env=environment,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
        # Tests that a shell runs in its background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(terminal)
    server.play(noise(20.0))
    shown = b""
    deadline_s = time.monotonic() + 30
    while shown.count(b"\r[###") < 3 and time.monotonic() < deadline_s:
        shown += os.read(controller, 1_000)
    meter.send_signal(signal.SIGINT)
    # Its last words must find room: a terminal that nobody reads from holds a writer up.
    draining = threading.Thread(target=drained, args=(controller,), daemon=True)
    draining.start()
    assert meter.wait(60) == 0
    draining.join(10)
    os.close(controller)
    assert shown.count(b"\r[###") >= 3
    assert b"\n" not in shown


class Loudness:
    """A pipeline whose events are the stretches that are not silent."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._at = self._processed = self._lost = 0
        self._onset: int | None = None

    def push(self, block: AudioBlock) -> list[Event]:
        """A loud block opens an event, a silent or a lost one closes it."""
        assert block.start == self._at + block.lost
        at, self._at = self._at, block.start + len(block.pcm)
        self._processed += len(block.pcm)
        self._lost += block.lost
        if loud(block):
            self._onset = block.start if self._onset is None else self._onset
            return []
        return self._close(at)

    def finish(self) -> list[Event]:
        """The event still open."""
        return self._close(self._at)

    def _close(self, at: int) -> list[Event]:
        if self._onset is None:
            return []
        event = Event("loud", self._onset / self._rate_hz, at / self._rate_hz, 0.5, 0.5)
        self._onset = None
        return [event]

    quiet = False

    def attention(self) -> None:
        """Nothing is kept back."""

    @property
    def coverage(self) -> Coverage:
        """What went through, and what did not."""
        samples = (self._at, self._processed, self._lost)
        return Coverage(*(count / self._rate_hz for count in samples))


def test_the_daemon_says_when_its_microphone_is_gone_and_back(
    server, mosquitto, tmp_path, monkeypatch, wait_until
):
    """Offline while it is unplugged, online after; each event at its time, each second counted."""
    monkeypatch.setattr(listener_module, "SILENT_AFTER_S", 1.5)
    monkeypatch.setattr(listener_module, "REPORT_EVERY_S", 1.0)
    mosquitto.start()
    subscriber = mosquitto.listen()
    settings = Settings(
        "n",
        source=SourceSettings(device="pulse:vmic.monitor"),
        store=StoreSettings(tmp_path / "state" / "airway.db"),
        mqtt=MqttSettings(host="127.0.0.1", port=mosquitto.port),
    )
    about = About("1", "none", "loudness", "ab" * 32, ("loud",))
    stream = os.fdopen(os.dup(0), "rb", buffering=0)
    pipelines: list[Loudness] = []

    def pipeline(rate_hz: int) -> Loudness:
        pipelines.append(Loudness(rate_hz))
        return pipelines[-1]

    def said() -> list[bytes]:
        return [message.body for message in subscriber.on("/mic/availability")]

    # A signal ends the run, and only the main thread hears one: the test acts from another.
    problems: list[BaseException] = []

    def act() -> None:
        try:
            assert wait_until(lambda: said() == [b"online"], 30)
            assert wait_until(lambda: pipelines[0].coverage.processed_s > 0, 30)
            server.play(noise(1.0))
            assert wait_until(lambda: len(subscriber.on("/event")) == 1, 30)
            server.unplug()
            assert wait_until(lambda: said()[1:] == [b"offline"], 30)
            server.plug()
            assert wait_until(lambda: said()[2:] == [b"online"], 30)
            server.play(noise(1.0))
            assert wait_until(lambda: len(subscriber.on("/event")) == 2, 30)
        except BaseException as problem:  # noqa: BLE001  # handed to the main thread
            problems.append(problem)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    actor = threading.Thread(target=act)
    began_unix_s = time.time()
    actor.start()
    with stream:
        assert run(settings, pipeline, about, stdin=stream) == 0
    actor.join()
    if problems:
        raise problems[0]
    ended_unix_s = time.time()
    stamps = [
        datetime.fromisoformat(message.payload["ts"]).timestamp()
        for message in subscriber.on("/event")
    ]
    assert began_unix_s < stamps[0] < stamps[1] < ended_unix_s
    coverage = pipelines[0].coverage
    assert coverage.audio_s == pytest.approx(ended_unix_s - began_unix_s, abs=4)
    assert coverage.lost_s > 1.5
    health = subscriber.on("/health")[-1].payload
    assert health["reopened"] >= 1
    assert health["signal"] == "good"
    assert health["lost_s"] == pytest.approx(coverage.lost_s, abs=0.01)

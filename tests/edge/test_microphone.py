"""A real PulseAudio server, PortAudio and the capture process: a microphone that comes and goes.

The server is this test's own, in a folder of its own; see `sound_server`.
"""

import logging
import os
import signal
import threading
import time
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from listening import Listening, delivered, loud, noise
from sound_server import RATE_HZ, missing

from edge.capture import Microphone, elapsed_s
from edge.capture import microphone as microphone_module
from edge.capture.cards import Card
from edge.capture.process import CaptureProcess
from edge.config import MqttSettings, Settings, SourceSettings, StoreSettings
from edge.daemon import About, run
from edge.daemon import listener as listener_module
from edge.records import AudioBlock, Coverage, Event

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


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

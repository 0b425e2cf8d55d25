"""The microphone goes, is dead, has one rate only, loses samples: it is counted, said and mended.

PulseAudio, ALSA, PortAudio and the capture process are real; where a card of hardware would
misbehave, a module in PyAudio's name stands before PyAudio itself and does it.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FULL, Daemon, Row, sound_server, wait_until
from subject import sound
from test_broker_faults import DURABLE, EVENTS, delivered

MICROPHONE = "pulse:vmic.monitor"
EVENTS_EACH = 10
pytestmark = pytest.mark.skipif(bool(sound_server.missing()), reason=sound_server.missing())

# PyAudio, with a card that does what the test says.
CARD = """
import importlib.util, sys
from pathlib import Path
_spec = importlib.util.spec_from_file_location(
    "pyaudio", {place!r}, submodule_search_locations=[{folder!r}]
)
_real = importlib.util.module_from_spec(_spec)
sys.modules["pyaudio"] = _real
_spec.loader.exec_module(_real)
_PyAudio = _real.PyAudio
class PyAudio(_PyAudio):
{body}
_real.PyAudio = PyAudio
"""
ONLY_44100 = """
    def open(self, rate, channels, **more):
        if (rate, channels) != (44100, 2):
            raise OSError(-9997, "Invalid sample rate")
        return super().open(rate=rate, channels=channels, **more)
"""
# While a file is there, what the card delivers is lost; the next block says so.
OVERRUNS = """
    def open(self, stream_callback, **more):
        lost = False
        def hear(data, frames, time, flags):
            nonlocal lost
            if Path({trigger!r}).exists():
                lost = True
                return None, _real.paContinue
            flags |= _real.paInputOverflow if lost else 0
            lost = False
            return stream_callback(data, frames, time, flags)
        return super().open(stream_callback=hear, **more)
"""


def card(folder: Path, body: str) -> Path:
    """A folder with the module that stands before PyAudio."""
    found = find_spec("pyaudio")
    assert found
    assert found.origin
    folder.mkdir()
    (folder / "pyaudio.py").write_text(
        CARD.format(place=found.origin, folder=str(Path(found.origin).parent), body=body)
    )
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A sound server with the virtual microphone."""
    place = tmp_path / "sound"
    place.mkdir()
    with sound_server.running(place, monkeypatch) as server:
        yield server


class Room:
    """A daemon with a microphone, a subscriber, and somebody who makes known sounds."""

    def __init__(self, broker: Any, subject: Daemon, server: Any, line: Row) -> None:
        broker.start(*DURABLE)
        self.events = broker.listen(EVENTS)
        self.others = broker.listen("airway/n/#")
        self.server, self.line, self.began_s = server, line, time.monotonic()
        self.subject = subject.start()
        assert wait_until(lambda: subject.said("listening at")), subject.log
        self.listened_s = time.monotonic()

    def make_sounds(self, rate_hz: int = 16_000, channels: int = 1) -> float:
        """Events, and wait until the subscriber has them; returns when they began, UTC."""
        wave = np.repeat(sound(EVENTS_EACH), rate_hz // 4_000)
        if rate_hz % 4_000:  # 44.1 kHz: as many samples as the seconds have
            at = np.arange(EVENTS_EACH * rate_hz // 10) * 4_000 // rate_hz
            wave = sound(EVENTS_EACH)[at]
        pcm = np.repeat(wave[:, None], channels, axis=1)
        self.line.events_in += EVENTS_EACH
        player = self.server.play(pcm, rate_hz)
        assert player.wait(20) == 0
        assert delivered(self.events, self.line.events_in), self.subject.log[-5:]
        return time.time()

    def end(self) -> dict[str, Any]:
        """Stop the daemon and fill the line; its last health message."""
        least_s = time.monotonic() - self.listened_s
        assert self.subject.stop() == 0
        most_s = time.monotonic() - self.began_s
        assert wait_until(lambda: self.others.on("n/availability")[-1].body == b"offline")
        self.line.count(self.events)
        health: dict[str, Any] = self.others.on("/health")[-1].payload
        self.line.deaf_s = health["lost_s"]
        # No second is unaccounted for: what was not heard is said to be lost. The last two may
        # still have been on their way.
        assert least_s - 2 < health["processed_s"] + health["lost_s"] < most_s
        return health

    def times(self) -> list[float]:
        """When each event was, by its own word, seconds since 1970."""
        return [datetime.fromisoformat(m.payload["ts"]).timestamp() for m in self.events.received]


@pytest.fixture
def room(broker, daemon, server, row) -> Callable[..., Room]:
    """Make a room with a fault."""

    def make(fault: str, **more: Any) -> Room:
        return Room(broker, daemon(device=MICROPHONE, **more), server, row(fault))

    return make


def test_it_is_removed_and_comes_back(room):
    """Said when it is away and when it is back; what follows is heard at its right time."""
    here = room("microphone removed and back")
    here.make_sounds()
    here.server.unplug()
    assert wait_until(lambda: here.subject.said("the microphone is away"))
    if FULL:  # half a minute of silence takes the microphone off line
        word = "n/mic/availability"
        assert wait_until(lambda: here.others.on(word)[-1].body == b"offline")
    here.server.plug()
    assert wait_until(lambda: sum("recording from" in x for x in here.subject.log) == 2)
    ended_unix_s = here.make_sounds()
    if FULL:
        assert here.others.on(word)[-1].body == b"online"
    here.end()
    here.line.said = here.subject.said("the microphone is away")
    assert 0.5 < here.line.deaf_s < (90 if FULL else 30)
    assert here.times()[-1] == pytest.approx(ended_unix_s, abs=3)


def test_its_sound_server_is_killed_and_started(room):
    """The server takes the recording with it; a new server is found, and a new recording made."""
    here = room("sound server killed and started again")
    here.make_sounds()
    here.server.kill()
    assert wait_until(lambda: here.subject.said("the microphone is away"))
    here.server.start()
    here.server.plug()
    assert wait_until(lambda: sum("recording from" in x for x in here.subject.log) >= 2)
    here.make_sounds()
    here.end()
    here.line.said = here.subject.said("the microphone is away")


def test_it_delivers_only_zeros(room):
    """Ten seconds of nothing but zeros are said, counted and looked into; a sound ends it."""
    here = room("all-zero input")
    here.make_sounds()
    assert wait_until(lambda: here.subject.said("delivers only zeros"))
    # The device is opened anew: it may be another one that the server gave us.
    assert wait_until(lambda: sum("recording from" in x for x in here.subject.log) == 2)
    time.sleep(2.0)
    here.make_sounds()
    assert wait_until(lambda: here.subject.said("delivers sound again"))
    here.end()
    here.line.said = here.subject.said("delivers only zeros")
    assert here.line.deaf_s > 0


def test_it_has_44100_hz_only(room, tmp_path, server):
    """A card that refuses all but 44.1 kHz in stereo is taken as it is."""
    server.unplug()
    server.plug(44_100, 2)
    here = room("44.1 kHz in stereo only", modules=card(tmp_path / "card", ONLY_44100))
    here.make_sounds(44_100, 2)
    here.make_sounds(44_100, 2)
    here.end()
    here.line.said = here.subject.said("recording from")
    assert "44100 Hz, 2 channels" in here.line.said


def test_it_loses_samples(room, tmp_path):
    """Overruns of a second: the seconds are counted as lost, and events keep their time."""
    trigger = tmp_path / "overrun"
    body = OVERRUNS.replace("{trigger!r}", repr(str(trigger)))
    here = room("xruns: three of a second", modules=card(tmp_path / "card", body))
    here.make_sounds()
    for _ in range(3):
        trigger.touch()
        time.sleep(1.0)
        trigger.unlink()
        time.sleep(2.5)  # a loss is known up to two seconds after it happened
    ended_unix_s = here.make_sounds()
    health = here.end()
    here.line.said = f"health: overruns {health['overruns']}, lost_s {health['lost_s']:.1f}"
    assert health["overruns"] == 3
    assert here.line.deaf_s == pytest.approx(3.0, abs=1.5)
    assert here.times()[-1] == pytest.approx(ended_unix_s, abs=1.5)
    with contextlib.suppress(FileNotFoundError):
        trigger.unlink()

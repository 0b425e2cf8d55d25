"""What a source is to the daemon: where its blocks come from, and what is known of it."""

import io
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from edge.capture import Microphone, Recording, open_wav_or_flac, paced, stdin_blocks
from edge.config import SourceSettings
from edge.daemon.pace import BLOCKS_PER_SECOND
from edge.errors import InputOutputError
from edge.records import AudioBlock

# What Linux keeps in a pipe for a reader that is elsewhere, and the capture process in memory.
_PIPE_BYTES = 65_536
_RECORDER_KEEPS_S = 10.0


@dataclass(frozen=True, slots=True)
class Source:
    """A source that is ready to deliver.

    Attributes:
        rate_hz: its sampling rate.
        live: it can't be made to wait.
        open: stop and clock -> the blocks, at the pace that the settings ask for.
        keeps_s: how long it can be left alone without a loss; 0 when it is not at the pace of time.
        microphone: the device that `open` records from, if it is one. It keeps the session's
            clock itself: its blocks tell what was lost.
    """

    rate_hz: int
    live: bool
    open: Callable[[threading.Event, Callable[[], float]], Iterator[AudioBlock]]
    microphone: Microphone | None = None
    keeps_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What the capture thread knows of its source.

    Attributes:
        signal: "good", or what is wrong with a live source's samples; see `SignalHealth`.
        device: stable name of the microphone; empty when it is away, or not one.
        overruns: how often the device said that it lost samples.
        reopened: how often the device was opened again.
        drift_ppm: rate of the card's clock less that of the system; None when not known.
        lag_s: second s of the session was recorded s + lag_s seconds after its start.
        shed_s: seconds that were dropped because the queue was full.
    """

    signal: str
    device: str = ""
    overruns: int = 0
    reopened: int = 0
    drift_ppm: float | None = None
    lag_s: float = 0.0
    shed_s: float = 0.0


def open_source(settings: SourceSettings, stdin: BinaryIO | None) -> Source:
    """Look at the source that the settings name.

    Args:
        settings: a valid source.
        stdin: raw samples; None takes standard input, where the settings name it.

    Raises:
        BadInputError: the file is not a recording.
        InputOutputError: the file or standard input can't be read.
        DeviceUnavailableError: there is no such microphone, or it can't be opened.
    """
    if settings.path is not None:
        recording = open_wav_or_flac(settings.path)

        def play(stop: threading.Event, clock: Callable[[], float]) -> Iterator[AudioBlock]:
            rate_hz, repeat = recording.rate_hz, settings.repeat
            block_samples = rate_hz // BLOCKS_PER_SECOND
            if not settings.realtime:
                return _played(recording, block_samples, repeat)
            return paced(_played(recording, rate_hz, repeat), block_samples, clock, stop.wait)

        return Source(
            recording.rate_hz, False, play, keeps_s=math.inf if settings.realtime else 0.0
        )
    if settings.kind == "microphone":
        microphone = Microphone(
            settings.device, settings.rate_hz, settings.channels, BLOCKS_PER_SECOND
        )
        return Source(microphone.rate_hz, True, microphone.blocks, microphone, _RECORDER_KEEPS_S)
    rate_hz, channels = settings.rate_hz, settings.channels
    stream = stdin or _standard_input()
    return Source(
        rate_hz,
        settings.realtime,
        lambda stop, clock: stdin_blocks(stream, rate_hz, channels, rate_hz // BLOCKS_PER_SECOND),
        keeps_s=_PIPE_BYTES / (2 * channels * rate_hz) if settings.realtime else 0.0,
    )


def _standard_input() -> BinaryIO:
    """Unbuffered: a thread that is left behind in a buffered read would hold its lock at exit."""
    try:
        return io.FileIO(0, "rb", closefd=False)
    except OSError as error:
        raise InputOutputError(
            f"standard input can't be read ({error.strerror}); pipe the samples into airway run"
        ) from error


def _played(recording: Recording, block_samples: int, repeat: bool) -> Iterator[AudioBlock]:
    """A recording once, or over and over on one clock."""
    start = 0
    while start == 0 or repeat:
        yield from recording.blocks(block_samples, start)
        start += recording.samples

"""The capture thread: a source's blocks into a bounded queue, with nothing lost unseen."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, TypeAlias

import numpy as np

from edge.capture import Recording, open_wav_or_flac, paced, stdin_blocks
from edge.config import SourceSettings
from edge.errors import AirwayError, DeviceUnavailableError, TryAgainError
from edge.records import AudioBlock

_logger = logging.getLogger(__name__)

BLOCKS_PER_SECOND = 10  # more would cost calls, fewer would delay each event
# A model that stumbles for less than this loses nothing; 10 s at 16 kHz are 320 kB.
QUEUE_BLOCKS = 10 * BLOCKS_PER_SECOND
# A live source that is behind by this much has stalled. A pipe alone can hold 8 s at 4 kHz.
GAP_S = 10.0
_STOP_CHECK_S = 0.2

BlockQueue: TypeAlias = "queue.Queue[AudioBlock | None]"  # None: the session is over


@dataclass(frozen=True, slots=True)
class Source:
    """A source that is ready to deliver.

    Attributes:
        rate_hz: its sampling rate.
        live: it can't be made to wait.
        open: stop and clock -> the blocks, at the pace that the settings ask for.
    """

    rate_hz: int
    live: bool
    open: Callable[[threading.Event, Callable[[], float]], Iterator[AudioBlock]]


def open_source(settings: SourceSettings, stdin: BinaryIO) -> Source:
    """Look at the source that the settings name.

    Args:
        settings: a valid source.
        stdin: standard input, unbuffered.

    Raises:
        BadInputError: the file is not a recording.
        InputOutputError: the file can't be read.
        DeviceUnavailableError: the source is a microphone.
    """
    if settings.path is not None:
        recording = open_wav_or_flac(settings.path)

        def play(stop: threading.Event, clock: Callable[[], float]) -> Iterator[AudioBlock]:
            blocks = _played(recording, settings.repeat)
            return paced(blocks, clock, stop.wait) if settings.realtime else blocks

        return Source(recording.rate_hz, False, play)
    if settings.kind == "microphone":
        raise DeviceUnavailableError(
            'source.kind = "microphone" is not available in this version; set it to "stdin" and '
            "pipe the microphone in: arecord -q -t raw -f S16_LE -r "
            f"{settings.rate_hz} -c {settings.channels} | airway run --config FILE"
        )
    rate_hz, channels = settings.rate_hz, settings.channels
    return Source(
        rate_hz,
        settings.realtime,
        lambda stop, clock: stdin_blocks(stdin, rate_hz, channels, rate_hz // BLOCKS_PER_SECOND),
    )


class Feeder:
    """The capture thread.

    When the queue is full, a live source's block is dropped and the next one carries its
    length as `lost`; any other source waits. When a live source stalls, what it did not
    deliver is `lost` too, so that the session's clock stays with UTC.

    Args:
        source: what to read.
        blocks: where to put it; `None` is never put by this class.
        clock: monotonic seconds.
        ended: called in the thread when the source has ended, failed or been stopped.
    """

    def __init__(
        self,
        source: Source,
        blocks: BlockQueue,
        clock: Callable[[], float],
        ended: Callable[[], None],
    ) -> None:
        self._source = source
        self._blocks = blocks
        self._clock = clock
        self._ended = ended
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._begin_s = clock()
        self._lost = 0  # samples since the last block that went in
        self._end = 0  # where the last block ended on the session's clock
        self._told = False
        self.failure: AirwayError | None = None

    def start(self) -> None:
        """Start the thread; the session's sample 0 is now."""
        self._begin_s = self._clock()
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ask the thread to end, and wait; a read that never returns is left behind."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def remainder(self) -> AudioBlock | None:
        """After `stop`: an empty block that carries what was lost at the very end."""
        missing = self._missing(self._end)
        lost = self._lost + missing
        nothing = np.zeros(0, np.int16)
        end = self._end + missing
        return AudioBlock(nothing, self._source.rate_hz, end, lost) if lost else None

    def _run(self) -> None:
        try:
            self._feed()
        except AirwayError as error:
            _logger.error("the source failed: %s", error)
            self.failure = error
        except Exception:
            _logger.exception("the capture thread failed")
            self.failure = TryAgainError("the capture thread failed")
        finally:
            self._ended()

    def _feed(self) -> None:
        stalled = 0  # samples that a live source should have delivered and never will
        for block in self._source.open(self._stop, self._clock):
            if self._stop.is_set():
                return
            missing = self._missing(block.start + stalled + len(block.pcm))
            if missing:
                _logger.warning("the source was silent for %.1f s", missing / block.rate_hz)
            stalled += missing
            start, lost = block.start + stalled, block.lost + missing + self._lost
            self._end = start + len(block.pcm)
            if self._put(replace(block, start=start, lost=lost)):
                self._lost = 0
            elif self._source.live:
                self._lost = lost + len(block.pcm)

    def _missing(self, end: int) -> int:
        """Samples by which a live source that has come to `end` is behind the clock, if many."""
        behind = round((self._clock() - self._begin_s) * self._source.rate_hz) - end
        return behind if self._source.live and behind > GAP_S * self._source.rate_hz else 0

    def _put(self, block: AudioBlock) -> bool:
        """Whether the block went in; a source that is not live waits until it does."""
        waits = not self._source.live
        while not self._stop.is_set():
            try:
                self._blocks.put(block, waits, _STOP_CHECK_S)
            except queue.Full:
                if not waits:
                    self._tell()
                    break
            else:
                return True
        return False

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            _logger.warning(
                "the model can't keep up: audio is dropped from now on, and counted in lost_s"
            )


def _played(recording: Recording, repeat: bool) -> Iterator[AudioBlock]:
    """A recording once, or over and over on one clock."""
    start = 0
    while start == 0 or repeat:
        yield from recording.blocks(recording.rate_hz // BLOCKS_PER_SECOND, start)
        start += recording.samples

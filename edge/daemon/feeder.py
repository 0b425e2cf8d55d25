"""The capture thread: a source's blocks into a bounded queue, with nothing lost unseen."""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np

from edge.capture import SignalHealth
from edge.daemon.blocks import Item
from edge.daemon.lag import Lag
from edge.daemon.pace import BLOCKS_PER_SECOND, REST_S, Pace, Sheaf
from edge.daemon.source import Source, SourceFigures
from edge.errors import AirwayError, TryAgainError
from edge.pipeline import Attention
from edge.records import AudioBlock

_logger = logging.getLogger(__name__)

# A model that stumbles for less than this loses nothing; 10 s at 16 kHz are 320 kB.
QUEUE_BLOCKS = 10 * BLOCKS_PER_SECOND
# A live source that is behind by this much has stalled. A pipe alone can hold 8 s at 4 kHz.
GAP_S = 10.0
_STOP_CHECK_S = 0.2
# A sound server moves a recording to another source, or to none, when its own goes away; it
# is asked again this often for as long as nothing but a constant comes.
_REOPEN_S = 30.0
_SIGNAL_WORDS = {
    "good": "the source delivers sound again",
    "zeros": "the source delivers only zeros: is it muted, or the wrong input? It counts as lost",
    "stuck": "the source delivers one constant value: is it broken? It counts as lost",
    "clipping": "the source is clipped: lower its gain",
    "offset": "the source has a large DC offset: is the microphone wired and powered right?",
}


class Feeder:
    """The capture thread.

    When the queue is full, a live source's block is dropped and the next one carries its
    length as `lost`; any other source waits. When a live source stalls, or delivers what
    can't be sound, that is `lost` too, so that the session's clock stays with UTC and a dead
    microphone is never taken for a quiet night.

    Args:
        source: what to read.
        blocks: where to put it; `None` is never put by this class.
        clock: monotonic seconds.
        ended: called in the thread when the source has ended, failed or been stopped.
        pace: whether anything happens; None is always.
        attention: see `Sheaf`.
    """

    def __init__(
        self,
        source: Source,
        blocks: queue.Queue[Item],
        clock: Callable[[], float],
        ended: Callable[[], None],
        pace: Pace | None = None,
        attention: Attention | None = None,
    ) -> None:
        self._source = source
        self._blocks = blocks
        self._clock = clock
        self._ended = ended
        self._pace = pace or Pace()
        self._rests = source.keeps_s >= 2 * REST_S
        self._sheaf = Sheaf(self._take, self._pace, clock, attention)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._begin_s = clock()
        self._lost = 0  # samples since the last block that went in
        self._end = 0  # where the last block ended on the session's clock
        self._shed = 0  # samples for which the queue had no room
        self._told = False
        self._signal = SignalHealth(source.rate_hz)
        self._lag = Lag()
        self._reopen_at = 0  # on the session's clock
        self.failure: AirwayError | None = None

    def start(self) -> None:
        """Start the thread; the session's sample 0 is now."""
        self._begin_s = self._clock()
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ask the thread to end, and wait; a read that never returns is left behind."""
        self._stop.set()
        self._pace.wake()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def figures(self) -> SourceFigures:
        """What is known now; any thread may ask."""
        state, shed_s = self._signal.state, self._shed / self._source.rate_hz
        if self._source.microphone is None:
            return SourceFigures(state, lag_s=self._lag.seconds, shed_s=shed_s)
        return SourceFigures(state, **asdict(self._source.microphone.figures()), shed_s=shed_s)

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
        try:
            self._read()
        finally:
            self._sheaf.flush()

    def _read(self) -> None:
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
            if self._counts_alone():
                self._lag.push(self._clock() - self._begin_s, self._end / block.rate_hz)
            if start != block.start or lost != block.lost:
                block = replace(block, start=start, lost=lost)
            self._lost = 0
            if self._rests:
                self._sheaf.add(block)
            else:
                self._take(block)

    def _take(self, block: AudioBlock) -> None:
        """A block into the queue; what does not fit is lost, and told with the next one."""
        if not self._put(self._sound(block) if self._source.live else block) and self._source.live:
            self._lost += block.lost + len(block.pcm)
            self._shed += len(block.pcm)

    def _sound(self, block: AudioBlock) -> AudioBlock:
        """The block, or the loss of it when it can't be sound."""
        before, end = self._signal.state, block.start + len(block.pcm)
        state = self._signal.push(block.pcm)
        if state != before:
            _logger.log(
                logging.INFO if state == "good" else logging.WARNING, "%s", _SIGNAL_WORDS[state]
            )
            self._reopen_at = end
        if not self._signal.dead or not len(block.pcm):
            return block
        if self._source.microphone is not None and end >= self._reopen_at:
            self._source.microphone.reopen()
            self._reopen_at = end + round(_REOPEN_S * block.rate_hz)
        nothing = np.zeros(0, np.int16)
        return replace(block, pcm=nothing, start=end, lost=block.lost + len(block.pcm))

    def _counts_alone(self) -> bool:
        """Whether nothing but the count of its samples tells the time of a live source."""
        return self._source.live and self._source.microphone is None

    def _missing(self, end: int) -> int:
        """Samples by which a live source that has come to `end` is behind the clock, if many."""
        if not self._counts_alone():
            return 0
        due_s = self._clock() - self._begin_s - self._lag.seconds
        behind = round(due_s * self._source.rate_hz) - end
        return behind if behind > GAP_S * self._source.rate_hz else 0

    def _put(self, block: AudioBlock) -> bool:
        """Whether the block went in; a source that is not live waits until it does."""
        waits = not self._source.live
        while True:
            try:
                self._blocks.put(block, waits, _STOP_CHECK_S)
            except queue.Full:
                if not waits:
                    self._tell()
                    return False
                if self._stop.is_set():
                    return False
            else:
                return True

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            _logger.warning(
                "the model can't keep up: audio is dropped from now on, and counted in lost_s"
            )

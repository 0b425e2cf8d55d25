"""The pipeline thread: blocks from the queue -> events, and a report each minute."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

import numpy as np

from edge.daemon.blocks import KNOCK, Item
from edge.daemon.pace import HOLD_S, REST_S, Pace
from edge.daemon.reporter import Listening, Reporter
from edge.pipeline import Attention
from edge.records import AudioBlock, Coverage, Event
from edge.store import DamagedError

_logger = logging.getLogger(__name__)

REPORT_EVERY_S = 60.0
SILENT_AFTER_S = 30.0  # a live source that delivers nothing for this long is offline
_TICK_S = 1.0
_RESTING_S = HOLD_S + 2 * REST_S  # while nothing happens, a block comes sooner
_LONGEST_GAP_S = 10.0
_LONGEST_WORD = 16  # bytes of a command that are looked at


class PipelineLike(Protocol):
    """What the daemon needs of a pipeline."""

    def push(self, block: AudioBlock) -> list[Event]:
        """Take the next block; give the events that end in it."""

    def finish(self) -> list[Event]:
        """End of the session; give the events still open."""

    @property
    def coverage(self) -> Coverage:
        """What was listened to since the start."""

    @property
    def quiet(self) -> bool:
        """Nothing happens that could become an event."""

    def attention(self) -> Attention | None:
        """When it has something to say; None is at each block."""


class Mute:
    """Whether to listen; a command comes from any thread, and the pipeline thread obeys.

    Args:
        muted: how it is at the start.

    Attributes:
        muted: how it is now.
        known: that is somebody's wish, and not for want of a store that could say.
    """

    def __init__(self, muted: bool) -> None:
        self.muted = muted
        self.known = False
        self._commands: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._told = False

    def command(self, body: bytes) -> None:
        """Take a message's body, whatever it is; never waits."""
        self._commands.put(body)

    def obey(self) -> bool:
        """Do what was commanded since the last call; returns whether anything was."""
        commanded = False
        while not self._commands.empty():
            body = self._commands.get()
            word = body[:_LONGEST_WORD].strip().lower()
            if word in (b"on", b"off"):
                self.muted = word == b"on"
                self.known = commanded = True
            elif word and not self._told:  # an empty body only clears what was retained
                self._told = True
                _logger.warning("a mute command is neither on nor off: %r", body[:40])
        return commanded


class Listener:
    """The pipeline thread.

    Args:
        pipeline: what listens; used in this thread alone.
        blocks: what the capture thread delivers; `None` ends the session.
        live: the source should never fall silent.
        open_reporter: called in the thread, which owns what it opens.
        clock: monotonic seconds.
        mute: whether to listen.
        pace: told whether anything happens.
        ended: called in the thread when it ends, for whatever reason.

    Attributes:
        steps: blocks that went through; it stands still when the daemon is stuck.
        finished: the session came to its end without a fault.
        damaged: it ended because the database is broken.
    """

    def __init__(
        self,
        pipeline: PipelineLike,
        blocks: queue.Queue[Item],
        *,
        live: bool,
        open_reporter: Callable[[], AbstractContextManager[Reporter]],
        clock: Callable[[], float],
        mute: Mute,
        pace: Pace,
        ended: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._blocks = blocks
        self._live = live
        self._open_reporter = open_reporter
        self._clock = clock
        self._mute = mute
        self._pace = pace
        self._ended = ended
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._busy_s = 0.0
        self._muted_s = 0.0
        self._online = True
        self.steps = 0
        self.finished = False
        self.damaged = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, remainder: AudioBlock | None, timeout_s: float) -> None:
        """Let the thread deal with what is queued, then with `remainder`, and end."""
        deadline_s = self._clock() + timeout_s
        for block in [None] if remainder is None else [remainder, None]:
            while self._thread.is_alive() and self._clock() < deadline_s:
                try:
                    self._blocks.put(block, timeout=0.1)
                    break
                except queue.Full:
                    continue
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline_s - self._clock()))

    def _run(self) -> None:
        try:
            with self._open_reporter() as reporter:
                self._listen(reporter)
            self.finished = True
        except DamagedError as error:
            _logger.error("%s", error)
            self.damaged = True
        except Exception:
            # Deaf is worse than gone: the daemon ends, and its supervisor starts it again.
            _logger.exception("the pipeline thread failed; the daemon stops")
        finally:
            self._ended()

    def _listen(self, reporter: Reporter) -> None:
        reporter.announce(self._state())
        reporter.muted(self._mute.muted, keep=False)
        heard_s = reported_s = ticked_s = self._clock()
        while True:
            try:
                block = self._blocks.get(timeout=_RESTING_S if self._pace.resting else _TICK_S)
            except queue.Empty:
                now_s = self._clock()
            else:
                if block is None:
                    break
                self._obey(reporter)  # before what may have come after the command
                began_s = self._clock()
                if block is not KNOCK:
                    self._hear(block, reporter)
                now_s = self._clock()
                self._busy_s += now_s - began_s
                heard_s = now_s if len(block.pcm) else heard_s
                reporter.progress(self._coverage())
            self._obey(reporter)
            if self._online != (not self._live or now_s - heard_s < SILENT_AFTER_S):
                self._online = not self._online
                words = "back" if self._online else "silent: it is offline"
                _logger.warning("the source is %s", words)
                reporter.source_online(self._online)
            if now_s - ticked_s >= _TICK_S:
                ticked_s = now_s
                reporter.tick()
            if now_s - reported_s >= REPORT_EVERY_S:
                reported_s = now_s
                reporter.report(self._state())
        self._keep(self._pipeline.finish(), reporter)
        reporter.finish(self._state())

    def _obey(self, reporter: Reporter) -> None:
        """Mute, or listen again, if that was commanded."""
        before = self._mute.muted
        if self._mute.obey():
            if self._mute.muted != before:
                word = "muted" if self._mute.muted else "on again"
                _logger.warning("the microphone is %s", word)
            reporter.muted(self._mute.muted, keep=True)

    def _hear(self, block: AudioBlock, reporter: Reporter) -> None:
        """A block through the pipeline; a muted one only moves the time on."""
        if self._mute.muted and len(block.pcm):
            samples = len(block.pcm)
            self._muted_s += samples / block.rate_hz
            nothing = np.zeros(0, np.int16)
            block = AudioBlock(nothing, block.rate_hz, block.start + samples, block.lost + samples)
        for piece in _pieces(block):
            self._keep(self._pipeline.push(piece), reporter)
            self.steps += 1
        self._pace.set_quiet(self._pipeline.quiet)

    def _coverage(self) -> Coverage:
        """What was listened to; time that was muted is not lost."""
        coverage = self._pipeline.coverage
        lost_s = max(0.0, coverage.lost_s - self._muted_s)
        return replace(coverage, lost_s=lost_s)

    def _state(self) -> Listening:
        return Listening(
            coverage=self._coverage(),
            busy_s=self._busy_s,
            queue_depth=self._blocks.qsize(),
            muted=self._mute.muted,
            muted_s=self._muted_s,
            online=self._online,
        )

    def _keep(self, events: list[Event], reporter: Reporter) -> None:
        for event in events:
            _logger.info("%s at %.2f s, p %.2f", event.label, event.onset_s, event.p)
            reporter.event(event)


def _pieces(block: AudioBlock) -> Iterator[AudioBlock]:
    """A block with a long gap before it -> gaps of some seconds, and the block.

    A source that was silent for a day must not become a day of zeros in memory.
    """
    longest = round(_LONGEST_GAP_S * block.rate_hz)
    lost = block.lost
    while lost > longest:
        lost -= longest
        yield AudioBlock(np.zeros(0, np.int16), block.rate_hz, block.start - lost, longest)
    yield replace(block, lost=lost)

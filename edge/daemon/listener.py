"""The pipeline thread: blocks from the queue -> events, and a report each minute."""

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from edge.daemon.feeder import BlockQueue
from edge.daemon.reporter import Reporter
from edge.records import AudioBlock, Coverage, Event

_logger = logging.getLogger(__name__)

REPORT_EVERY_S = 60.0
SILENT_AFTER_S = 30.0  # a live source that delivers nothing for this long is offline
_TICK_S = 1.0


class PipelineLike(Protocol):
    """What the daemon needs of a pipeline."""

    def push(self, block: AudioBlock) -> list[Event]:
        """Take the next block; give the events that end in it."""

    def finish(self) -> list[Event]:
        """End of the session; give the events still open."""

    @property
    def coverage(self) -> Coverage:
        """What was listened to since the start."""


class Listener:
    """The pipeline thread.

    Args:
        pipeline: what listens; used in this thread alone.
        blocks: what the capture thread delivers; `None` ends the session.
        live: the source should never fall silent.
        open_reporter: called in the thread, which owns what it opens.
        clock: monotonic seconds.
        config_digest: of the settings.
        ended: called in the thread when it ends, for whatever reason.
    """

    def __init__(
        self,
        pipeline: PipelineLike,
        blocks: BlockQueue,
        *,
        live: bool,
        open_reporter: Callable[[], AbstractContextManager[Reporter]],
        clock: Callable[[], float],
        config_digest: str,
        ended: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._blocks = blocks
        self._live = live
        self._open_reporter = open_reporter
        self._clock = clock
        self._config_digest = config_digest
        self._ended = ended
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self.finished = False  # the session came to its end without a fault

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
        except Exception:
            # Deaf is worse than gone: the daemon ends, and its supervisor starts it again.
            _logger.exception("the pipeline thread failed; the daemon stops")
        finally:
            self._ended()

    def _listen(self, reporter: Reporter) -> None:
        reporter.info(self._config_digest)
        online = True
        busy_s = 0.0
        heard_s = reported_s = self._clock()
        while True:
            try:
                block = self._blocks.get(timeout=_TICK_S)
            except queue.Empty:
                now_s = self._clock()
            else:
                if block is None:
                    break
                began_s = self._clock()
                self._keep(self._pipeline.push(block), reporter)
                heard_s = now_s = self._clock()
                busy_s += now_s - began_s
                reporter.progress(self._pipeline.coverage)
            if online != (not self._live or now_s - heard_s < SILENT_AFTER_S):
                online = not online
                _logger.warning("the source is %s", "back" if online else "silent: it is offline")
                reporter.source_online(online)
            if now_s - reported_s >= REPORT_EVERY_S:
                reported_s = now_s
                reporter.report(self._pipeline.coverage, busy_s, self._blocks.qsize())
        self._keep(self._pipeline.finish(), reporter)
        reporter.finish(self._pipeline.coverage, busy_s)

    def _keep(self, events: list[Event], reporter: Reporter) -> None:
        for event in events:
            _logger.info("%s at %.2f s, p %.2f", event.label, event.onset_s, event.p)
            reporter.event(event)

"""The order of the daemon: start, sleep until something ends, stop in reverse."""

import contextlib
import io
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import BinaryIO, cast

from edge.config import Settings
from edge.daemon.feeder import QUEUE_BLOCKS, BlockQueue, Feeder, open_source
from edge.daemon.listener import Listener, PipelineLike
from edge.daemon.reporter import About, Reporter, Session, new_id
from edge.daemon.system import clock_synced
from edge.errors import TryAgainError
from edge.messages import Origin
from edge.store import Store
from edge.uplink import Uplink

_logger = logging.getLogger(__name__)

_LAST_WORDS_S = 2.0  # for the last state to reach the broker
_CAPTURE_STOP_S = 1.0
_PIPELINE_STOP_S = 30.0


def run(
    settings: Settings,
    pipeline_factory: Callable[[int], PipelineLike],
    about: About,
    *,
    stdin: BinaryIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Listen until SIGTERM or SIGINT, or until the source ends.

    The event that is open then is finished, the session is summed up, and the broker has
    `reporter.DRAIN_S` seconds to take what waits. What it does not take stays in the store.

    Args:
        settings: the configuration.
        pipeline_factory: sampling rate in Hz -> a new pipeline.
        about: what runs here.
        stdin: raw samples; None takes standard input.
        clock: monotonic seconds.

    Returns:
        The exit code: 0; that of the error that ended the source; 75 when the pipeline
        failed, so that a supervisor starts the daemon again.

    Raises:
        AirwayError: the source, the store or the uplink's files can't be used.
    """
    # Unbuffered: a thread that is left behind in a buffered read would hold its lock at exit.
    stream = stdin or cast(BinaryIO, io.FileIO(0, "rb", closefd=False))
    source = open_source(settings.source, stream)
    pipeline = pipeline_factory(source.rate_hz)
    ends: queue.SimpleQueue[str] = queue.SimpleQueue()  # its `put` is safe in a signal handler
    blocks: BlockQueue = queue.Queue(QUEUE_BLOCKS)
    uplink: Uplink | None = None
    if settings.mqtt.enabled:
        uplink = Uplink(
            settings.mqtt, settings.node, settings.source.name, lambda: Store(settings.store.path)
        )
    session = _begin(settings, clock)

    @contextlib.contextmanager
    def open_reporter() -> Iterator[Reporter]:
        with Store(settings.store.path) as store:
            yield Reporter(session, about, store, uplink)

    listener = Listener(
        pipeline,
        blocks,
        live=source.live,
        open_reporter=open_reporter,
        clock=clock,
        config_digest=settings.digest,
        ended=lambda: ends.put("the pipeline ended"),
    )
    feeder = Feeder(source, blocks, clock, ended=lambda: ends.put("the source ended"))
    with _signals(ends):
        try:
            if uplink is not None:
                uplink.start()
            listener.start()
            feeder.start()
            _logger.info("listening at %d Hz, session %s", source.rate_hz, session.origin.session)
            _logger.info("stopping: %s", ends.get())
        finally:
            feeder.stop(_CAPTURE_STOP_S)
            listener.stop(feeder.remainder(), _PIPELINE_STOP_S)
            if uplink is not None:
                if uplink.connected:
                    uplink.drain(_LAST_WORDS_S)
                uplink.stop()
    if not listener.finished:
        return TryAgainError.exit_code
    return 0 if feeder.failure is None else feeder.failure.exit_code


def _begin(settings: Settings, clock: Callable[[], float]) -> Session:
    """Open a session in the store, which ties the sample clock to UTC."""
    start_unix_s, start_s = time.time(), clock()
    origin = Origin(
        settings.mqtt.base_topic, settings.node, settings.source.name, new_id(start_unix_s)
    )
    session = Session(origin, start_unix_s, start_s, clock_synced(start_unix_s), clock)
    with Store(settings.store.path) as store:
        store.start_session(origin.session, origin.source, start_unix_s, session.clock_synced)
    return session


@contextlib.contextmanager
def _signals(ends: "queue.SimpleQueue[str]") -> Iterator[None]:
    """SIGTERM and SIGINT end the run; only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        ends.put(signal.Signals(number).name)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

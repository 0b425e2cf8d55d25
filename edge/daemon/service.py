"""The order of the daemon: start, sleep until something ends, stop in reverse."""

import contextlib
import logging
import math
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from edge.capture import elapsed_s
from edge.config import Settings
from edge.daemon.board import Board
from edge.daemon.keeper import Backlog, Keeper
from edge.daemon.listener import Mute, PipelineLike
from edge.daemon.notify import Notifier
from edge.daemon.session import About, Clocks
from edge.daemon.shift import End, Ends, Setup, Shift
from edge.daemon.system import clock_synced
from edge.errors import AirwayError, DeviceUnavailableError, InputOutputError
from edge.store import claimed, ensure_sound

_logger = logging.getLogger(__name__)

# How often the service manager hears of progress, or sooner where it asks for more.
_TICK_S = 10.0
_WORDS_A_WATCHDOG = 4
# More damage than this in one run is a disk that fails, and a supervisor should know.
_REPAIRS = 3
_AWAY_S = 10.0  # between two looks for a microphone that went away between two sessions


def run(
    settings: Settings,
    pipeline_factory: Callable[[int], PipelineLike],
    about: About,
    *,
    stdin: BinaryIO | None = None,
    clock: Callable[[], float] = elapsed_s,
    wall: Callable[[], float] = time.time,
    synced: Callable[[float], bool] = clock_synced,
) -> int:
    """Listen with settings that stay as they are; see `serve`."""
    setup = Setup(settings, pipeline_factory, about)
    return serve(lambda: setup, stdin=stdin, clocks=Clocks(clock, wall, synced))


def serve(
    load: Callable[[], Setup],
    *,
    stdin: BinaryIO | None = None,
    clocks: Clocks | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Listen until SIGTERM or SIGINT, or until the source ends; SIGHUP loads the setup again.

    The event that is open then is finished, a recording is summed up, and the broker has
    `reporter.DRAIN_S` seconds to take what waits. What it does not take stays in the store.
    A setup that can't be loaded again is refused in the log, and the old one goes on.

    Args:
        load: reads the configuration.
        stdin: raw samples; None takes standard input, where the settings name it.
        clocks: what the time is; None takes the system's.
        environ: where a service manager has put its address; None is no manager.

    Returns:
        The exit code: 0; that of the error that ended the source; 74 when the database breaks
        again and again, or never took what was heard; 75 when the pipeline failed, so that a
        supervisor starts anew.

    Raises:
        AirwayError: the configuration, the source, the store or the uplink's files can't be
            used at the start.
    """
    clocks = clocks or Clocks(elapsed_s, time.time, clock_synced)
    notifier = Notifier(environ or {}, time.monotonic)
    ends: Ends = queue.SimpleQueue()
    board, backlog, mute = Board(), Backlog(), Mute(False)
    setup: Setup | None = load()
    before: Setup | None = None
    repairs, away = 0, False
    with _signals(ends):
        while setup is not None:
            try:
                shift = Shift(setup, stdin, clocks, board, backlog, mute, ends)
                shift.start()
            except AirwayError as error:
                if setup is not before and before is not None:
                    _logger.error("the new configuration fails, and the old one goes on: %s", error)
                    setup = before
                    continue
                if before is None or not isinstance(error, DeviceUnavailableError):
                    _tell_lost(backlog)
                    raise
                if not away:
                    _logger.error("nothing is heard until it is back, and looked for: %s", error)
                away = True
                setup = _sleep(setup, load, ends, notifier, _AWAY_S)
                continue
            away = False
            notifier.ready()
            try:
                setup = _watch(shift, load, ends, notifier, board)
                shift.is_last = setup is None
            finally:
                if shift.is_last:
                    notifier.stopping()
                shift.stop()
            before = shift.setup
            if shift.damaged:
                repairs += 1
                notifier.alive()  # the look at a large file takes its time
                _mend(shift.setup.settings.store.path, clocks, board, backlog, mute)
            if repairs > _REPAIRS:
                _logger.error("the database broke %d times; check the disk", repairs)
                _tell_lost(backlog)
                return InputOutputError.exit_code
    if _tell_lost(backlog):
        return shift.code or InputOutputError.exit_code
    return shift.code


def _mend(path: Path, clocks: Clocks, board: Board, backlog: Backlog, mute: Mute) -> None:
    """Look closely at a database that failed, and give the sound one what waits for it."""
    try:
        with claimed(path):
            if ensure_sound(path, clocks.wall(), "integrity_check") is not None:
                board.stores_set_aside += 1
                if mute.known:  # it may have stood on a broken page
                    word = "on" if mute.muted else "off"
                    backlog.add(lambda store: store.put_setting("mute", word))
            with contextlib.closing(Keeper(path, backlog, clocks.monotonic)) as keeper:
                keeper.flush()
    except AirwayError as error:
        _logger.error("%s", error)  # the next session sees whether it can be used


def _tell_lost(backlog: Backlog) -> bool:
    """Say what is lost at the end of the run; whether anything is."""
    if backlog.writes:
        _logger.error(
            "%d writes waited for the store until the end and are lost; make room on its disk, "
            "or name another store.path",
            len(backlog.writes),
        )
    return bool(backlog.writes)


def _watch(
    shift: Shift, load: Callable[[], Setup], ends: Ends, notifier: Notifier, board: Board
) -> Setup | None:
    """Sleep until the shift is over; the setup of the next one, None when there is none."""
    steps = 0
    tick_s = min(_TICK_S, (notifier.watchdog_s or math.inf) / _WORDS_A_WATCHDOG)
    while True:
        try:
            end = ends.get(timeout=tick_s)
        except queue.Empty:
            # Only progress feeds the watchdog: blocks arrived, and the model was through with them.
            if shift.steps != steps:
                steps = shift.steps
                notifier.alive()
            notifier.status(board.status)
            continue
        if end.shift not in (None, shift):
            continue  # the echo of an earlier one
        if end.shift is shift and shift.damaged:
            return shift.setup
        if _stops(end):
            return None
        setup = _read_again(load, notifier)
        if setup is not None:
            return setup


def _sleep(
    setup: Setup, load: Callable[[], Setup], ends: Ends, notifier: Notifier, seconds: float
) -> Setup | None:
    """Wait without a session; the setup to try next, None when the run is over."""
    notifier.alive()
    try:
        end = ends.get(timeout=seconds)
    except queue.Empty:
        return setup
    if end.shift is not None:
        return setup  # the echo of an earlier one
    return None if _stops(end) else _read_again(load, notifier) or setup


def _stops(end: End) -> bool:
    """Whether it is the end of all, which is told; else the configuration is to be read again."""
    if end.why == signal.SIGHUP.name:
        return False
    _logger.info("stopping: %s", end.why)
    return True


def _read_again(load: Callable[[], Setup], notifier: Notifier) -> Setup | None:
    """The configuration as it is now; None where it is refused."""
    notifier.reloading()
    try:
        setup = load()
    except AirwayError as error:
        _logger.error("the new configuration is refused, and the old one goes on: %s", error)
        notifier.ready()
        return None
    _logger.info("the configuration was read again")
    return setup


@contextlib.contextmanager
def _signals(ends: Ends) -> Iterator[None]:
    """SIGTERM and SIGINT end the run, SIGHUP the shift; only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        ends.put(End(None, signal.Signals(number).name))

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

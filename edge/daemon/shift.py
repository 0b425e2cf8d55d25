"""One capture session from its start to its end: the threads, and what they share."""

import contextlib
import logging
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Optional, TypeAlias

from edge.config import Settings
from edge.daemon.blocks import KNOCK, BlockQueue
from edge.daemon.board import Board
from edge.daemon.feeder import QUEUE_BLOCKS, Feeder
from edge.daemon.keeper import Backlog, Keeper
from edge.daemon.listener import Listener, Mute, PipelineLike
from edge.daemon.metrics import served
from edge.daemon.pace import Pace
from edge.daemon.reporter import Reporter
from edge.daemon.session import About, Clocks, Session
from edge.daemon.source import open_source
from edge.errors import AirwayError, InputOutputError, TryAgainError
from edge.messages import ONLINE, mute_topic
from edge.store import DamagedError, Reader, Store, claimed, ensure_sound, is_full
from edge.uplink import Uplink

_logger = logging.getLogger(__name__)

_LAST_WORDS_S = 2.0  # for the last state to reach the broker
_CAPTURE_STOP_S = 1.0
_PIPELINE_STOP_S = 30.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What a session needs; it is made anew when the configuration is read again.

    Attributes:
        settings: the configuration.
        pipeline_factory: sampling rate in Hz -> a new pipeline.
        about: what runs here.
    """

    settings: Settings
    pipeline_factory: Callable[[int], PipelineLike]
    about: About


@dataclass(frozen=True, slots=True)
class End:
    """Something is over.

    Attributes:
        shift: whose end it is; None is that of all.
        why: in words, or the name of a signal.
    """

    shift: Optional["Shift"]
    why: str


Ends: TypeAlias = "queue.SimpleQueue[End]"  # its `put` is safe in a signal handler


class Shift:
    """A session that listens between `start` and `stop`.

    Args:
        setup: what it needs.
        stdin: raw samples; None takes standard input, where the settings name it.
        clocks: what the time is.
        board: where the figures are shown.
        backlog: what the store did not take in an earlier session.
        mute: whether to listen, as the session before left it.
        ends: told when the source or the pipeline ends.

    Attributes:
        setup: as given.
        is_last: no other follows; the broker is given time to take what waits.

    Raises:
        AirwayError: the source, the store or the uplink's files can't be used.
    """

    def __init__(
        self,
        setup: Setup,
        stdin: BinaryIO | None,
        clocks: Clocks,
        board: Board,
        backlog: Backlog,
        mute: Mute,
        ends: Ends,
    ) -> None:
        self.setup = setup
        self.is_last = True
        self._board = board
        self._backlog = backlog
        self._mute = mute
        self._clocks = clocks
        self._pace, self._blocks = Pace(), BlockQueue(QUEUE_BLOCKS)
        self._uplink: Uplink | None = None
        self._outbox_damaged = False
        self._source = open_source(setup.settings.source, stdin)
        with contextlib.ExitStack() as opening:
            opening.callback(self._let_go)
            opening.enter_context(claimed(setup.settings.store.path))
            self._make_threads(ends)
            self._open = opening.pop_all()

    def _make_threads(self, ends: Ends) -> None:
        setup, settings, clocks = self.setup, self.setup.settings, self._clocks
        pipeline = setup.pipeline_factory(self._source.rate_hz)
        self._uplink = self._make_uplink(ends) if settings.mqtt.enabled else None
        # Both looks may take their time: the session begins behind them.
        with _unless_full(settings.store.path):
            if ensure_sound(settings.store.path, clocks.wall()) is not None:
                self._board.stores_set_aside += 1
        with _unless_full(settings.store.path):
            self._look_in_store(settings.store.path)
        if not self._mute.known:
            self._recall_mute(settings.store.path)
        self._session = Session.begin(
            settings.mqtt.base_topic, settings.node, settings.source.name, clocks
        )
        self._feeder = Feeder(
            self._source,
            self._blocks,
            clocks.monotonic,
            lambda: ends.put(End(self, "the source ended")),
            self._pace,
            pipeline.attention(),
        )
        self._listener = Listener(
            pipeline,
            self._blocks,
            live=self._source.live,
            open_reporter=self._open_reporter,
            clock=clocks.monotonic,
            mute=self._mute,
            pace=self._pace,
            ended=lambda: ends.put(End(self, "the pipeline ended")),
        )

    def _let_go(self) -> None:
        """Close what was opened, so that another shift can have it."""
        if self._uplink is not None:
            self._uplink.stop()
        if self._source.microphone is not None:
            self._source.microphone.close()

    @property
    def _mute_command(self) -> str:
        """The topic that takes on and off."""
        settings = self.setup.settings
        return f"{mute_topic(settings.mqtt.base_topic, settings.node, settings.source.name)}/set"

    @property
    def steps(self) -> int:
        """Blocks that went through the pipeline."""
        return self._listener.steps

    @property
    def damaged(self) -> bool:
        """The database is broken."""
        return self._listener.damaged or self._outbox_damaged

    @property
    def code(self) -> int:
        """The exit code, after the end."""
        if not self._listener.finished:
            return TryAgainError.exit_code
        return 0 if self._feeder.failure is None else self._feeder.failure.exit_code

    def start(self) -> None:
        """Start the threads.

        Raises:
            AirwayError: the port for the metrics can't be had; nothing is left running.
        """
        settings = self.setup.settings
        with self._open.pop_all() as opening:
            if settings.metrics.port:
                opening.enter_context(served(settings.metrics.port, self._board.text))
            if self._uplink is not None:
                opening.callback(self._drain, self._uplink)
                self._uplink.start()
            opening.callback(self._stop_listening)
            self._listener.start()
            self._feeder.start()
            self._open = opening.pop_all()
        _logger.info(
            "listening at %d Hz, session %s", self._source.rate_hz, self._session.origin.session
        )
        if self._mute.muted:
            _logger.warning(
                "the microphone is muted, as it was asked to be: nothing is heard until off is "
                "sent to %s%s",
                self._mute_command,
                "" if settings.mqtt.enabled else ", and mqtt.enabled is false",
            )

    def stop(self) -> None:
        """Stop the threads, in the reverse order."""
        self._open.close()

    def _stop_listening(self) -> None:
        self._feeder.stop(_CAPTURE_STOP_S)
        self._listener.stop(self._feeder.remainder(), _PIPELINE_STOP_S)

    def _drain(self, uplink: Uplink) -> None:
        if uplink.connected:
            uplink.drain(_LAST_WORDS_S)

    @contextlib.contextmanager
    def _open_reporter(self) -> Iterator[Reporter]:
        settings = self.setup.settings
        keeper = Keeper(settings.store.path, self._backlog, self._clocks.monotonic)
        with contextlib.closing(keeper):
            yield Reporter(
                self._session,
                self.setup.about,
                settings,
                keeper,
                self._uplink,
                self._board,
                self._feeder.figures,
                live=self._source.live,
                drain=lambda: self.is_last,
            )

    def _make_uplink(self, ends: Ends) -> Uplink:
        """The uplink, which also hears of two things: a mute, and Home Assistant's birth."""
        settings = self.setup.settings
        mqtt = settings.mqtt
        command = self._mute_command
        birth = f"{mqtt.discovery_prefix}/status"

        def heard(topic: str, body: bytes) -> None:
            if topic == command:
                self._mute.command(body)
                self._pace.wake()
                with contextlib.suppress(queue.Full):  # obeyed at the next block
                    self._blocks.put_nowait(KNOCK)
            elif body == ONLINE.encode():
                uplink.republish()

        def failed(error: AirwayError) -> None:
            """What only the outbox's reader meets has to be mended as well."""
            if isinstance(error, DamagedError) and not self._outbox_damaged:
                self._outbox_damaged = True
                ends.put(End(self, "the outbox is damaged"))

        uplink = Uplink(
            mqtt,
            settings.node,
            settings.source.name,
            lambda: Store(settings.store.path),
            subscriptions=[command, birth] if mqtt.discovery else [command],
            on_message=heard,
            on_error=failed,
        )
        return uplink

    def _look_in_store(self, path: Path) -> None:
        """See that there is one, and whether the microphone was muted."""
        with Store(path) as store:
            if not self._mute.known:
                self._mute.muted = store.setting("mute") == "on"
                self._mute.known = True

    def _recall_mute(self, path: Path) -> None:
        """Be as muted as before, where a full disk keeps SQLite from opening what it may write."""
        if not path.exists() or not path.stat().st_size:
            return  # no history: nobody ever said so
        try:
            with Reader(path) as reader:
                self._mute.muted = reader.muted()
                self._mute.known = True
        except AirwayError as error:
            self._mute.muted = True
            _logger.error(
                "%s; nobody can tell whether the microphone was muted, so it is, until it is told "
                "to listen",
                error,
            )


@contextlib.contextmanager
def _unless_full(path: Path) -> Iterator[None]:
    """A full disk is no reason not to listen; any other failure of the store is."""
    try:
        yield
    except (InputOutputError, TryAgainError) as error:
        if not is_full(path):
            raise
        _logger.error("%s; listening goes on, and what is heard waits in memory", error)

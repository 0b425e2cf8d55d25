"""What a session leaves in the store: events, coverage, nights, and the right time of each."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from edge.config import NightSettings, StoreSettings
from edge.daemon.keeper import Keeper
from edge.daemon.night import last_night
from edge.daemon.session import Session, difference
from edge.daemon.system import plausible
from edge.messages import Message
from edge.records import Coverage, Event, Night
from edge.store import Pruned, Store, Summary

_logger = logging.getLogger(__name__)

# Once a minute would write 2 MB a day to the SD card.
COVERAGE_EVERY_S = 300.0
# An event at the very end of a night ends, and is stored, a little later.
_NIGHT_GRACE_S = 60.0
# So far back a night is summed up late: its events are kept anyway.
_MISSED_NIGHTS = 31

WriteUp: TypeAlias = Callable[[Summary, Sequence[Night]], tuple[Night, list[Message]]]


class Diary:
    """Writes in the name of one session, which a new database does not know yet.

    Args:
        session: the run.
        keeper: the store, for this thread.
        posted: called when a message for the broker was written.
    """

    def __init__(self, session: Session, keeper: Keeper, posted: Callable[[], None]) -> None:
        self._session = session
        self._keeper = keeper
        self._posted = posted
        self._stored = self._latest = Coverage(0.0, 0.0, 0.0)
        self._lag_s = 0.0

    def begin(self, labels: Sequence[str]) -> None:
        """Tie the session's clock to UTC in the store, and say which labels it listens for."""

        def write(store: Store) -> None:
            self._ensure_session(store)
            store.put_setting("labels", "\n".join(labels))

        self._keeper.keep(write)

    def event(self, event: Event, message: Message) -> None:
        """Keep an event, and its message until the broker has it."""
        id = self._session.origin.session
        self._keep(lambda store: store.add_event(id, event, message), message)

    def message(self, message: Message) -> None:
        """Keep a message until the broker has it."""
        self._keep(lambda store: store.add_message(message), message)

    def setting(self, name: str, value: str) -> None:
        """Keep a value over a restart."""
        self._keeper.keep(lambda store: store.put_setting(name, value))

    def try_again(self) -> None:
        """Write what the store has not taken yet; called often."""
        if self._keeper.waiting and self._keeper.flush():
            self._posted()

    def coverage(self, coverage: Coverage, lag_s: float, *, now: bool = False) -> None:
        """Keep what was listened to, the session's total so far.

        It is written every `COVERAGE_EVERY_S`, or `now`: a kill makes that much of the time
        count as not monitored, and never the other way round. Where the store does not take it,
        it counts with the next one; what was to be written `now` waits with the events. `lag_s`
        is by how much the sound card's seconds have fallen behind the system's.
        """
        self._latest, self._lag_s = coverage, lag_s
        if not now and coverage.audio_s - self._stored.audio_s < COVERAGE_EVERY_S:
            return
        new, id = difference(self._stored, coverage), self._session.origin.session

        def write(store: Store) -> bool:
            self._ensure_session(store)
            store.add_coverage(id, new, lag_s)
            return True

        if now:
            self._stored = coverage
            self._keeper.keep(write)
        elif not self._keeper.waiting and self._keeper.ask(write, False):
            self._stored = coverage

    def follow_clock(self) -> None:
        """Move the session's history along when the device's clock was set."""
        session, before = self._session, self._session.clock_steps
        moved_s = session.follow()
        if moved_s:
            _logger.warning(
                "the clock was set by %+.1f s; the session's history is moved along", moved_s
            )
            id, start_unix_s, synced, now_unix_s = (
                session.origin.session,
                session.start_unix_s,
                session.clock_synced,
                session.now_unix_s,
            )
            self._keep(lambda store: store.move_session(id, start_unix_s, synced, now_unix_s))
        elif session.clock_steps > before:
            _logger.warning(
                "the clock was set by %+.1f s and is not synchronised: the time before counts on",
                session.ignored_s,
            )

    def night(self, settings: NightSettings, write_up: WriteUp) -> None:
        """Sum up the last night; before it, one a call, those that nobody was there to sum up.

        Args:
            settings: when a night begins and ends.
            write_up: what it amounted to, and the nights before it -> the night, and what to
                say of it; kept together, so that a restart says none of it again.
        """
        now_unix_s = self._session.now_unix_s - _NIGHT_GRACE_S
        if self._keeper.waiting or not plausible(now_unix_s):
            return
        latest = last_night(now_unix_s, settings)
        if not self._keeper.ask(lambda store: _is_new(store, *latest), False):
            return
        self.coverage(self._latest, self._lag_s, now=True)
        start, end = self._keeper.ask(lambda store: _first_missed(store, *latest, settings), latest)
        read = self._keeper.ask(lambda store: (store.summary(start, end), store.nights(end)), None)
        if read is not None:
            night, messages = write_up(*read)
            self._keep(lambda store: store.add_night(night, messages), *messages)
            counts = {label: heard.count for label, heard in night.heard.items()}
            _logger.info("the night of %s is over: %s", night.date, counts)

    def prune(self, limits: StoreSettings) -> int:
        """Delete what is too old or too much; how many messages were given up.

        A clock that nobody set may be wrong by years: by it, no more time has passed since the
        sessions before than this one has lasted.
        """
        session, id = self._session, self._session.origin.session

        def delete(store: Store) -> Pruned:
            now_unix_s = session.now_unix_s
            if not session.clock_synced:
                before_unix_s = store.end_unix_s(id)
                now_unix_s = min(now_unix_s, (before_unix_s or now_unix_s) + session.elapsed_s)
            return store.prune(now_unix_s, limits.keep_days, limits.max_mb * 10**6, id)

        pruned = self._keeper.ask(delete, Pruned())
        if pruned.events:
            _logger.info("%d old events were deleted", pruned.events)
        if pruned.messages:
            _logger.error(
                "store.max_mb is reached: %d messages that the broker never took are given up; "
                "connect the broker, or raise store.max_mb",
                pruned.messages,
            )
        return pruned.messages

    def _keep(self, write: Callable[[Store], None], *messages: Message) -> None:
        """Write now, or later: the messages that come with it are then no news any more."""

        def with_session(store: Store) -> None:
            self._ensure_session(store)
            write(store)

        try:
            self._keeper.keep(with_session)
        finally:
            if self._keeper.waiting:
                for message in messages:
                    message.payload["historical"] = True
        self._posted()

    def _ensure_session(self, store: Store) -> None:
        session = self._session
        if not store.has_session(session.origin.session):
            store.start_session(
                session.origin.session,
                session.origin.source,
                session.start_unix_s,
                session.clock_synced,
            )


def _is_new(store: Store, start: float, end: float) -> bool:
    """Whether a night is still to be summed up; one before the first session was none.

    Nor is one whose hours the clocks skipped.
    """
    begin = store.begin_unix_s()
    return start < end and begin is not None and begin < end and not store.has_night(start, end)


def _first_missed(
    store: Store, start: float, end: float, settings: NightSettings
) -> tuple[float, float]:
    """The oldest night since the last that was summed up which was listened to; else this one.

    The device was off at the end of such a night.
    """
    known = store.nights(start)
    since = known[-1].end_unix_s if known else store.begin_unix_s() or start
    first = start, end
    for _ in range(_MISSED_NIGHTS):
        start, end = last_night(end - 1, settings)
        if end <= since:
            break
        if _is_new(store, start, end) and store.summary(start, end).monitored_s > 0:
            first = start, end
    return first

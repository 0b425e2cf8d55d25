"""What the daemon keeps and says: events, the rolling state, its own health, the night."""

import logging
import os
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge.daemon.system import resident_bytes
from edge.messages import (
    Origin,
    event_message,
    health_message,
    info_message,
    rfc3339,
    state_message,
    summary_message,
    uuid7,
)
from edge.records import Coverage, Event
from edge.store import Store
from edge.uplink import Uplink

_logger = logging.getLogger(__name__)

DRAIN_S = 5.0  # how long a stop waits for the broker; what is left is sent by the next run
WINDOW_S = 3600.0  # of the rolling counts
_GRAIN_S = 60.0  # to which the window's begin is exact
_NOTHING = Coverage(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class About:
    """What runs here, for the messages that say so.

    Attributes:
        version: of Airway.
        runtime: the interpreter in use.
        bundle: name of the bundle.
        digest: of the bundle.
        labels: what it can report; each has a count in every message, be it 0.
    """

    version: str
    runtime: str
    bundle: str
    digest: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the daemon; UTC is read once, at its start.

    Attributes:
        origin: who speaks.
        start_unix_s: time of sample 0, seconds since 1970.
        start_s: the same on `clock`.
        clock_synced: the device's clock was synchronised then.
        clock: monotonic seconds.
    """

    origin: Origin
    start_unix_s: float
    start_s: float
    clock_synced: bool
    clock: Callable[[], float]

    @property
    def elapsed_s(self) -> float:
        """Seconds since the session began."""
        return self.clock() - self.start_s


class Recent:
    """The last hour of a session: what was heard, and how much was listened to."""

    def __init__(self) -> None:
        self._marks = deque([(0.0, _NOTHING)])  # session seconds, coverage until then
        self._events: list[Event] = []

    def add(self, event: Event) -> None:
        """Count an event."""
        self._events.append(event)

    def advance(self, now_s: float, coverage: Coverage) -> None:
        """Move the window on to `now_s` seconds after the session's start."""
        if now_s - self._marks[-1][0] < _GRAIN_S:
            return
        self._marks.append((now_s, coverage))
        while self._marks[1][0] <= now_s - WINDOW_S:
            self._marks.popleft()
        begin_s = self._marks[0][0]
        self._events = [event for event in self._events if event.onset_s >= begin_s]

    def figures(self, now_s: float, coverage: Coverage) -> tuple[Counter[str], Coverage, float]:
        """Events by label, what was listened to, and the window's length in seconds."""
        begin_s, before = self._marks[0]
        counts = Counter(event.label for event in self._events)
        return counts, _between(before, coverage), now_s - begin_s


class Reporter:
    """Keeps what was heard in the store, and tells the uplink.

    Args:
        session: the run, already known to the store.
        about: what runs here.
        store: this thread's connection.
        uplink: where to publish; None keeps everything on the device.
    """

    def __init__(self, session: Session, about: About, store: Store, uplink: Uplink | None) -> None:
        self._session = session
        self._about = about
        self._store = store
        self._uplink = uplink
        self._recent = Recent()
        self._counts: Counter[str] = Counter()
        self._stored = _NOTHING

    def info(self, config_digest: str) -> None:
        """Say what runs here."""
        if self._uplink is not None:
            self._uplink.publish_live(
                info_message(
                    self._session.origin,
                    **self._now(),
                    version=self._about.version,
                    runtime=self._about.runtime,
                    bundles={self._about.bundle: self._about.digest},
                    config_digest=config_digest,
                )
            )

    def source_online(self, online: bool) -> None:
        """Say whether the source delivers audio."""
        if self._uplink is not None:
            self._uplink.set_source_online(online)

    def event(self, event: Event) -> None:
        """Keep an event, and its message until the broker has it."""
        self._recent.add(event)
        self._counts[event.label] += 1
        session = self._session.origin.session
        stamp = self._stamp(self._store.utc(session, event.onset_s))
        message = event_message(self._session.origin, event, **stamp, model=self._about.bundle)
        self._store.add_event(session, event, message)
        self._posted()

    def progress(self, coverage: Coverage) -> None:
        """Tell how far the session has come."""
        self._recent.advance(self._reached_s(coverage), coverage)

    def report(self, coverage: Coverage, busy_s: float, queue_depth: int) -> None:
        """Keep the coverage since the last report; publish state and health."""
        origin = self._session.origin
        self._store.add_coverage(origin.session, _between(self._stored, coverage))
        self._stored = coverage
        if self._uplink is None:
            return
        self.progress(coverage)
        counts, window, window_s = self._recent.figures(self._reached_s(coverage), coverage)
        self._uplink.publish_live(
            state_message(
                origin,
                **self._now(),
                counts=self._by_label(counts),
                monitored_s=window.processed_s,
                lost_s=window.lost_s,
                window_s=window_s,
            )
        )
        oldest_unix_s, counters = self._store.outbox_oldest_unix_s(), self._uplink.counters
        self._uplink.publish_live(
            health_message(
                origin,
                **self._now(),
                uptime_s=self._session.elapsed_s,
                processed_s=coverage.processed_s,
                lost_s=coverage.lost_s,
                rtf=busy_s / coverage.processed_s if coverage.processed_s else 0.0,
                queue_depth=queue_depth,
                outbox_depth=self._store.outbox_depth(),
                outbox_oldest_s=self._age_s(oldest_unix_s),
                rss_bytes=resident_bytes(),
                refused=counters.refused,
                reconnects=counters.reconnects,
                dropped_live=counters.dropped_live,
            )
        )

    def finish(self, coverage: Coverage, busy_s: float) -> None:
        """Sum the session up, give the broker `DRAIN_S` to take what waits, and report."""
        begin_unix_s = self._session.start_unix_s
        self._store.add_message(
            summary_message(
                self._session.origin,
                **self._now(),
                start=rfc3339(begin_unix_s),
                end=rfc3339(begin_unix_s + self._reached_s(coverage)),
                counts=self._by_label(self._counts),
                monitored_s=coverage.processed_s,
                lost_s=coverage.lost_s,
                model=self._about.bundle,
            )
        )
        self._posted()
        # A short recording may have ended before the broker was reached, and a state that is
        # published without a connection is lost.
        if self._uplink is not None and not self._uplink.drain(DRAIN_S):
            _logger.warning("the broker did not take everything; the next run sends what is left")
        self.report(coverage, busy_s, 0)

    def _reached_s(self, coverage: Coverage) -> float:
        """Seconds of the session: a file may play faster than the clock, a silent source slower."""
        return max(coverage.audio_s, self._session.elapsed_s)

    def _posted(self) -> None:
        """A row is in the outbox."""
        if self._uplink is not None:
            self._uplink.wake()
            return
        for row in self._store.pending(0, 100):  # it goes nowhere: it must not fill the disk
            self._store.delete(row.seq)

    def _by_label(self, counts: Counter[str]) -> dict[str, int]:
        return {label: counts[label] for label in self._about.labels}

    def _age_s(self, unix_s: float | None) -> float | None:
        """Age of a row of the outbox; the clock may have been set since."""
        now_unix_s = self._session.start_unix_s + self._session.elapsed_s
        return None if unix_s is None else max(0.0, now_unix_s - unix_s)

    def _now(self) -> dict[str, Any]:
        return self._stamp(self._session.start_unix_s + self._session.elapsed_s)

    def _stamp(self, unix_s: float) -> dict[str, Any]:
        """The identifier and the time of a message."""
        return {
            "id": new_id(unix_s),
            "ts": rfc3339(unix_s),
            "clock_synced": self._session.clock_synced,
        }


def new_id(unix_s: float) -> str:
    """An identifier that was never used before and sorts by `unix_s`, seconds since 1970."""
    return uuid7(max(0, int(unix_s * 1000)), os.urandom(10))


def _between(earlier: Coverage, later: Coverage) -> Coverage:
    return Coverage(
        later.audio_s - earlier.audio_s,
        later.processed_s - earlier.processed_s,
        later.lost_s - earlier.lost_s,
    )

"""One capture session: who speaks, and what its clock means in UTC."""

import math
import os
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge.messages import Origin, Stamp, rfc3339, uuid7
from edge.records import Accuracy, Coverage, Event
from edge.store import SPELL_GAP_S

WINDOW_S = 3600.0  # of the rolling counts
_GRAIN_S = 60.0  # to which the window's begin is exact
_STEP_S = 1.0  # a clock that is off by more was set; a slewed one takes ours along
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
        detectors: how well it finds each of them, by label, where that was measured.
    """

    version: str
    runtime: str
    bundle: str
    digest: str
    labels: tuple[str, ...]
    detectors: Mapping[str, Accuracy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What the time is; tests bring their own.

    Attributes:
        monotonic: seconds that never step, and go on while the machine is suspended.
        wall: seconds since 1970, which may.
        synced: whether a wall time can be trusted to be UTC.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    synced: Callable[[float], bool]


@dataclass(slots=True)
class Session:
    """One run of the daemon. Its time never steps; `follow` corrects all of it at once.

    Attributes:
        origin: who speaks.
        start_unix_s: time of sample 0, seconds since 1970.
        start_s: the same on the monotonic clock.
        clock_synced: the device's clock was synchronised when it was last looked at.
        clocks: what the time is.
        clock_steps: how often the device's clock was set.
    """

    origin: Origin
    start_unix_s: float
    start_s: float
    clock_synced: bool
    clocks: Clocks
    clock_steps: int = 0
    _ignored_s: float = 0.0

    @classmethod
    def begin(cls, base: str, node: str, source: str, clocks: Clocks) -> "Session":
        """A session whose sample 0 is now."""
        unix_s, start_s = clocks.wall(), clocks.monotonic()
        origin = Origin(base, node, source, new_id(unix_s))
        return cls(origin, unix_s, start_s, clocks.synced(unix_s), clocks)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the session began."""
        return self.clocks.monotonic() - self.start_s

    @property
    def now_unix_s(self) -> float:
        """Seconds since 1970, by the session's own time."""
        return self.start_unix_s + self.elapsed_s

    def follow(self) -> float:
        """Look at the device's clock; take a step of it over when it knows better.

        A clock that was never synchronised follows any other; one that was does not follow
        one that is not, since a person may have set it wrong.

        Returns:
            Seconds by which the whole session was moved, 0.0 as a rule.
        """
        wall_s = self.clocks.wall()
        synced = self.clocks.synced(wall_s)
        step_s = wall_s - self.now_unix_s
        if abs(step_s) <= _STEP_S:
            self.clock_synced, self._ignored_s = synced, 0.0
            return 0.0
        if abs(step_s - self._ignored_s) > _STEP_S:
            self.clock_steps += 1
        if self.clock_synced and not synced:
            self._ignored_s = step_s
            return 0.0
        self.start_unix_s += step_s
        self.clock_synced, self._ignored_s = synced, 0.0
        return step_s

    @property
    def ignored_s(self) -> float:
        """By how much the device's clock is ahead of the session's, which does not trust it."""
        return self._ignored_s

    def stamp(self, unix_s: float | None = None) -> Stamp:
        """Who says something, and when: at `unix_s`, seconds since 1970, or now."""
        if unix_s is None:
            unix_s = self.now_unix_s
        return Stamp(self.origin, new_id(unix_s), rfc3339(unix_s), self.clock_synced)


class Tally:
    """Events of a session, by label: how many, and in how many spells; see `Heard`."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.spells: Counter[str] = Counter()
        self._last_s: dict[str, float] = {}

    def add(self, event: Event) -> None:
        """Count an event; those of one label come in the order of their onsets."""
        self.counts[event.label] += 1
        gap_s = event.onset_s - self._last_s.get(event.label, -math.inf)
        self.spells[event.label] += gap_s >= SPELL_GAP_S
        self._last_s[event.label] = event.onset_s


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
        return counts, difference(before, coverage), now_s - begin_s


def new_id(unix_s: float) -> str:
    """An identifier that was never used before and sorts by `unix_s`, seconds since 1970."""
    return uuid7(min(max(0, int(unix_s * 1000)), (1 << 48) - 1), os.urandom(10))


def difference(earlier: Coverage, later: Coverage) -> Coverage:
    """What was covered between two readings of a coverage that only grows.

    Seconds are sums of fractions: what did not grow may have shrunk by a rounding.
    """
    return Coverage(
        max(0.0, later.audio_s - earlier.audio_s),
        max(0.0, later.processed_s - earlier.processed_s),
        max(0.0, later.lost_s - earlier.lost_s),
    )

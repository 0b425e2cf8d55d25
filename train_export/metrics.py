"""How found events compare with the truth: one to one, by onset.

Libraries for sound event detection credit one found event for several true ones, or round to
0.1 s (see timescoring and sed_eval); a cough lasts 0.3 s and counting is the point, so the
matching here is exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

COLLAR_S = 0.25


@dataclass(frozen=True, slots=True)
class EventScore:
    """Counts over some hours.

    Attributes:
        matched, missed, extra: true events found, true events not found, found events that
            are none.
        hours: of audio.
    """

    matched: int
    missed: int
    extra: int
    hours: float

    def __add__(self, other: "EventScore") -> "EventScore":
        return EventScore(
            self.matched + other.matched,
            self.missed + other.missed,
            self.extra + other.extra,
            self.hours + other.hours,
        )

    @property
    def sensitivity(self) -> float:
        """Share of the true events that were found."""
        return self.matched / max(1, self.matched + self.missed)

    @property
    def precision(self) -> float:
        """Share of the found events that are true."""
        return self.matched / max(1, self.matched + self.extra)

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and precision."""
        return 2 * self.matched / max(1, 2 * self.matched + self.missed + self.extra)

    @property
    def false_alarms_per_hour(self) -> float:
        """Found events that are none, an hour."""
        return self.extra / max(self.hours, 1e-9)


def counted(matched: int, true: int, found: int, hours: float) -> EventScore:
    """Of how many events there are and were found, so many of them one to one."""
    return EventScore(matched, true - matched, found - matched, hours)


def total(scores: Iterable[EventScore]) -> EventScore:
    """The counts of several recordings together."""
    return sum(scores, EventScore(0, 0, 0, 0.0))


def match_onsets(
    true_s: Sequence[float], found_s: Sequence[float], collar_s: float = COLLAR_S
) -> list[tuple[int, int]]:
    """Pairs (true, found) of the largest one-to-one matching with onsets within the collar.

    Both sequences rise; taking the earliest free partner is then optimal, as for intervals of
    one length.
    """
    pairs = []
    j = 0
    for i, onset in enumerate(true_s):
        while j < len(found_s) and found_s[j] < onset - collar_s:
            j += 1
        if j < len(found_s) and found_s[j] <= onset + collar_s:
            pairs.append((i, j))
            j += 1
    return pairs


def score_events(true_s: Sequence[float], found_s: Sequence[float], hours: float) -> EventScore:
    """Compare rising onsets in seconds over some hours of one recording."""
    return counted(len(match_onsets(true_s, found_s)), len(true_s), len(found_s), hours)


def concordance(true: Sequence[float], found: Sequence[float]) -> float:
    """Lin's concordance correlation coefficient of two series of counts (Lin, 1989)."""
    x, y = np.asarray(true, dtype=float), np.asarray(found, dtype=float)
    spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * ((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else 1.0

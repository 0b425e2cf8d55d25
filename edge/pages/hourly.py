"""A stretch of time by the hour: what was counted, and how much of each hour was listened to."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo

from edge.pages.drawing import Bar
from edge.pages.texts import Language
from edge.store import Span
from edge.trend.rate import MIN_MONITORED_S

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour, or the part of it that lies in the stretch.

    Attributes:
        start_unix_s, end_unix_s: seconds since 1970.
        count: events that began in it.
        listened_s: seconds of it that went through the model.
    """

    start_unix_s: float
    end_unix_s: float
    count: int
    listened_s: float

    @property
    def share(self) -> float:
        """How much of it was listened to, 0 to 1."""
        return self.listened_s / (self.end_unix_s - self.start_unix_s)

    @property
    def listened(self) -> bool:
        """Whether anything of it was listened to: else its count means nothing."""
        return self.listened_s >= MIN_MONITORED_S or self.count > 0


def by_hour(
    spans: Iterable[Span], onsets: Iterable[float], start_unix_s: float, end_unix_s: float
) -> list[Hour]:
    """Sort coverage and events into the hours (UTC) of a stretch.

    Args:
        spans: coverage, each within one hour.
        onsets: of the events, seconds since 1970; those outside of the stretch are left out.
        start_unix_s: where the stretch begins.
        end_unix_s: where it ends, later.
    """
    listened: defaultdict[int, float] = defaultdict(float)
    for span in spans:
        share = span.share_in(start_unix_s, end_unix_s)
        listened[_hour(span.start_unix_s)] += span.processed_s * share
    counts = Counter(_hour(onset) for onset in onsets if start_unix_s <= onset < end_unix_s)
    hours = []
    for hour in range(_hour(start_unix_s), math.ceil(end_unix_s / HOUR_S)):
        start = max(hour * HOUR_S, start_unix_s)
        end = min((hour + 1) * HOUR_S, end_unix_s)
        hours.append(Hour(start, end, counts[hour], min(listened[hour], end - start)))
    return hours


def count_bars(hours: Iterable[Hour], language: Language, zone: tzinfo | None) -> list[Bar]:
    """Bars as high as the counts."""
    return [_bar(hour, float(hour.count), language, zone) for hour in hours]


def coverage_bars(hours: Iterable[Hour], language: Language, zone: tzinfo | None) -> list[Bar]:
    """Bars as high as the minutes that were listened to."""
    return [_bar(hour, hour.listened_s / 60, language, zone) for hour in hours]


def _bar(hour: Hour, value: float, language: Language, zone: tzinfo | None) -> Bar:
    title = language(
        "titled",
        name=language.times(hour.start_unix_s, hour.end_unix_s, zone),
        what=_heard(hour, language),
    )
    return Bar(value, hour.share, language.time(hour.start_unix_s, zone), title)


def _heard(hour: Hour, language: Language) -> str:
    if not hour.listened:
        return language("legend_gap")
    return language(
        "hour_heard",
        coughs=language.coughs(hour.count),
        minutes=round(hour.listened_s / 60),
        whole=round((hour.end_unix_s - hour.start_unix_s) / 60),
    )


def _hour(unix_s: float) -> int:
    return math.floor(unix_s / HOUR_S)

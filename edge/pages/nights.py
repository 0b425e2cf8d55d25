"""The long view as pages show it: a night for each day, also where none was kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from edge.trend import NightView


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """Nights in a row at whose end an alert stood.

    Attributes:
        first, last: local days on which the nights began.
    """

    first: date
    last: date


def day_by_day(
    views: Sequence[NightView], first: date, last: date
) -> list[tuple[date, NightView | None]]:
    """Every day from `first` to `last` with its night; None where none was kept."""
    kept = {view.date: view for view in views}
    count = (last - first).days + 1
    days = [first + timedelta(days=k) for k in range(count)]
    return [(day, kept.get(day)) for day in days]


def alert_spans(views: Sequence[NightView]) -> list[AlertSpan]:
    """The alerts of some nights, the oldest first; a night without one ends an alert."""
    spans: list[AlertSpan] = []
    standing = False
    for view in views:
        if view.alert and standing:
            spans[-1] = AlertSpan(spans[-1].first, view.date)
        elif view.alert:
            spans.append(AlertSpan(view.date, view.date))
        standing = view.alert
    return spans

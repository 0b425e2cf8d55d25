"""The long view as pages show it: a night for each day, also where none was kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from edge.pages.texts import Language
from edge.records import Night
from edge.trend import Change, NightView, views
from edge.trend.words import sentences


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """Nights in a row at whose end an alert stood.

    Attributes:
        first, last: local days on which the nights began.
        change: how it began; None when that lies before the nights that are known.
    """

    first: date
    last: date
    change: Change | None

    def why(self, t: Language) -> str:
        """Why it stands, in words for a person."""
        if self.change is None:
            return t("alert_since", day=t.day(self.first))
        # Its figures are of that night: they stay while the alert goes on.
        return t("alert_raised", day=t.day(self.first)) + sentences(self.change, t.code, t.day)


class NightViews:
    """As `edge.trend.views`, which looks at all nights anew: a year's take a small board seconds.

    There is one night more a day, so those that were asked for last are kept.
    """

    def __init__(self) -> None:
        self._last: tuple[Sequence[Night], list[NightView]] = ([], [])

    def __call__(self, nights: Sequence[Night]) -> list[NightView]:
        """What to show of each night; not to be changed."""
        known, found = self._last  # at once: several pages may be asked for at a time
        if known != nights:
            found = views(nights)
            self._last = (nights, found)
        return found


def day_by_day(
    views: Sequence[NightView], first: date, last: date
) -> list[tuple[date, NightView | None]]:
    """Every day from `first` to `last` with its night; None where none was kept.

    A day has two nights where the hours of a night were changed.
    """
    kept: dict[date, list[NightView | None]] = {}
    for view in views:
        kept.setdefault(view.date, []).append(view)
    days = (first + timedelta(days=k) for k in range((last - first).days + 1))
    return [(day, night) for day in days for night in kept.get(day, [None])]


def has_alert(night: NightView | None) -> bool:
    """Whether a night is shown with the alert that stood at its end: one without a rate is not."""
    return night is not None and night.alert is True and night.rate_per_h is not None


def correction(views: Sequence[NightView]) -> str:
    """Key of the words that say whether the rates allow for the detector's errors."""
    kinds = {view.corrected for view in views if view.rate_per_h is not None}
    if len(kinds) > 1:
        return "corrected_some"
    return "corrected" if True in kinds else "uncorrected"


def alert_spans(
    views: Sequence[NightView], first: date = date.min, last: date = date.max
) -> list[AlertSpan]:
    """The alerts that stood in a period, the oldest first; a night without one ends an alert.

    One that began before the period has its true first day, so that its length is told.

    Args:
        views: every night that is kept, the oldest first.
        first: local day on which the period's first night began.
        last: local day on which its last one began; an alert that goes on is told up to then.
    """
    spans: list[AlertSpan] = []
    standing = False
    for view in views:
        if view.alert and standing:
            spans[-1] = replace(spans[-1], last=view.date)
        elif view.alert:
            spans.append(AlertSpan(view.date, view.date, view.change))
        standing = view.alert is True
    inside = [span for span in spans if span.first <= last and span.last >= first]
    return [replace(span, last=min(span.last, last)) for span in inside]

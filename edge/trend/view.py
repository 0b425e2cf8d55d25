"""The long view: nights -> what a person sees of each, with the usual range and the alert."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from edge.records import Heard, Night
from edge.trend.rate import rate

LABEL = "cough"  # whose trend is followed
_NOTHING = Heard(0, 0)


@dataclass(frozen=True, slots=True)
class NightView:
    """One night in the long view.

    Attributes:
        date: local day on which the night began.
        coughs: how many the detector reported.
        covered_s: seconds that were listened to.
        rate_per_h: coughs an hour, corrected where `corrected` says so; None when nothing was
            listened to.
        low, high: of its 95 % interval; None with it.
        baseline_low, baseline_high: this person's usual range before the night, coughs an
            hour, on the scale of `rate_per_h`; None while it is being learnt.
        alert: an alert stood at the night's end.
        corrected: the rates allow for what the detector misses and invents.
    """

    date: date
    coughs: int
    covered_s: float
    rate_per_h: float | None
    low: float | None
    high: float | None
    baseline_low: float | None
    baseline_high: float | None
    alert: bool
    corrected: bool


def views(nights: Sequence[Night]) -> list[NightView]:
    """The nights of one device, the oldest first -> what to show of each, in the same order."""
    return [_view(night) for night in nights]


def _view(night: Night) -> NightView:
    heard = night.heard.get(LABEL, _NOTHING)
    found = rate(heard, night.monitored_s)
    return NightView(
        night.date,
        heard.count,
        night.monitored_s,
        found.per_hour if found else None,
        found.low if found else None,
        found.high if found else None,
        None,
        None,
        bool(night.alert),
        found is not None and found.corrected,
    )

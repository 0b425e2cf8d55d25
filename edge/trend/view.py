"""The long view: nights -> what a person sees of each, the usual range, and what has changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from edge.records import TREND_LABEL, Heard, Night
from edge.trend.chart import Chart, Usual
from edge.trend.rate import MIN_MONITORED_S, Rate, rate, rate_of, spread

# A rate of less listening is noise with a wide interval; the count and the time are still told.
LEAST_RATE_S = 3600.0
USUAL_TAIL = 0.05  # of the usual nights, as many are below the usual range, and above it


@dataclass(frozen=True, slots=True)
class Change:
    """An alert began or ended.

    Attributes:
        raised: it began.
        cause: "more" sounds than usual; they are "usual" again; the level has been so for so
            long that it is "adopted" as usual; or another "bundle" listens, and its counts
            can't be compared.
        since: day of the first night that speaks for it.
        nights: monitored nights since then.
        rate_per_h: sounds an hour that were reported in them, not corrected.
        usual_low_per_h, usual_high_per_h: of one usual night, on the same scale.
        usual_per_h: of many usual nights on average, on the same scale.
    """

    raised: bool
    cause: Literal["more", "usual", "adopted", "bundle"]
    since: date
    nights: int
    rate_per_h: float
    usual_low_per_h: float
    usual_high_per_h: float
    usual_per_h: float


@dataclass(frozen=True, slots=True)
class NightView:
    """One night in the long view.

    Attributes:
        date: local day on which the night began.
        coughs: how many the detector reported.
        covered_s: seconds that were listened to.
        rate_per_h: coughs an hour, corrected where `corrected` says so; None when less than
            `LEAST_RATE_S` was listened to.
        low, high: of its 95 % interval; None with it.
        baseline_low, baseline_high: between these lie nine of ten usual nights that are as
            long as this one, by what was known before it, on the scale of `rate_per_h`; None
            while that is being learnt, and when the night was too short to judge.
        alert: an alert stood at the night's end; None while the usual range is being learnt.
        corrected: the rates allow for what the detector misses and invents.
        start_unix_s, end_unix_s: of the night, seconds since 1970.
        change: how the alert began or ended in this night; None when neither.
    """

    date: date
    coughs: int
    covered_s: float
    rate_per_h: float | None
    low: float | None
    high: float | None
    baseline_low: float | None
    baseline_high: float | None
    alert: bool | None
    corrected: bool
    start_unix_s: float
    end_unix_s: float
    change: Change | None = None

    @property
    def listened(self) -> bool:
        """Whether anything was listened to at all, be it too little for a rate."""
        return self.covered_s >= MIN_MONITORED_S


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a night says beside those before it.

    Attributes:
        alert: an alert stands; None while the usual range is being learnt.
        change: how it began or ended in this night; None when neither.
    """

    alert: bool | None
    change: Change | None


@dataclass(frozen=True, slots=True)
class _Step:
    night: Night
    heard: Heard
    usual: Usual | None  # before it; None when it was not judged
    verdict: Verdict


def views(nights: Sequence[Night]) -> list[NightView]:
    """The nights of one device -> what to show of each.

    Args:
        nights: the oldest first. What was told of a night, its `alert`, stays as it was told.

    Returns:
        In the same order, less the nights whose bundle does not report `TREND_LABEL`.
    """
    return [_view(step) for step in _replay(nights)]


def judge(nights: Sequence[Night]) -> Verdict:
    """What the last of the nights says, the oldest first."""
    verdict = Verdict(None, None)
    for step in _replay(nights):
        verdict = step.verdict
    return verdict if nights and TREND_LABEL in nights[-1].heard else Verdict(None, None)


def _replay(nights: Sequence[Night]) -> Iterator[_Step]:
    chart, model, stood = Chart(), "", False
    begun = date.min  # first night that speaks for a change
    for night in nights:
        heard = night.heard.get(TREND_LABEL)
        if heard is None:
            continue
        other = bool(model) and night.model != model
        if other:
            chart = Chart()
        model = night.model
        hours = night.monitored_s / 3600
        judged = bool(chart.ready[0]) and hours >= chart.rules.min_hours
        usual = chart.usual() if judged else None
        quiet = chart.run_nights[0] == 0
        chart.push(np.array([float(heard.count)]), np.array([hours]))
        if night.alert is not None:
            chart.overrule(np.array([night.alert]))
        begun = night.date if quiet else begun
        alert = bool(chart.alert[0])
        change = None
        if alert != stood:
            cause = _cause(alert, other, bool(chart.adopted[0]))
            since = begun if alert else night.date
            change = _change(chart, alert, cause, since, heard, hours)
        stood = alert
        known = alert or bool(chart.ready[0])
        yield _Step(night, heard, usual, Verdict(alert if known else None, change))


def _cause(
    alert: bool, other_bundle: bool, adopted: bool
) -> Literal["more", "usual", "adopted", "bundle"]:
    if alert:
        return "more"
    if other_bundle:
        return "bundle"
    return "adopted" if adopted else "usual"


def _change(
    chart: Chart,
    raised: bool,
    cause: Literal["more", "usual", "adopted", "bundle"],
    since: date,
    heard: Heard,
    hours: float,
) -> Change:
    """Of the run when an alert begins, of the last night when it ends."""
    run = (chart.run_count[0], chart.run_hours[0], chart.run_nights[0])
    count, span, nights = run if raised and run[1] > 0 else (heard.count, hours, 1)
    per_night = max(float(span) / max(float(nights), 1.0), chart.rules.min_hours)
    usual = chart.usual()
    low, high = usual.counts(per_night, USUAL_TAIL)
    return Change(
        raised,
        cause,
        since,
        max(1, int(nights)),
        float(count) / float(span) if span > 0 else 0.0,
        low / per_night,
        high / per_night,
        usual.rate_per_hour,
    )


def _view(step: _Step) -> NightView:
    night, heard = step.night, step.heard
    found = rate(heard, night.monitored_s) if night.monitored_s >= LEAST_RATE_S else None
    low, high = _range(step)
    return NightView(
        date=night.date,
        start_unix_s=night.start_unix_s,
        end_unix_s=night.end_unix_s,
        coughs=heard.count,
        covered_s=night.monitored_s,
        rate_per_h=found.per_hour if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        baseline_low=low.per_hour if low else None,
        baseline_high=high.per_hour if high else None,
        alert=step.verdict.alert,
        corrected=found is not None and found.corrected,
        change=step.verdict.change,
    )


def _range(step: _Step) -> tuple[Rate, Rate] | tuple[None, None]:
    """The usual counts, as the rates that they would be shown as."""
    if step.usual is None:
        return None, None
    hours = step.night.monitored_s / 3600
    low, high = (
        rate_of(count, spread(step.heard), hours, step.heard.detector)
        for count in step.usual.counts(hours, USUAL_TAIL)
    )
    return low, high

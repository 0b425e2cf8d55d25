"""What a report says, whatever it is written on."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from edge.errors import TryAgainError, UsageError
from edge.pages.drawing import Bar, Drawing, Frame, bars_plot, nights_plot
from edge.pages.nights import AlertSpan, alert_spans, correction, day_by_day, has_alert
from edge.pages.texts import Language
from edge.trend import NightView

MOST_DAYS = 366  # more nights than this are no longer told apart on one page
USUAL = timedelta(days=29)  # and the last night: 30
MOST_ALERTS = 6  # lines; more would push the method off the one page


@dataclass(frozen=True, slots=True)
class Report:
    """The nights of a period.

    Attributes:
        node: the device.
        days: consecutive days, each with its night or nights, the oldest first; None where none
            was kept.
        identity: of the history, which no other has; may be empty.
        alerts: that stood in the period, the oldest first; each with its own first day.
    """

    node: str
    days: Sequence[tuple[date, NightView | None]]
    identity: str = ""
    alerts: Sequence[AlertSpan] = ()

    @property
    def first(self) -> date:
        """Local day on which the first night began."""
        return self.days[0][0]

    @property
    def last(self) -> date:
        """Local day on which the last night began."""
        return self.days[-1][0]

    @property
    def kept(self) -> list[NightView]:
        """The nights that were kept, monitored or not."""
        return [night for _, night in self.days if night is not None]

    @property
    def monitored(self) -> list[NightView]:
        """The nights of which anything was listened to, be it too little for a rate."""
        return [night for night in self.kept if night.listened]

    @property
    def listened_s(self) -> float:
        """Seconds that were listened to."""
        return sum(night.covered_s for night in self.kept)

    @property
    def coughs(self) -> int:
        """Coughs that the detector reported."""
        return sum(night.coughs for night in self.kept)

    @property
    def rates(self) -> list[float]:
        """Coughs an hour of each night that has a rate."""
        return [night.rate_per_h for night in self.monitored if night.rate_per_h is not None]

    @property
    def correction(self) -> str:
        """Key of the words that say whether the rates allow for the detector's errors."""
        return correction(self.monitored)

    @property
    def alerted(self) -> int:
        """Nights with an alert."""
        return sum(has_alert(night) for night in self.kept)

    def alert_lines(self, t: Language) -> list[str]:
        """The latest alerts, the oldest first, and how many there were before them."""
        told = [
            t("alert_span", first=t.day(span.first), last=t.day(span.last))
            for span in self.alerts[-MOST_ALERTS:]
        ]
        if len(told) < len(self.alerts):
            told.append(t("alerts_earlier", count=len(self.alerts) - len(told)))
        return told

    def figures(self, t: Language) -> list[tuple[str, str]]:
        """The key figures, as (name, value)."""
        rates = self.rates
        unit = t("per_hour")
        usual = next((n for n in reversed(self.kept) if n.baseline_low is not None), None)
        span = t("usual_learning")
        if usual is not None and self.kept[-1].alert is not None:  # else it was another detector's
            span = f"{t.span(usual.baseline_low, usual.baseline_high)} {unit}"
        nights = t("report_nights_of", monitored=len(self.monitored), nights=len(self.days))
        return [
            (t("report_nights"), nights),
            (t("report_listened"), t.hours(self.listened_s)),
            (t("report_coughs"), str(self.coughs)),
            (t("report_median"), f"{t.number(statistics.median(rates))} {unit}" if rates else "–"),
            (t("report_range"), f"{t.span(min(rates), max(rates))} {unit}" if rates else "–"),
            (t("usual"), span),
            (t("report_alerts"), str(self.alerted)),
        ]

    def trend_plot(self, t: Language, frame: Frame) -> Drawing:
        """Coughs an hour, night by night."""
        return nights_plot(self.days, frame, t)

    def coverage_plot(self, t: Language, frame: Frame) -> Drawing:
        """Hours that were listened to, night by night."""
        bars = [
            Bar(
                (night.covered_s if night else 0.0) / 3600,
                1.0,
                t.short_day(day),
                t("titled", name=t.day(day), what=t.hours(night.covered_s if night else 0.0)),
            )
            for day, night in self.days
        ]
        return bars_plot(bars, frame, t("report_coverage_aria"))


def report_of(
    views: Sequence[NightView],
    node: str,
    first: date | None,
    last: date | None,
    identity: str = "",
) -> Report:
    """The report of a period.

    Args:
        views: every night that is kept, the oldest first.
        node: the device.
        first: day on which the first night began; None is 30 days up to `last`, or fewer where no
            more are kept.
        last: day on which the last night began; None is the latest night that is kept.
        identity: of the history.

    Raises:
        TryAgainError: no night is kept yet.
        UsageError: the period is empty, too long, or begins after the latest night.
    """
    if not views:
        raise TryAgainError("no night has been summed up yet; the first is there when it is over")
    end = last or views[-1].date
    begin = first or max(end - min(USUAL, end - date.min), min(end, views[0].date))
    if begin > end and last is None:
        raise UsageError(f"the latest night that is kept began on {end}; give a --from up to then")
    if begin > end:
        raise UsageError(f"the period from {begin} to {end} is empty; give --from before --to")
    if (end - begin).days >= MOST_DAYS:
        raise UsageError(
            f"the period from {begin} to {end} has {(end - begin).days + 1} days and a report "
            f"holds {MOST_DAYS} at most; make several"
        )
    alerts = alert_spans(views, begin, end)
    return Report(node, day_by_day(views, begin, end), identity, alerts)

"""The history -> pages: each method looks it up and fills one template."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from edge.pages.drawing import Drawing, Frame, Pair, bars_plot, nights_plot, pair, strip_plot
from edge.pages.hourly import Hour, by_hour, count_bars, coverage_bars
from edge.pages.nights import AlertSpan, NightViews, alert_spans, correction, day_by_day
from edge.pages.templates import environment
from edge.pages.texts import Language
from edge.records import TREND_LABEL, Night
from edge.store import Reader, StoredEvent
from edge.trend import NightView

if TYPE_CHECKING:
    from jinja2 import Environment

DAY_S = 86_400.0
TREND_DAYS = (30, 90, 365)
NIGHTS_A_PAGE = 30
EVENTS_TODAY, EVENTS_A_NIGHT = 20, 200
AROUND_S = 600.0
# Until the next night is over and summed up, and an hour more, a night is the last one.
RECENT_S = DAY_S + 3600.0
# The daemon writes its coverage every 5 minutes; later than this it has stopped, or is muted.
SILENT_AFTER_S = 900.0
# The sum of a night outlives its hours; with less than this of it left, some of them are gone.
KEPT_SHARE = 0.9
_WIDE_PX, _HEIGHT_PX = 760.0, 240.0  # of a plot on a desk

Shared: TypeAlias = Mapping[str, Any]  # what the frame around a page shows


@dataclass(frozen=True)
class Pages:
    """The pages of one device's history.

    Attributes:
        database: where it is.
        node: the device's name.
        zone: for local times; None is the device's own.
        clock: seconds since 1970.
    """

    database: Path
    node: str
    zone: tzinfo | None
    clock: Callable[[], float]

    @cached_property
    def _templates(self) -> "Environment":
        return environment("edge.web", "web")

    @cached_property
    def _views(self) -> NightViews:
        return NightViews()

    def check(self) -> None:
        """Find out at the start what would fail at each page.

        Raises:
            AirwayError: the history can't be read, or an extra is not installed.
        """
        _ = self._templates
        with Reader(self.database) as reader:
            reader.latest_session()

    def fill(self, template: str, language: Language, **values: Any) -> str:
        """A template with the values that every page has, and its own."""
        page = self._templates.get_template(f"{template}.html")
        return page.render(t=language, zone=self.zone, node=self.node, **values)

    def today(self, language: Language, shared: Shared) -> str:
        """The last night and the last 24 hours."""
        now = self.clock()
        start = now - DAY_S
        with Reader(self.database) as reader:
            kept = reader.nights(now)
            counting = _counts_coughs(reader, kept)
            hours = _hours(reader, start, now)
            events = reader.events(start, now, EVENTS_TODAY)
            heard_until, muted = reader.heard_until_unix_s(now), reader.muted()
        nights = self._views(kept)
        return self.fill(
            "today",
            language,
            shared=shared,
            counting=counting,
            night=nights[-1] if nights else None,
            correction=correction(nights[-1:]),
            recent=bool(nights) and now - nights[-1].end_unix_s < RECENT_S,
            alert=_standing(nights),
            hours=hours,
            total=sum(hour.count for hour in hours),
            listened_s=sum(hour.listened_s for hour in hours),
            plot=self._hours_plot(hours, language),
            events=events,
            most_events=EVENTS_TODAY,
            status=_status(heard_until, muted, now),
            heard_ago=None if heard_until is None else language.ago(now - heard_until),
        )

    def nights(self, language: Language, shared: Shared, before: date | None) -> str:
        """A page of the list of nights, the newest first."""
        with Reader(self.database) as reader:
            kept = reader.nights(self.clock())
            counting = _counts_coughs(reader, kept)
        found = self._views(kept)
        last = found[-1].date if found else date.min
        if before is not None and found:
            last = min(last, max(before, found[0].date) - timedelta(days=1))
        listed: Sequence[tuple[date, NightView | None]] = []
        if found and last >= found[0].date:
            first = max(found[0].date, last - timedelta(days=NIGHTS_A_PAGE - 1))
            listed = day_by_day(found, first, last)[::-1]
        return self.fill(
            "nights",
            language,
            shared=shared,
            listed=listed,
            counting=counting,
            kept=bool(found),
            correction=correction([view for _, view in listed if view is not None]),
            older=_older(listed[-1][0], found[0].date) if listed else None,
            newer=_newer(listed[0][0], found[-1].date) if listed else None,
        )

    def night(self, language: Language, shared: Shared, day: date) -> str | None:
        """One night by the hour; None when it was not kept."""
        with Reader(self.database) as reader:
            found = {view.date: view for view in self._views(reader.nights(self.clock()))}
            night = found.get(day)
            if night is None:
                return None
            hours = _hours(reader, night.start_unix_s, night.end_unix_s)
            events = reader.events(night.start_unix_s, night.end_unix_s, EVENTS_A_NIGHT)
        listened_s = sum(hour.listened_s for hour in hours)
        return self.fill(
            "night",
            language,
            shared=shared,
            night=night,
            correction=correction([night]),
            earlier=max((other for other in found if other < day), default=None),
            later=min((other for other in found if other > day), default=None),
            forgotten=listened_s < KEPT_SHARE * night.covered_s
            or sum(hour.count for hour in hours) < night.coughs,
            listened_s=listened_s,
            hours=hours,
            plot=self._hours_plot(hours, language),
            events=events,
            most_events=EVENTS_A_NIGHT,
        )

    def trend(self, language: Language, shared: Shared, days: int) -> str:
        """Coughs an hour over many nights, with the usual range and the alerts."""
        with Reader(self.database) as reader:
            kept = reader.nights(self.clock())
            counting = _counts_coughs(reader, kept)
        found = self._views(kept)
        shown: Sequence[tuple[date, NightView | None]] = []
        if found:
            last = found[-1].date
            # A device that is younger than the period has no empty months to show before it.
            wanted = max(last - timedelta(days=days - 1), found[0].date)
            begin = min(wanted, last - timedelta(days=TREND_DAYS[0] - 1))
            shown = day_by_day(found, begin, last)
        inside = [view for _, view in shown if view is not None]
        plot = shown and _plot(lambda frame: nights_plot(shown, frame, language))
        return self.fill(
            "trend",
            language,
            shared=shared,
            days=days,
            counting=counting,
            first=shown[0][0] if shown else None,
            last=shown[-1][0] if shown else None,
            choices=TREND_DAYS,
            plot=plot,
            alerts=alert_spans(found, shown[0][0], shown[-1][0])[::-1] if shown else [],
            correction=correction(inside),
        )

    def event(self, language: Language, shared: Shared, id: str) -> str | None:
        """One event and what else was heard around it; None when it is not there."""
        with Reader(self.database) as reader:
            event = reader.event(id)
            if event is None:
                return None
            onset = event.onset_unix_s
            around = reader.events(onset - AROUND_S, onset + AROUND_S, 500)
        marks = [
            (found.onset_unix_s - onset, self._mark(found, language))
            for found in sorted(around, key=lambda found: (found.id == id, found.onset_unix_s))
        ]
        early, middle, late = (language.time(onset + k * AROUND_S, self.zone) for k in (-1, 0, 1))
        ends = (early, middle, late)
        words = language("around_aria", count=len(around))
        plot = pair(
            lambda width: strip_plot(
                marks, AROUND_S, ends, Frame(width, 84, left=16, right=16), words
            ),
            _WIDE_PX,
        )
        return self.fill("event", language, shared=shared, event=event, plot=plot)

    def health(self, language: Language, shared: Shared) -> str:
        """What the history tells of the device."""
        now = self.clock()
        with Reader(self.database) as reader:
            hours = _hours(reader, (now // 3600 - 47) * 3600, now)
            listened_s = sum(hour.listened_s for hour in _hours(reader, now - DAY_S, now))
            lost_s = sum(
                span.lost_s * span.share_in(now - DAY_S, now)
                for span in reader.spans(now - DAY_S, now)
            )
            heard_until, muted = reader.heard_until_unix_s(now), reader.muted()
            session = reader.latest_session()
            waiting, oldest = reader.waiting()
            used_bytes = reader.used_bytes()
        words = language(
            "chart_coverage_aria", hours=language.hours(sum(hour.listened_s for hour in hours))
        )
        bars = coverage_bars(hours, language, self.zone)
        return self.fill(
            "health",
            language,
            shared=shared,
            status=_status(heard_until, muted, now),
            heard_ago=None if heard_until is None else language.ago(now - heard_until),
            hours=hours,
            listened_s=listened_s,
            lost_s=lost_s,
            session=session,
            waiting=waiting,
            oldest_ago=None if oldest is None else language.ago(now - oldest),
            used_mb=used_bytes / 1e6,
            plot=_plot(lambda frame: bars_plot(bars, frame, words)),
        )

    def _hours_plot(self, hours: Sequence[Hour], language: Language) -> Pair:
        words = language(
            "chart_hours_aria",
            coughs=language.coughs(sum(hour.count for hour in hours)),
            hours=language.hours(sum(hour.listened_s for hour in hours)),
        )
        bars = count_bars(hours, language, self.zone)
        return _plot(lambda frame: bars_plot(bars, frame, words))

    def _mark(self, event: StoredEvent, language: Language) -> str:
        return f"{language.clock(event.onset_unix_s, self.zone)} {language.label(event.label)}"


def _plot(draw: Callable[[Frame], Drawing]) -> Pair:
    return pair(lambda width: draw(Frame(width, _HEIGHT_PX)), _WIDE_PX)


def _older(first: date, oldest: date) -> str | None:
    """Address of the nights before those that begin on a day; None where none are kept."""
    return f"/nights?before={first}" if first > oldest else None


def _newer(last: date, newest: date) -> str | None:
    """Address of the nights after those that end on a day; None where none are kept."""
    if last >= newest:
        return None
    end = last + timedelta(days=NIGHTS_A_PAGE)
    return "/nights" if end >= newest else f"/nights?before={end + timedelta(days=1)}"


def _hours(reader: Reader, start_unix_s: float, end_unix_s: float) -> list[Hour]:
    spans = reader.spans(start_unix_s, end_unix_s)
    onsets = reader.onsets(TREND_LABEL, start_unix_s, end_unix_s)
    return by_hour(spans, onsets, start_unix_s, end_unix_s)


def _counts_coughs(reader: Reader, kept: Sequence[Night]) -> bool:
    """Whether what listens reports coughs; taken for granted where nothing says what it does."""
    labels = reader.labels() or (kept[-1].heard if kept else ())
    return not labels or TREND_LABEL in labels


def _standing(nights: Sequence[NightView]) -> AlertSpan | None:
    """The alert that stands; None when none does."""
    if not nights or not nights[-1].alert:
        return None
    return alert_spans(nights)[-1]


def _status(heard_until_unix_s: float | None, muted: bool, now: float) -> str:
    """The key of the word for what the microphone does."""
    if muted:
        return "muted"
    if heard_until_unix_s is None or now - heard_until_unix_s > SILENT_AFTER_S:
        return "silent"
    return "listening"

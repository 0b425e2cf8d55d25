"""The long view: a dot and an interval for each night, over the person's usual range."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from edge.pages.drawing.shapes import (
    Dot,
    Drawing,
    Frame,
    Label,
    Line,
    Polygon,
    Rect,
    Shape,
    ticks,
    value_axis,
)
from edge.pages.nights import has_alert
from edge.pages.texts import Language
from edge.trend import NightView

_LABEL_PX = 60.0
_ROOM = 1.3  # the axis ends this far above the highest night, and long intervals are cut there
_GAP_PX = 6.0  # height of the mark of a night without a rate
# Its width at least: a small phone shows a drawing at three quarters of its size, and a mark
# thinner than a pixel is lost there.
_LEAST_GAP_PX = 1.5
# Intervals that stand closer than this run into one another and cover the usual range.
_LEAST_PITCH_PX = 3.0
_ARROW_PX = 4.0  # height of the arrow on an interval that goes on above the axis


def nights_plot(
    days: Sequence[tuple[date, NightView | None]], frame: Frame, language: Language
) -> Drawing:
    """Draw coughs an hour over the nights.

    Args:
        days: nights of consecutive days, the oldest first, at least one; None where none was
            kept.
        frame: where.
        language: of the words, the titles and the dates below.
    """
    shown = [view for _, view in days if view is not None]
    rates = [view.rate_per_h for view in shown if view.rate_per_h is not None]
    ranges = [view.baseline_high for view in shown if view.baseline_high is not None]
    highs = [view.high for view in shown if view.high is not None]
    top = min(_ROOM * max([*rates, *ranges, 1.0]), max([*highs, *ranges, 1.0]))
    values = ticks(top)
    pitch = frame.inner_width / len(days)
    middles = [frame.left + (k + 0.5) * pitch for k in range(len(days))]
    shapes: list[Shape] = [*_usual(days, middles, pitch, frame, values[-1])]
    shapes += value_axis(frame, values)
    for x, (day, view) in zip(middles, days, strict=True):
        shapes += _night(x, day, view, frame, values[-1], pitch, language)
    every = max(1, -int(-_LABEL_PX // pitch))
    for k in range(0, len(days), every):
        text = language.short_day(days[k][0])
        shapes.append(Label(middles[k], frame.floor + 16, text, "middle"))
    words = language(
        "chart_trend_aria",
        nights=sum(view.listened for view in shown),
        alerts=sum(has_alert(view) for view in shown),
    )
    return Drawing(frame.width, frame.height, tuple(shapes), words)


def _night(
    x: float,
    day: date,
    view: NightView | None,
    frame: Frame,
    top: float,
    pitch: float,
    language: Language,
) -> Iterator[Shape]:
    if view is None or view.rate_per_h is None or view.low is None or view.high is None:
        words = "no_rate" if view is not None and view.listened else "not_monitored"
        title = language("titled", name=language.day(day), what=language(words))
        width = max(pitch - 1, pitch / 2, _LEAST_GAP_PX)
        yield Rect(x - width / 2, frame.floor - _GAP_PX, width, _GAP_PX, "gap", title)
        return
    title = language(
        "point_title",
        day=language.day(day),
        rate=language.number(view.rate_per_h),
        span=language.span(view.low, view.high),
        hours=language.hours(view.covered_s),
    )
    radius = min(4.5, max(2.2, pitch * 0.36))
    y = frame.y(view.rate_per_h, top)
    role = "alert" if has_alert(view) else "point"
    if pitch >= _LEAST_PITCH_PX:
        yield from _interval(x, view.low, view.high, frame, top, pitch, f"whisker {role}-line")
    if role == "alert":  # another shape as well: not everybody tells the colours apart
        r = radius * 1.45
        yield Polygon(((x, y - r), (x + r, y), (x, y + r), (x - r, y)), role, title)
    else:
        yield Dot(x, y, radius, role, title)


def _interval(
    x: float, low: float, high: float, frame: Frame, top: float, pitch: float, role: str
) -> Iterator[Line]:
    """A line from bound to bound; an arrow at the top of the axis where it goes on."""
    end = frame.y(high, top)
    yield Line(x, frame.y(low, top), x, end, role)
    if high > top:
        half = min(3.0, pitch / 3)
        yield Line(x, end, x - half, end + _ARROW_PX, role)
        yield Line(x, end, x + half, end + _ARROW_PX, role)


def _usual(
    days: Sequence[tuple[date, NightView | None]],
    middles: Sequence[float],
    pitch: float,
    frame: Frame,
    top: float,
) -> Iterator[Polygon]:
    """The band of the usual range, one polygon for each stretch of nights that have it."""
    known = [
        (x, view.baseline_low, view.baseline_high)
        if view is not None and view.baseline_low is not None and view.baseline_high is not None
        else None
        for x, (_, view) in zip(middles, days, strict=True)
    ]
    for there, group in groupby(known, lambda item: item is not None):
        if there:
            stretch = [item for item in group if item is not None]
            edges = [(stretch[0][0] - pitch / 2, *stretch[0][1:]), *stretch]
            edges.append((stretch[-1][0] + pitch / 2, *stretch[-1][1:]))
            upper = [(x, frame.y(high, top)) for x, _, high in edges]
            lower = [(x, frame.y(low, top)) for x, low, _ in reversed(edges)]
            yield Polygon((*upper, *lower), "usual")

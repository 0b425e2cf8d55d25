"""Plots: nothing outside of the frame, nothing left out, and valid SVG."""

from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.pages.drawing import Bar, Frame, bars_plot, nights_plot, pair, strip_plot, svg
from edge.pages.drawing.shapes import Dot, Line, Polygon, Rect, ticks
from edge.pages.texts import language
from edge.trend import NightView

FRAME = Frame(700, 240)
DAY = date(2026, 3, 1)
EN = language("en")


def view(rate: float | None, alert: bool = False, usual: bool = False) -> NightView:
    """A night with an interval around its rate."""
    low, high = (None, None) if rate is None else (rate / 2, rate * 2 + 1)
    band = (1.0, 3.0) if usual else (None, None)
    return NightView(DAY, 5, 3e4, rate, low, high, *band, alert, True, 0.0, 3e4)


def inside(drawing) -> bool:
    """Whether every mark lies in the frame."""
    boxes = []
    for shape in drawing.shapes:
        match shape:
            case Rect(x, y, width, height):
                boxes.append((x, y, x + width, y + height))
            case Line(x1, y1, x2, y2):
                boxes.append((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))
            case Dot(x, y):
                boxes.append((x, y, x, y))
            case Polygon(points):
                xs, ys = zip(*points, strict=True)
                boxes.append((min(xs), min(ys), max(xs), max(ys)))
    return all(
        x0 >= 0 and y0 >= 0 and x1 <= drawing.width and y1 <= drawing.height
        for x0, y0, x1, y1 in boxes
    )


@given(st.just(0.0) | st.floats(1e-6, 1e6), st.integers(2, 10))
def test_ticks_are_round_and_reach(largest: float, most: int):
    """The axis starts at zero, reaches the largest value, and has few steps of 1, 2 or 5."""
    values = ticks(largest, most)
    assert values[0] == 0
    assert values[-1] >= largest * (1 - 1e-9)
    assert 2 <= len(values) <= most + 2
    digit = f"{values[1]:e}"[0]
    assert digit in "125"


rates = st.lists(st.none() | st.floats(0, 500), min_size=1, max_size=366)


@settings(deadline=None, max_examples=50)
@given(rates, st.booleans())
def test_each_night_has_one_mark(found: list[float | None], usual: bool):
    """A night with a rate is a dot or a diamond, one without is a gap, and all fit."""
    days = [
        (DAY + timedelta(days=k), view(rate, alert=k % 3 == 0, usual=usual))
        for k, rate in enumerate(found)
    ]
    drawing = nights_plot(days, FRAME, EN)
    roles = [shape.role for shape in drawing.shapes if getattr(shape, "title", "")]
    known = [rate is not None for rate in found]
    assert roles.count("gap") == known.count(False)
    assert roles.count("alert") == sum(there for there in known[::3])
    assert roles.count("alert") + roles.count("point") == known.count(True)
    assert inside(drawing)


def test_a_day_without_a_night_is_a_gap_and_cuts_the_band():
    """A missing night is neither zero coughs nor part of a usual range."""
    days = [(DAY + timedelta(days=k), view(2.0, usual=True)) for k in range(5)]
    days[2] = (days[2][0], None)
    roles = [getattr(shape, "role", "") for shape in nights_plot(days, FRAME, EN).shapes]
    assert roles.count("gap") == 1
    assert roles.count("usual") == 2
    assert roles.count("point") == 4


def plotted(night: NightView, count: int, width: float = 700.0):
    """The plot of so many nights that are alike."""
    days = [(DAY + timedelta(days=k), night) for k in range(count)]
    return nights_plot(days, Frame(width, 240), EN)


def whiskers(night: NightView, count: int, width: float = 700.0) -> list[Line]:
    """The lines of their intervals, with the strokes of their arrows."""
    shapes = plotted(night, count, width).shapes
    return [shape for shape in shapes if isinstance(shape, Line) and "whisker" in shape.role]


def test_an_interval_that_is_cut_ends_in_an_arrow():
    """A line that goes on above the axis says so; one that ends inside has no mark."""
    (whole,) = whiskers(replace(view(2.0), high=2.5), 1)
    assert whole.y2 >= FRAME.top
    cut = replace(view(2.0), high=900.0)
    line, *arrow = whiskers(cut, 1)
    assert line.y2 == FRAME.top
    assert [(stroke.x1, stroke.y1) for stroke in arrow] == [(line.x2, line.y2)] * 2
    assert {stroke.x2 < line.x2 for stroke in arrow} == {True, False}
    assert all(stroke.y2 > line.y2 for stroke in arrow)
    assert "an arrow" in EN("how_to_read_lines")


@pytest.mark.parametrize(("width", "most"), [(344.0, 90), (700.0, 200)])
def test_a_year_shows_the_band_and_the_gaps(width: float, most: int):
    """Lines that would run into one another are left out, and no gap is thinner than a pixel."""
    night = replace(view(2.0, usual=True), high=3.5)
    assert len(whiskers(night, most, width)) == most
    assert whiskers(night, 365, width) == []
    shapes = plotted(view(None), 365, width).shapes
    # A phone of 320 px shows the narrow drawing at 0.76 of its size.
    assert min(shape.width for shape in shapes if isinstance(shape, Rect)) * 0.76 > 1


def test_a_night_too_short_for_a_rate_was_monitored():
    """The words count it, as the report does, and no alert is counted that is not drawn."""
    days = [(DAY, replace(view(None, alert=True), covered_s=1800.0))]
    days += [(DAY + timedelta(days=1), replace(view(None), covered_s=0.0))]
    days += [(DAY + timedelta(days=2), view(2.0)), (DAY + timedelta(days=3), None)]
    words = nights_plot(days, FRAME, EN).words
    assert words == EN("chart_trend_aria", nights=2, alerts=0)


def test_a_pair_is_the_same_plot_in_two_widths():
    """Each has its own width, so that neither is scaled down to the other's place."""
    wide, narrow = pair(lambda width: strip_plot([], 1.0, ("", "", ""), Frame(width, 80), ""), 760)
    assert (wide.width, narrow.width) == (760, 344)


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(-0.1, 1.1)), min_size=1, max_size=60))
def test_bars_stay_in_the_frame(values: list[tuple[float, float]]):
    """Each value is one bar; time not listened to is grey in proportion."""
    bars = [Bar(value, share, "x", "title") for value, share in values]
    drawing = bars_plot(bars, FRAME, "words")
    rects = [shape for shape in drawing.shapes if isinstance(shape, Rect)]
    assert sum(rect.role == "bar" for rect in rects) == len(bars)
    for rect in rects:
        assert rect.role in ("bar", "gap")
        assert rect.height <= FRAME.inner_height + 1e-9
    assert inside(drawing)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_svg_is_xml_whatever_the_words(words: str):
    """No text can break out of the picture."""
    drawing = strip_plot([(0.0, words), (-3.0, words)], 10.0, ("a", words, "b"), FRAME, words)
    root = ElementTree.fromstring(svg(drawing, "plot"))
    assert root.attrib["aria-label"] == words
    assert root.attrib["role"] == "img"
    assert [element.text or "" for element in root.iter("title")] == ([words] * 2 if words else [])

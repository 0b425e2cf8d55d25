"""Sorting into hours: no event and no second of listening is lost or counted twice."""

from datetime import UTC
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pages.hourly import by_hour, count_bars, coverage_bars
from edge.pages.texts import language
from edge.store import Span

T0 = 1_772_359_200.0  # 2026-03-01T10:00:00Z, a full hour


@given(
    st.lists(st.floats(-7200, 30_000), max_size=50),
    st.integers(0, 3599),
    st.integers(1, 20_000),
)
def test_each_event_of_the_stretch_is_in_one_hour(onsets: list[float], at: int, length: int):
    """The hours together hold what lies in the stretch, and they cover it without a gap."""
    start, end = T0 + at, T0 + at + length
    hours = by_hour([], [T0 + onset for onset in onsets], start, end)
    assert sum(hour.count for hour in hours) == sum(start <= T0 + x < end for x in onsets)
    assert hours[0].start_unix_s == start
    assert hours[-1].end_unix_s == end
    assert all(a.end_unix_s == b.start_unix_s for a, b in pairwise(hours))


def test_listening_is_cut_to_the_stretch():
    """Half of an hour's coverage counts when half of it lies in the stretch."""
    spans = [Span(T0, 3600.0, 3000.0, 600.0), Span(T0 + 3600, 1800.0, 1800.0, 0.0)]
    hours = by_hour(spans, [T0 + 1900, T0 + 3700], T0 + 1800, T0 + 7200)
    assert [hour.listened_s for hour in hours] == pytest.approx([1500.0, 1800.0])
    assert [hour.count for hour in hours] == [1, 1]
    assert hours[0].share == pytest.approx(1500 / 1800)


def test_the_bars_say_what_they_show():
    """A bar's words hold the hour, the count and the minutes."""
    hours = by_hour([Span(T0, 3600.0, 1800.0, 0.0)], [T0 + 5], T0, T0 + 3600)
    (bar,) = count_bars(hours, language("en"), UTC)
    assert (bar.value, bar.share) == (1.0, 0.5)
    assert bar.title == "10:00–11:00: 1 cough, 30 of 60 min listened to"
    assert coverage_bars(hours, language("en"), UTC)[0].value == 30.0

"""Sorting into hours: no event and no second of listening is lost or counted twice."""

import time
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

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


def test_an_hour_without_listening_has_no_count():
    """Its bar says that nothing was listened to, in each language, and no number of coughs."""
    hours = by_hour([Span(T0, 3600.0, 0.0, 3600.0)], [], T0, T0 + 3600)
    (english,) = count_bars(hours, language("en"), UTC)
    (chinese,) = coverage_bars(hours, language("zh"), UTC)
    assert english.title == "10:00–11:00: not listened to"
    assert chinese.title == "10:00–11:00：未监测"


@pytest.mark.parametrize(
    ("night", "hours"),
    [
        (
            datetime(2025, 10, 26),
            ["01:00–02:00", "02:00 (UTC+02:00)–02:00 (UTC+01:00)", "02:00–03:00"],
        ),
        (
            datetime(2026, 3, 29),
            ["00:00–01:00", "01:00 (UTC+01:00)–03:00 (UTC+02:00)", "03:00–04:00"],
        ),
    ],
    ids=["autumn", "spring"],
)
def test_hours_at_a_clock_change_are_told_apart(monkeypatch, night: datetime, hours: list[str]):
    """Where the clock is changed within an hour, its times have their offsets from UTC."""
    berlin, t = ZoneInfo("Europe/Berlin"), language("en")
    change = night.replace(hour=1, tzinfo=UTC).timestamp()  # when Europe changes its clocks
    stretch = by_hour([], [], change - 7200, change + 3600)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for zone in (berlin, None):  # None is the device's own
            spans = [(hour.start_unix_s, hour.end_unix_s) for hour in stretch]
            assert [t.times(*span, zone) for span in spans] == hours
            day = t.short_day(night)
            assert [t.short_times(*span, zone) for span in spans] == [f"{day} {x}" for x in hours]
            assert hours[1] in count_bars(stretch, t, zone)[1].title
    finally:
        monkeypatch.undo()
        time.tzset()

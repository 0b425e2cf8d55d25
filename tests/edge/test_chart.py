"""The control chart: what is usual, when an alert begins and ends, and what may not raise one."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.trend import charted
from benchmarks.trend_homes import Household, measure, nights
from edge.trend import chart as chart_module
from edge.trend.chart import SHAPES, Chart, Rules, log_likelihood

RULES = Rules()
USUAL = [18, 25, 20, 15, 22]  # coughs of nights that are much like each other


def test_the_likelihood_is_the_negative_binomial():
    """Differences between two means are those that SciPy gives, for every shape."""
    count = np.array([0.0, 1.0, 17.0, 400.0])
    ours = log_likelihood(count, count * 0 + 30.0) - log_likelihood(count, count * 0 + 12.0)

    def theirs(mean: float) -> np.ndarray:
        return scipy.stats.nbinom.logpmf(count[:, None], SHAPES, SHAPES / (SHAPES + mean))

    np.testing.assert_allclose(ours, theirs(30.0) - theirs(12.0), rtol=1e-9, atol=1e-9)
    z = np.array([1e-3, 0.5, 1.0, 7.3, 60.0, 1e5])
    expected = [math.lgamma(value) for value in z]
    np.testing.assert_allclose(chart_module._log_gamma(z), expected, rtol=1e-9, atol=1e-9)


def fed(counts: list[float], hours: list[float] | None = None) -> tuple[Chart, list[bool]]:
    """A chart of one home after some nights, and whether an alert stood at the end of each."""
    chart, alerts = Chart(), []
    for count, span in zip(counts, hours or [9.0] * len(counts), strict=True):
        chart.push(np.array([float(count)]), np.array([span]))
        alerts.append(bool(chart.alert[0]))
    return chart, alerts


def test_the_usual_range_holds_the_usual_nights():
    """After a month the range lies about the mean, and is SciPy's where one shape has it all."""
    chart, _ = fed(6 * USUAL)
    low, high = chart.usual().counts(9.0, 0.05)
    assert low <= 15 < 20 < 25 <= high
    mean = chart.rate_per_hour[0] * 9
    single = replace(chart.usual(), weights=np.eye(len(SHAPES))[4])
    theirs = scipy.stats.nbinom(SHAPES[4], SHAPES[4] / (SHAPES[4] + mean)).ppf((0.05, 0.95))
    assert single.counts(9.0, 0.05) == tuple(theirs)


def test_nothing_is_judged_before_it_is_learnt():
    """However loud a night is, there is no alert in the first three weeks."""
    _, alerts = fed([5] * 10 + [500] * (RULES.learn_nights - 10))
    assert not any(alerts)


@settings(deadline=None, max_examples=12)
@given(count=st.integers(0, 100_000), hours=st.floats(2.0, 14.0))
def test_one_odd_night_raises_no_alert(count, hours):
    """A visitor, a television: a single night, be it ever so loud, never raises an alert."""
    _, alerts = fed([*6 * USUAL, count, *USUAL], [9.0] * 30 + [hours] + [9.0] * 5)
    assert not any(alerts)


def test_a_doubling_is_told_and_its_end_too():
    """Twice the coughs raise an alert within five nights; back to usual, it ends."""
    _, alerts = fed([*6 * USUAL, *(2 * count for count in USUAL), *2 * USUAL])
    assert not any(alerts[:30])
    assert any(alerts[30:35])
    assert not alerts[-1]


def test_a_level_that_stays_becomes_usual():
    """After four weeks of alert the new level is the baseline, and the alert ends by itself."""
    chart, alerts = fed([*6 * USUAL, *(3 * count for count in 10 * USUAL)])
    raised = alerts.index(True)
    assert alerts[raised : raised + RULES.adopt_nights - 1] == [True] * (RULES.adopt_nights - 1)
    assert not any(alerts[raised + RULES.adopt_nights :])
    assert chart.rate_per_hour[0] == pytest.approx(60 / 9, rel=0.1)


def test_a_slow_drift_is_followed():
    """Coughs that double over a year raise no alert."""
    drift = [USUAL[day % 5] * 2 ** (day / 365) for day in range(365)]
    _, alerts = fed([round(count) for count in drift])
    assert not any(alerts)


@settings(deadline=None, max_examples=8)
@given(gaps=st.lists(st.integers(0, 39), max_size=10), short=st.floats(0.0, 1.99))
def test_nights_that_were_not_monitored_say_nothing(gaps, short):
    """Nights of too few hours, anywhere and with any count, leave the chart as it was."""
    counts = [*6 * USUAL, *(2 * count for count in 2 * USUAL)]
    plain, expected = fed(counts)
    hours = [9.0] * 40
    for gap in sorted(gaps, reverse=True):
        counts, hours = (
            [*counts[:gap], 1_000, *counts[gap:]],
            [*hours[:gap], short, *hours[gap:]],
        )
    chart, alerts = fed(counts, hours)
    assert [a for a, h in zip(alerts, hours, strict=True) if h == 9.0] == expected
    assert chart.score == plain.score
    assert chart.rate_per_hour == plain.rate_per_hour


def test_homes_do_not_know_of_each_other():
    """A chart of many homes gives each what a chart of its own would."""
    count, hours = nights(Household(5.0, 0.4), 20, 60, np.random.default_rng(3))
    together = charted(count, hours)
    for home in (0, 7, 19):
        alone = charted(count[[home]], hours[[home]])
        np.testing.assert_array_equal(together[:, home], alone[:, 0])


@pytest.mark.parametrize("household", [Household(5.0, 0.2), Household(10.0, 0.3)])
def test_the_aim_is_met_in_simulated_households(household):
    """At most one false alert a year, and nine of ten doublings within five nights."""
    change_at = 180
    counts = nights(household, 150, change_at, np.random.default_rng(2026))
    result = measure(charted(*counts), change_at)
    assert result.false_per_year <= 1.0
    assert result.within >= 0.9


def test_the_measure_can_fail():
    """Coughs that do not double are not found, and a chart that always alerts is no use."""
    alerts = np.zeros((20, 4), dtype=bool)
    assert measure(alerts, 10).within == 0.0
    alerts[5] = True  # for one night
    assert measure(alerts, 10).false_per_year == pytest.approx(36.5)


@pytest.mark.parametrize("times", [3, 10, 50])
@pytest.mark.parametrize("at", [0, 6, 20])
def test_an_odd_night_while_learning_hides_nothing(times, at):
    """One loud night in the first weeks neither moves the usual rate nor covers a change."""
    first = [*6 * USUAL][:21]
    odd = [*first[:at], times * 20, *first[at + 1 :]]
    plain, _ = fed(first)
    chart, _ = fed(odd)
    assert chart.rate_per_hour[0] < 1.2 * plain.rate_per_hour[0]
    _, alerts = fed([*odd, *2 * USUAL, *(2 * count for count in USUAL)])
    assert not any(alerts[:31])
    assert alerts[-1]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.booleans(), min_size=40, max_size=40))
def test_a_home_without_coughs_forgets_two_nights_with_some(loud):
    """Six coughs in two nights, apart or together, raise no alert where there are none else."""
    places = [place for place, is_loud in enumerate(loud) if is_loud][:2]
    _, alerts = fed([0.0] * 60 + [6.0 if place in places else 0.0 for place in range(40)])
    assert not any(alerts)


def test_many_coughs_where_there_are_none_are_told():
    """Two coughs an hour, night by night, raise an alert in a home that usually has none."""
    _, alerts = fed([0.0] * 60 + [18.0] * 5)
    assert not any(alerts[:60])
    assert alerts[-1]

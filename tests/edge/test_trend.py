"""The long view: rates with their uncertainty, the usual range, alerts and their words."""

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.trend import charted
from benchmarks.trend_homes import Household, measure, nights
from edge.bundle import load_bundle
from edge.card import measured_detectors
from edge.records import Detector, Heard, Night
from edge.trend import Change, judge, rate, reason, views
from edge.trend import chart as chart_module
from edge.trend.chart import SHAPES, Chart, Rules, log_likelihood
from edge.trend.rate import spread

HOME = Detector(0.67, 375, 6.5, 4.0)
RULES = Rules()
USUAL = [18, 25, 20, 15, 22]  # coughs of nights that are much like each other

detectors = st.none() | st.builds(
    Detector,
    st.floats(0.05, 1.0),
    st.integers(1, 10_000),
    st.floats(0.0, 200.0),
    st.floats(0.1, 1_000.0),
)


def heard(count: int, detector: Detector | None = None) -> Heard:
    """Coughs that each come alone."""
    return Heard(count, count, detector)


def night(day: int, count: int, hours: float = 9.0, *, model: str = "a", alert=None) -> Night:
    """A night with so many coughs."""
    start = 86_400.0 * day
    return Night(
        date(2026, 1, 1) + timedelta(day),
        start,
        start + 43_200.0,
        {"cough": heard(count, HOME)},
        3600.0 * hours,
        0.0,
        model,
        alert,
    )


def month(*more: int, model: str = "a") -> list[Night]:
    """Thirty usual nights, and some more."""
    return [night(day, count, model=model) for day, count in enumerate([*6 * USUAL, *more])]


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(0, 5_000),
    per_spell=st.floats(1, 20),
    monitored_s=st.floats(1, 86_400),
    detector=detectors,
)
def test_a_rate_lies_in_its_interval(count, per_spell, monitored_s, detector):
    """Whatever was heard by whichever detector, the interval is in order and above zero."""
    spells = min(count, math.ceil(count / per_spell))
    found = rate(Heard(count, spells, detector), monitored_s)
    assert 0 <= found.low <= found.per_hour <= found.high < math.inf
    assert found.corrected is (detector is not None)


@settings(deadline=None, max_examples=30)
@given(count=st.integers(0, 500), hours=st.floats(1, 14), detector=detectors)
def test_more_coughs_are_a_higher_rate(count, hours, detector):
    """Of two nights of one length, the one with more reports has the higher estimate."""
    fewer, more = (rate(heard(n, detector), 3600 * hours) for n in (count, count + 25))
    assert fewer.per_hour < more.per_hour
    assert fewer.high < more.high


def test_a_dead_microphone_has_no_rate():
    """Nothing monitored is no rate, and not a rate of zero."""
    assert rate(heard(0, HOME), 0.0) is None
    assert rate(heard(0, HOME), 0.9) is None
    assert rate(heard(0, HOME), 3600.0).low < 0.01


@pytest.mark.parametrize("variance_ratio", [1, 3])
def test_the_interval_holds_the_truth_as_often_as_it_says(variance_ratio):
    """Over 400 nights with single coughs, and with spells of two, 95 % hold the true rate."""
    rng = np.random.default_rng(1)
    spell, truth, hours = (variance_ratio + 1) / 2, 4.0, 8.0
    hits = 0
    for _ in range(400):
        spells = rng.poisson(truth * hours / spell)
        count = int(rng.geometric(1 / spell, spells).sum())
        found = rate(Heard(count, spells), 3600 * hours)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_the_correction_undoes_the_detector():
    """A detector that misses a third and invents little is corrected by that third."""
    good = Detector(2 / 3, 100_000, 0.01, 10_000.0)
    raw, corrected = rate(heard(80), 36_000.0), rate(heard(80, good), 36_000.0)
    assert corrected.per_hour == pytest.approx(1.5 * raw.per_hour, rel=0.02)
    assert not raw.corrected


def test_false_alarms_widen_the_interval_downwards():
    """The more the detector invents, the less is certain, but never less than nothing."""
    found = [
        rate(heard(80, replace(HOME, false_alarms_per_hour=false)), 36_000.0)
        for false in (0.01, 1.0, 6.5, 39.0)
    ]
    assert [one.per_hour for one in found] == sorted([one.per_hour for one in found], reverse=True)
    assert found[-1].low < 0.1 * found[0].low
    assert found[-1].per_hour > 0


def test_spells_count_as_what_they_are():
    """Single coughs spread as Poisson counts do, and spells more."""
    assert spread(heard(20)) == 1.0
    assert 3.0 < spread(Heard(19, 9)) < 4.0
    assert spread(Heard(1999, 999)) == pytest.approx(3.0, abs=0.1)
    assert spread(Heard(0, 0)) == 1.0


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


def test_minutes_of_listening_give_no_rate():
    """A device that started just before the night's end heard too little to say a rate of."""
    shown = views([*month(), night(30, 1, hours=0.1), night(31, 6, hours=1.0)])
    short, hour = shown[-2:]
    assert (short.coughs, short.covered_s, short.rate_per_h) == (1, 360.0, None)
    assert hour.rate_per_h is not None


def test_a_view_of_each_night():
    """Counts, coverage, rate and the usual range, which is not known in the first weeks."""
    shown = views([*month(), night(30, 0, hours=0.0), night(31, 20)])
    assert [view.coughs for view in shown[:5]] == USUAL
    assert shown[0].date == date(2026, 1, 1)
    assert {view.baseline_low for view in shown[: RULES.learn_nights]} == {None}
    dead, last = shown[-2:]
    assert (dead.rate_per_h, dead.low, dead.high, dead.baseline_high) == (None,) * 4
    assert last.covered_s == 32_400.0
    assert last.baseline_low < last.rate_per_h < last.baseline_high
    assert last.corrected
    assert not any(view.alert for view in shown)


@settings(deadline=None, max_examples=6)
@given(counts=st.lists(st.integers(0, 80), min_size=25, max_size=45), data=st.data())
def test_the_past_does_not_change(counts, data):
    """What is shown of a night does not depend on those after it."""
    all_nights = [night(day, count) for day, count in enumerate(counts)]
    until = data.draw(st.integers(1, len(counts)))
    assert views(all_nights)[:until] == views(all_nights[:until])


def test_a_verdict_is_unknown_while_learning():
    """None in the first weeks, then false, then an alert with the nights that speak for it."""
    all_nights = month(60, 66)
    assert judge([]).alert is None
    assert judge(all_nights[:20]).alert is None
    assert judge(all_nights[:21]).alert is False
    assert judge(all_nights[:31]).alert is False
    verdict = judge(all_nights)
    assert verdict.alert is True
    assert verdict.change.since == date(2026, 1, 31)
    assert (verdict.change.nights, verdict.change.rate_per_h) == (2, pytest.approx(7.0))
    assert verdict.change.usual_low_per_h < 20 / 9 < verdict.change.usual_high_per_h < 5
    assert verdict.change.usual_per_h == pytest.approx(20 / 9, rel=0.1)
    assert views(all_nights)[-1].change == verdict.change


def test_what_was_told_stays_told():
    """An alert that was told stands although its history is gone, and is not told again."""
    told = replace(night(31, 66), alert=True)
    assert judge([*month(60), told]).change.raised
    after = judge([told, night(32, 66)])
    assert after.alert is True
    assert after.change is None
    quiet = [replace(one, alert=False) for one in month(60, 66)]
    assert not any(view.alert for view in views(quiet))


def test_another_bundle_begins_anew():
    """Counts of two bundles are not compared: the alert ends, and the range is learnt again."""
    all_nights = month(60, 66)
    verdict = judge([*all_nights, night(32, 66, model="b")])
    assert verdict.alert is None
    assert (verdict.change.raised, verdict.change.cause) == (False, "bundle")
    assert judge([*month(), *(night(30 + k, 60, model="b") for k in range(5))]).alert is None


def test_a_bundle_that_hears_no_coughs_has_no_trend():
    """A chest bundle's nights are left out, and never read as nights without a cough."""
    other = replace(night(40, 0), heard={"crackle": heard(3)})
    assert views([other]) == []
    assert judge([*month(60, 66), other]).alert is None


@pytest.mark.parametrize("cause", ["more", "usual", "adopted", "bundle"])
def test_the_reason_is_in_words(cause):
    """Each cause has its sentences in both languages, and none of them is a diagnosis."""
    words = reason(Change(cause == "more", cause, date(2026, 2, 1), 1, 12.34, 1.26, 3.0, 2.04))
    assert set(words) == {"en", "zh"}
    assert "not a diagnosis" in words["en"]
    assert "不作诊断" in words["zh"]
    for text in words.values():
        assert "{" not in text
    for word in ("asthma", "pneumonia", "infection", "disease", "you have"):
        assert word not in words["en"].lower()
    if cause == "more":
        assert (
            "counted 12 an hour in 1 night, since 2026-02-01; here it usually counts 2.0"
            in (words["en"])
        )
        assert "1个夜晚" in words["zh"]


FIGURES = {"sensitivity": 0.7, "true": 300, "false_alarms_per_hour": 2.0, "hours": 4.0}


def test_the_detector_is_what_the_card_says():
    """Figures of a home come before those of validation; a label without any has none."""
    card = {"figures": {"validation": {"cough": FIGURES}, "home": {"snore": FIGURES}}}
    expected = Detector(0.7, 300, 2.0, 4.0)
    assert measured_detectors(card, ["cough", "snore", "sneeze"]) == {
        "cough": expected,
        "snore": expected,
    }
    better = {**card["figures"], "home": {"cough": {**FIGURES, "sensitivity": 0.9}}}
    assert measured_detectors({"figures": better}, ["cough"])["cough"].sensitivity == 0.9
    assert measured_detectors({}, ["cough"]) == {}
    assert set(measured_detectors(load_bundle("room").card, ["cough"])) == {"cough"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sensitivity", 0.0),
        ("sensitivity", 1.1),
        ("sensitivity", math.nan),
        ("sensitivity", "good"),
        ("true", 0),
        ("false_alarms_per_hour", -1.0),
        ("false_alarms_per_hour", math.inf),
        ("hours", 0.0),
        ("hours", None),
    ],
)
def test_figures_that_cannot_be_are_none(field, value):
    """A card with impossible figures gives uncorrected rates, and no wrong ones."""
    card = {"figures": {"validation": {"cough": {**FIGURES, field: value}}}}
    assert measured_detectors(card, ["cough"]) == {}

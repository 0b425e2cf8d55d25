"""The long view: rates with their uncertainty, the usual range, alerts and their words."""

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundle import load_bundle
from edge.card import measured_detectors
from edge.records import Accuracy, Heard, Night
from edge.trend import Change, judge, rate, reason, views
from edge.trend.chart import Rules
from edge.trend.rate import spread
from edge.trend.words import sentences

HOME = Accuracy(0.67, 375, 6.5, 4.0)
RULES = Rules()
USUAL = [18, 25, 20, 15, 22]  # coughs of nights that are much like each other

detectors = st.none() | st.builds(
    Accuracy,
    st.floats(0.05, 1.0),
    st.integers(1, 10_000),
    st.floats(0.0, 200.0),
    st.floats(0.1, 1_000.0),
)


def heard(count: int, detector: Accuracy | None = None) -> Heard:
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
    good = Accuracy(2 / 3, 100_000, 0.01, 10_000.0)
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
    if cause != "bundle":  # it has no figures
        assert "not corrected" in words["en"]
        assert "未经误差校正" in words["zh"]


def test_a_reader_has_their_own_dates():
    """Over MQTT a day is ISO 8601; a page writes it as it writes every other."""
    change = Change(True, "more", date(2026, 2, 1), 2, 12.34, 1.26, 3.0, 2.04)
    words = reason(change)
    for code in ("en", "zh"):
        assert "2026-02-01" in words[code]
        assert words[code] == sentences(change, code, date.isoformat)
        written = sentences(change, code, lambda day: f"<{day.day}/{day.month}>")
        assert written == words[code].replace("2026-02-01", "<1/2>")


FIGURES = {"sensitivity": 0.7, "true": 300, "false_alarms_per_hour": 2.0, "hours": 4.0}


def test_what_is_hardly_there_is_not_called_nothing():
    """The least usual rate that the chart knows is told as at most that, others as they are."""
    change = Change(True, "more", date(2026, 3, 1), 5, 0.04, 0.0, 0.2, RULES.least_per_hour)
    words = reason(change)
    for told in ("0.04 an hour", "at most 0.1 an hour"):
        assert told in words["en"]
    for told in ("0.04次", "至多0.1次"):
        assert told in words["zh"]
    assert "at most" not in reason(replace(change, usual_per_h=2.0))["en"]


def test_the_detector_is_what_the_card_says():
    """Figures of a home come before those of validation; a label without any has none."""
    card = {"figures": {"validation": {"cough": FIGURES}, "home": {"snore": FIGURES}}}
    expected = Accuracy(0.7, 300, 2.0, 4.0)
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

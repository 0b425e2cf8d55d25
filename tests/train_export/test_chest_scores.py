"""The official scores, against figures worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_export.chest.labels import EVENTS, RECORDS
from train_export.chest.scores import (
    ICBHI,
    SPRSOUND,
    TASKS,
    average,
    counts,
    harmonic,
    normal_or_not,
    rated,
    sensitivity,
    specificity,
    sprsound_score,
    ternary,
)


def test_an_abnormal_event_must_get_its_very_class():
    """Task 1-2 counts a wheeze that is called a crackle as wrong; task 1-1 as right."""
    truth = ["Normal", "Normal", "Normal", "Normal", "Wheeze", "Fine Crackle"]
    found = ["Normal", "Normal", "Normal", "Wheeze", "Fine Crackle", "Fine Crackle"]
    exact = counts(truth, found, "Normal")
    assert exact.tolist() == [1, 2, 3, 4]
    assert counts(truth, found, "Normal", normal_or_not).tolist() == [2, 2, 3, 4]
    assert (sensitivity(exact), specificity(exact)) == (0.5, 0.75)
    assert harmonic(exact) == pytest.approx(0.6)
    assert sprsound_score(exact) == pytest.approx((0.625 + 0.6) / 2)


def test_poor_quality_is_a_class_of_its_own():
    """Task 2-1 merges the three adventitious classes, and poor quality with none of them."""
    truth = ["record:CAS", "record:Poor Quality", "record:DAS"]
    found = ["record:DAS", "record:DAS", "record:CAS & DAS"]
    assert counts(truth, found, "record:Normal", ternary).tolist() == [2, 3, 0, 0]


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(EVENTS)), min_size=1))
def test_merging_never_lowers_a_score(pairs):
    """What is right among seven classes is right among two."""
    truth, found = zip(*pairs, strict=True)
    exact, merged = (counts(truth, found, "Normal", TASKS[name][1]) for name in ("1-2", "1-1"))
    assert (merged >= exact).all()
    assert merged[[1, 3]].tolist() == exact[[1, 3]].tolist()


def test_always_normal_gives_a_half_and_no_harmony():
    """A machine that always says normal has an average of a half and a harmonic of zero."""
    truth = [*RECORDS]
    sums = counts(truth, ["record:Normal"] * len(truth), "record:Normal")
    assert (average(sums), harmonic(sums), sprsound_score(sums)) == (0.5, 0.0, 0.25)


def test_rates_come_with_their_intervals():
    """The interval holds the value, and a score of no abnormal unit is null, not a number."""
    rng = np.random.default_rng(2)
    people = {f"P{n}": np.array([rng.integers(1, 5), 5, rng.integers(2, 9), 9]) for n in range(30)}
    result = rated(people, SPRSOUND)
    low, high = result["Score_95"]
    assert low < result["Score"] < high
    assert (result["units"], result["people"]) == (420, 30)
    healthy = rated({"P": np.array([0.0, 0, 3, 4])}, ICBHI)
    assert (healthy["Sp"], healthy["Se"], healthy["Se_95"]) == (0.75, None, None)
    assert math.isnan(sensitivity(np.array([0.0, 0, 3, 4])))

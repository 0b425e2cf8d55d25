"""Event matching: one to one, as many pairs as possible."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_export.metrics import EventScore, concordance, match_onsets, score_events

onsets = st.lists(st.integers(0, 40), max_size=6).map(lambda xs: sorted(x / 10 for x in xs))


def most_pairs(true_s: list[float], found_s: list[float]) -> int:
    """Size of the largest matching, by trying every assignment."""
    short, long = sorted((true_s, found_s), key=len)
    return max(
        (
            sum(abs(a - b) <= 0.25 for a, b in zip(short, order, strict=True))
            for order in itertools.permutations(long, len(short))
        ),
        default=0,
    )


@given(onsets, onsets)
def test_no_matching_is_larger(true_s, found_s):
    """The greedy pairs are as many as exhaustive search finds, each index at most once."""
    pairs = match_onsets(true_s, found_s)
    assert len(pairs) == most_pairs(true_s, found_s)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


def test_one_found_event_counts_for_one_true_event():
    """A detector that merges a bout is charged for the coughs that it swallowed."""
    score = score_events([1.0, 1.2, 1.4], [1.2], 1.0)
    assert (score.matched, score.missed, score.extra) == (1, 2, 0)


def test_rates():
    """Sensitivity, precision, F1 and false alarms an hour from counts."""
    score = EventScore(8, 2, 4, 2.0) + EventScore(0, 0, 0, 2.0)
    assert score.sensitivity == 0.8
    assert score.precision == pytest.approx(8 / 12)
    assert score.f1 == pytest.approx(16 / 22)
    assert score.false_alarms_per_hour == 1.0


def test_concordance_punishes_bias():
    """Lin's coefficient is 1 for equal counts and falls with a constant factor; Pearson's not."""
    counts = [1, 5, 2, 9]
    assert concordance(counts, counts) == pytest.approx(1.0)
    doubled = [2 * count for count in counts]
    assert np.corrcoef(counts, doubled)[0, 1] == pytest.approx(1.0)
    assert concordance(counts, doubled) < 0.8

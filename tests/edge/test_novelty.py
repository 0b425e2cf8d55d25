"""How far a recording is from the known ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import BadInputError
from edge.novelty import GROUPS, STATISTICS, Novelty, statistics


def noise(seed: int, frames: int = 300) -> np.ndarray:
    """Random features with a slope over the bands, int16 [frames, 40]."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(2_400, 1_200, 40)
    return np.round(slope + rng.normal(0, 150, (frames, 40))).astype(np.int16)


@given(st.integers(-500, 500))
def test_loudness_changes_nothing(gain):
    """A constant factor on the samples is a constant on the logarithm, and leaves no trace."""
    frames = noise(1)
    louder = (frames + gain).astype(np.int16)
    assert statistics(louder) == pytest.approx(statistics(frames), abs=1e-9)


def test_silence_has_finite_statistics():
    """Digital silence has a flat spectrum that never moves."""
    found = statistics(np.zeros((1, 40), np.int16))
    assert found.shape == (STATISTICS,)
    assert (found[:GROUPS] == 0).all()
    assert np.isfinite(found).all()


def test_distance_is_in_units_of_the_limit():
    """With the unit matrix it is the squared length over the limit, and 0 at the mean."""
    frames = noise(2)
    mean = statistics(frames)
    assert Novelty(mean, np.eye(STATISTICS), 3.0).distance(frames) == pytest.approx(0)
    away = mean.copy()
    away[0] += 3.0
    assert Novelty(away, np.eye(STATISTICS), 3.0).distance(frames) == pytest.approx(3.0)


@pytest.mark.parametrize("field", ["mean", "precision", "limit"])
def test_numbers_that_do_not_fit_are_refused(field):
    """A card with a missing value, or a limit of nothing, is told in one sentence."""
    values = {"mean": [0.0] * STATISTICS, "precision": np.eye(STATISTICS).tolist(), "limit": 1.0}
    good = Novelty.from_dict(values)
    assert good.limit == 1.0
    values[field] = 0.0 if field == "limit" else values[field][1:]
    with pytest.raises(BadInputError, match="do not fit"):
        Novelty.from_dict(values)

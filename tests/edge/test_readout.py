"""Readouts: probabilities that sum to one, and where normal ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.errors import BadInputError
from edge.readout import Readout, readouts_of

READOUT = Readout(
    ("normal", "a", "b"), np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), np.zeros(3), 0.6
)
LOGIT = st.floats(-50, 50)


@given(arrays(np.float64, 2, elements=LOGIT))
def test_probabilities_are_a_distribution(inputs):
    """Whatever comes in, the chances are between 0 and 1 and sum to 1."""
    chances = READOUT.probabilities(inputs)
    assert chances.sum() == pytest.approx(1)
    assert ((chances >= 0) & (chances <= 1)).all()


def test_normal_is_the_answer_from_its_threshold():
    """Below the threshold the likeliest of the others is the answer, even if normal leads."""
    assert READOUT.decide(np.array([0.6, 0.3, 0.1])) == "normal"
    assert READOUT.decide(np.array([0.59, 0.1, 0.31])) == "b"


def test_a_card_keeps_a_readout():
    """What is written is read back to five places; a card without readouts has none."""
    again = readouts_of({"readouts": {"event": READOUT.to_dict()}})["event"]
    np.testing.assert_allclose(again.weights, READOUT.weights, atol=1e-5)
    assert (again.labels, again.normal_from) == (READOUT.labels, READOUT.normal_from)
    assert readouts_of({}) == {}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"labels": ["normal"]}, "labels"),
        ({"bias": [0.0]}, "bias"),
        ({"normal_from": 1.5}, "1.5"),
        ({"weights": "none"}, "garbles"),
        ({"labels": None}, "garbles"),
    ],
)
def test_a_wrong_readout_is_refused(change, named):
    """Shapes and values that can't work are named."""
    with pytest.raises(BadInputError, match=named):
        Readout.from_dict(READOUT.to_dict() | change)


def test_a_wrong_number_of_inputs_is_refused():
    """A readout of another model is told by its number of inputs."""
    with pytest.raises(BadInputError, match=r"\(3,\) inputs"):
        READOUT.probabilities(np.zeros(3))

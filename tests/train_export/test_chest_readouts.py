"""Readouts are fitted on held-out people, and keep to the network where nothing speaks against."""

import numpy as np
import pytest

from train_export.chest.inputs import inputs_of
from train_export.chest.labels import CYCLES, EVENTS, OUTPUTS, columns
from train_export.chest.readouts import Heard, fit_readout, network_says, official


def heard(count: int, bias: float, seed: int = 0) -> list[Heard]:
    """Events of forty people whose network favours crackles by `bias`."""
    rng = np.random.default_rng(seed)
    units = []
    for number in range(count):
        truth = rng.choice(len(EVENTS), p=[0.6, 0.02, 0.14, 0.02, 0.02, 0.18, 0.02])
        own = rng.normal(0, 1, (2, len(OUTPUTS)))
        own[:, truth] += 3
        own[:, EVENTS.index("Fine Crackle")] += bias
        inputs = inputs_of("event", own, rng.normal(0, 1, (3, len(OUTPUTS))))
        units.append(Heard("event", EVENTS[truth], f"P{number % 40}", inputs))
    return units


def test_the_network_answers_for_itself():
    """The starting point gives a unit's own mean logits, and of a record half of its peak."""
    own = np.array([[1.0, 3.0] * 9, [3.0, -1.0] * 9])
    event = network_says("event", 4 * len(OUTPUTS)) @ inputs_of("event", own, own)
    np.testing.assert_allclose(event, own.mean(axis=0)[columns("event")])
    record = network_says("record", 3 * len(OUTPUTS)) @ inputs_of("record", own, own)
    both = (own.mean(axis=0) + own.max(axis=0)) / 2
    np.testing.assert_allclose(record, both[columns("record")])
    cycle = network_says("cycle", len(OUTPUTS)) @ inputs_of("cycle", own, own)
    assert len(cycle) == len(CYCLES)


def test_a_readout_corrects_a_biased_network():
    """A network that always leans to crackles is set right, on people it was not fitted on."""
    units = heard(600, bias=2.5)
    truth = [unit.label for unit in units]
    readout, unseen = fit_readout("event", units)
    raw = np.stack([network_says("event", unit.inputs.size) @ unit.inputs for unit in units])
    raw = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    assert unseen.sum(axis=1) == pytest.approx(1)
    corrected = official("event", truth, unseen, readout.normal_from)
    assert corrected > official("event", truth, raw, 0.5) + 0.02
    assert corrected > 0.85
    fresh = heard(300, bias=2.5, seed=9)
    right = [readout.decide(readout.probabilities(unit.inputs)) == unit.label for unit in fresh]
    assert np.mean(right) > 0.8


def test_a_class_that_nobody_showed_is_never_the_answer():
    """Fitted without stridor, the readout does not say stridor."""
    units = [unit for unit in heard(300, 0.0) if unit.label != "Stridor"]
    readout, _ = fit_readout("event", units)
    chances = np.stack([readout.probabilities(unit.inputs) for unit in heard(100, 0.0, 5)])
    assert chances[:, EVENTS.index("Stridor")].max() < 1e-3

"""Shares of record classes come from other recordings, and crosswise by person."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import BadInputError
from edge.readout import Readout
from train_export.chest import settle as settle_module
from train_export.chest.labels import RECORDS
from train_export.chest.readouts import HeldOut
from train_export.chest.scores import ternary
from train_export.chest.settle import settled
from train_export.chest.units import Unit

# Fitted with all classes alike: it says what it is shown, and takes normal at a half.
PLAIN = Readout(RECORDS, np.eye(len(RECORDS)), np.zeros(len(RECORDS)), 0.5)
RARE = [0.68, 0.12, 0.15, 0.045, 0.005]  # as hardly any record is poor
COMMON = [0.60, 0.10, 0.15, 0.05, 0.10]  # as in training


def records(count: int, seed: int = 0, shares: list[float] = RARE) -> list[tuple[Unit, np.ndarray]]:
    """Records of forty people with a clear, a blurred and a confusable answer of the network."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        truth = rng.choice(len(RECORDS), p=shares)
        inputs = rng.normal(0, 1, len(RECORDS))
        inputs[truth] += 1.5
        name = f"{number}.wav"
        place = Path(name), name, "record", RECORDS[truth], 0.0, 9.0
        found.append((Unit(*place, "made", f"P{number % 40}", "scope", "test_intra"), inputs))
    return found


def held_out(heard: list[tuple[Unit, np.ndarray]]) -> HeldOut:
    """What the plain readout says of records of the training half."""
    chances = np.stack([PLAIN.probabilities(inputs) for _, inputs in heard])
    return HeldOut([unit.label for unit, _ in heard], chances)


UNSEEN = held_out(records(600, 2, COMMON))


def share_right(readout: Readout, heard: list[tuple[Unit, np.ndarray]]) -> tuple[float, float]:
    """Of the abnormal records, and of the normal ones, on task 2-1."""
    right: dict[bool, list[bool]] = {True: [], False: []}
    for unit, inputs in heard:
        said = readout.decide(readout.probabilities(inputs))
        right[unit.label == RECORDS[0]].append(ternary(said) == ternary(unit.label))
    return float(np.mean(right[False])), float(np.mean(right[True]))


def test_a_class_that_is_rare_is_said_rarely():
    """Settled, poor quality is not called in every tenth record, and both sides come out alike."""
    known, fresh = records(400), records(2_000, seed=1)
    readout, _ = settled(PLAIN, known, UNSEEN)

    def poor(of: Readout) -> float:
        return np.mean([of.decide(of.probabilities(x)) == "record:Poor Quality" for _, x in fresh])

    assert poor(PLAIN) > 0.05
    assert poor(readout) < 0.02
    before, after = share_right(PLAIN, fresh), share_right(readout, fresh)
    assert min(after) > min(before) + 0.03
    assert abs(after[0] - after[1]) < 0.15
    np.testing.assert_array_equal(readout.weights, PLAIN.weights)


def test_only_the_shares_come_from_the_records_that_settle():
    """Whatever was heard in them, the same labels give the same readout."""
    known = records(200)
    silent = [(unit, np.zeros_like(inputs)) for unit, inputs in known]
    first, second = (settled(PLAIN, heard, UNSEEN)[0] for heard in (known, silent))
    assert first.to_dict() == second.to_dict()


def test_a_persons_answers_come_from_others():
    """Whatever a person's own labels are, what is said of that person's records stays."""
    heard = records(200)
    changed = [
        (replace(unit, label="record:CAS"), inputs) if unit.subject == "P3" else (unit, inputs)
        for unit, inputs in heard
    ]

    def said(of: list[tuple[Unit, np.ndarray]]) -> dict[str, tuple[str, dict[str, float]]]:
        return {
            reading.unit.name: (reading.predicted, reading.probabilities)
            for reading in settled(PLAIN, of, UNSEEN)[1]
            if reading.unit.subject == "P3"
        }

    assert len(said(heard)) == 5
    assert said(heard) == said(changed)
    assert len(settled(PLAIN, heard, UNSEEN)[1]) == len(heard)


def test_only_a_balanced_readout_is_settled(monkeypatch):
    """A readout that knows the training half's shares would count them twice: it is refused."""
    monkeypatch.setitem(settle_module.BALANCE, "record", 0.5)
    with pytest.raises(BadInputError, match="all classes alike"):
        settled(PLAIN, records(50), UNSEEN)

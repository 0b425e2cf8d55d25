"""What the comparison of two machines counts as a fault, and what not."""

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.arm_figures import FAST, REFERENCE, compare

FEATURES = "room, 16000 Hz, native: features"


def written(path: Path, **changed: np.ndarray) -> Path:
    """The arrays of a machine; the keys are `features`, `reference` and `fast`."""
    scores = np.arange(12, dtype=np.int8).reshape(4, 3)
    arrays = {"features": scores.astype(np.int16), "reference": scores, "fast": scores, **changed}
    names = {"features": FEATURES, "reference": f"room: {REFERENCE}", "fast": f"room: {FAST}"}
    about = np.array(json.dumps({"machine": path.stem}))
    np.savez(path, about=about, **{names[key]: values for key, values in arrays.items()})
    return path


@pytest.fixture
def here(tmp_path):
    """This machine, whose fast kernels round one score otherwise."""
    fast = np.arange(12, dtype=np.int8).reshape(4, 3)
    fast[2, 1] += 1
    return written(tmp_path / "here.npz", fast=fast)


def test_the_device_is_held_to_the_reference(here, tmp_path, capsys):
    """A fast kernel that rounds otherwise here is printed, and no fault of the device."""
    assert compare(here, written(tmp_path / "there.npz")) == 0
    said = capsys.readouterr().out
    assert "DIFFERENT  room: scores of the fast kernels" in said
    assert "1 values by at most 1" in said
    assert "2 of 2 arrays of features, reference scores and events are equal" in said
    assert "1 of 1 arrays of the device's fast kernels are as near to the reference" in said
    assert "0 of 12 scores are off it" in said


@pytest.mark.parametrize("key", ["features", "reference"])
def test_one_bit_of_the_device_is_a_fault(here, tmp_path, key, capsys):
    """One value that differs there makes the exit code 1: of features and of reference scores."""
    kind = np.int16 if key == "features" else np.int8
    values = np.arange(12, dtype=kind).reshape(4, 3)
    values[3, 2] ^= 1
    assert compare(here, written(tmp_path / "there.npz", **{key: values})) == 1
    assert "1 of 2 arrays of features, reference scores and events" in capsys.readouterr().out


@pytest.mark.parametrize(("units", "code", "good"), [(1, 0, 1), (-1, 0, 1), (2, 1, 0)])
def test_the_fast_kernels_may_round_a_tie(here, tmp_path, units, code, good, capsys):
    """Where the fast kernels here are a unit off the reference, the device's may be, not two."""
    values = np.arange(12, dtype=np.int8).reshape(4, 3)
    values[3, 2] += units
    assert compare(here, written(tmp_path / "there.npz", fast=values)) == code
    said = capsys.readouterr().out
    assert f"{good} of 1 arrays of the device's fast kernels" in said
    assert f"1 of 12 scores are off it, by at most {abs(units)}" in said


def test_the_fast_kernels_may_stray_as_far_as_here(tmp_path, capsys):
    """What a recurrent network makes of a tie here, three units, it may make of one there."""
    values = np.arange(12, dtype=np.int8).reshape(4, 3)
    here = written(tmp_path / "here.npz", fast=values + np.int8(3))
    assert compare(here, written(tmp_path / "there.npz", fast=values - np.int8(3))) == 0
    assert compare(here, written(tmp_path / "there.npz", fast=values - np.int8(4))) == 1
    assert "12 of 12 scores are off it, by at most 4" in capsys.readouterr().out


def test_a_missing_array_is_a_fault(here, tmp_path, capsys):
    """An array that one machine does not have is said and counts."""
    there = tmp_path / "there.npz"
    with np.load(written(there)) as arrays:
        kept = {name: arrays[name] for name in arrays.files if name != FEATURES}
    np.savez(there, **kept)
    assert compare(here, there) == 1
    assert f"MISSING    {FEATURES}" in capsys.readouterr().out

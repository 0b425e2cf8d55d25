"""Short-time energy and zero crossings against float64 and by hand."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from signals import any_signal, hard_cases

from edge.frontend import PRESETS, FrontendSpec, build_tables
from edge.frontend.energy import log_energy, log_offset, zero_crossings
from edge.frontend.framer import Framer


def frames_of(pcm: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """int16 [frames, window_samples]."""
    return Framer(spec.window_samples, spec.hop_samples).push(pcm)


def ours(frames: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """int16 [frames], Q8.7."""
    tables = dataclasses.replace(build_tables(spec), energy_offset_q20=log_offset(spec))
    return log_energy(frames, tables)


def oracle(frames: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """float64 [frames]: log2 of the variance over that of a full-scale sine, above the floor."""
    level = frames.var(axis=1, dtype=float) / 2**29
    floor = 10 ** (spec.floor_dbfs / 10)
    return np.log2(np.maximum(level / floor, 1))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("floor_dbfs", [-84, -40, -120])
def test_energy_meets_float64(name: str, floor_dbfs: int):
    """On signals at the edges the energy is the oracle's, rounded."""
    spec = dataclasses.replace(PRESETS[name], floor_dbfs=floor_dbfs)
    for case, pcm in hard_cases(3_000, spec.rate_hz).items():
        frames = frames_of(pcm, spec)
        error = ours(frames, spec) / 2**7 - oracle(frames, spec)
        assert np.abs(error).max() < 0.51 / 2**7, case


@settings(max_examples=40, deadline=None)
@given(any_signal())
def test_any_energy_meets_float64(pcm):
    """So it is on made signals."""
    spec = PRESETS["room-16k"]
    frames = frames_of(np.concatenate([pcm, np.zeros(400, np.int16)]), spec)
    error = ours(frames, spec) / 2**7 - oracle(frames, spec)
    assert np.abs(error).max() < 0.51 / 2**7


def test_scale():
    """A full-scale sine is 84 dB above the floor; a tenth of it, 20 dB less."""
    spec = PRESETS["room-16k"]
    tone = np.sin(2 * np.pi * 0.1 * np.arange(spec.window_samples))
    frames = np.round(np.stack([32_767 * tone, 3_276.7 * tone])).astype(np.int16)
    db = ours(frames, spec) / 2**7 * 10 * np.log10(2)
    np.testing.assert_allclose(db, [84, 64], atol=0.03)


def test_an_offset_changes_nothing():
    """Neither figure hears a constant offset."""
    spec = PRESETS["room-16k"]
    pcm = np.random.default_rng(0).integers(-300, 300, 4_000).astype(np.int16)
    plain, shifted = frames_of(pcm, spec), frames_of(pcm + np.int16(9_000), spec)
    np.testing.assert_array_equal(ours(plain, spec), ours(shifted, spec))
    np.testing.assert_array_equal(zero_crossings(plain), zero_crossings(shifted))


@pytest.mark.parametrize(
    ("frame", "crossings"),
    [
        ([0, 0, 0, 0], 0),
        ([1, 1, 1, 1], 0),
        ([5, -5, 5, -5], 3),
        ([32_767, -32_768, 32_767, -32_768], 3),
        ([0, 0, 0, 4], 1),
        ([-1, 0, 1, 0], 1),
        ([1, 2, 3, 4], 1),
    ],
)
def test_crossings_by_hand(frame, crossings):
    """Crossings of the frame's mean, which itself counts as above."""
    assert zero_crossings(np.array([frame], dtype=np.int16)).tolist() == [crossings]


def test_crossings_of_a_tone():
    """A tone crosses zero twice a period."""
    spec = PRESETS["room-16k"]
    pcm = np.round(5_000 * np.sin(2 * np.pi * 1_000 / 16_000 * np.arange(4_000) + 0.1))
    counts = zero_crossings(frames_of(pcm.astype(np.int16), spec))
    assert counts.dtype == np.int16
    assert set(counts.tolist()) <= {49, 50}  # 25 periods a frame
    assert len(zero_crossings(np.zeros((0, 400), dtype=np.int16))) == 0

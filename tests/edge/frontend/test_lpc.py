"""Reflection coefficients against float64, on made signals and on real audio."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import any_signal, hard_cases

from edge.errors import BadInputError
from edge.frontend import PRESETS, FrontendSpec, FrontendTables, build_tables, lpc
from edge.frontend.framer import Framer
from edge.frontend.lpc import MAX_ORDER, lag_window, reflection
from edge.frontend.resample import Resampler

SPECS = {name: PRESETS[name] for name in ("room-16k", "chest-4k")}
BOUND = 2**-10


def frames_of(pcm: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """int16 [frames, window_samples]."""
    return Framer(spec.window_samples, spec.hop_samples).push(pcm)


def oracle_autocorrelation(frames: np.ndarray, spec: FrontendSpec, order: int) -> np.ndarray:
    """float64 [frames, order + 1] from the definition: mean, Hann, lag window, noise floor."""
    length = spec.window_samples
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    x = (frames - frames.mean(axis=1, keepdims=True)) * window
    lags = np.arange(order + 1)
    r = np.stack([(x[:, : length - lag] * x[:, lag:]).sum(axis=1) for lag in lags], axis=1)
    r = r / np.where(r[:, :1] > 0, r[:, :1], 1)
    r *= np.exp(-0.5 * (2 * np.pi * 60 / spec.rate_hz * lags) ** 2)
    r[:, 0] *= 1 + 1e-4
    return r


def levinson(r: np.ndarray) -> np.ndarray:
    """float64 [frames, order + 1] -> float64 [frames, order]: Durbin's recursion."""
    count, order = r.shape[0], r.shape[1] - 1
    a = np.zeros((count, order + 1))
    a[:, 0] = 1
    error = np.where(r[:, 0] > 0, r[:, 0], 1.0)
    out = np.zeros((count, order))
    for m in range(1, order + 1):
        k = -(a[:, :m] * r[:, m:0:-1]).sum(axis=1) / error
        a[:, 1 : m + 1] = a[:, 1 : m + 1] + k[:, None] * a[:, m - 1 :: -1][:, :m]
        error = error * (1 - k * k)
        out[:, m - 1] = k
    return out


def with_lags(spec: FrontendSpec, order: int) -> FrontendTables:
    """The tables of a spec with a lag window of this order."""
    lags_q30 = lag_window(order, spec.rate_hz)
    return dataclasses.replace(build_tables(spec), lag_window_q30=lags_q30)


def ours(frames: np.ndarray, spec: FrontendSpec, order: int) -> np.ndarray:
    """int16 [frames, order]."""
    return reflection(frames, with_lags(spec, order))


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("order", [1, 2, 8, 16])
def test_hard_cases_meet_the_float_recursion(spec: FrontendSpec, order: int):
    """On signals at the edges every coefficient of every frame is within 2^-10 of float64."""
    for name, pcm in hard_cases(6_000, spec.rate_hz).items():
        frames = frames_of(pcm, spec)
        expected = levinson(oracle_autocorrelation(frames, spec, order))
        error = np.abs(ours(frames, spec, order) / 2**15 - expected)
        assert error.max() < BOUND, name


def test_toeplitz():
    """Each k is the last coefficient of the normal equations of its order, solved by scipy."""
    spec = SPECS["room-16k"]
    frames = frames_of(hard_cases(2_000, spec.rate_hz)["speech"], spec)
    k = ours(frames, spec, 10) / 2**15
    for r, row in zip(oracle_autocorrelation(frames, spec, 10), k, strict=True):
        last = [scipy.linalg.solve_toeplitz(r[:m], -r[1 : m + 1])[-1] for m in range(1, 11)]
        np.testing.assert_allclose(row, last, atol=BOUND)


def test_signs():
    """A low tone has k near -1, a high one near +1: the convention of the docstring."""
    spec = SPECS["room-16k"]
    for hz, sign in ((100, -1), (7_900, 1)):
        tone = np.round(9_000 * np.sin(2 * np.pi * hz / spec.rate_hz * np.arange(800)))
        assert (sign * ours(frames_of(tone.astype(np.int16), spec), spec, 1) > 32_000).all()


@pytest.mark.parametrize("value", [0, 1, -32_768, 32_767])
def test_silence(value: int):
    """A constant has no spectrum to predict: zeros."""
    spec = SPECS["chest-4k"]
    frames = np.full((3, spec.window_samples), value, dtype=np.int16)
    np.testing.assert_array_equal(ours(frames, spec, 16), 0)


@settings(max_examples=60, deadline=None)
@given(any_signal(), st.integers(1, MAX_ORDER), st.sampled_from(list(SPECS)))
def test_always_stable(pcm, order, name):
    """Whatever comes in, |k| stays below one and near float64."""
    spec = SPECS[name]
    frames = frames_of(np.concatenate([pcm, np.zeros(spec.window_samples, np.int16)]), spec)
    k = ours(frames, spec, order)
    assert k.dtype == np.int16
    assert np.abs(k.astype(int)).max() <= 32_767
    expected = levinson(oracle_autocorrelation(frames, spec, order))
    assert np.abs(k / 2**15 - expected).max() < BOUND


def test_fits_the_words_of_c(monkeypatch):
    """The generators of Schur's recursion stay in 32 bits and its products in 64."""
    spec = SPECS["room-16k"]
    seen = []
    plain = lpc.rounded_shift

    def shifted(x, bits):
        seen.append(np.abs(x).max(initial=0))
        return plain(x, bits)

    monkeypatch.setattr(lpc, "rounded_shift", shifted)
    for pcm in hard_cases(2_000, spec.rate_hz).values():
        frames = frames_of(pcm, spec)
        r = lpc.autocorrelation(frames, with_lags(spec, 16))
        assert np.abs(r).max() < 2**31
        lpc.schur(r)
    assert len(seen) > 100
    assert max(seen) < 2**62


@pytest.mark.parametrize("order", [0, 17])
def test_refuses(order: int):
    """An order out of range is refused with the value and the range."""
    with pytest.raises(BadInputError, match=f"order={order} must be from 1 to 16"):
        lag_window(order, 16_000)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("room-16k", ("coswara_subset", "ghchen_coughs", "esc50_mixed", "negatives/moodist")),
        ("chest-4k", ("sprsound", "icbhi2017_partial", "kauh")),
    ],
)
def test_real_audio(name: str, folders: tuple[str, ...]):
    """On real audio 99.9 % of the frames have every coefficient within 2^-10 of float64."""
    if "AIRWAY_CORPUS" not in os.environ:
        pytest.skip("AIRWAY_CORPUS names no corpus")
    spec, good, total = SPECS[name], 0, 0
    for folder in folders:
        files = sorted((Path(os.environ["AIRWAY_CORPUS"]) / folder / "audio").rglob("*.*"))
        for path in files[:: max(1, len(files) // 20)]:
            pcm, rate_hz = sf.read(path, dtype="int16", frames=10 * 48_000)
            frames = frames_of(Resampler(rate_hz, spec.rate_hz).push(pcm), spec)
            expected = levinson(oracle_autocorrelation(frames, spec, 16))
            error = np.abs(ours(frames, spec, 16) / 2**15 - expected)
            good += int((error < BOUND).all(axis=1).sum())
            total += len(frames)
    assert total > 10_000
    assert good / total >= 0.999

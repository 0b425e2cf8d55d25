"""The reference's stages: against the textbook in float64, and against unbounded integers."""

import dataclasses

import exact
import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from signals import SPECS, any_signal, block_sizes, hard_cases, in_blocks, speech_like, to_pcm

from edge.frontend import PRESETS, Frontend, FrontendSpec, build_tables, mfcc

# Bars for cepstra from c1 on, before they are rounded to Q8.7, against float64.
NOISE_SNR_DB = 80.0
TONE_SNR_DB = 55.0
# Bars for log2 power, everywhere: Q8.7 rounds at 2^-8.
NOISE_LOG_ERROR = 2.0**-10
TONE_LOG_ERROR = 2.0**-8


def textbook_log_mel(pcm: np.ndarray, spec: FrontendSpec) -> np.ndarray:
    """log2 of HTK mel power above the floor, in float64, straight from the definition."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(spec.window_samples) / spec.window_samples)
    frames = sliding_window_view(pcm / 32_768, spec.window_samples)[:: spec.hop_samples]
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = scipy.fft.rfft(frames * window, spec.fft_size) / (window.sum() / 2)
    low, high = 2_595 * np.log10(1 + np.array([spec.fmin_hz, spec.fmax_hz]) / 700)
    edges_hz = 700 * (10 ** (np.linspace(low, high, spec.mel_bands + 2) / 2_595) - 1)
    left, centre, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    hz = scipy.fft.rfftfreq(spec.fft_size, 1 / spec.rate_hz)
    filters = np.minimum((hz - left) / (centre - left), (right - hz) / (right - centre))
    power = np.abs(spectrum) ** 2 @ np.maximum(0, filters).T
    floor = 10 ** (spec.floor_dbfs / 10)
    return np.maximum(0, np.log2(np.maximum(power / floor, 1e-30)))


def test_signals(rate_hz: int) -> dict[str, tuple[np.ndarray, float, float]]:
    """Signals, and the bars that hold for them."""
    rng = np.random.default_rng(0)
    samples = 5 * rate_hz
    noise = rng.normal(size=samples)
    tone = np.sin(2 * np.pi * 1_000 * np.arange(samples) / rate_hz)
    return {
        "noise at -20 dBFS": (to_pcm(noise * 10**-1), NOISE_SNR_DB, NOISE_LOG_ERROR),
        "noise at -50 dBFS": (to_pcm(noise * 10**-2.5), NOISE_SNR_DB, NOISE_LOG_ERROR),
        "speech over noise": (
            to_pcm(speech_like(samples, rate_hz)),
            NOISE_SNR_DB,
            NOISE_LOG_ERROR,
        ),
        "tone over weak noise": (to_pcm(0.5 * tone + noise * 1e-3), TONE_SNR_DB, TONE_LOG_ERROR),
    }


test_signals.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("signal", test_signals(4_000))
def test_textbook(name: str, signal: str):
    """Log-mel and cepstra agree with float64 to the bars above."""
    spec = dataclasses.replace(PRESETS[name], output="mfcc", kept=())
    tables = build_tables(spec)
    pcm, snr_db, log_error = test_signals(spec.rate_hz)[signal]
    frames = sliding_window_view(pcm, spec.window_samples)[:: spec.hop_samples]
    log_q20 = mfcc.log_mel(frames, spec, tables)
    truth = textbook_log_mel(pcm, spec)
    assert np.abs(log_q20 / 2**20 - truth).max() < log_error
    cepstra = mfcc.cepstra(log_q20, spec, tables)[:, 1:] / 2**20
    true_cepstra = scipy.fft.dct(truth, norm="ortho")[:, 1:]
    error = cepstra - true_cepstra
    assert 10 * np.log10((true_cepstra**2).sum() / (error**2).sum()) >= snr_db


@pytest.mark.parametrize("level_db", [-70, -40, -6, 0])
def test_dbfs(level_db: int):
    """The zero of the scale is the floor: a sine's peak band reads its level above it."""
    spec = PRESETS["room-16k"]
    hz = 32 * spec.rate_hz / spec.fft_size  # on an FFT bin
    tone = np.sin(2 * np.pi * hz * np.arange(4_000) / spec.rate_hz) * 10 ** (level_db / 20)
    frames = Frontend(spec).push(to_pcm(tone))
    peak_db = frames.max(axis=1) / 128 * 10 * np.log10(2) + spec.floor_dbfs
    # A triangle weighs the peak bin at most 1, and adds what the window spreads to others.
    assert np.abs(peak_db - level_db).max() < 2.0


@pytest.mark.parametrize("name", PRESETS)
def test_silence_is_zero(name: str):
    """Digital silence gives zeros."""
    spec = PRESETS[name]
    frames = Frontend(spec).push(np.zeros(spec.rate_hz, dtype=np.int16))
    assert len(frames) > 10
    assert not frames.any()


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("signal", hard_cases(3_000, 16_000))
def test_unbounded_integers(name: str, signal: str):
    """No stage overflows: integers without a limit give the same rows, and 32 bits hold them."""
    spec = SPECS[name]
    tables = build_tables(spec)
    frames = sliding_window_view(hard_cases(3_000, 16_000)[signal], spec.window_samples)[::997][:2]
    expected = [exact.features(frame.tolist(), spec, tables) for frame in frames]
    np.testing.assert_array_equal(mfcc.features(frames, spec, tables), expected)


@settings(max_examples=40, deadline=None)
@given(any_signal(), block_sizes(), st.sampled_from(sorted(SPECS)))
def test_blocks_do_not_matter(pcm, sizes, name):
    """Streaming equals batch, bit for bit, for any blocks."""
    spec = SPECS[name]
    tables = build_tables(spec)
    whole = Frontend(spec, tables, backend="reference").push(pcm)
    frontend = Frontend(spec, tables, backend="reference")
    blocks = [frontend.push(block) for block in in_blocks(pcm, sizes)]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize("backend", ["reference", "auto"])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_reset(backend: str, rate_hz: int):
    """A used frontend differs from a new one; reset makes them alike."""
    pcm = to_pcm(speech_like(5_001, rate_hz))
    frontend = Frontend(PRESETS["room-16k"], rate_hz=rate_hz, backend=backend)
    first = frontend.push(pcm)
    again = frontend.push(pcm)
    assert not np.array_equal(again[: len(first)], first)
    frontend.reset()
    np.testing.assert_array_equal(frontend.push(pcm), first)


def test_kept_selects():
    """A smaller spec gives columns of the larger one."""
    spec = dataclasses.replace(PRESETS["chest-4k"], output="mfcc")
    pcm = to_pcm(speech_like(4_000, 4_000))
    whole = Frontend(spec).push(pcm)
    few = Frontend(dataclasses.replace(spec, kept=(1, 5, 12))).push(pcm)
    np.testing.assert_array_equal(few, whole[:, [1, 5, 12]])

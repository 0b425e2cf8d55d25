"""The resampler: its filter's quality as figures, and its stream."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import any_signal, block_sizes, in_blocks, to_pcm

from benchmarks.resampler import PAIRS, quality
from edge.errors import BadInputError
from edge.frontend.resample import TAP_BITS, Resampler, build_taps

RIPPLE_DB = 0.1
ALIAS_DB = -80.0


@pytest.mark.parametrize(("rate_in_hz", "rate_out_hz"), PAIRS)
def test_quality(rate_in_hz: int, rate_out_hz: int):
    """Ripple is at most 0.1 dB up to 90 % of the band, and aliases lie 80 dB down."""
    ripple_db, alias_db = quality(rate_in_hz, rate_out_hz)
    assert ripple_db <= RIPPLE_DB
    assert alias_db <= ALIAS_DB


@pytest.mark.parametrize(("rate_in_hz", "rate_out_hz"), PAIRS)
def test_tone_keeps_its_place(rate_in_hz: int, rate_out_hz: int):
    """A tone comes out with its level and phase: output m stands at input m * in / out."""
    hz = 0.31 * min(rate_in_hz, rate_out_hz)
    tone = to_pcm(0.5 * np.sin(2 * np.pi * hz * np.arange(rate_in_hz // 4) / rate_in_hz))
    out = Resampler(rate_in_hz, rate_out_hz).push(tone)
    expected = 16_384 * np.sin(2 * np.pi * hz * np.arange(len(out)) / rate_out_hz)
    inner = slice(100, -100)
    error = np.sqrt(np.mean((out[inner] - expected[inner]) ** 2))
    assert error < 16_384 / math.sqrt(2) * 10 ** (-75 / 20)


@pytest.mark.parametrize(("rate_in_hz", "rate_out_hz"), PAIRS)
@pytest.mark.parametrize("value", [-32_768, -1, 1, 12_345, 32_767])
def test_constants_pass(rate_in_hz: int, rate_out_hz: int, value: int):
    """A constant comes out unchanged, in every phase, once the filter is full of it."""
    taps = build_taps(rate_in_hz, rate_out_hz)
    samples = 3 * taps.values_q30.shape[1] + 4 * rate_in_hz // rate_out_hz
    pcm = np.full(samples, value, dtype=np.int16)
    out = Resampler(rate_in_hz, rate_out_hz).push(pcm)
    full = math.ceil(taps.values_q30.shape[1] / 2 * rate_out_hz / rate_in_hz)
    assert len(out) > full
    assert (out[full:] == value).all()


@pytest.mark.parametrize(("rate_in_hz", "rate_out_hz"), PAIRS)
def test_taps_sum_to_one(rate_in_hz: int, rate_out_hz: int):
    """No phase changes the level, and no tap meets the limits of 32 bits."""
    taps = build_taps(rate_in_hz, rate_out_hz)
    assert (taps.values_q30.astype(np.int64).sum(axis=1) == 1 << TAP_BITS).all()
    assert np.abs(taps.values_q30.astype(np.int64)).max() < 2**31 - 1


@pytest.mark.parametrize("rate_in_hz", [16_012, 15_987, 15_999, 7_999, 44_056, 175_990, 191_989])
def test_time_does_not_drift(rate_in_hz: int):
    """Near a simple ratio, too, an hour is met within 0.22 s, a crystal's error."""
    for rate_out_hz in (16_000, 4_000):
        taps = build_taps(rate_in_hz, rate_out_hz)
        phases = taps.values_q30.shape[0]
        assert abs(taps.step / phases * rate_out_hz / rate_in_hz - 1) < 60e-6


rates_hz = st.one_of(
    st.sampled_from((4_000, 8_000, 11_025, 16_000, 44_100, 48_000)), st.integers(4_000, 192_000)
)


@settings(max_examples=40, deadline=None)
@given(any_signal(), block_sizes(), rates_hz, st.sampled_from((4_000, 16_000)))
def test_blocks_do_not_matter(pcm, sizes, rate_in_hz, rate_out_hz):
    """Any blocks give the same samples, at any rate in range."""
    whole = Resampler(rate_in_hz, rate_out_hz).push(pcm)
    resampler = Resampler(rate_in_hz, rate_out_hz)
    parts = [resampler.push(block) for block in in_blocks(pcm, sizes)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("rate_in_hz", [8_000, 16_000, 44_100])
def test_reset(rate_in_hz: int):
    """A used resampler differs from a new one; reset makes them alike."""
    pcm = np.random.default_rng(0).integers(-3_000, 3_000, 1_001).astype(np.int16)
    resampler = Resampler(rate_in_hz, 16_000)
    first = resampler.push(pcm)
    if rate_in_hz != 16_000:
        assert not np.array_equal(resampler.push(pcm), first)
    resampler.reset()
    np.testing.assert_array_equal(resampler.push(pcm), first)


def test_saturates():
    """Overshoot beyond full scale is clipped, not wrapped."""
    square = np.where(np.arange(4_000) // 20 % 2, 32_767, -32_768).astype(np.int16)
    out = Resampler(8_000, 16_000).push(square).astype(int)
    assert out.max() == 32_767
    assert out.min() == -32_768
    # Output 2 m stands on input m: the middle of each flat stretch keeps its sign.
    flat = out[160:3_760].reshape(-1, 80)[:, [20, 60]]
    assert (flat < -20_000).any(axis=0).tolist() == [True, False]
    assert (flat > 20_000).all(axis=0).tolist() == [False, True]


@pytest.mark.parametrize("rate_hz", [3_999, 192_001, 0, -1])
def test_rate_out_of_range(rate_hz: int):
    """A rate outside 4 to 192 kHz is refused with the value and the range."""
    with pytest.raises(BadInputError, match=f"sampling rate {rate_hz} Hz.*4000 to 192000 Hz"):
        Resampler(rate_hz, 16_000)

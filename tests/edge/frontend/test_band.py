"""The band filter: its response as figures, its noise, its limits and its stream."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import any_signal, block_sizes, hard_cases, in_blocks

from edge.errors import BadInputError
from edge.frontend.band import COEFFICIENT_BITS, FRACTION_BITS, LIMIT, BandFilter, design

ROOM = (16_000, 50, 0, 2)
CHEST = (4_000, 50, 1_800, 2)
# rate_hz, low_hz, high_hz, order: the presets and the corners of what is accepted.
BANDS = [
    ROOM,
    CHEST,
    (48_000, 10, 0, 2),
    (48_000, 10, 23_040, 8),
    (48_000, 0, 6_000, 8),
    (16_000, 4_000, 0, 8),
    (16_000, 3_500, 7_000, 8),
    (4_000, 960, 1_920, 4),
]


def oracle(rate_hz: int, low_hz: int, high_hz: int, order: int) -> np.ndarray:
    """The same filter by scipy: a high-pass, a low-pass, or one after the other."""
    parts = []
    if low_hz:
        parts.append(scipy.signal.butter(order, low_hz, "highpass", fs=rate_hz, output="sos"))
    if high_hz:
        parts.append(scipy.signal.butter(order, high_hz, "lowpass", fs=rate_hz, output="sos"))
    return np.concatenate(parts)


def as_sos(coefficients: np.ndarray) -> np.ndarray:
    """int32 [sections, 5], Q30 -> scipy's float64 [sections, 6]."""
    return np.insert(coefficients / 2**COEFFICIENT_BITS, 3, 1.0, axis=1)


@pytest.mark.parametrize("band", BANDS)
def test_response(band):
    """The gain is within 0.1 dB of scipy's wherever that is above -80 dB."""
    hz = np.concatenate([np.geomspace(1, band[0] / 2 - 1, 500), [b for b in band[1:3] if b]])
    _, ours = scipy.signal.sosfreqz(as_sos(design(*band)), hz, fs=band[0])
    _, theirs = scipy.signal.sosfreqz(oracle(*band), hz, fs=band[0])
    heard = np.abs(theirs) > 1e-4
    ratio_db = 20 * np.log10(np.abs(ours[heard]) / np.abs(theirs[heard]))
    assert np.abs(ratio_db).max() < 0.1


@pytest.mark.parametrize("band", BANDS)
def test_follows_sosfilt(band):
    """Noise comes out as from scipy's float64 sosfilt, within one unit of 16 bits."""
    pcm = np.random.default_rng(0).integers(-8_000, 8_000, 20_000).astype(np.int16)
    out = BandFilter(design(*band)).push(pcm)
    expected = scipy.signal.sosfilt(as_sos(design(*band)), pcm.astype(float))
    assert np.abs(out - expected).max() < 1.0


@pytest.mark.parametrize("band", [ROOM, CHEST, (48_000, 10, 0, 2), (16_000, 20, 0, 8)])
def test_offset_is_gone(band):
    """A constant, even at full scale, leaves exactly nothing once the filter has settled."""
    pcm = np.full(band[0], -32_768, dtype=np.int16)
    tone = np.round(9_000 * np.sin(0.2 * np.pi * np.arange(2 * band[0])))
    filtered = BandFilter(design(*band))
    settled = filtered.push(np.tile(pcm, 2))[-100:]
    np.testing.assert_array_equal(settled, 0)
    with_offset = BandFilter(design(*band)).push((tone + 12_345).astype(np.int16))
    without = BandFilter(design(*band)).push(tone.astype(np.int16))
    np.testing.assert_allclose(with_offset[-100:], without[-100:], atol=1)


@pytest.mark.parametrize("band", [band for band in BANDS if band[1]])
def test_no_limit_cycle(band):
    """Silence after the loudest noise becomes silence, and stays."""
    noise = np.random.default_rng(1).choice([-32_768, 32_767], 5_000).astype(np.int16)
    band_filter = BandFilter(design(*band))
    band_filter.push(noise)
    quiet = band_filter.push(np.zeros(2 * band[0], dtype=np.int16))
    np.testing.assert_array_equal(quiet[band[0] :], 0)


@pytest.mark.parametrize("band", [ROOM, CHEST])
def test_saturates(band):
    """A full-scale square wave overshoots into the limits and keeps its sign: nothing wraps."""
    square = hard_cases(8_000, band[0])["square"]
    out = BandFilter(design(*band)).push(square)
    assert out.max() == 32_767
    assert out.min() == -32_768
    expected = scipy.signal.sosfilt(as_sos(design(*band)), square.astype(float))
    np.testing.assert_allclose(out, np.clip(expected, -32_768, 32_767), atol=1)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.parametrize("rate_hz", [4_000, 16_000, 48_000])
def test_headroom(rate_hz: int, order: int):
    """No full-scale input, however chosen, drives a section of any design to its limit."""
    lows_hz = (0, 10, 50, rate_hz // 16, rate_hz // 4)
    highs_hz = (0, rate_hz // 8, rate_hz // 4, rate_hz * 12 // 25)
    impulse = np.zeros(2 * rate_hz)
    impulse[0] = 32_768 * 2**FRACTION_BITS
    checked = 0
    for low_hz in lows_hz:
        for high_hz in highs_hz:
            if not (low_hz or high_hz) or (high_hz and high_hz < 2 * low_hz):
                continue
            sections = as_sos(design(rate_hz, low_hz, high_hz, order))
            for count in range(1, len(sections) + 1):
                worst = np.abs(scipy.signal.sosfilt(sections[:count], impulse)).sum()
                assert worst < LIMIT
                checked += 1
    assert checked > 10


def test_a_foreign_filter_is_held_at_the_limit():
    """Coefficients that overshoot eightfold stop at the limit of the state, with the sign."""
    growing = np.array([[2**31 - 1, 0, 0, -(2**30), 0]], dtype=np.int32)  # sums its input
    out = BandFilter(growing).push(np.full(50, 32_767, dtype=np.int16))
    assert (out[1:] == 32_767).all()
    assert (BandFilter(growing).push(np.full(50, -32_768, dtype=np.int16)) == -32_768).all()


@settings(max_examples=40, deadline=None)
@given(any_signal(), block_sizes(), st.sampled_from(BANDS))
def test_blocks_do_not_matter(pcm, sizes, band):
    """Any blocks give the samples of one block, as many as went in."""
    whole = BandFilter(design(*band)).push(pcm)
    band_filter = BandFilter(design(*band))
    parts = [band_filter.push(block) for block in in_blocks(pcm, sizes)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(whole) == len(pcm)


def test_reset():
    """A used filter differs from a new one; reset makes them alike."""
    pcm = np.random.default_rng(2).integers(-3_000, 3_000, 501).astype(np.int16)
    band_filter = BandFilter(design(*CHEST))
    first = band_filter.push(pcm)
    assert not np.array_equal(band_filter.push(pcm), first)
    band_filter.reset()
    np.testing.assert_array_equal(band_filter.push(pcm), first)


@pytest.mark.parametrize(
    ("band", "words"),
    [
        ((3_999, 50, 0, 2), "rate_hz=3999 must be from 4000 to 48000"),
        ((16_000, 9, 0, 2), "low_hz=9 must be 0 .none. or from 10 to 4000"),
        ((16_000, 50, 7_681, 2), "high_hz=7681 must be 0 .none. or from 2000 to 7680"),
        ((16_000, 0, 0, 2), "nothing to filter"),
        ((16_000, 50, 0, 3), "order=3 must be one of"),
    ],
)
def test_refuses(band, words):
    """A design out of range is refused with the field, the value and the range."""
    with pytest.raises(BadInputError, match=words):
        design(*band)

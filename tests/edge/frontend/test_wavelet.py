"""The wavelet denoiser: exact reconstruction, the textbook's wavelet, its threshold, its stream."""

import numpy as np
import pytest
import pywt
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import any_signal, block_sizes, hard_cases, in_blocks

from edge.errors import BadInputError
from edge.frontend.wavelet import (
    CHEST_SIGMAS,
    LAST_RATE,
    ROOM_SIGMAS,
    Analysis,
    Shrinker,
    Synthesis,
    WaveletDenoiser,
    build_tables,
)


def rms_db(x: np.ndarray) -> float:
    """Level in dB."""
    return 10 * np.log10(np.mean(np.asarray(x, dtype=float) ** 2))


def hiss(samples: int, rms: float, seed: int = 0) -> np.ndarray:
    """White noise, int16."""
    return np.round(np.random.default_rng(seed).normal(size=samples) * rms).astype(np.int16)


def untouched(levels: int) -> WaveletDenoiser:
    """A denoiser with no threshold."""
    return WaveletDenoiser(build_tables((0.0,) * levels))


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5, 6])
def test_perfect_reconstruction(levels: int):
    """Without a threshold every signal comes out to the bit, over the whole range."""
    for name, pcm in hard_cases(3_000, 16_000).items():
        denoiser = untouched(levels)
        out = denoiser.push(pcm)
        assert len(out) >= len(pcm) - denoiser.latency_samples
        np.testing.assert_array_equal(out, pcm[: len(out)], err_msg=name)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from((-32_768, -1, 0, 1, 32_767)), min_size=200, max_size=400))
def test_reconstruction_at_the_limits(values):
    """So does any sequence of extremes, and no coefficient needs more than 20 bits."""
    pcm = np.array(values, dtype=np.int16)
    out = untouched(5).push(pcm)
    np.testing.assert_array_equal(out, pcm[: len(out)])
    smooth = pcm.astype(np.int64)
    for _ in range(5):
        smooth, detail = Analysis().push(smooth)
        assert max(np.abs(smooth).max(initial=0), np.abs(detail).max(initial=0)) < 2**19


def test_is_the_textbooks_wavelet():
    """On steps of 2^10, where rounding is nothing, a level is PyWavelets' bior2.2."""
    x = np.random.default_rng(0).integers(-500, 500, 400)
    smooth, detail = Analysis().push(x << 10)
    approximation, details = pywt.dwt(x.astype(float), "bior2.2", mode="zero")
    # PyWavelets normalises to unit energy and starts some coefficients earlier.
    ours_d, theirs_d = -detail[5:150] / 2**10, details * np.sqrt(2)
    ours_s, theirs_s = smooth[5:150] / 2**10, approximation / np.sqrt(2)
    for ours, theirs in ((ours_d, theirs_d), (ours_s, theirs_s)):
        starts = [
            start
            for start in range(len(theirs) - len(ours))
            if np.allclose(abs(theirs[start : start + len(ours)]), abs(ours), atol=2**-9)
        ]
        assert len(starts) == 1


def test_by_hand():
    """Halves and quarters are rounded as the definition says."""
    smooth, detail = Analysis().push(np.array([0, 3, 1, -4, -2, 7, 5, 0, 0]))
    # 3 - floor(1/2), -4 - floor(-1/2), 7 - floor(3/2), 0 - floor(5/2)
    assert detail.tolist() == [3, -3, 6, -2]
    # 0 + floor((0+3+2)/4), 1 + floor((3-3+2)/4), -2 + floor((-3+6+2)/4), 5 + floor((6-2+2)/4)
    assert smooth.tolist() == [1, 1, -1, 6]
    smooth, _ = Analysis().push(np.array([0, 2, 0]))
    assert smooth.tolist() == [1]  # a half rounds up


def test_vanishing_moments():
    """Two of them: a straight line has no detail beyond rounding."""
    line = np.arange(0, 3_000, 3)
    _, detail = Analysis().push(line)
    assert np.abs(detail[1:]).max() <= 1


@pytest.mark.parametrize("rms", [20, 300, 4_000])
@pytest.mark.parametrize("level", [0, 4])
def test_median_is_found(rms: float, level: int):
    """The running median of noise is within 10 % of the true one, at every rate."""
    details = np.random.default_rng(1).normal(size=16_000 >> level) * rms
    shrinker = Shrinker(256, LAST_RATE - 1 - level)
    shrinker.push(np.round(details).astype(np.int64))
    assert abs(shrinker._median_q8 / 2**8 / (0.6745 * rms) - 1) < 0.1


def test_threshold_is_soft():
    """Each detail moves towards zero, never past it, by at most the factor times the median."""
    details = np.random.default_rng(2).integers(-3_000, 3_000, 5_000)
    shrunk = Shrinker(256, 12).push(details)
    taken = np.abs(details) - np.abs(shrunk)
    assert (np.sign(shrunk) * np.sign(details) >= 0).all()
    assert (taken >= 0).all()
    assert taken[2_000:].max() < 1.1 * 1_500  # the median of this magnitude
    assert (shrunk[2_000:] == 0).mean() > 0.25


def test_threshold_gives_way():
    """Equal magnitudes lose the factor times themselves; ten times louder ones a tenth of it."""
    signs = np.where(np.arange(8_000) % 3, 1, -1)
    shrinker = Shrinker(128, 12)
    np.testing.assert_allclose(shrinker.push(1_000 * signs)[4_000:], 500 * signs[4_000:], rtol=0.02)
    loud = 10_000 * signs[:200]
    np.testing.assert_allclose(shrinker.push(loud)[20:], loud[20:] * 0.995, rtol=0.001)


def test_steady_noise_goes_down():
    """White noise goes down, and more with a higher threshold."""
    noise = hiss(80_000, 500)
    taken_db = []
    for sigma in (0.5, 1.0, 2.0, 4.0):
        out = WaveletDenoiser(build_tables((sigma,) * 5)).push(noise)[40_000:]
        taken_db.append(rms_db(noise) - rms_db(out))
    assert (np.array(taken_db) > [1.5, 3, 6, 9]).all()
    assert (np.diff(taken_db) > 0).all()


def test_clicks_survive():
    """A loud click in hiss keeps its place and most of its height."""
    noise = hiss(20_000, 50)
    noise[12_345:12_350] += np.array([4_000, -7_000, 9_000, -7_000, 4_000], dtype=np.int16)
    out = WaveletDenoiser(build_tables(CHEST_SIGMAS)).push(noise)
    assert np.abs(out).argmax() == 12_347
    assert out[12_347] > 8_000


def test_silence_stays():
    """Digital silence stays silent, after anything."""
    denoiser = WaveletDenoiser(build_tables(ROOM_SIGMAS))
    denoiser.push(hiss(20_000, 9_000))
    quiet = denoiser.push(np.zeros(20_000, dtype=np.int16))
    np.testing.assert_array_equal(quiet[512:], 0)


@settings(max_examples=40, deadline=None)
@given(any_signal(), block_sizes(), st.integers(1, 6), st.sampled_from((0.0, 1.5)))
def test_blocks_do_not_matter(pcm, sizes, levels, sigma):
    """Any blocks give the samples of one block; never more than the latency is held back."""
    tables = build_tables((sigma,) * levels)
    whole = WaveletDenoiser(tables).push(pcm)
    denoiser = WaveletDenoiser(tables)
    parts, given_in = [], 0
    for block in in_blocks(pcm, sizes):
        parts.append(denoiser.push(block))
        given_in += len(block)
        assert given_in - sum(map(len, parts)) <= denoiser.latency_samples
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("levels", [1, 4, 5])
def test_latency_is_met(levels: int):
    """The stated latency is what is held back at worst, sample by sample."""
    denoiser, pcm = untouched(levels), hiss(600, 100)
    held, out = [], 0
    for index in range(len(pcm)):
        out += len(denoiser.push(pcm[index : index + 1]))
        held.append(index + 1 - out)
    assert max(held) == denoiser.latency_samples == 4 * (2**levels - 1)


@pytest.mark.parametrize("sizes", [(1, 0), (0, 1), (3, 1), (1, 3), (2, 2)])
def test_levels_back_to_back(sizes):
    """A level's two halves wait for each other, however unevenly they come."""
    x = np.random.default_rng(3).integers(-900, 900, 101)
    smooth, detail = Analysis().push(x)
    synthesis, parts, taken = Synthesis(), [], [0, 0]
    while min(taken) < len(smooth):
        ends = [start + size for start, size in zip(taken, sizes, strict=True)]
        if sizes[0] == 0 or sizes[1] == 0:  # all of one, then all of the other
            ends = [len(smooth) if sizes[0] else taken[0], len(detail) if sizes[1] else taken[1]]
            sizes = sizes[::-1]
        parts.append(synthesis.push(smooth[taken[0] : ends[0]], detail[taken[1] : ends[1]]))
        taken = ends
    out = np.concatenate(parts)
    assert len(out) == 98
    np.testing.assert_array_equal(out, x[: len(out)])


def test_reset():
    """A used denoiser differs from a new one; reset makes them alike."""
    loud, soft = hiss(20_000, 9_000), hiss(20_000, 300, seed=1)
    denoiser = WaveletDenoiser(build_tables((2.0,) * 5))
    first = denoiser.push(soft)
    denoiser.push(loud)
    assert not np.array_equal(denoiser.push(soft)[: len(first)], first)
    denoiser.reset()
    np.testing.assert_array_equal(denoiser.push(soft), first)


@pytest.mark.parametrize(
    ("sigmas", "words"),
    [
        ((), "0 levels must be from 1 to 6"),
        ((1.0,) * 7, "7 levels must be from 1 to 6"),
        ((1.0, -0.5), "must each be from 0 to 6"),
        ((6.5,), "must each be from 0 to 6"),
        ((float("nan"),), "must each be from 0 to 6"),
    ],
)
def test_refuses(sigmas, words):
    """A value out of range is refused with the value and the range."""
    with pytest.raises(BadInputError, match=words):
        build_tables(sigmas)

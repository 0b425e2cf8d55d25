"""Wavelet denoiser: int16 samples in, int16 samples out.

Integer lifting of the CDF 5/3 wavelet, which is undone to the bit (Daubechies & Sweldens,
Factoring wavelet transforms into lifting steps, 1998; Calderbank et al., Wavelet transforms
that map integers to integers, 1998). Each level's details shrink towards zero by a threshold
(Donoho, De-noising by soft-thresholding, IEEE Trans. Information Theory 41(3), 1995) that
follows a running estimate of their median magnitude, and gives way to loud details (Chang, Yu
& Vetterli, Adaptive wavelet thresholding, IEEE Trans. Image Processing 9(9), 2000).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import portable
from edge.frontend.fixed import Ints, rounded_shift

MIN_LEVELS, MAX_LEVELS = 1, 6
MEDIAN_BITS = 8  # fraction of the tracked median
THRESHOLD_BITS = 8
# Normal noise has a median magnitude of 0.6745 standard deviations.
NORMAL_MAD = 0.6745
MAX_SIGMAS = 6.0
# Chosen for segmental SNR (benchmarks/denoise.py). A crackle is sparse above its few hundred
# hertz, which the fine levels keep apart; a cough fills every level, so little can be taken.
ROOM_SIGMAS = (2.0, 0.5, 0.25, 0.25)
CHEST_SIGMAS = (4.0, 2.0, 1.0, 0.5)
# The median moves by 2^-12 of itself a detail on level 1, twice as much a level deeper: at
# most 8.5 dB in half a second at 16 kHz, on every level. It starts with 2^-FIRST_RATE and slows
# down with each turn: far from the median it does not turn (Kesten, 1958).
LAST_RATE = 13
FIRST_RATE = 3
# Shifts of the short-time mean of the magnitude, in details.
LEVEL_RISE = 1
LEVEL_FALL = 3


@dataclass(frozen=True, slots=True, eq=False)
class WaveletTables:
    """The integers of a denoiser.

    Attributes:
        levels: number of levels, 1 to 6.
        factor_q8: int32 [levels], threshold over median magnitude in steady noise, finest level
            first.
    """

    levels: int
    factor_q8: NDArray[np.int32]


def build_tables(sigmas: tuple[float, ...]) -> WaveletTables:
    """Compute a denoiser's integers; the same bits on every machine.

    Args:
        sigmas: threshold of each level in standard deviations of its noise, 0 to 6, finest
            level first; 0 leaves a level as it is.

    Raises:
        BadInputError: a value or their number is out of range.
    """
    if not MIN_LEVELS <= len(sigmas) <= MAX_LEVELS:
        raise BadInputError(
            f"wavelet denoiser: {len(sigmas)} levels must be from {MIN_LEVELS} to {MAX_LEVELS}"
        )
    if not all(0 <= value <= MAX_SIGMAS for value in sigmas):
        raise BadInputError(
            f"wavelet denoiser: sigmas={sigmas} must each be from 0 to {MAX_SIGMAS}"
        )
    factor = np.array(sigmas, dtype=np.float64) / NORMAL_MAD
    return WaveletTables(len(sigmas), portable.fixed(factor, THRESHOLD_BITS))


class WaveletDenoiser:
    """Denoises a stream; blocks of any size give the same samples.

    Output m belongs to input m; it comes in blocks of 2^levels.

    Attributes:
        latency_samples: the most samples that are held back: 4 (2^levels - 1).
    """

    def __init__(self, tables: WaveletTables) -> None:
        """Take what `build_tables` gave."""
        self._tables = tables
        self.latency_samples = 4 * ((1 << tables.levels) - 1)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next sample is sample 0, after silence."""
        levels = range(self._tables.levels)
        self._analyses = [Analysis() for _ in levels]
        self._shrinkers = [
            Shrinker(int(self._tables.factor_q8[level]), LAST_RATE - 1 - level) for level in levels
        ]
        self._syntheses = [Synthesis() for _ in levels]

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take int16 [samples], also none; give the int16 samples they complete, also none."""
        smooth: Ints = pcm.astype(np.int64)
        details = []
        for analysis, shrinker in zip(self._analyses, self._shrinkers, strict=True):
            smooth, detail = analysis.push(smooth)
            details.append(shrinker.push(detail))
        for synthesis, detail in zip(self._syntheses[::-1], details[::-1], strict=True):
            smooth = synthesis.push(smooth, detail)
        return np.clip(smooth, -32_768, 32_767).astype(np.int16)


class Analysis:
    """One level: samples x -> smooth values s and details d, at half the rate.

    d[n] = x[2n+1] - (x[2n] + x[2n+2]) / 2, s[n] = x[2n] + (d[n-1] + d[n]) / 4, both divisions
    rounded; d[-1] is 0.
    """

    def __init__(self) -> None:
        self._samples = np.zeros(0, dtype=np.int64)  # begins at an even sample
        self._detail = np.zeros(1, dtype=np.int64)  # the one before

    def push(self, x: Ints) -> tuple[Ints, Ints]:
        """int64 [samples] -> smooth values and details, int64 [n] each."""
        x = np.concatenate([self._samples, x])
        count = max(0, (len(x) - 1) // 2)
        self._samples = x[2 * count :]
        even, odd = x[0 : 2 * count + 1 : 2], x[1 : 2 * count : 2]
        detail = odd - ((even[:-1] + even[1:]) >> 1) if count else odd
        known = np.concatenate([self._detail, detail])
        self._detail = known[-1:]
        return even[:count] + _quarter(known), detail


class Synthesis:
    """One level back: smooth values and details -> samples, twice as many."""

    def __init__(self) -> None:
        # What waits for its partner, and the last even sample with its detail.
        self._smooth = np.zeros(0, dtype=np.int64)
        self._details = np.zeros(1, dtype=np.int64)  # d[-1] leads
        self._even = np.zeros(0, dtype=np.int64)

    def push(self, smooth: Ints, detail: Ints) -> Ints:
        """int64 [n] smooth values and int64 [m] details -> int64 samples."""
        smooth = np.concatenate([self._smooth, smooth])
        known = np.concatenate([self._details, detail])  # starts one before smooth[0]
        count = min(len(smooth), len(known) - 1)
        even = np.concatenate([self._even, smooth[:count] - _quarter(known[: count + 1])])
        # Detail n stands between even samples n and n + 1, and `known` starts at the detail
        # after the even sample that was kept.
        between = len(self._even)
        odd = known[1 - between : 1 - between + max(0, len(even) - 1)]
        odd = odd + ((even[:-1] + even[1:]) >> 1) if len(even) else odd
        self._smooth, self._details, self._even = smooth[count:], known[count:], even[-1:]
        out = np.empty(2 * len(odd), dtype=np.int64)
        out[0::2], out[1::2] = even[: len(odd)], odd
        return out


def _quarter(details: Ints) -> Ints:
    """A quarter of the sum of neighbours, rounded."""
    return (details[:-1] + details[1:] + 2) >> 2


class Shrinker:
    """Soft threshold of one level's details, which follows their median magnitude.

    The median rises by a fixed share of itself for a larger magnitude and falls by it for a
    smaller one. A soft threshold takes as much from a loud detail as from a weak one, so it
    falls where details are loud: BayesShrink's threshold goes as the noise's variance over the
    signal's deviation. A recursion can't be vectorised: this reference is a loop over details.
    """

    def __init__(self, factor_q8: int, rate: int) -> None:
        """Take the threshold over the median, Q8, and the final rate, 2^-rate a detail."""
        self._factor_q8, self._rate = factor_q8, rate
        self._median_q8, self._turns, self._rose, self._level_q8 = 0, 0, False, 0

    def push(self, details: Ints) -> Ints:
        """int64 [n] -> int64 [n], nearer to zero."""
        if not self._factor_q8:
            return details
        magnitudes = np.abs(details)
        medians, levels = self._follow(magnitudes << MEDIAN_BITS)
        noise = medians * medians // np.maximum(np.maximum(levels, medians), 1)
        threshold = rounded_shift(noise * self._factor_q8, MEDIAN_BITS + THRESHOLD_BITS)
        kept = np.maximum(magnitudes - threshold, 0)
        return np.where(details < 0, -kept, kept)

    def _follow(self, magnitudes_q8: Ints) -> tuple[Ints, Ints]:
        """The running median and the short-time mean, Q8, at each magnitude."""
        median, turns, rose = self._median_q8, self._turns, self._rose
        level, last = self._level_q8, self._rate
        rate = min(last, FIRST_RATE + (turns >> 3).bit_length())
        medians: list[int] = []
        levels: list[int] = []
        for magnitude in magnitudes_q8.tolist():
            rises = magnitude > median
            if rises != rose and rate < last:
                turns += 1
                rate = min(last, FIRST_RATE + (turns >> 3).bit_length())
            rose = rises
            step = (median >> rate) + 1
            median = median + step if rises else max(0, median - step)
            medians.append(median)
            level += (magnitude - level) >> (LEVEL_RISE if magnitude > level else LEVEL_FALL)
            levels.append(level)
        self._median_q8, self._turns, self._rose, self._level_q8 = median, turns, rose, level
        return np.array(medians, dtype=np.int64), np.array(levels, dtype=np.int64)

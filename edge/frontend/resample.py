"""Streaming sampling-rate conversion in integers: a polyphase windowed-sinc filter.

Source: Smith, Digital Audio Resampling (CCRMA), with Kaiser's window (Kaiser & Schafer, 1980).
The pass band ends at 90 % of the lower rate's half, the stop band begins at that half, and
the window is designed for 90 dB; taps of 16 bits would leave only 70 dB of them.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import portable
from edge.frontend.fixed import rounded_shift

MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 192_000
# 640 phases make every common pair of rates exact (11,025 to 16,000 Hz is 640/441), and most
# others within 3 parts in a million. Near a simple ratio (16,012 to 16,000 Hz) only more phases
# tell the two apart, as many as a table of 4 MB holds: a ratio is met within 60 parts in a
# million then, which is the error of a sound card's crystal.
MAX_PHASES = 640
NEAR = Fraction(3, 1_000_000)
MOST_VALUES = 1_000_000
STOPBAND_DB = 90.0
PASSBAND = 0.9
TAP_BITS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """A conversion as integers.

    Attributes:
        values_q30: int32 [phases, taps], each row in the order of the samples it meets.
        step: output m stands `m * step / phases` input samples into the stream.
    """

    values_q30: NDArray[np.int32]
    step: int


@lru_cache(maxsize=4)
def build_taps(rate_in_hz: int, rate_out_hz: int) -> Taps:
    """Taps of a conversion between two rates in hertz; the same bits on every machine."""
    nyquist = 0.5 * min(1.0, rate_out_hz / rate_in_hz)  # cycles an input sample
    width = nyquist * (1 - PASSBAND)
    half = math.ceil((STOPBAND_DB - 7.95) / (14.36 * width) / 2)
    ratio = _ratio(Fraction(rate_in_hz, rate_out_hz), 2 * half)
    phases, step = ratio.denominator, ratio.numerator
    beta = 0.1102 * (STOPBAND_DB - 8.7)
    # Distance of each tap from the output's instant, in 1/phases of an input sample: exact.
    offset = np.arange(1 - half, half + 1)[None, :] * phases - np.arange(phases)[:, None]
    distance = offset / phases
    cutoff = nyquist - width / 2
    shape = np.sqrt(np.maximum(0.0, 1 - (distance / half) ** 2))
    window = portable.bessel_i0(beta * shape) / portable.bessel_i0(np.array([beta]))
    taps = 2 * cutoff * _sinc(2 * cutoff * distance) * window
    taps /= taps.sum(axis=1, keepdims=True)
    fixed = portable.round_half_up(taps * float(1 << TAP_BITS))
    # Every phase passes a constant unchanged: what rounding took goes to the largest tap.
    fixed[np.arange(phases), fixed.argmax(axis=1)] += (1 << TAP_BITS) - fixed.sum(axis=1)
    return Taps(portable.frozen(fixed), step)


def _ratio(exact: Fraction, taps: int) -> Fraction:
    """The ratio of two rates that a table of so many taps a phase can meet."""
    few = exact.limit_denominator(MAX_PHASES)
    if abs(few / exact - 1) <= NEAR:
        return few
    return exact.limit_denominator(max(MAX_PHASES, MOST_VALUES // taps))


def _sinc(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """sin(pi x) / (pi x), with a portable sine."""
    scale = 1 << 40  # x in 2^-41 turns: finer than any table entry's last bit
    turns = portable.round_half_up(x * scale)
    sine = portable.sin_turns(turns, 2 * scale)
    safe = np.where(turns == 0, 1.0, x)
    return np.where(turns == 0, 1.0, sine / (3.141592653589793 * safe))


class Resampler:
    """Converts a stream of int16 samples from one rate to another.

    Output m is centred on input instant `m * rate_in / rate_out`, so indices of both rates
    meet at zero; the filter's reach (at most 15 ms, to or from 4,000 Hz) is the latency.
    """

    def __init__(self, rate_in_hz: int, rate_out_hz: int) -> None:
        if not MIN_RATE_HZ <= rate_in_hz <= MAX_RATE_HZ:
            raise BadInputError(
                f"sampling rate {rate_in_hz} Hz is out of range; give {MIN_RATE_HZ} to "
                f"{MAX_RATE_HZ} Hz"
            )
        # None: equal rates, samples pass as they are.
        self.taps = None if rate_in_hz == rate_out_hz else build_taps(rate_in_hz, rate_out_hz)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next sample is sample 0, after silence."""
        lead = 0 if self.taps is None else self.taps.values_q30.shape[1] // 2 - 1
        self._tail = np.zeros(lead, dtype=np.int16)
        self._phase = 0  # of the next output, in 1/phases of an input sample past tail[0]

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take int16 [samples] of the input; give the output samples they complete."""
        if self.taps is None:
            return pcm
        samples = np.concatenate([self._tail, pcm])
        phases, taps = self.taps.values_q30.shape
        room = len(samples) - taps  # the last start at which every tap meets a sample
        count = max(0, (room * phases + phases - 1 - self._phase) // self.taps.step + 1)
        position = self._phase + np.arange(count, dtype=np.int64) * self.taps.step
        out = _convolve(self.taps, samples, position // phases, position % phases)
        following = self._phase + count * self.taps.step
        drop = min(following // phases, len(samples))
        self._tail, self._phase = samples[drop:].copy(), following - drop * phases
        return out


def _convolve(
    taps: Taps, samples: NDArray[np.int16], start: NDArray[np.int64], phase: NDArray[np.int64]
) -> NDArray[np.int16]:
    out = np.empty(len(start), dtype=np.int16)
    if len(start) == 0:
        return out
    windows = sliding_window_view(samples, taps.values_q30.shape[1])
    for first in range(0, len(start), 4096):
        part = slice(first, first + 4096)
        product = windows[start[part]].astype(np.int64) * taps.values_q30[phase[part]]
        total = rounded_shift(product.sum(axis=1), TAP_BITS)
        out[part] = np.clip(total, -32768, 32767)
    return out

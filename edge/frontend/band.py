"""Takes away what lies outside a band: an offset, rumble, the edge of the resampler.

Butterworth filters as cascaded second-order sections, by the bilinear transform. Source:
Oppenheim & Schafer, Discrete-Time Signal Processing, chapters 6 and 7.
"""

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import portable
from edge.frontend.fixed import Ints, rounded_shift

COEFFICIENT_BITS = 30
# Samples between sections: 27 bits of a full-scale sample and 8-fold headroom, which a step
# from end to end doesn't meet. Seven such products of Q30 coefficients stay below 2^63.
FRACTION_BITS = 12
LIMIT = 1 << 30
ORDERS = (2, 4, 6, 8)


def design(rate_hz: int, low_hz: int, high_hz: int, order: int = 2) -> NDArray[np.int32]:
    """Coefficients of a band filter; the same bits on every machine.

    Args:
        rate_hz: sampling rate, 4,000 to 48,000.
        low_hz: lower edge (-3 dB), 10 to a quarter of the rate; 0 for none.
        high_hz: upper edge (-3 dB), from twice the lower edge and an eighth of the rate to
            0.48 of the rate; 0 for none.
        order: of each edge: 2, 4, 6 or 8.

    Returns:
        int32 [sections, 5], Q30: b0, b1, b2, a1, a2 of each section; a0 is one.

    Raises:
        BadInputError: an edge or the order is out of its range.
    """
    _check(rate_hz, low_hz, high_hz, order)
    sections = [
        _section(rate_hz, edge_hz, order, pair, sign)
        for edge_hz, sign in ((low_hz, -1), (high_hz, 1))
        for pair in range(order // 2)
        if edge_hz
    ]
    return portable.frozen(np.array(sections))


def edge_ranges(rate_hz: int, low_hz: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Least and greatest lower edge, then upper edge, in hertz; 0 is always allowed for none."""
    return (10, rate_hz // 4), (max(2 * low_hz, rate_hz // 8), rate_hz * 12 // 25)


def _check(rate_hz: int, low_hz: int, high_hz: int, order: int) -> None:
    if not 4_000 <= rate_hz <= 48_000:
        raise BadInputError(f"band filter: rate_hz={rate_hz} must be from 4000 to 48000")
    for name, edge_hz, (least_hz, most_hz) in zip(
        ("low_hz", "high_hz"), (low_hz, high_hz), edge_ranges(rate_hz, low_hz), strict=True
    ):
        if edge_hz and not least_hz <= edge_hz <= most_hz:
            raise BadInputError(
                f"band filter: {name}={edge_hz} must be 0 (none) or from {least_hz} to {most_hz}"
            )
    if not low_hz and not high_hz:
        raise BadInputError("band filter: low_hz=0 and high_hz=0 leave nothing to filter")
    if order not in ORDERS:
        raise BadInputError(f"band filter: order={order} must be one of {ORDERS}")


def _section(rate_hz: int, edge_hz: int, order: int, pair: int, sign: int) -> list[int]:
    """One pole pair; `sign` is 1 for a low-pass, -1 for a high-pass."""
    angle = np.array([edge_hz], dtype=np.int64)
    sine, cosine = (f(angle, 2 * rate_hz)[0] for f in (portable.sin_turns, portable.cos_turns))
    warped = sine / cosine
    damping = 2 * portable.sin_turns(np.array([2 * pair + 1], dtype=np.int64), 4 * order)[0]
    square = warped * warped
    norm = 1 / (1 + damping * warped + square)
    outer = norm * (square if sign > 0 else 1.0)
    a1, a2 = 2 * (square - 1) * norm, (1 - damping * warped + square) * norm
    b0, a1_q30, a2_q30 = portable.fixed(np.array([outer, a1, a2]), COEFFICIENT_BITS).tolist()
    # The middle tap is twice the outer ones to the bit, so that a high-pass has no gain at DC.
    return [b0, sign * 2 * b0, b0, a1_q30, a2_q30]


class BandFilter:
    """Filters a stream; blocks of any size give the same samples, and none is held back.

    A recursion can't be vectorised: this reference is a loop over samples, about 200 times
    real time for a section at 16 kHz.
    """

    latency_samples = 0

    def __init__(self, coefficients: NDArray[np.int32]) -> None:
        """Take what `design` gave, int32 [sections, 5]."""
        self._sections = [_Section(row) for row in coefficients.tolist()]

    def reset(self) -> None:
        """Forget the past: the next sample comes after silence."""
        for section in self._sections:
            section.reset()

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """int16 [samples] -> int16 [samples], saturated."""
        x = pcm.astype(np.int64) << FRACTION_BITS
        for section in self._sections:
            x = section.push(x)
        return np.clip(rounded_shift(x, FRACTION_BITS), -32_768, 32_767).astype(np.int16)


class _Section:
    """Direct form I, first-order error feedback.

    What a rounding took is added to the next sum. The noise then has a zero at DC, where the
    poles of a low edge would amplify it most, and no limit cycle stands there.
    """

    def __init__(self, coefficients: list[int]) -> None:
        self._b0, self._b1, self._b2, self._a1, self._a2 = coefficients
        self.reset()

    def reset(self) -> None:
        self._inputs = np.zeros(2, dtype=np.int64)
        self._y1 = self._y2 = self._rest = 0

    def push(self, x: Ints) -> Ints:
        inputs = np.concatenate([self._inputs, x])
        self._inputs = inputs[len(x) :]
        forward = self._b0 * inputs[2:] + self._b1 * inputs[1:-1] + self._b2 * inputs[:-2]
        a1, a2, y1, y2, rest = self._a1, self._a2, self._y1, self._y2, self._rest
        mask = (1 << COEFFICIENT_BITS) - 1
        out: list[int] = []
        for total in forward.tolist():  # Q42
            total += rest - a1 * y1 - a2 * y2
            y2, y1, rest = y1, total >> COEFFICIENT_BITS, total & mask
            if not -LIMIT <= y1 <= LIMIT:
                y1 = LIMIT if y1 > 0 else -LIMIT
            out.append(y1)
        self._y1, self._y2, self._rest = y1, y2, rest
        return np.array(out, dtype=np.int64)

"""Fixed-point arithmetic that every stage shares.

Right shifts are arithmetic and round to minus infinity.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def rounded_shift(x: Ints, bits: int) -> Ints:
    """`x / 2^bits` to the nearest integer, halves upwards."""
    return (x + (1 << (bits - 1))) >> bits


def rounded_quotient(x: Ints, divisor: int) -> Ints:
    """`x / divisor` to the nearest integer, halves upwards."""
    return (2 * x + divisor) // (2 * divisor)


def bit_length(x: Ints) -> Ints:
    """Bits needed for each non-negative value below 2^63; 0 for 0."""
    length = np.zeros(x.shape, dtype=np.int64)
    rest = x.copy()
    for step in (32, 16, 8, 4, 2, 1):
        above = rest >= (1 << step)
        length += above * step
        rest = np.where(above, rest >> step, rest)
    return length + (rest > 0)

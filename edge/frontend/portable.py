"""Elementary functions that give the same bits on every IEEE 754 machine, and their integers.

They use only addition, multiplication, division and exact scaling, which the standard
rounds one way; a libm's sine may differ in the last bit between two systems, and a table
entry on the edge of a rounding would then differ too. All take and return float64; they are
accurate to a few units in the last place. Series: Abramowitz & Stegun 4.1.27, 4.2.1, 4.3.65,
9.6.10.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LN2 = 0.6931471805599453
_PI = 3.141592653589793


def cos_turns(numerator: NDArray[np.int64], denominator: int) -> Floats:
    """Cosine of `numerator / denominator` turns; exact at the quarter turns.

    The argument is reduced with integers, so that no large angle loses precision.
    """
    eighths = 8 * (np.asarray(numerator, dtype=np.int64) % denominator)
    octant = eighths // denominator  # 0..7
    rest = (eighths % denominator).astype(np.float64) / denominator  # 0..1 of an octant
    odd = octant % 2 == 1
    angle = np.where(odd, 1.0 - rest, rest) * (_PI / 4)
    # Which of sine and cosine serves an octant, and with which sign.
    use_sine = np.isin(octant, (1, 2, 5, 6))
    negative = np.isin(octant, (2, 3, 4, 5))
    value = np.where(use_sine, _sin_small(angle), _cos_small(angle))
    return np.where(negative, -value, value)


def sin_turns(numerator: NDArray[np.int64], denominator: int) -> Floats:
    """Sine of `numerator / denominator` turns."""
    return cos_turns(4 * np.asarray(numerator, dtype=np.int64) - denominator, 4 * denominator)


def _sin_small(x: Floats) -> Floats:
    square = x * x
    term, total = x, x
    for n in range(1, 11):
        term = term * (-square) / float((2 * n) * (2 * n + 1))
        total = total + term
    return total


def _cos_small(x: Floats) -> Floats:
    square = x * x
    term = total = np.ones_like(x)
    for n in range(1, 11):
        term = term * (-square) / float((2 * n - 1) * (2 * n))
        total = total + term
    return total


def ln(x: float) -> float:
    """Natural logarithm of a positive number."""
    mantissa, exponent = math.frexp(x)  # exact
    if mantissa < 0.7071067811865476:
        mantissa, exponent = mantissa * 2.0, exponent - 1
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    power, total = ratio, 0.0
    for n in range(1, 41, 2):
        total += power / n
        power *= square
    return 2.0 * total + exponent * _LN2


def log2(x: float) -> float:
    """Logarithm to base 2 of a positive number; exact for a power of two."""
    mantissa, exponent = math.frexp(x)
    if mantissa == 0.5:
        return float(exponent - 1)
    return ln(mantissa) / _LN2 + exponent


def exp(x: float) -> float:
    """Exponential of a number from -700 to 700."""
    exponent = math.floor(x / _LN2 + 0.5)
    rest = x - exponent * _LN2
    term = total = 1.0
    for n in range(1, 24):
        term *= rest / n
        total += term
    return math.ldexp(total, exponent)


def bessel_i0(x: Floats) -> Floats:
    """Modified Bessel function of order zero, for 0 to 30: the Kaiser window's shape."""
    quarter = x * x / 4.0
    term = total = np.ones_like(x)
    for n in range(1, 80):
        term = term * quarter / float(n * n)
        total = total + term
    return total


def round_half_up(x: Floats) -> NDArray[np.int64]:
    """Nearest integer, halves upwards."""
    rounded: NDArray[np.int64] = np.floor(x + 0.5).astype(np.int64)
    return rounded


def fixed(values: Floats, bits: int) -> NDArray[np.int32]:
    """Values with so many bits of fraction, for a table: int32, read-only."""
    return frozen(round_half_up(values * float(1 << bits)))


def frozen(values: NDArray[np.int64]) -> NDArray[np.int32]:
    """A table's integers: int32, contiguous, read-only."""
    array = np.ascontiguousarray(values, dtype=np.int32)
    array.setflags(write=False)
    return array

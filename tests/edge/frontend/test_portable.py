"""The portable elementary functions against NumPy's and SciPy's."""

import math

import numpy as np
import pytest
import scipy.special

from edge.frontend import portable


@pytest.mark.parametrize("denominator", [8, 64, 400, 512, 2_048, 160, 1 << 41])
def test_turns(denominator: int):
    """Sine and cosine lie within 1e-15 of the truth, angles beyond a turn included."""
    rng = np.random.default_rng(0)
    numerator = np.concatenate(
        [np.arange(-20, 20), rng.integers(-4 * denominator, 4 * denominator, 2_000)]
    )
    angle = 2 * np.pi * (numerator % denominator).astype(np.longdouble) / denominator
    assert np.abs(portable.cos_turns(numerator, denominator) - np.cos(angle)).max() < 1e-15
    assert np.abs(portable.sin_turns(numerator, denominator) - np.sin(angle)).max() < 1e-15


def test_quarter_turns_are_exact():
    """The trivial twiddles are exact, which lets the C core skip their products."""
    assert portable.cos_turns(np.arange(-4, 5), 4).tolist() == [1, 0, -1, 0, 1, 0, -1, 0, 1]
    assert portable.sin_turns(np.arange(-4, 5), 4).tolist() == [0, 1, 0, -1, 0, 1, 0, -1, 0]


def test_logarithms():
    """Logarithms lie within a few units in the last place; of powers of two they are exact."""
    for x in [*np.geomspace(1e-12, 1e12, 997), 1 + 2**-52, 0.7071, 0.7072, 1.4142]:
        assert portable.ln(x) == pytest.approx(math.log(x), rel=1e-15, abs=2e-16)
        assert portable.log2(x) == pytest.approx(math.log2(x), rel=1e-15, abs=3e-16)
    for exponent in range(-60, 61):
        assert portable.log2(2.0**exponent) == exponent


def test_exponential():
    """The exponential lies within a few units in the last place of its argument."""
    for x in [*np.linspace(-700, 700, 2_001), 0.0, 1e-9, -1e-9]:
        assert portable.exp(x) == pytest.approx(math.exp(x), rel=1e-15 * max(1.0, abs(x)))


def test_bessel():
    """The Kaiser window's shape lies within 1e-14 of SciPy's, over its documented range."""
    x = np.linspace(0, 30, 1_001)
    np.testing.assert_allclose(portable.bessel_i0(x), scipy.special.i0(x), rtol=1e-14)


def test_round_half_up():
    """Halves round upwards, on both sides of zero."""
    x = np.array([-1.5, -0.5, 0.5, 1.5, 2.4, -2.6])
    assert portable.round_half_up(x).tolist() == [-1, 0, 1, 2, 2, -3]

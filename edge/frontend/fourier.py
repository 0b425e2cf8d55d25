"""Real FFT and its inverse in 32 bits, a halving a stage.

Source: Sorensen et al., Real-valued fast Fourier transform algorithms, IEEE Trans. ASSP
35(6), 1987.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.frontend import portable
from edge.frontend.fixed import Ints, rounded_shift

TWIDDLE_BITS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Rotations:
    """The integers of a transform; read-only.

    Attributes:
        fft_size: a power of two.
        twiddle_re_q30, twiddle_im_q30: int32 [fft_size / 2], exp(-2 pi i k / fft_size).
        bit_reversal: int32 [fft_size / 2].
    """

    fft_size: int
    twiddle_re_q30: NDArray[np.int32]
    twiddle_im_q30: NDArray[np.int32]
    bit_reversal: NDArray[np.int32]


def rotations(fft_size: int) -> Rotations:
    """Compute the integers of a transform; the same bits on every machine."""
    k = np.arange(fft_size // 2, dtype=np.int64)
    order = np.zeros(1, dtype=np.int64)
    while len(order) < fft_size // 2:
        order = np.concatenate([2 * order, 2 * order + 1])
    return Rotations(
        fft_size,
        portable.fixed(portable.cos_turns(k, fft_size), TWIDDLE_BITS),
        portable.fixed(-portable.sin_turns(k, fft_size), TWIDDLE_BITS),
        portable.frozen(order),
    )


def forward(x: Ints, turn: Rotations) -> tuple[Ints, Ints]:
    """Spectrum of real rows, divided by fft_size.

    Packs even and odd samples into one complex transform of half the size, then separates
    the two.

    Args:
        x: int64 [rows, fft_size], below 2^29 in magnitude.
        turn: the transform's integers.

    Returns:
        Real and imaginary parts, int64 [rows, fft_size / 2 + 1].
    """
    re, im = _complex(x[:, 0::2], x[:, 1::2], turn)
    k, w_re, w_im = _half_turn(turn)
    half = turn.fft_size // 2
    z_re, z_im = re[:, k % half], im[:, k % half]
    y_re, y_im = re[:, -k % half], im[:, -k % half]
    even_re, even_im = (z_re + y_re) >> 1, (z_im - y_im) >> 1
    odd_re, odd_im = (z_im + y_im) >> 1, (y_re - z_re) >> 1
    t_re = rounded_shift(odd_re * w_re - odd_im * w_im, TWIDDLE_BITS)
    t_im = rounded_shift(odd_re * w_im + odd_im * w_re, TWIDDLE_BITS)
    return (even_re + t_re) >> 1, (even_im + t_im) >> 1


def inverse(re: Ints, im: Ints, turn: Rotations) -> Ints:
    """The real rows of which these are the spectra; what `forward` divided stays divided.

    Args:
        re: int64 [rows, fft_size / 2 + 1], below 2^28 in magnitude.
        im: the same for the imaginary parts.
        turn: the transform's integers.

    Returns:
        int64 [rows, fft_size].
    """
    k, w_re, w_im = _half_turn(turn)
    k, w_re, w_im = k[:-1], w_re[:-1], w_im[:-1]
    half = turn.fft_size // 2
    y_re, y_im = re[:, half - k], -im[:, half - k]
    re, im = re[:, :half], im[:, :half]
    even_re, even_im = (re + y_re) >> 1, (im + y_im) >> 1
    t_re, t_im = (re - y_re) >> 1, (im - y_im) >> 1
    odd_re = rounded_shift(t_re * w_re + t_im * w_im, TWIDDLE_BITS)
    odd_im = rounded_shift(t_im * w_re - t_re * w_im, TWIDDLE_BITS)
    # Exchanging the parts before and after turns a transform into its inverse.
    odd, even = _complex(even_im + odd_re, even_re - odd_im, turn)
    out = np.empty((len(re), turn.fft_size), dtype=np.int64)
    out[:, 0::2], out[:, 1::2] = even, odd
    return out


def _half_turn(turn: Rotations) -> tuple[Ints, Ints, Ints]:
    """Bins 0 to fft_size / 2 and their twiddles."""
    k = np.arange(turn.fft_size // 2 + 1)
    w_re = np.append(turn.twiddle_re_q30, -(1 << TWIDDLE_BITS)).astype(np.int64)
    w_im = np.append(turn.twiddle_im_q30, 0).astype(np.int64)
    return k, w_re, w_im


def _complex(re: Ints, im: Ints, turn: Rotations) -> tuple[Ints, Ints]:
    """Complex transform of fft_size / 2 points: radix 2, decimation in time, halved a stage."""
    re, im = re[:, turn.bit_reversal], im[:, turn.bit_reversal]
    size = 1
    while size < turn.fft_size // 2:
        re, im = _butterflies(re, im, size, turn)
        size *= 2
    return re, im


def _butterflies(re: Ints, im: Ints, size: int, turn: Rotations) -> tuple[Ints, Ints]:
    """Pairs of `size`-point transforms become `2 * size`-point ones."""
    stride = turn.fft_size // (2 * size)
    w_re = turn.twiddle_re_q30[::stride].astype(np.int64)  # [size]
    w_im = turn.twiddle_im_q30[::stride].astype(np.int64)
    re = re.reshape(len(re), -1, 2, size)  # [rows, groups, upper or lower, size]
    im = im.reshape(len(im), -1, 2, size)
    a_re, b_re, a_im, b_im = re[:, :, 0], re[:, :, 1], im[:, :, 0], im[:, :, 1]
    t_re = rounded_shift(b_re * w_re - b_im * w_im, TWIDDLE_BITS)
    t_im = rounded_shift(b_re * w_im + b_im * w_re, TWIDDLE_BITS)
    out_re, out_im = np.empty_like(re), np.empty_like(im)
    out_re[:, :, 0], out_re[:, :, 1] = (a_re + t_re) >> 1, (a_re - t_re) >> 1
    out_im[:, :, 0], out_im[:, :, 1] = (a_im + t_im) >> 1, (a_im - t_im) >> 1
    return out_re.reshape(len(re), -1), out_im.reshape(len(im), -1)

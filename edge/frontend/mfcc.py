"""int16 frames -> log-mel power or cepstra, in integers: the readable reference.

Each stage takes and returns whole batches, one row a frame, and carries its Q format in
comments. The C core repeats these stages bit for bit. Right shifts are arithmetic and round
to minus infinity; `rounded_shift` adds half a unit first.
"""

import numpy as np
from numpy.typing import NDArray

from edge.frontend import fourier
from edge.frontend import tables as q
from edge.frontend.fixed import Ints, bit_length, rounded_quotient, rounded_shift
from edge.frontend.spec import FrontendSpec
from edge.frontend.tables import FrontendTables

# The largest magnitude after windowing is below 2^29: a complex butterfly grows it by at most
# sqrt(2) once and by two a stage, of which each stage takes back a half, so 2^31 is never met.
FRAME_BITS = 29
# Frames a batch: keeps the working set of the reference inside a core's cache.
BATCH_FRAMES = 64


def features(
    frames: NDArray[np.int16], spec: FrontendSpec, tables: FrontendTables
) -> NDArray[np.int16]:
    """Mel bands or cepstra of raw frames, those that are kept.

    Args:
        frames: int16 [frames, window_samples].
        spec: the frontend's definition.
        tables: its integers.

    Returns:
        int16 [frames, kept bands], Q8.7.
    """
    out = np.empty((len(frames), spec.kept_bands), dtype=np.int16)
    for start in range(0, len(frames), BATCH_FRAMES):
        batch = frames[start : start + BATCH_FRAMES]
        log_q20 = log_mel(batch, spec, tables)
        out[start : start + len(batch)] = to_q7(cepstra(log_q20, spec, tables))
    return out


def log_mel(frames: NDArray[np.int16], spec: FrontendSpec, tables: FrontendTables) -> Ints:
    """log2 power of each mel band above the spec's floor.

    Returns:
        int64 [frames, mel_bands], Q20, at least 0.
    """
    windowed, shift = normalise(frames, tables)
    re, im = real_fft(windowed, spec, tables)
    power = mel_power(re, im, tables)
    return log2_above_floor(power, shift, tables.log2_q20, tables.log_offset_q20)


def normalise(frames: NDArray[np.int16], tables: FrontendTables) -> tuple[Ints, Ints]:
    """Take each frame's mean away, scale it up to FRAME_BITS bits and window it.

    Cheap microphones have a constant offset; its leakage would hide quiet low bands. The
    common left shift of a frame makes what follows block floating point.

    Returns:
        int64 [frames, window_samples] below 2^29, and the int64 [frames] left shift taken.
    """
    wide = frames.astype(np.int64)  # Q15
    total, length = wide.sum(axis=1), wide.shape[1]
    centred = wide - rounded_quotient(total, length)[:, None]  # at most 65,535
    shift = FRAME_BITS - bit_length(np.abs(centred).max(axis=1))  # 13 to 29 (silence)
    # The mean again, now with the shift's bits behind the point: half a unit of the samples
    # would leak more than a quiet band holds.
    scaled = (wide << shift[:, None]) - rounded_quotient(total << shift, length)[:, None]
    return rounded_shift(scaled * tables.window_q30, q.WINDOW_BITS), shift


def real_fft(x: Ints, spec: FrontendSpec, tables: FrontendTables) -> tuple[Ints, Ints]:
    """Spectrum of real rows of at most fft_size samples, divided by fft_size.

    Returns:
        Real and imaginary parts, int64 [frames, fft_size / 2 + 1].
    """
    padded = np.zeros((len(x), spec.fft_size), dtype=np.int64)
    padded[:, : x.shape[1]] = x
    turn = fourier.Rotations(
        spec.fft_size, tables.twiddle_re_q30, tables.twiddle_im_q30, tables.bit_reversal
    )
    return fourier.forward(padded, turn)


def mel_power(re: Ints, im: Ints, tables: FrontendTables) -> Ints:
    """Sum of |X|^2 under each triangle.

    By Parseval, the whole spectrum's power is at most the windowed frame's mean square, below
    2^58; without its ten lowest bits and with Q15 weights every sum is below 2^63. A bin rises
    in one filter and falls in the one before, so one product serves both.

    Returns:
        int64 [frames, mel_bands].
    """
    power = rounded_shift(re * re + im * im, q.POWER_SHIFT)
    rising = _between(power * tables.mel_rise_q15, tables.mel_edges)  # [frames, bands + 1]
    whole = _between(power, tables.mel_edges) << q.WEIGHT_BITS
    return rising[:, :-1] + (whole - rising)[:, 1:]


def _between(x: Ints, edges: NDArray[np.int32]) -> Ints:
    """Sums of the columns of `x` between neighbouring edges; an empty span gives 0."""
    running = np.zeros((len(x), x.shape[1] + 1), dtype=np.int64)
    np.cumsum(x, axis=1, out=running[:, 1:])
    return np.diff(running[:, edges], axis=1)


def log2_above_floor(
    power: Ints, shift: Ints, log2_q20: NDArray[np.int32], offset_q20: NDArray[np.int32]
) -> Ints:
    """log2 by table and linear interpolation; 0 at the spec's floor and below.

    Args:
        power: int64 [frames, bands], at least 0.
        shift: int64 [frames], the left shift of each frame.
        log2_q20: int32 [257], log2 from 1 to 2.
        offset_q20: int32 [1], what turns log2 of the power into log2 above the floor.

    Returns:
        int64 [frames, bands], Q20; the error of the interpolation is below 2^-18.
    """
    exponent = np.maximum(bit_length(power) - 1, 0)
    mantissa = np.where(  # Q30, from 1 to below 2
        exponent >= 30, power >> np.maximum(exponent - 30, 0), power << np.maximum(30 - exponent, 0)
    )
    fraction = mantissa - (1 << 30)
    rest_bits = 30 - q.LOG_TABLE_BITS
    index = np.where(power > 0, fraction >> rest_bits, 0)
    rest = fraction & ((1 << rest_bits) - 1)
    low = log2_q20[index].astype(np.int64)
    high = log2_q20[index + 1].astype(np.int64)
    log = low + rounded_shift((high - low) * rest, rest_bits) + (exponent << q.LOG_BITS)
    log += offset_q20[0] - ((2 * shift[:, None]) << q.LOG_BITS)
    return np.where(power > 0, np.maximum(log, 0), 0)


def cepstra(log_q20: Ints, spec: FrontendSpec, tables: FrontendTables) -> Ints:
    """DCT-II of the log bands (or the log bands themselves), the kept coefficients, Q20."""
    if spec.output == "logmel":
        return log_q20[:, tables.kept[tables.kept < spec.mel_bands]]
    return rounded_shift(log_q20 @ tables.dct_q30.T.astype(np.int64), q.DCT_BITS)


def to_q7(x_q20: Ints) -> NDArray[np.int16]:
    """Q20 -> Q8.7, rounded and saturated."""
    return np.clip(rounded_shift(x_q20, q.LOG_BITS - 7), -32768, 32767).astype(np.int16)

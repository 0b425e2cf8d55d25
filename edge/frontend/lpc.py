"""int16 frames -> reflection coefficients of linear prediction.

Schur's recursion: every quantity is bounded by the frame's energy, so 32 bits hold it, where
Levinson's predictor coefficients have no bound. Sources: Le Roux & Gueguen, A fixed point
computation of partial correlation coefficients, IEEE Trans. ASSP 25(3), 1977; lag window:
Tohkura, Itakura & Hashimoto, IEEE Trans. ASSP 26(6), 1978.
"""

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import mfcc, portable
from edge.frontend.fixed import Ints, bit_length, rounded_shift
from edge.frontend.spec import MAX_LPC_ORDER as MAX_ORDER
from edge.frontend.tables import FrontendTables

LAG_BITS = 30
# Windowed samples keep 24 bits: 2,048 squares of them stay below 2^63.
SAMPLE_BITS = 24
# Width of the Gaussian that smooths the spectrum, so that a harmonic is no pole of its own.
LAG_WINDOW_HZ = 60
# -40 dB of white noise: it bounds the condition of the recursion, and with it the error.
NOISE_FLOOR = 1e-4
ONE = 1 << 30  # Q30


def lag_window(order: int, rate_hz: int) -> NDArray[np.int32]:
    """What the autocorrelation is multiplied by; the same bits on every machine.

    Args:
        order: number of coefficients, 1 to 16.
        rate_hz: sampling rate.

    Returns:
        int32 [order + 1], Q30: a Gaussian of 60 Hz; at lag 0, one and the noise floor.

    Raises:
        BadInputError: the order is out of range.
    """
    if not 1 <= order <= MAX_ORDER:
        raise BadInputError(f"lpc: order={order} must be from 1 to {MAX_ORDER}")
    radians = 2 * 3.141592653589793 * LAG_WINDOW_HZ / rate_hz
    values = [portable.exp(-0.5 * (radians * lag) * (radians * lag)) for lag in range(order + 1)]
    values[0] = 1 + NOISE_FLOOR
    return portable.fixed(np.array(values), LAG_BITS)


def reflection(frames: NDArray[np.int16], tables: FrontendTables) -> NDArray[np.int16]:
    """Reflection coefficients of each frame, after taking its mean away and windowing it.

    The sign is that of the predictor's last coefficient: 1 + k z^-1 flattens the spectrum of
    a frame with one coefficient, so a low tone has k near -1. A silent frame gives zeros.

    Args:
        frames: int16 [frames, window_samples].
        tables: the frontend's integers, with a lag window.

    Returns:
        int16 [frames, order], Q15, from -32,767 to 32,767.
    """
    out = np.empty((len(frames), len(tables.lag_window_q30) - 1), dtype=np.int16)
    for start in range(0, len(frames), mfcc.BATCH_FRAMES):
        batch = frames[start : start + mfcc.BATCH_FRAMES]
        k_q30 = schur(autocorrelation(batch, tables))
        out[start : start + len(batch)] = np.clip(rounded_shift(k_q30, 15), -32_767, 32_767)
    return out


def autocorrelation(frames: NDArray[np.int16], tables: FrontendTables) -> Ints:
    """Autocorrelation after the lag window, each frame scaled by a power of two.

    Returns:
        int64 [frames, order + 1]; lag 0 is from 2^29 to 1.0001 * 2^30, or 0 for silence.
    """
    windowed, _ = mfcc.normalise(frames, tables)
    x = rounded_shift(windowed, mfcc.FRAME_BITS - SAMPLE_BITS)
    length = x.shape[1]
    lags_q30 = tables.lag_window_q30
    lags = range(len(lags_q30))
    r = np.stack([(x[:, : length - lag] * x[:, lag:]).sum(axis=1) for lag in lags], axis=1)
    down = bit_length(r[:, 0]) - 30  # to Q30
    scaled = np.where(
        down[:, None] > 0, r >> np.maximum(down, 0)[:, None], r << np.maximum(-down, 0)[:, None]
    )
    return rounded_shift(scaled * lags_q30, LAG_BITS)


def schur(r: Ints) -> Ints:
    """Reflection coefficients of autocorrelations.

    Args:
        r: int64 [frames, order + 1], at most 2^31 in magnitude; lag 0 is the largest or 0.

    Returns:
        int64 [frames, order], Q30, below one in magnitude.
    """
    u, v = r[:, :-1], r[:, 1:]  # forward and backward generator
    out = np.empty(v.shape, dtype=np.int64)
    for order in range(v.shape[1]):
        energy = u[:, 0]  # of the prediction error, kept well above rounding by the noise floor
        divisor = np.where(energy > 0, energy, 1)
        k = ((-v[:, 0] << 31) + divisor) // (2 * divisor)  # rounded; the division floors
        k = np.where(energy > 0, np.clip(k, 1 - ONE, ONE - 1), 0)
        out[:, order] = k
        u, v = (
            u[:, :-1] + rounded_shift(k[:, None] * v[:, :-1], 30),
            v[:, 1:] + rounded_shift(k[:, None] * u[:, 1:], 30),
        )
    return out

"""Spec -> integer tables.

Each stage knows its own integers; the window, the transform, the filters and the logarithm,
which all specs share, are here.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import band, energy, fourier, lpc, portable, spectral, wavelet
from edge.frontend.spec import FrontendSpec
from edge.frontend.tables import (
    DCT_BITS,
    LOG_BITS,
    POWER_SHIFT,
    WEIGHT_BITS,
    WINDOW_BITS,
    FrontendTables,
)

# The wavelet denoiser's thresholds suit a chest up to this rate and a room above it.
MAX_CHEST_HZ = 8_000


def build_tables(spec: FrontendSpec) -> FrontendTables:
    """Compute every table of a spec; the same bits on every machine.

    Raises:
        BadInputError: a mel filter is narrower than one FFT bin.
    """
    turn = fourier.rotations(spec.fft_size)
    edges, rise = _mel_filters(spec)
    log2 = np.array([portable.log2(1 + i / 256) for i in range(257)])
    common = FrontendTables(
        window_q30=portable.fixed(_hann(spec.window_samples), WINDOW_BITS),
        twiddle_re_q30=turn.twiddle_re_q30,
        twiddle_im_q30=turn.twiddle_im_q30,
        bit_reversal=turn.bit_reversal,
        mel_edges=portable.frozen(edges),
        mel_rise_q15=rise,
        log2_q20=portable.fixed(log2, LOG_BITS),
        log_offset_q20=portable.fixed(np.array([_log_offset(spec)]), LOG_BITS),
        dct_q30=portable.fixed(_dct(spec), DCT_BITS),
        kept=portable.frozen(np.array(spec.indices)),
    )
    return dataclasses.replace(common, **_optional(spec))


def _optional(spec: FrontendSpec) -> dict[str, NDArray[np.int32]]:
    """The tables of the stages that are on."""
    arrays = {}
    if spec.low_cut_hz or spec.high_cut_hz:
        arrays["band_q30"] = band.design(spec.rate_hz, spec.low_cut_hz, spec.high_cut_hz)
    if spec.denoise == "spectral":
        arrays |= _spectral(spec)
    if spec.denoise == "wavelet":
        sigmas = wavelet.ROOM_SIGMAS if spec.rate_hz > MAX_CHEST_HZ else wavelet.CHEST_SIGMAS
        arrays["wavelet_factor_q8"] = wavelet.build_tables(sigmas).factor_q8
    if spec.lpc_order:
        arrays["lag_window_q30"] = lpc.lag_window(spec.lpc_order, spec.rate_hz)
    if spec.energy:
        arrays["energy_offset_q20"] = energy.log_offset(spec)
    return arrays


def _spectral(spec: FrontendSpec) -> dict[str, NDArray[np.int32]]:
    size = spectral.fft_size_for(spec.rate_hz)
    tables = spectral.build_tables(size, spectral.FLOOR_DB)
    return {
        "spectral_window_q30": tables.window_q30,
        "spectral_twiddle_re_q30": tables.turn.twiddle_re_q30,
        "spectral_twiddle_im_q30": tables.turn.twiddle_im_q30,
        "spectral_bit_reversal": tables.turn.bit_reversal,
        "spectral_gain_q15": tables.gain_q15,
        "spectral_levels_q20": portable.frozen(np.array([tables.bias_q20, tables.least_q20])),
    }


def _hann(length: int) -> NDArray[np.float64]:
    return 0.5 - 0.5 * portable.cos_turns(np.arange(length, dtype=np.int64), length)


def _mel_filters(spec: FrontendSpec) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Triangles in Hz between edges equally spaced in mel (HTK: 2595 log10(1 + f / 700))."""
    low, high = (portable.ln(1 + hz / 700) for hz in (spec.fmin_hz, spec.fmax_hz))
    steps = spec.mel_bands + 1
    edges_hz = np.array(
        [700 * (portable.exp(low + (high - low) * m / steps) - 1) for m in range(steps + 1)]
    )
    bins_hz = np.arange(spec.fft_size // 2 + 1) * (spec.rate_hz / spec.fft_size)
    edges = np.searchsorted(bins_hz, edges_hz, side="left")
    if (edges[2:] <= edges[:-2]).any():
        band = int(np.argmax(edges[2:] <= edges[:-2]))
        raise BadInputError(
            f"frontend spec: mel_bands={spec.mel_bands} leaves filter {band} without an FFT bin; "
            f"take fewer bands, a higher fmin_hz than {spec.fmin_hz} or a larger fft_size than "
            f"{spec.fft_size}"
        )
    rise = np.zeros(len(bins_hz))
    for start, stop, left, right in zip(
        edges[:-1], edges[1:], edges_hz[:-1], edges_hz[1:], strict=True
    ):
        rise[start:stop] = (bins_hz[start:stop] - left) / (right - left)
    return edges.astype(np.int64), portable.fixed(np.clip(rise, 0.0, 1.0), WEIGHT_BITS)


def _log_offset(spec: FrontendSpec) -> float:
    """Turn log2 of a filter's integer sum into log2 of power above the floor.

    A sum counts 2^(15 - POWER_SHIFT) |X|^2 with X the FFT divided by its size. The reference,
    0 dBFS, is the peak bin of a full-scale sine: amplitude 2^15 times half the window's sum.
    """
    window_sum = spec.window_samples / 2  # of the periodic Hann window, exactly
    full_scale = 2 * (15 + portable.log2(window_sum / 2))
    scale = WEIGHT_BITS - POWER_SHIFT - 2 * portable.log2(spec.fft_size)
    floor = spec.floor_dbfs / 10 * (portable.ln(10) / portable.ln(2))
    return -full_scale - scale - floor


def _dct(spec: FrontendSpec) -> NDArray[np.float64]:
    if spec.output == "logmel":
        return np.zeros((0, spec.mel_bands))
    bands = spec.mel_bands
    rows = np.array(spec.indices[: spec.kept_bands], dtype=np.int64)[:, None]
    basis = portable.cos_turns(rows * (2 * np.arange(bands) + 1), 4 * bands)
    scale = np.where(rows == 0, (1 / bands) ** 0.5, (2 / bands) ** 0.5)
    matrix: NDArray[np.float64] = basis * scale
    return matrix

"""Spec -> integer tables: the only place where a float becomes an integer.

A bundle ships the tables of its spec, and the digest over spec and tables is what card,
device and firmware compare.
"""

import hashlib
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import portable
from edge.frontend.spec import FrontendSpec

TWIDDLE_BITS = 30
WINDOW_BITS = 30
WEIGHT_BITS = 15
LOG_BITS = 20
LOG_TABLE_BITS = 8
DCT_BITS = 30
# |X|^2 loses its ten lowest bits before the filters, so that a sum over all bins, weighted
# with Q15, stays below 2^63 for any frame (see mfcc.mel_power).
POWER_SHIFT = 10
# Counts the changes of the arithmetic that no table shows. A bundle of another revision is
# refused, since its model was trained on other features.
REVISION = 1


@dataclass(frozen=True, slots=True, eq=False)
class FrontendTables:
    """The integers of one spec; read-only arrays.

    Attributes:
        window_q30: int32 [window_samples], periodic Hann.
        twiddle_re_q30, twiddle_im_q30: int32 [fft_size / 2], exp(-2 pi i k / fft_size).
        bit_reversal: int32 [fft_size / 2].
        mel_edges: int32 [mel_bands + 2], first FFT bin at or above each edge frequency;
            filter m rises over bins [mel_edges[m], mel_edges[m + 1]) and falls over
            [mel_edges[m + 1], mel_edges[m + 2]).
        mel_rise_q15: int32 [fft_size / 2 + 1], the rising weight of each bin within its
            segment; the falling weight is what is missing to one.
        log2_q20: int32 [257], log2(1 + i / 256).
        log_offset_q20: int32 [1], added to the log2 of a filter's sum so that zero is the
            spec's floor.
        dct_q30: int32 [coefficients, mel_bands], the kept rows of the orthonormal DCT-II;
            empty for `logmel`.
        kept: int32 [coefficients], the indices kept.
    """

    window_q30: NDArray[np.int32]
    twiddle_re_q30: NDArray[np.int32]
    twiddle_im_q30: NDArray[np.int32]
    bit_reversal: NDArray[np.int32]
    mel_edges: NDArray[np.int32]
    mel_rise_q15: NDArray[np.int32]
    log2_q20: NDArray[np.int32]
    log_offset_q20: NDArray[np.int32]
    dct_q30: NDArray[np.int32]
    kept: NDArray[np.int32]

    def arrays(self) -> dict[str, NDArray[np.int32]]:
        """The tables by name, in a fixed order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def build_tables(spec: FrontendSpec) -> FrontendTables:
    """Compute every table of a spec; the same bits on every machine.

    Raises:
        BadInputError: a mel filter is narrower than one FFT bin.
    """
    half = spec.fft_size // 2
    bins = np.arange(half, dtype=np.int64)
    edges, rise = _mel_filters(spec)
    return FrontendTables(
        window_q30=_fixed(_hann(spec.window_samples), WINDOW_BITS),
        twiddle_re_q30=_fixed(portable.cos_turns(bins, spec.fft_size), TWIDDLE_BITS),
        twiddle_im_q30=_fixed(-portable.sin_turns(bins, spec.fft_size), TWIDDLE_BITS),
        bit_reversal=_frozen(_bit_reversal(half)),
        mel_edges=_frozen(edges),
        mel_rise_q15=rise,
        log2_q20=_fixed(np.array([portable.log2(1 + i / 256) for i in range(257)]), LOG_BITS),
        log_offset_q20=_fixed(np.array([_log_offset(spec)]), LOG_BITS),
        dct_q30=_fixed(_dct(spec), DCT_BITS),
        kept=_frozen(np.array(spec.indices)),
    )


def digest(spec: FrontendSpec, tables: FrontendTables) -> str:
    """SHA-256 over the revision, the canonical spec and every table, little-endian."""
    sha = hashlib.sha256(f"{REVISION}{spec.to_json()}".encode())
    for name, array in tables.arrays().items():
        sha.update(f"{name}{array.shape}".encode())
        sha.update(array.astype("<i4").tobytes())
    return sha.hexdigest()


def _frozen(values: NDArray[np.int64]) -> NDArray[np.int32]:
    array = np.ascontiguousarray(values, dtype=np.int32)
    array.setflags(write=False)
    return array


def _fixed(values: NDArray[np.float64], bits: int) -> NDArray[np.int32]:
    return _frozen(portable.round_half_up(values * float(1 << bits)))


def _hann(length: int) -> NDArray[np.float64]:
    return 0.5 - 0.5 * portable.cos_turns(np.arange(length, dtype=np.int64), length)


def _bit_reversal(size: int) -> NDArray[np.int64]:
    order = np.zeros(1, dtype=np.int64)
    while len(order) < size:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


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
    return edges.astype(np.int64), _fixed(np.clip(rise, 0.0, 1.0), WEIGHT_BITS)


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
    rows = np.array(spec.indices, dtype=np.int64)[:, None]
    basis = portable.cos_turns(rows * (2 * np.arange(bands) + 1), 4 * bands)
    scale = np.where(rows == 0, (1 / bands) ** 0.5, (2 / bands) ** 0.5)
    matrix: NDArray[np.float64] = basis * scale
    return matrix

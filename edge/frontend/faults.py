"""What a spec's tables must be, so that no backend leaves its memory or its bits.

The C core asks the same of them, for who builds it into a watch.
"""

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend.spec import FrontendSpec
from edge.frontend.spectral import GAIN_STEPS, fft_size_for
from edge.frontend.tables import FrontendTables
from edge.frontend.wavelet import MAX_LEVELS

_ONE_Q30 = 1 << 30
# Of every value of a table; what is an index follows the spec.
_RANGES = {
    "window_q30": (-_ONE_Q30, _ONE_Q30),
    "mel_rise_q15": (0, 1 << 15),
    "log2_q20": (0, 1 << 20),
    "log_offset_q20": (-(1 << 26), 1 << 26),
    "dct_q30": (-_ONE_Q30, _ONE_Q30),
    "spectral_window_q30": (-_ONE_Q30, _ONE_Q30),
    "spectral_gain_q15": (0, 1 << 15),
    "spectral_levels_q20": (-(1 << 26), 1 << 26),
    "wavelet_factor_q8": (0, 1 << 12),
    "energy_offset_q20": (-(1 << 27), 1 << 27),
}


def check_tables(spec: FrontendSpec, tables: FrontendTables) -> None:
    """Refuse tables that are not of the spec, or hold what no stage can compute with.

    Raises:
        BadInputError: names the tables; one is not int32, its length is that of another spec, or
            a value is out of range.
    """
    wide = [
        name for name, x in tables.arrays().items() if x.dtype != np.int32 or x.ndim not in (1, 2)
    ]
    _refuse(wide, "must be int32 lists")
    sizes = _sizes(spec, tables)
    wrong = [name for name, size in sizes.items() if getattr(tables, name).size != size]
    _refuse(wrong, "does not fit the spec")
    _refuse(_spoilt(spec, tables), "holds values that are out of range")


def _refuse(names: list[str], why: str) -> None:
    if names:
        raise BadInputError(f"frontend tables: {', '.join(names)} {why}; export the bundle again")


def _sizes(spec: FrontendSpec, tables: FrontendTables) -> dict[str, int]:
    """Values that each table must have."""
    half = spec.fft_size // 2
    points = fft_size_for(spec.rate_hz) if spec.denoise == "spectral" else 0
    levels = min(max(1, tables.wavelet_factor_q8.size), MAX_LEVELS)
    return {
        "window_q30": spec.window_samples,
        "twiddle_re_q30": half,
        "twiddle_im_q30": half,
        "bit_reversal": half,
        "mel_edges": spec.mel_bands + 2,
        "mel_rise_q15": half + 1,
        "log2_q20": 257,
        "log_offset_q20": 1,
        "kept": spec.coefficients,
        "dct_q30": spec.kept_bands * spec.mel_bands if spec.output == "mfcc" else 0,
        "band_q30": 5 * (bool(spec.low_cut_hz) + bool(spec.high_cut_hz)),
        "spectral_window_q30": points,
        "spectral_twiddle_re_q30": points // 2,
        "spectral_twiddle_im_q30": points // 2,
        "spectral_bit_reversal": points // 2,
        "spectral_gain_q15": GAIN_STEPS if points else 0,
        "spectral_levels_q20": 2 if points else 0,
        "wavelet_factor_q8": levels if spec.denoise == "wavelet" else 0,
        "lag_window_q30": spec.lpc_order + 1 if spec.lpc_order else 0,
        "energy_offset_q20": 1 if spec.energy else 0,
    }


def _spoilt(spec: FrontendSpec, tables: FrontendTables) -> list[str]:
    """Names of the tables with a value that can't be."""
    edges = tables.mel_edges
    good = {name: _within(getattr(tables, name), *ends) for name, ends in _RANGES.items()}
    good |= {
        "twiddle": _rotates(tables.twiddle_re_q30, tables.twiddle_im_q30),
        "bit_reversal": _reverses(tables.bit_reversal),
        "mel_edges": _within(edges, 0, spec.fft_size // 2 + 1)
        and bool((np.diff(edges) >= 0).all()),
        "kept": tables.kept.tolist() == list(spec.indices),
        # Larger ones would let a section leave its 64 bits.
        "band_q30": _within(tables.band_q30.reshape(-1, 5)[:, [0, 2, 4]], -_ONE_Q30, _ONE_Q30),
    }
    if spec.denoise == "spectral":
        turn = tables.spectral.turn
        good["spectral_twiddle"] = _rotates(turn.twiddle_re_q30, turn.twiddle_im_q30)
        good["spectral_bit_reversal"] = _reverses(turn.bit_reversal)
    if spec.lpc_order:
        lags = tables.lag_window_q30
        first = _ONE_Q30 // 2, _ONE_Q30 // 8 * 9  # one, and the noise floor
        good["lag_window_q30"] = _within(lags[:1], *first) and _within(lags[1:], 0, _ONE_Q30)
    return [name for name, is_good in good.items() if not is_good]


def _within(values: NDArray[np.int32], low: int, high: int) -> bool:
    return bool(((values >= low) & (values <= high)).all())


def _rotates(re_q30: NDArray[np.int32], im_q30: NDArray[np.int32]) -> bool:
    """Whether these are of length one at most, from 1 over -i."""
    wide = re_q30.astype(np.int64), im_q30.astype(np.int64)
    longest = (_ONE_Q30 + 1) ** 2
    quarter = len(re_q30) // 2
    ends = re_q30[0], im_q30[0], re_q30[quarter], im_q30[quarter]
    return (
        all(_within(part, -_ONE_Q30, _ONE_Q30) for part in (re_q30, im_q30))
        and bool((wide[0] ** 2 + wide[1] ** 2 <= longest).all())
        and ends == (_ONE_Q30, 0, 0, -_ONE_Q30)
    )


def _reverses(place: NDArray[np.int32]) -> bool:
    """Whether each goes where the other came from."""
    count = len(place)
    return _within(place, 0, count - 1) and bool((place[place] == np.arange(count)).all())

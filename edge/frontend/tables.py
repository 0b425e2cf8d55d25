"""The integers of a spec.

A bundle ships the tables of its spec, and the digest over spec and tables is what card,
device and firmware compare.
"""

import hashlib
from dataclasses import MISSING, dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from edge.frontend import fourier
from edge.frontend.spec import FrontendSpec
from edge.frontend.spectral import SpectralTables
from edge.frontend.wavelet import WaveletTables

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


def _off() -> NDArray[np.int32]:
    """What the table of a stage that is off holds."""
    return np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class FrontendTables:
    """The integers of one spec; read-only arrays.

    Those from `band_q30` on belong to stages that may be off; they are then empty.

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
        dct_q30: int32 [kept cepstra, mel_bands], the kept rows of the orthonormal DCT-II;
            empty for `logmel`.
        kept: int32 [coefficients], the indices kept.
        band_q30: int32 [sections, 5], what `band.design` gives.
        spectral_window_q30, spectral_twiddle_re_q30, spectral_twiddle_im_q30,
            spectral_bit_reversal, spectral_gain_q15: as in `SpectralTables`.
        spectral_levels_q20: int32 [2], its bias and its least level.
        wavelet_factor_q8: int32 [levels], as in `WaveletTables`.
        lag_window_q30: int32 [lpc_order + 1], what `lpc.lag_window` gives.
        energy_offset_q20: int32 [1], what `energy.log_offset` gives.
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
    band_q30: NDArray[np.int32] = field(default_factory=_off)
    spectral_window_q30: NDArray[np.int32] = field(default_factory=_off)
    spectral_twiddle_re_q30: NDArray[np.int32] = field(default_factory=_off)
    spectral_twiddle_im_q30: NDArray[np.int32] = field(default_factory=_off)
    spectral_bit_reversal: NDArray[np.int32] = field(default_factory=_off)
    spectral_gain_q15: NDArray[np.int32] = field(default_factory=_off)
    spectral_levels_q20: NDArray[np.int32] = field(default_factory=_off)
    wavelet_factor_q8: NDArray[np.int32] = field(default_factory=_off)
    lag_window_q30: NDArray[np.int32] = field(default_factory=_off)
    energy_offset_q20: NDArray[np.int32] = field(default_factory=_off)

    def arrays(self) -> dict[str, NDArray[np.int32]]:
        """The tables by name, in a fixed order, without those of stages that are off."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        optional = {entry.name for entry in fields(self) if entry.default_factory is not MISSING}
        return {name: x for name, x in values.items() if x.size or name not in optional}

    @property
    def spectral(self) -> SpectralTables:
        """The integers of the spectral denoiser, where it is on."""
        bias, least = self.spectral_levels_q20.tolist()
        turn = fourier.Rotations(
            fft_size=len(self.spectral_window_q30),
            twiddle_re_q30=self.spectral_twiddle_re_q30,
            twiddle_im_q30=self.spectral_twiddle_im_q30,
            bit_reversal=self.spectral_bit_reversal,
        )
        return SpectralTables(
            turn=turn,
            window_q30=self.spectral_window_q30,
            log2_q20=self.log2_q20[:-1],
            gain_q15=self.spectral_gain_q15,
            bias_q20=bias,
            least_q20=least,
        )

    @property
    def wavelet(self) -> WaveletTables:
        """The integers of the wavelet denoiser, where it is on."""
        return WaveletTables(len(self.wavelet_factor_q8), self.wavelet_factor_q8)


def digest(spec: FrontendSpec, tables: FrontendTables) -> str:
    """SHA-256 over the revision, the canonical spec and every table, little-endian."""
    sha = hashlib.sha256(f"{REVISION}{spec.to_json()}".encode())
    for name, array in tables.arrays().items():
        sha.update(f"{name}{array.shape}".encode())
        sha.update(array.astype("<i4").tobytes())
    return sha.hexdigest()

"""The frontend as one object: int16 samples of any rate in, feature frames out."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import UsageError
from edge.frontend import energy, lpc, mfcc, native
from edge.frontend.band import BandFilter
from edge.frontend.build import build_tables
from edge.frontend.faults import check_tables
from edge.frontend.framer import Framer
from edge.frontend.resample import Resampler
from edge.frontend.spec import FrontendSpec
from edge.frontend.spectral import SpectralDenoiser
from edge.frontend.tables import FrontendTables
from edge.frontend.wavelet import WaveletDenoiser

BACKENDS = ("auto", "native", "reference")


class Stage(Protocol):
    """A step of a stream."""

    def reset(self) -> None:
        """Forget the past."""

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take samples; give what they complete."""


class Frontend:
    """Streams features; feeding the same samples in blocks of any size gives the same rows.

    Attributes:
        spec, tables: the frontend's definition and its integers.
        backend: `native` or `reference`, the one in use; both give the same bits.
        latency_samples: how far, in samples of the spec's rate, the source may have to be past
            the end of a frame before its row comes: the reach of the resampler's filter and of
            the denoiser.
        memoryless: a row hangs on nothing but the samples of its window.
    """

    def __init__(
        self,
        spec: FrontendSpec,
        tables: FrontendTables | None = None,
        rate_hz: int | None = None,
        backend: str = "auto",
    ) -> None:
        """Prepare for a source.

        Args:
            spec: the frontend's definition.
            tables: its integers, from a bundle; computed when not given.
            rate_hz: rate of the samples to come; the spec's own when not given.
            backend: `native` for the C core, `reference` for NumPy, `auto` for the C core
                where it was built.

        Raises:
            UsageError: the backend does not exist, or the C core was not built.
            BadInputError: the rate is out of range, or the tables do not fit the spec.
        """
        self.spec = spec
        self.tables = tables if tables is not None else build_tables(spec)
        check_tables(spec, self.tables)
        self.backend = chosen(backend)
        rate_hz = rate_hz or spec.rate_hz
        self._resampler = resampler(rate_hz, spec.rate_hz, self.backend)
        filters = sample_filters(spec, self.tables)
        self.latency_samples = sum(stage.latency_samples for stage in filters) + reach_samples(
            rate_hz, spec.rate_hz
        )
        self.memoryless = not filters and rate_hz == spec.rate_hz
        stages = native.NativeStages if self.backend == "native" else ReferenceStages
        self._stages: Stage = stages(spec, self.tables)

    def reset(self) -> None:
        """Forget the past: the next sample is sample 0."""
        self._resampler.reset()
        self._stages.reset()

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take int16 [samples], also none; give the rows they complete, also none.

        Returns:
            int16 [frames, coefficients], Q8.7; row k is of the window that begins at sample
            `k * hop_samples` of the spec's rate.
        """
        return self._stages.push(self._resampler.push(pcm))


class ReferenceStages:
    """From samples of the spec's rate to rows, in NumPy."""

    def __init__(self, spec: FrontendSpec, tables: FrontendTables) -> None:
        self._spec = spec
        self._tables = tables
        self._filters = sample_filters(spec, tables)
        self._framer = Framer(spec.window_samples, spec.hop_samples)

    def reset(self) -> None:
        """Forget the past."""
        for stage in self._filters:
            stage.reset()
        self._framer.reset()

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """int16 [samples] -> int16 [frames, coefficients]."""
        for stage in self._filters:
            pcm = stage.push(pcm)
        return rows(self._framer.push(pcm), self._spec, self._tables)


Filter = BandFilter | SpectralDenoiser | WaveletDenoiser


def sample_filters(spec: FrontendSpec, tables: FrontendTables) -> list[Filter]:
    """The stages from samples to samples that the spec turns on, in their order."""
    filters: list[Filter] = []
    if spec.low_cut_hz or spec.high_cut_hz:
        filters.append(BandFilter(tables.band_q30.reshape(-1, 5)))
    if spec.denoise == "spectral":
        filters.append(SpectralDenoiser(tables.spectral))
    if spec.denoise == "wavelet":
        filters.append(WaveletDenoiser(tables.wavelet))
    return filters


def rows(
    frames: NDArray[np.int16], spec: FrontendSpec, tables: FrontendTables
) -> NDArray[np.int16]:
    """int16 [frames, window_samples] -> int16 [frames, coefficients]."""
    mel = mfcc.features(frames, spec, tables)
    parts = []
    if spec.lpc_order:
        parts.append(lpc.reflection(frames, tables))
    if spec.energy:
        parts.append(energy.log_energy(frames, tables)[:, None])
        parts.append(energy.zero_crossings(frames)[:, None])
    if not parts:
        return mel
    beyond = tables.kept[tables.kept >= spec.mel_bands] - spec.mel_bands
    return np.concatenate([mel, np.concatenate(parts, axis=1)[:, beyond]], axis=1)


def resampler(rate_in_hz: int, rate_out_hz: int, backend: str = "auto") -> Stage:
    """A stream from one rate to another; every backend gives the same samples.

    Raises:
        UsageError: the backend does not exist, or the C core was not built.
        BadInputError: `rate_in_hz` is out of range.
    """
    reference = Resampler(rate_in_hz, rate_out_hz)
    if chosen(backend) == "native":
        return native.NativeResampler(reference.taps)
    return reference


def reach_samples(rate_in_hz: int, rate_out_hz: int) -> int:
    """How many samples of the output the resampler is behind its input, rounded up."""
    taps = Resampler(rate_in_hz, rate_out_hz).taps
    return 0 if taps is None else -(-taps.values_q30.size // (2 * taps.step))


def chosen(backend: str) -> str:
    """The backend that a name stands for here: `native` or `reference`.

    Raises:
        UsageError: it does not exist, or was not built.
    """
    if backend not in BACKENDS:
        raise UsageError(f"frontend backend {backend!r} must be one of {', '.join(BACKENDS)}")
    if backend == "native" and not native.available():
        raise UsageError(
            "frontend backend 'native' was not built; install Airway where a C compiler and "
            "Python's headers are, or take 'auto' or 'reference'"
        )
    if backend == "auto":
        return "native" if native.available() else "reference"
    return backend

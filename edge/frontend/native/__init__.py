"""The stages in C, bit for bit those of the reference; there when the extension was built."""

from dataclasses import fields
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend.resample import Taps
from edge.frontend.spec import FrontendSpec
from edge.frontend.tables import FrontendTables

_INT16 = np.dtype(np.int16)
_core: ModuleType | None
try:
    from edge.frontend.native import _core
except ImportError:  # not built: the reference serves, and `Frontend.backend` says so
    _core = None


def available() -> bool:
    """Whether the C core was built for this interpreter."""
    return _core is not None


class NativeStages:
    """From samples of the spec's rate to rows; the shape of `ReferenceStages`."""

    def __init__(self, spec: FrontendSpec, tables: FrontendTables) -> None:
        """Hand the tables over, which are copied.

        Raises:
            BadInputError: a table does not fit the spec.
        """
        self._coefficients = spec.coefficients
        arrays = tuple(
            getattr(tables, field.name).astype("=i4").tobytes() for field in fields(tables)
        )
        sizes = (spec.window_samples, spec.hop_samples, spec.fft_size, spec.mel_bands)
        try:
            self._stages = _built().Stages(*sizes, arrays)
        except ValueError as error:
            raise BadInputError(f"frontend tables: {error}; export the bundle again") from error

    def reset(self) -> None:
        """Forget the past."""
        self._stages.reset()

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """int16 [samples] -> int16 [frames, coefficients]."""
        rows = self._stages.push(_samples(pcm))
        return np.frombuffer(rows, dtype=np.int16).reshape(-1, self._coefficients)


class NativeResampler:
    """The shape and the samples of `Resampler`, from its taps."""

    def __init__(self, taps: Taps | None) -> None:
        """Take the taps of a conversion, or None for equal rates."""
        self._resampler = None
        if taps is not None:
            values = taps.values_q30
            self._resampler = _built().Resampler(values.tobytes(), *values.shape, taps.step)

    def reset(self) -> None:
        """Forget the past: the next sample is sample 0, after silence."""
        if self._resampler is not None:
            self._resampler.reset()

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take int16 [samples] of the input; give the output samples they complete."""
        if self._resampler is None:
            return pcm
        return np.frombuffer(self._resampler.push(_samples(pcm)), dtype=np.int16)


class NativeGate:
    """The shape and the steps of `edge.gate.ReferenceGate`, from its numbers."""

    def __init__(
        self,
        skip_samples: int,
        step_samples: int,
        rise_q7: int,
        groups: int,
        hold_steps: int,
        settle_steps: int,
    ) -> None:
        """Take the numbers of a rule.

        Raises:
            BadInputError: one is out of range.
        """
        numbers = (skip_samples, step_samples, rise_q7, groups, hold_steps, settle_steps)
        try:
            self._gate = _built().Gate(*numbers)
        except (ValueError, OverflowError) as error:
            raise BadInputError(f"gate: {error}") from error

    def reset(self) -> None:
        """Forget the past."""
        self._gate.reset()

    def push(self, pcm: NDArray[np.int16]) -> bytearray:
        """int16 [samples] -> a byte a step, 0 or 1."""
        steps: bytearray = self._gate.push(_samples(pcm))
        return steps


def _built() -> ModuleType:
    if _core is None:
        raise RuntimeError("the C core was not built; ask available() first")
    return _core


def _samples(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    if pcm.dtype != _INT16 or pcm.ndim != 1:
        raise TypeError(f"samples must be int16 [samples], not {pcm.dtype} {pcm.shape}")
    return pcm if pcm.flags.c_contiguous else np.ascontiguousarray(pcm)

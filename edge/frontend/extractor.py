"""The frontend as one object: int16 samples of any rate in, feature frames out."""

import numpy as np
from numpy.typing import NDArray

from edge.frontend import mfcc
from edge.frontend.framer import Framer
from edge.frontend.resample import Resampler
from edge.frontend.spec import FrontendSpec
from edge.frontend.tables import FrontendTables, build_tables
from edge.records import FeatureBlock


class Frontend:
    """Streams features; feeding the same samples in blocks of any size gives the same rows."""

    def __init__(
        self, spec: FrontendSpec, tables: FrontendTables | None = None, rate_hz: int | None = None
    ) -> None:
        """Prepare for a source.

        Args:
            spec: the frontend's definition.
            tables: its integers, from a bundle; computed when not given.
            rate_hz: rate of the samples to come; the spec's own when not given.
        """
        self.spec = spec
        self.tables = tables if tables is not None else build_tables(spec)
        self._resampler = Resampler(rate_hz or spec.rate_hz, spec.rate_hz)
        self._framer = Framer(spec.window_samples, spec.hop_samples)
        self._next = 0

    def reset(self) -> None:
        """Forget the past: the next sample is sample 0."""
        self._resampler.reset()
        self._framer.reset()
        self._next = 0

    def push(self, pcm: NDArray[np.int16]) -> FeatureBlock:
        """Take int16 [samples], also none; give the frames they complete, also none."""
        frames = self._framer.push(self._resampler.push(pcm))
        block = FeatureBlock(mfcc.features(frames, self.spec, self.tables), self._next)
        self._next += len(block.frames)
        return block

"""Cuts a stream of samples into overlapping frames."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray


class Framer:
    """Frame k holds samples [k * hop_samples, k * hop_samples + window_samples).

    The tail between blocks is the only state, so blocks of any size give the same frames.
    """

    def __init__(self, window_samples: int, hop_samples: int) -> None:
        self._window_samples = window_samples
        self._hop_samples = hop_samples
        self.reset()

    def reset(self) -> None:
        """Forget the tail: the next sample is sample 0."""
        self._tail = np.zeros(0, dtype=np.int16)

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take int16 [samples]; give the frames they complete, int16 [frames, window_samples]."""
        samples = np.concatenate([self._tail, pcm])
        count = max(0, (len(samples) - self._window_samples) // self._hop_samples + 1)
        if count == 0:
            self._tail = samples
            return np.zeros((0, self._window_samples), dtype=np.int16)
        self._tail = samples[count * self._hop_samples :].copy()
        return sliding_window_view(samples, self._window_samples)[:: self._hop_samples][:count]

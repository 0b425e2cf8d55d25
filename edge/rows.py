"""Feature rows of a stream, computed when somebody looks at them."""

import numpy as np
from numpy.typing import NDArray

from edge.frontend import Frontend, FrontendSpec, FrontendTables


class Rows:
    """The rows that a `Frontend` would give, bit for bit; those that nobody takes cost nothing.

    Args:
        spec, tables: of the frontend. One with a stage that remembers more than a window computes
            every row as its samples come.
    """

    def __init__(self, spec: FrontendSpec, tables: FrontendTables) -> None:
        self._frontend = Frontend(spec, tables)
        self._window, self._hop = spec.window_samples, spec.hop_samples
        self._pushed = 0
        self._pcm = np.zeros(0, np.int16)  # the last samples, which may be needed
        self._fed = 0  # samples until which the frontend has seen them
        self._first = 0  # of the rows that are kept
        self._kept = np.zeros((0, spec.coefficients), np.int16)

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Take int16 [samples] at the spec's rate."""
        self._pcm = np.concatenate([self._pcm, pcm])
        self._pushed += len(pcm)
        if not self._frontend.memoryless:
            self._compute(self._pushed)

    @property
    def received(self) -> int:
        """How many rows can be taken by now."""
        if not self._frontend.memoryless:
            return self._end
        return max(0, (self._pushed - self._window) // self._hop + 1)

    def take(self, first: int, count: int) -> NDArray[np.int16]:
        """Rows from `first` on, int16 [count, coefficients]; zeros before and behind all of them.

        Rows before `first` can't be taken any more.
        """
        begin = max(0, first)
        end = max(begin, min(first + count, self.received))
        if self._frontend.memoryless:
            self._seek(begin)
            if end > self._end:
                self._compute((end - 1) * self._hop + self._window)
        self.forget(begin)
        rows = np.zeros((count, self._kept.shape[1]), np.int16)
        rows[begin - first : end - first] = self._kept[: end - begin]
        return rows

    def forget(self, before: int) -> None:
        """Rows before this one can't be taken any more."""
        if before > self._first:
            end = self._end
            self._kept = self._kept[before - self._first :]
            self._first = min(before, end)  # the frontend goes on from there, or is sought anew
        needed = self._fed if not self._frontend.memoryless else before * self._hop
        self._pcm = self._pcm[max(0, needed - (self._pushed - len(self._pcm))) :]

    @property
    def _end(self) -> int:
        """Row behind those that are kept."""
        return self._first + len(self._kept)

    def _seek(self, row: int) -> None:
        """See to it that the rows from this one on are kept, or will be computed next."""
        if not self._first <= row <= self._end:
            self._frontend.reset()
            self._kept = self._kept[:0]
            self._first, self._fed = row, row * self._hop

    def _compute(self, until: int) -> None:
        """Let the frontend see the samples up to this one."""
        begin = self._pushed - len(self._pcm)
        rows = self._frontend.push(self._pcm[self._fed - begin : until - begin])
        self._fed = until
        self._kept = np.concatenate([self._kept, rows])

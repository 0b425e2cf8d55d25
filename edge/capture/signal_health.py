"""Whether what a microphone delivers can be sound: a dead one also delivers samples."""

from typing import Literal, TypeAlias

import numpy as np

from edge.records import Pcm

State: TypeAlias = Literal["good", "zeros", "stuck", "clipping", "offset"]

# Even a quiet room moves the last bit of 16 many times a second. A noise gate in a headset
# closes for less than this while somebody breathes nearby.
DEAD_S = 10.0
WINDOW_S = 10.0
# A cough close by may touch full scale; 10 ms of each 10 s there is a gain set too high.
CLIPPED_SHARE = 1e-3
# 3 % of full scale. Converters rest within 1 %; more takes range away and clips early.
OFFSET = 1_000
_FULL_SCALE = 32_767


class SignalHealth:
    """Watches the samples of one source; blocks of any size give the same answer.

    Args:
        rate_hz: sampling rate.

    Attributes:
        state: "zeros" (nothing but 0 for `DEAD_S`: muted, or no source behind it), "stuck"
            (another constant value), "clipping" (`CLIPPED_SHARE` of the last whole window
            at full scale), "offset" (its mean is `OFFSET` or more away from 0) or "good".
    """

    def __init__(self, rate_hz: int) -> None:
        self._dead = round(DEAD_S * rate_hz)
        self._window = round(WINDOW_S * rate_hz)
        self._value = 0
        self._run = 0  # trailing samples that all have `_value`
        self._seen = self._clipped = self._sum = 0  # of the window that is being filled
        self._level: Literal["good", "clipping", "offset"] = "good"

    @property
    def state(self) -> State:
        """The verdict now."""
        if self._run >= self._dead:
            return "stuck" if self._value else "zeros"
        return self._level

    @property
    def dead(self) -> bool:
        """No sound can be in it."""
        return self._run >= self._dead

    def push(self, pcm: Pcm) -> State:
        """Take int16 [samples]; give the verdict after them."""
        if len(pcm):
            self._count_run(pcm)
        while len(pcm):
            part, pcm = np.split(pcm, [self._window - self._seen])
            self._seen += len(part)
            self._clipped += int(np.count_nonzero((part >= _FULL_SCALE) | (part <= -_FULL_SCALE)))
            self._sum += int(part.sum(dtype=np.int64))
            if self._seen == self._window:
                self._judge()
        return self.state

    def _count_run(self, pcm: Pcm) -> None:
        last = int(pcm[-1])
        others = np.flatnonzero(pcm != last)
        if len(others):
            self._run = len(pcm) - 1 - int(others[-1])
        else:
            self._run = len(pcm) + (self._run if last == self._value else 0)
        self._value = last

    def _judge(self) -> None:
        if self._clipped >= CLIPPED_SHARE * self._window:
            self._level = "clipping"
        elif abs(self._sum) >= OFFSET * self._window:
            self._level = "offset"
        else:
            self._level = "good"
        self._seen = self._clipped = self._sum = 0

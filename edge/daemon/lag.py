"""How far a source that only counts samples has fallen behind the clock, or run ahead of it.

Nothing is known of the card behind standard input. As with a microphone's card, a block is only
ever late because the machine was busy, so the lowest lateness of half a minute is the crystal's
error (see `edge.capture.sampleclock`).
"""

import math
from collections import deque

_LOOK_S = 1.0
_LOOKS = 30
# Few crystals are worse; what is further off is a pipe that was full, a quick file, or a loss.
_MOST = 300e-6


class Lag:
    """Follows the error of a source's crystal.

    Attributes:
        seconds: sample n was recorded n / rate + seconds after the start; negative where the
            source runs fast.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since_s, self._lowest_s = 0.0, math.inf
        self._lows: deque[float] = deque(maxlen=_LOOKS)

    def push(self, elapsed_s: float, counted_s: float) -> None:
        """Take a block.

        Args:
            elapsed_s: when it had come, seconds since the start, by the clock.
            counted_s: where it ends by the count of the samples, those lost included.
        """
        self._lowest_s = min(self._lowest_s, elapsed_s - counted_s)
        if elapsed_s - self._since_s < _LOOK_S:
            return
        self._lows.append(self._lowest_s)
        self._since_s, self._lowest_s = elapsed_s, math.inf
        most_s = _MOST * elapsed_s
        self.seconds = min(max(min(self._lows), -most_s), most_s)

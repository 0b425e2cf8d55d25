"""Where each sample of a microphone stands on the session's clock, and how fast the card is.

A card says how many samples it delivered, never how many it lost, and its crystal differs
from the system's clock by up to a few hundred parts in a million. What tells the two apart
is the lateness of a block: the time at which it was complete, less the time at which its
last sample is due by the count. Lateness is only ever raised by a busy machine, so its
lowest value in a second is the truth. A step of that is a loss; a slope is the crystal. So
a loss is counted up to two seconds after it happened, and what lies between is early by it.
"""

import math
from collections import deque

import numpy as np

# Between two looks at the lowest lateness. A machine that was held up for seconds delivers
# all that waited at once, so the last block of a look is on time.
_LOOK_S = 1.0
_FLOOR_LOOKS = 30  # 30 s at 1,000 ppm are 30 ms: less than any step
# Without a word from the device, a step of more than this is a loss.
_STEP_S = 0.1
_OVERRUN_STEP_S = 0.005  # the device said that it lost something
_POINT_LOOKS = 10
_MIN_POINTS = 30  # 5 min of 0.1 ms jitter give 1 ppm
_MAX_POINTS = 360  # 1 h: the crystal follows the room's temperature


class SampleClock:
    """Counts the samples of one session, those that were lost included.

    Args:
        rate_hz: the nominal rate.
        begin_s: when the session began, monotonic seconds; sample 0 is due then.

    Attributes:
        end: index after the last sample, delivered or lost.
        lag_s: sample n was recorded `begin_s + n / rate_hz + lag_s`: what the crystal has
            lost since the session began, negative when it runs fast.
        drift_ppm: rate of the card's clock less that of the system, in parts per million;
            None until a recording has run for 5 minutes.
    """

    def __init__(self, rate_hz: int, begin_s: float) -> None:
        self._rate_hz = rate_hz
        self._begin_s = begin_s
        self.end = 0
        self.lag_s = 0.0
        self.drift_ppm: float | None = None
        self.open()

    def open(self) -> None:
        """The next block is the first of a new recording."""
        self._settled = False
        self._since_s: float | None = None
        self._lowest_s = math.inf
        self._overrun = False
        self._floors: deque[float] = deque(maxlen=_FLOOR_LOOKS)
        self._looks: list[tuple[float, float]] = []
        self._points: deque[tuple[float, float]] = deque(maxlen=_MAX_POINTS)

    def due(self, stamp_s: float) -> int:
        """Samples since the session began until `stamp_s`, at least 0."""
        return max(0, round((stamp_s - self._begin_s) * self._rate_hz))

    def lost_until(self, now_s: float) -> int:
        """Count the time until `now_s` as lost; returns how many samples that is, from 0."""
        missing = round((now_s - self._begin_s - self.lag_s) * self._rate_hz) - self.end
        self.end += max(0, missing)
        return max(0, missing)

    def place(
        self, stamp_s: float, samples: int, *, skipped: int = 0, overrun: bool = False
    ) -> int:
        """Count a block.

        Args:
            stamp_s: when it was complete, monotonic seconds.
            samples: its length.
            skipped: samples that are known to be lost before it.
            overrun: some may be.

        Returns:
            How many samples before the block are lost. It begins at `end - samples` then.
        """
        lost = skipped
        if not self._settled:  # the time until the device was open
            self._settled = True
            late_s = self._lateness(stamp_s, lost + samples)
            lost += max(0, round((late_s - self.lag_s) * self._rate_hz))
        late_s = self._lateness(stamp_s, lost + samples)
        if self._since_s is None:
            self._since_s = stamp_s
        if overrun:  # what came before a loss does not show it
            self._lowest_s, self._overrun = math.inf, True
        self._lowest_s = min(self._lowest_s, late_s)
        if stamp_s - self._since_s >= _LOOK_S:
            lost += self._look(stamp_s)
        self.end += lost + samples
        return lost

    def _lateness(self, stamp_s: float, more: int) -> float:
        return stamp_s - self._begin_s - (self.end + more) / self._rate_hz

    def _look(self, stamp_s: float) -> int:
        """Judge the lowest lateness since the last look; returns samples found lost."""
        floor_s = min(self._floors, default=self._lowest_s)
        step_s = self._lowest_s - floor_s
        lost = 0
        if step_s > (_OVERRUN_STEP_S if self._overrun else _STEP_S):
            lost = round(step_s * self._rate_hz)
            self._lowest_s -= lost / self._rate_hz
        self._floors.append(self._lowest_s)
        self.lag_s = min(self._floors)
        self._looks.append((stamp_s, self._lowest_s))
        if len(self._looks) == _POINT_LOOKS:
            self._points.append(min(self._looks, key=lambda look: look[1]))
            self._looks.clear()
            self._fit()
        self._since_s, self._lowest_s, self._overrun = stamp_s, math.inf, False
        return lost

    def _fit(self) -> None:
        """A straight line through the lowest latenesses: its slope is the crystal's error."""
        if len(self._points) < _MIN_POINTS:
            return
        stamps, lates = np.array(self._points).T
        stamps = stamps - stamps.mean()
        self.drift_ppm = float(-1e6 * (stamps @ lates) / (stamps @ stamps))

"""Scores -> events: segmentation with smoothing, hysteresis and a refractory time.

All comparisons are between integers, so that a watch finds the same events at the same steps.
Double-threshold segmentation after Canny (1986), as sound event detection uses it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.card import EventRule


@dataclass(frozen=True, slots=True)
class Span:
    """An event in steps: [onset, offset), and the highest smoothed logit in it."""

    label: str
    onset: int
    offset: int
    peak: float


class Detector:
    """Follows one label; its state is a few integers."""

    def __init__(self, rule: EventRule) -> None:
        self.rule = rule
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next score is step 0."""
        self._window: list[int] = []
        self._step = 0  # of the next smoothed score
        self._onset = -1
        self._last = -1  # the newest step at or above `close`
        self._peak = 0
        self._ready = 0  # the first step at which a new event may begin

    def push(self, logits: NDArray[np.int8]) -> list[Span]:
        """Take int8 [steps]; give the events that end in them."""
        spans = []
        for logit in logits.tolist():
            spans += self._take(logit)
        return spans

    @property
    def is_open(self) -> bool:
        """What came so far may still become an event, or the end of one."""
        return self._onset >= 0 or any(logit >= self.rule.close for logit in self._window)

    def finish(self) -> list[Span]:
        """End of the recording: the smoother's last steps, then the open event."""
        reach = self.rule.smooth_steps // 2
        last = self._window[-1:] * reach
        spans = [span for logit in last for span in self._take(logit)]
        return spans + self._close()

    def _take(self, logit: int) -> list[Span]:
        width = self.rule.smooth_steps
        if not self._window:
            self._window = [logit] * (width // 2)  # the first score stands for the ones before
        self._window.append(logit)
        if len(self._window) < width:
            return []
        total = sum(self._window)  # `width` times the smoothed logit: no division, no rounding
        del self._window[0]
        return self._advance(total)

    def _advance(self, total: int) -> list[Span]:
        step, rule = self._step, self.rule
        self._step += 1
        if total >= rule.close * rule.smooth_steps:
            if self._onset < 0 and step >= self._ready:
                self._onset, self._peak = step, total
            if self._onset >= 0:
                self._peak = max(self._peak, total)
                self._last = step
        silent, long = step - self._last, step - self._onset + 1
        if self._onset >= 0 and (silent >= rule.gap_steps or long >= rule.max_steps):
            return self._close()
        return []

    def _close(self) -> list[Span]:
        rule, onset = self.rule, self._onset
        if onset < 0:
            return []
        self._onset = -1
        offset = self._last + 1
        if self._peak < rule.open * rule.smooth_steps or offset - onset < rule.min_steps:
            return []
        self._ready = onset + rule.refractory_steps
        return [Span(rule.label, onset, offset, self._peak / rule.smooth_steps)]

"""Scores -> events: segmentation with smoothing, hysteresis and a refractory time.

All comparisons are between integers, so that a watch finds the same events at the same steps.
Double-threshold segmentation after Canny (1986), as sound event detection uses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.card import EventRule

NEVER = 128  # a level that no int8 logit reaches


@dataclass(frozen=True, slots=True)
class Span:
    """An event in steps: [onset, offset), and the highest smoothed logit in it."""

    label: str
    onset: int
    offset: int
    peak: float


class Detector:
    """Follows one label, and its rival; its state is a few integers.

    Args:
        rule: when its scores make an event.
        labels: of the scores' columns, the rule's among them.
    """

    def __init__(self, rule: EventRule, labels: Sequence[str]) -> None:
        self.rule = rule
        # Without a rival the label stands in for it, at a level that no score reaches.
        self._columns = [labels.index(rule.label), labels.index(rule.rival or rule.label)]
        self._rival_open = rule.rival_open if rule.rival else NEVER
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next score is step 0."""
        self._window: list[int] = []
        self._rivals: list[int] = []  # the rival's scores of the same steps
        self._step = 0  # of the next smoothed score
        self._onset = -1
        self._last = -1  # the newest step at or above `close`
        self._peak = self._rival_peak = 0
        self._ready = 0  # the first step at which a new event may begin

    def push(self, logits: NDArray[np.int8]) -> list[Span]:
        """Take int8 [steps, labels]; give the events that end in them."""
        spans = []
        for own, rival in logits[:, self._columns].tolist():
            spans += self._take(own, rival)
        return spans

    @property
    def is_open(self) -> bool:
        """What came so far may still become an event, or the end of one."""
        return self._onset >= 0 or any(own >= self.rule.close for own in self._window)

    def finish(self) -> list[Span]:
        """End of the recording: the smoother's last steps, then the open event."""
        reach = self.rule.smooth_steps // 2
        last = zip(self._window[-1:] * reach, self._rivals[-1:] * reach, strict=True)
        spans = [span for own, rival in last for span in self._take(own, rival)]
        return spans + self._close()

    def _take(self, own: int, rival: int) -> list[Span]:
        width = self.rule.smooth_steps
        if not self._window:  # the first scores stand for the ones before
            self._window, self._rivals = [own] * (width // 2), [rival] * (width // 2)
        self._window.append(own)
        self._rivals.append(rival)
        if len(self._window) < width:
            return []
        # `width` times the smoothed logits: no division, no rounding.
        spans = self._advance(sum(self._window), sum(self._rivals))
        del self._window[0], self._rivals[0]
        return spans

    def _advance(self, total: int, rival: int) -> list[Span]:
        step, rule = self._step, self.rule
        self._step += 1
        if total >= rule.close * rule.smooth_steps:
            if self._onset < 0 and step >= self._ready:
                self._onset, self._peak, self._rival_peak = step, total, rival
            if self._onset >= 0:
                self._peak = max(self._peak, total)
                self._rival_peak = max(self._rival_peak, rival)
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
        if self._rival_peak >= self._rival_open * rule.smooth_steps:
            return []
        self._ready = onset + rule.refractory_steps
        return [Span(rule.label, onset, offset, self._peak / rule.smooth_steps)]

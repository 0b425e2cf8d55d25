"""Tells quiet audio from audio worth the model's time, from the features alone.

Each group of neighbouring bands has a level for each step and a floor that follows it: quickly
down, slowly up, as minimum-tracking noise estimators do (Martin, 2001). A stretch is worth
scoring when any group rises above its floor. The frontend never skips; only the model does.
Everything is an integer, so that a watch opens at the same steps.
"""

import numpy as np
from numpy.typing import NDArray

from edge.card import GateRule

# The floor moves by 2^-5 of the way down and 2^-7 of the way up each step: with steps of
# 40 ms it learns a louder room in five seconds and a softer one in one.
_DOWN_SHIFT, _UP_SHIFT = 5, 7
_FLOOR_FRACTION_BITS = 8


class Gate:
    """Follows the floor of one source; its state is a few integers.

    Args:
        rule: when to open.
        step_frames: feature frames a step.
    """

    def __init__(self, rule: GateRule, step_frames: int) -> None:
        self._rule = rule
        self._step_frames = step_frames
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next frame is frame 0."""
        self._floors: list[int] = []
        self._hold = self._rule.settle_steps

    def push(self, frames: NDArray[np.int16]) -> bool:
        """Whether a stretch is worth scoring.

        Args:
            frames: int16 [steps * step_frames, coefficients], Q8.7 log2 power, consecutive to
                the last call's.
        """
        levels = self._levels(frames)
        if not self._floors:
            self._floors = [level << _FLOOR_FRACTION_BITS for level in levels[0]]
        is_open = False
        for step in levels:
            if self._rises(step):
                self._hold = max(self._hold, self._rule.hold_steps)
            is_open = is_open or self._hold > 0
            self._hold = max(0, self._hold - 1)
        return is_open

    def stirs(self, frames: NDArray[np.int16]) -> bool:
        """Whether it would open, or is held open; what it follows is left as it is.

        Args:
            frames: int16 [frames, coefficients] that are still to be pushed; may be empty.
        """
        if self._hold > 0 or not self._floors:
            return True
        whole = len(frames) - len(frames) % self._step_frames
        return any(
            self._above(level, floor) > self._rule.rise_q7 << _FLOOR_FRACTION_BITS
            for step in self._levels(frames[:whole])
            for level, floor in zip(step, self._floors, strict=True)
        )

    def _levels(self, frames: NDArray[np.int16]) -> list[list[int]]:
        """Mean feature of each step and group, rounded down; [steps][groups]."""
        steps, groups = len(frames) // self._step_frames, self._rule.groups
        width = frames.shape[1] // groups
        cells = frames[:, : groups * width].reshape(steps, self._step_frames, groups, width)
        sums = cells.sum(axis=(1, 3), dtype=np.int64)
        levels: list[list[int]] = (sums // (self._step_frames * width)).tolist()
        return levels

    def _rises(self, levels: list[int]) -> bool:
        """Compare one step with the floors, then move them."""
        risen = False
        for group, level in enumerate(levels):
            floor = self._floors[group]
            above = self._above(level, floor)
            risen = risen or above > self._rule.rise_q7 << _FLOOR_FRACTION_BITS
            self._floors[group] = floor + (above >> (_DOWN_SHIFT if above < 0 else _UP_SHIFT))
        return risen

    @staticmethod
    def _above(level: int, floor: int) -> int:
        """How far a level is above its floor, in the floor's unit."""
        return (level << _FLOOR_FRACTION_BITS) - floor

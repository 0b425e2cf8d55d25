"""Tells quiet audio from audio worth the model's time, from the samples.

Each octave from the top has a power for each step, by Haar's wavelet, and a floor that follows
it: quickly down, slowly up, as minimum-tracking noise estimators do (Martin, 2001). A step is
worth scoring when any octave rises above its floor. What lies below the last octave, hum and an
offset among it, counts for little. Everything is an integer, so that a watch opens at the same
steps. It costs a fraction of the features, which nobody has to compute while it is shut.
"""

import math
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.card import MOST_GROUPS, GateRule, Layout
from edge.errors import BadInputError
from edge.frontend import FrontendSpec, native
from edge.frontend.extractor import chosen

# The floor moves by 2^-5 of the way down and 2^-7 of the way up each step: with steps of
# 40 ms it learns a louder room in five seconds and a softer one in one.
_DOWN_SHIFT, _UP_SHIFT = 5, 7
_FLOOR_FRACTION_BITS = 8
_LEVEL_BITS = 7


class Gate(Protocol):
    """Follows the floor of one source."""

    def reset(self) -> None:
        """Forget the past: the next sample is sample 0."""

    def push(self, pcm: NDArray[np.int16]) -> bytes | bytearray:
        """Take int16 [samples]; give a byte a step that they complete: 1 when worth scoring."""


def gate_of(
    rule: GateRule, step_samples: int, skip_samples: int = 0, backend: str = "auto"
) -> Gate:
    """A gate; every backend opens at the same steps.

    Args:
        rule: when to open.
        step_samples: samples a step; the last ones that fill no 2^groups count for none.
        skip_samples: samples before the first step.
        backend: `native` for the C core, `reference` for NumPy, `auto` for the C core where it
            was built.

    Raises:
        BadInputError: a step is too short for the rule's octaves.
    """
    if step_samples < 1 << rule.groups:
        raise BadInputError(
            f"gate: {rule.groups} groups need steps of {1 << rule.groups} samples or more, not "
            f"{step_samples}; take fewer groups"
        )
    if chosen(backend) == "native":
        return native.NativeGate(
            skip_samples, step_samples,
            rule.rise_q7, rule.groups, rule.hold_steps, rule.settle_steps,
        )  # fmt: skip
    return ReferenceGate(rule, step_samples, skip_samples)


def bundle_gate(rule: GateRule, layout: Layout, spec: FrontendSpec) -> Gate:
    """The gate of a bundle, whose steps are the model's."""
    return gate_of(rule, step_samples(layout, spec), skip_samples(spec))


def source_gate(rule: GateRule, layout: Layout, spec: FrontendSpec, rate_hz: int) -> Gate | None:
    """One for samples of another rate, which hears about the same octaves.

    At the spec's own rate it is the bundle's gate. At a higher one it hears those above as well;
    None where that makes too many of them.
    """
    scale = rate_hz / spec.rate_hz
    step = round(step_samples(layout, spec) * scale)
    octaves = max(1, rule.groups + round(math.log2(scale)))
    if octaves > MOST_GROUPS:
        return None
    groups = min(octaves, step.bit_length() - 1)
    return gate_of(replace(rule, groups=groups), step, round(skip_samples(spec) * scale))


def step_samples(layout: Layout, spec: FrontendSpec) -> int:
    """From one score to the next."""
    return layout.step_frames * spec.hop_samples


def skip_samples(spec: FrontendSpec) -> int:
    """Before the first hop that a frame speaks for, which is around the middle of its window."""
    return (spec.window_samples - spec.hop_samples) // 2


class ReferenceGate:
    """The gate in NumPy; see `gate_of`."""

    def __init__(self, rule: GateRule, step_samples: int, skip_samples: int) -> None:
        self._rule = rule
        self._step_samples = step_samples
        self._skip_samples = skip_samples
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next sample is sample 0."""
        self._skip = self._skip_samples
        self._waiting = np.zeros(0, np.int16)
        self._floors: list[int] = []
        self._hold = self._rule.settle_steps

    def push(self, pcm: NDArray[np.int16]) -> bytes:
        """int16 [samples] -> a byte a step, 0 or 1."""
        skipped = min(self._skip, len(pcm))
        self._skip -= skipped
        self._waiting = np.concatenate([self._waiting, pcm[skipped:]])
        steps = len(self._waiting) // self._step_samples
        whole = steps * self._step_samples
        levels = self._levels(self._waiting[:whole].reshape(steps, self._step_samples))
        self._waiting = self._waiting[whole:]
        return bytes(self._opens(step) for step in levels)

    def _levels(self, samples: NDArray[np.int16]) -> list[list[int]]:
        """log2(1 + power) of each step and octave, Q8.7; [steps][groups]."""
        groups = self._rule.groups
        usable = self._step_samples >> groups << groups
        low = samples[:, :usable].astype(np.int64)
        powers = []
        for _ in range(groups):
            even, odd = low[:, ::2], low[:, 1::2]
            powers.append(np.square(even - odd).sum(axis=1).tolist())
            low = even + odd
        return [[_log2_q7(power + 1) for power in step] for step in zip(*powers, strict=True)]

    def _opens(self, levels: list[int]) -> bool:
        """Compare one step with the floors, then move them."""
        raised = [level << _FLOOR_FRACTION_BITS for level in levels]
        self._floors = self._floors or raised
        above = [level - floor for level, floor in zip(raised, self._floors, strict=True)]
        if max(above) > self._rule.rise_q7 << _FLOOR_FRACTION_BITS:
            self._hold = max(self._hold, self._rule.hold_steps)
        self._floors = [
            floor + (rise >> (_DOWN_SHIFT if rise < 0 else _UP_SHIFT))
            for floor, rise in zip(self._floors, above, strict=True)
        ]
        is_open = self._hold > 0
        self._hold -= is_open
        return is_open


def _log2_q7(number: int) -> int:
    """log2 of a number from 1, its mantissa as a straight line."""
    bits = number.bit_length() - 1
    mantissa = (number << _LEVEL_BITS) >> bits  # 1.0 is 2^7
    return (bits << _LEVEL_BITS) + mantissa - (1 << _LEVEL_BITS)

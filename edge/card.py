"""What a bundle's card says of a model in use: its place on the stream, its events, its odds."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.records import Accuracy

# What a watch keeps a number of a card in; each is below.
MOST = 1 << 31
MOST_FRAMES = 1 << 16
Number = TypeVar("Number", float, NDArray[np.float64])
INT8 = (-128, 128)
# Where a card's figures may come from, the one most like a bedroom first.
_FIGURE_SETS = ("home", "test", "validation")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling of a logit: p = 1 / (1 + exp(-(slope * logit + offset)))."""

    slope: float
    offset: float

    def __post_init__(self) -> None:
        """Refuse what is no number, naming the field and its value."""
        _check_finite("calibration", self, "slope", "offset")

    def probability(self, logit: float) -> float:
        """Calibrated probability, 0 to 1."""
        return sigmoid(self.slope * logit + self.offset)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a model meets the stream.

    Attributes:
        patch_frames: feature frames of one invocation.
        patch_steps: scores that it gives.
        step_frames: frames from one score to the next.
        before_frames: frames of a patch before the first score's own.
        input_multiplier_q20: int, feature Q8.7 -> quantized input, before the zero point.
        input_zero: the input's zero point.
        logit_scale, logit_zero: an int8 output q means the logit (q - zero) * scale.
    """

    patch_frames: int
    patch_steps: int
    step_frames: int
    before_frames: int
    input_multiplier_q20: int
    input_zero: int
    logit_scale: float
    logit_zero: int

    def __post_init__(self) -> None:
        """Refuse a patch that can't lie on a stream, naming the field and its value."""
        ends = {
            "patch_frames": (1, MOST_FRAMES),
            "patch_steps": (1, MOST_FRAMES),
            "step_frames": (1, MOST_FRAMES),
            "before_frames": (0, MOST_FRAMES),
            "input_multiplier_q20": (-MOST, MOST),
            "input_zero": INT8,
            "logit_zero": INT8,
        }
        _check_ranges("layout", self, ends)
        _check_finite("layout", self, "logit_scale")
        if not self.logit_scale > 0:
            raise BadInputError(f"layout: logit_scale={self.logit_scale} must be above 0")
        if self.before_frames + self.own_frames > self.patch_frames:
            raise BadInputError(
                f"layout: a patch of {self.patch_frames} frames does not hold "
                f"{self.before_frames} before it and {self.own_frames} of its own"
            )

    @property
    def own_frames(self) -> int:
        """Frames that the scores of a patch stand for, from one patch to the next."""
        return self.patch_steps * self.step_frames

    def logit(self, units: Number) -> Number:
        """What int8 outputs, or a mean of them, say as a logit."""
        return (units - self.logit_zero) * self.logit_scale

    def patches(self, frames: int) -> int:
        """Patches that are whole once so many frames have come, with silence before them."""
        return max(0, (self.before_frames + frames - self.patch_frames) // self.own_frames + 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRule:
    """When the scores of one label make an event; chosen with the model, kept in its card.

    Attributes:
        label: what it detects.
        open: int8 logit that an event must reach at its peak.
        close: int8 logit below which it ends; at most `open`.
        smooth_steps: scores averaged, 1 to 9, odd.
        min_steps: shortest event, at least 1.
        gap_steps: a dip shorter than this does not end an event; at least 1.
        refractory_steps: least distance between two onsets, at least 0.
        max_steps: longest event; a longer one is cut and told at once.
        rival: a label that excludes this one, empty for none: what reaches `rival_open` of it in
            one of its steps (those at or above `close`) is that, and no event.
        rival_open: int8 logit, of the rival.
    """

    label: str
    open: int
    close: int
    smooth_steps: int = 1
    min_steps: int = 1
    gap_steps: int = 1
    refractory_steps: int = 0
    max_steps: int = 50
    rival: str = ""
    rival_open: int = 127

    def __post_init__(self) -> None:
        """Refuse numbers that can't work, naming the field and its value."""
        ends = {
            "open": INT8,
            "close": INT8,
            "smooth_steps": (1, 10),
            "min_steps": (1, MOST),
            "gap_steps": (1, MOST),
            "refractory_steps": (0, MOST),
            "max_steps": (1, MOST),
            "rival_open": INT8,
        }
        _check_ranges(f"event rule of {self.label}", self, ends)
        checks = {
            "close": self.close <= self.open,
            "smooth_steps": self.smooth_steps % 2 == 1,
            "max_steps": self.max_steps >= self.min_steps,
            "rival": self.rival != self.label,
        }
        wrong = [f"{name}={getattr(self, name)}" for name, good in checks.items() if not good]
        if wrong:
            raise BadInputError(f"event rule of {self.label}: out of range: {', '.join(wrong)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, one a field."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EventRule":
        """Read what `to_dict` wrote; BadInputError on a missing, unknown or wrong field."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise BadInputError(f"event rule: unknown field {', '.join(unknown)}")
        try:
            return cls(**values)
        except TypeError as error:
            raise BadInputError(f"event rule: {error}") from error


MOST_GROUPS = 6  # of a gate: AIRWAY_GATE_GROUPS


@dataclass(frozen=True, kw_only=True, slots=True)
class GateRule:
    """When a stretch is loud enough for the model; chosen with it, kept in its card.

    Attributes:
        rise_q7: how far an octave's level must stand above its floor, Q8.7 log2 power (128 is
            3 dB); 1 to 2^23 - 1.
        groups: octaves that are followed apart, from the top; 1 to 6.
        hold_steps: steps that it stays open after the last rise, 1 to 65,535.
        settle_steps: steps at the start during which it is open whatever comes, 0 to 65,535.
    """

    rise_q7: int
    groups: int = 4
    hold_steps: int = 12
    settle_steps: int = 50

    def __post_init__(self) -> None:
        """Refuse numbers that can't work, naming the field and its value."""
        ends = {
            "rise_q7": (1, 1 << 23),
            "groups": (1, MOST_GROUPS + 1),
            "hold_steps": (1, 1 << 16),
            "settle_steps": (0, 1 << 16),
        }
        _check_ranges("gate", self, ends)


def _check_ranges(what: str, of: object, ranges: Mapping[str, tuple[int, int]]) -> None:
    """Refuse a field that is no integer from its first number up to, not with, its second."""
    wrong = [
        f"{name}={value!r}"
        for name, (low, end) in ranges.items()
        if not isinstance(value := getattr(of, name), int)
        or isinstance(value, bool)
        or not low <= value < end
    ]
    if wrong:
        raise BadInputError(f"{what}: out of range: {', '.join(wrong)}")


def _check_finite(what: str, of: object, *names: str) -> None:
    """Refuse a field that is no finite number."""
    for name in names:
        value = getattr(of, name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise BadInputError(f"{what}: {name}={value!r} must be a finite number")


def measured_detectors(card: Mapping[str, Any], labels: Iterable[str]) -> dict[str, Accuracy]:
    """How well a bundle finds its labels, by the figures in its card.

    Args:
        card: of a bundle, see `Bundle.card`.
        labels: those that it reports.

    Returns:
        By label; one without figures, or with figures that can't be, is left out.
    """
    sets = card.get("figures", {})
    found = {
        label: _detector(sets[name][label])
        for name in reversed(_FIGURE_SETS)
        for label in labels
        if label in sets.get(name, {})
    }
    return {label: detector for label, detector in found.items() if detector is not None}


def _detector(figures: Mapping[str, Any]) -> Accuracy | None:
    try:
        sounds = int(figures["true"])
        sensitivity, false_alarms_per_hour, hours = (
            float(figures[key]) for key in ("sensitivity", "false_alarms_per_hour", "hours")
        )
    except (KeyError, TypeError, ValueError):
        return None
    possible = 0 < sensitivity <= 1 and 0 <= false_alarms_per_hour < math.inf
    if not (possible and sounds > 0 and 0 < hours < math.inf):
        return None
    return Accuracy(sensitivity, sounds, false_alarms_per_hour, hours)


def sigmoid(x: float) -> float:
    """Logistic function."""
    return float(1 / (1 + np.exp(-np.float64(x))))

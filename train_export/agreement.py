"""How far an int8 model is from the network it came from, on scenes and the device's path."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.card import EventRule
from train_export.features import SceneSet
from train_export.scoring import Logits, evaluate_rule, mean_f1

LEAST_TOP_CLASS = 0.99
MOST_F1_LOSS = 0.005


@dataclass(frozen=True, slots=True)
class Agreement:
    """A float network and its int8 model on the same scenes.

    Attributes:
        top_class: share of the steps whose class is the same: the label with the highest logit,
            or none where no logit is above zero.
        top_label: the same over the steps that hold a sound, without the `none`.
        error: root of the mean squared difference of two logits.
        f1_float, f1_int8: event F1 with the same rules, the mean over their labels.
        true: events of those labels in the scenes.
    """

    top_class: float
    top_label: float
    error: float
    f1_float: float
    f1_int8: float
    true: int

    @property
    def loss(self) -> float:
        """F1 that the quantization costs; below zero when it gains."""
        return self.f1_float - self.f1_int8

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def agreement(
    bundle: Bundle,
    floats: NDArray[np.float32],
    integers: Logits,
    scenes: SceneSet,
    rules: Sequence[EventRule],
) -> Agreement:
    """Compare logits of the same scenes.

    Args:
        bundle: whose layout says what an int8 logit means.
        floats: float32 [scenes, steps, labels], the float network's.
        integers: int8 [scenes, steps, labels], the int8 model's.
        scenes: with their truth.
        rules: event rules in int8 logits, one a label; the float network's are rounded to those
            first.
    """
    unit, zero = bundle.layout.logit_scale, bundle.layout.logit_zero
    rounded = np.clip(np.round(floats / unit) + zero, -128, 127).astype(np.int8)
    logits = (integers.astype(np.float32) - zero) * unit
    sounding = scenes.targets.max(axis=2) > 127
    exact = [evaluate_rule(rounded, scenes, rule, bundle.spec) for rule in rules]
    found = [evaluate_rule(integers, scenes, rule, bundle.spec) for rule in rules]
    same_label = floats.argmax(axis=2) == logits.argmax(axis=2)
    return Agreement(
        top_class=float(np.mean(_top_class(floats) == _top_class(logits))),
        top_label=float(np.mean(same_label[sounding])),
        error=float(np.sqrt(np.mean((floats - logits) ** 2))),
        f1_float=mean_f1(exact),
        f1_int8=mean_f1(found),
        true=sum(score.matched + score.missed for score in exact),
    )


def _top_class(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """Index of the highest logit; one past the labels where none is above zero."""
    top: NDArray[np.int64] = np.where(
        logits.max(axis=2) > 0, logits.argmax(axis=2), logits.shape[2]
    )
    return top


def excerpt(scenes: SceneSet, count: int) -> SceneSet:
    """The first scenes of a set."""
    return replace(
        scenes,
        features=scenes.features[:count],
        targets=scenes.targets[:count],
        truths=scenes.truths[:count],
    )

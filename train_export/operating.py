"""Operating points: a quantized network's event rules, their odds and their figures.

Rules are chosen on validation scenes, the odds on scenes of a home's density. All of it is done
again, without a training, for another number of false alarms an hour.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.card import Calibration, EventRule
from edge.errors import BadInputError
from train_export.agreement import agreement
from train_export.calibrate import calibrate, choose_rule, score_scenes
from train_export.export import finish
from train_export.features import SceneSet
from train_export.metrics import EventScore
from train_export.scoring import Logits, evaluate_rule
from train_export.taxonomy import events_of


@dataclass(frozen=True, slots=True)
class Operating:
    """How a bundle turns scores into events.

    Attributes:
        rules: one for each label that is told.
        calibration: by label.
        figures: on the validation scenes and, where they are others, on the usual ones.
    """

    rules: list[EventRule]
    calibration: dict[str, Calibration]
    figures: dict[str, dict[str, Any]]


def operating_points(
    bundle: Bundle,
    logits: Logits,
    validation: SceneSet,
    usual: SceneSet,
    false_alarms: float | None = None,
) -> Operating:
    """Choose the rules on validation scenes, the odds on usual ones.

    `logits` are the int8 model's of the validation scenes. A number of false alarms an hour only
    means something at the usual density: where one is given, the rules are chosen there, too.

    Raises:
        BadInputError: a label is in none of the validation scenes.
    """
    refuse_without_events(validation)
    usual_logits = logits if usual is validation else score_scenes(bundle, usual)
    rules, calibration = [], {}
    figures: dict[str, dict[str, Any]] = {"validation": {}}
    for label in events_of(validation.labels):
        if false_alarms is None:
            rule, score = choose_rule(bundle, logits, validation, label)
        else:
            rule, kept = choose_rule(bundle, usual_logits, usual, label, false_alarms)
            print(_kept_to(label, kept, false_alarms))
            score = evaluate_rule(logits, validation, rule, bundle.spec)
        print(f"{label}: validation F1 {score.f1:.3f} with {rule}")
        rules.append(rule)
        calibration[label] = calibrate(bundle, usual_logits, usual, rule)
        figures["validation"][label] = _figures(score)
        if usual is not validation:  # what a device corrects its nights by
            at_home = evaluate_rule(usual_logits, usual, rule, bundle.spec)
            figures.setdefault("home", {})[label] = _figures(at_home)
    return Operating(rules, calibration, figures)


def refuse_without_events(validation: SceneSet) -> None:
    """Nothing can be chosen, neither an epoch nor a rule, for a label that is never heard.

    Raises:
        BadInputError: a label is in none of the validation scenes.
    """
    there = {truth.label for truths in validation.truths for truth in truths}
    for label in events_of(validation.labels):
        if label not in there:
            raise BadInputError(
                f"no {label} is in the validation scenes, so no rule can be chosen for it; add "
                "recordings of more people, or for a folder of your own give more --hours"
            )


def choose(
    bundle: Bundle,
    floats: NDArray[np.float32],
    validation: SceneSet,
    usual: SceneSet,
    out: Path,
    false_alarms: float | None = None,
) -> Bundle:
    """Write a new bundle with its operating points, and how far int8 is from float.

    `floats` are the float network's logits of the validation scenes.
    """
    logits = score_scenes(bundle, validation)
    chosen = operating_points(bundle, logits, validation, usual, false_alarms)
    int8 = agreement(bundle, floats, logits, validation, chosen.rules)
    print(
        f"int8: the top class of {int8.top_class:.2%} of the steps is the float network's; event "
        f"F1 {int8.f1_int8:.4f}, in float {int8.f1_float:.4f}"
    )
    agreed = {name: round(value, 5) for name, value in int8.to_dict().items()}
    figures = chosen.figures | {"int8": agreed}
    return finish(bundle, out, chosen.rules, chosen.calibration, figures)


def _kept_to(label: str, score: EventScore, false_alarms: float) -> str:
    """What a bound on false alarms came to."""
    rate = score.false_alarms_per_hour
    words = "at most" if rate <= false_alarms else "no rule keeps to"
    return (
        f"{label}: {words} {false_alarms:g} false alarms an hour: {rate:.2f} an hour, "
        f"sensitivity {score.sensitivity:.3f}"
    )


def _figures(score: EventScore) -> dict[str, float]:
    return {
        "true": score.matched + score.missed,
        "hours": round(score.hours, 3),
        "sensitivity": round(score.sensitivity, 4),
        "precision": round(score.precision, 4),
        "false_alarms_per_hour": round(score.false_alarms_per_hour, 3),
    }

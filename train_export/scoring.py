"""What an event rule finds in scored scenes, compared with their truth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.card import EventRule
from edge.events import Detector, Span
from edge.frontend import FrontendSpec
from edge.pipeline import step_begin_s
from train_export.features import STEP_FRAMES, SceneSet
from train_export.metrics import EventScore, score_events, total

Logits = NDArray[np.int8]


def onset_s(span: Span, spec: FrontendSpec) -> float:
    """Where an event begins, in seconds."""
    return step_begin_s(span.onset, STEP_FRAMES, spec)


def detect(scene: Logits, rule: EventRule, labels: tuple[str, ...]) -> list[Span]:
    """Events of one scene, from int8 [steps, labels]."""
    detector = Detector(rule, labels)
    return detector.push(scene) + detector.finish()


def mean_f1(scores: Sequence[EventScore]) -> float:
    """Mean of the labels' event F1."""
    return float(np.mean([score.f1 for score in scores]))


def evaluate_rule(
    logits: Logits, scenes: SceneSet, rule: EventRule, spec: FrontendSpec
) -> EventScore:
    """Counts over all scenes, from int8 [scenes, steps, labels]."""
    return total(evaluate_scenes(logits, scenes, rule, spec))


def evaluate_scenes(
    logits: Logits, scenes: SceneSet, rule: EventRule, spec: FrontendSpec
) -> list[EventScore]:
    """Counts of each scene, from int8 [scenes, steps, labels]."""
    hours = scenes.features.shape[1] * spec.hop_samples / spec.rate_hz / 3600
    scores = []
    for scene, truths in zip(logits, scenes.truths, strict=True):
        true_s = [truth.onset_s for truth in truths if truth.label == rule.label]
        found_s = [onset_s(span, spec) for span in detect(scene, rule, scenes.labels)]
        scores.append(score_events(true_s, found_s, hours))
    return scores

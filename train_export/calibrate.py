"""Chooses the operating point and the odds on validation scenes, through the device's detector."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from edge.bundle import Bundle
from edge.card import Calibration, EventRule
from edge.classifier import Classifier
from edge.events import Detector, Span
from edge.pipeline import Scorer
from train_export.features import SceneSet
from train_export.metrics import EventScore, match_onsets, score_events

Logits = NDArray[np.int8]


def score_scenes(bundle: Bundle, scenes: SceneSet, runtime: str = "auto") -> Logits:
    """The int8 model's logits of every scene, on the device's path; [scenes, steps, labels]."""
    scorer = Scorer(bundle, Classifier(bundle, runtime))
    rows = []
    for features in tqdm(scenes.features, desc="scoring", unit="scene"):
        scorer.reset()
        blocks = [scorer.push(np.asarray(features)), scorer.finish()]
        rows.append(np.concatenate([block.logits for block in blocks]))
    return np.stack(rows)


def detect(logits: NDArray[np.int8], rule: EventRule) -> list[Span]:
    """Events of one scene's logits of the rule's label, int8 [steps]."""
    detector = Detector(rule)
    return detector.push(logits) + detector.finish()


def span_seconds(bundle: Bundle, step: int) -> float:
    """Where a step begins, in seconds."""
    spec = bundle.spec
    shift = (spec.window_samples - spec.hop_samples) // 2
    return (step * bundle.layout.step_frames * spec.hop_samples + shift) / spec.rate_hz


def evaluate_rule(bundle: Bundle, logits: Logits, scenes: SceneSet, rule: EventRule) -> EventScore:
    """What a rule finds in scored scenes."""
    column = bundle.labels.index(rule.label)
    hours = scenes.features.shape[1] * bundle.spec.hop_samples / bundle.spec.rate_hz / 3600
    total = EventScore(0, 0, 0, 0.0)
    for rows, truths in zip(logits, scenes.truths, strict=True):
        true_s = [truth.onset_s for truth in truths if truth.label == rule.label]
        spans = detect(np.ascontiguousarray(rows[:, column]), rule)
        total += score_events(true_s, [span_seconds(bundle, s.onset) for s in spans], hours)
    return total


def choose_rule(
    bundle: Bundle, logits: Logits, scenes: SceneSet, label: str, extra_cost: float = 1.0
) -> tuple[EventRule, EventScore]:
    """The rule with the highest F1 on these scenes, false alarms weighted by `extra_cost`."""

    def value(score: EventScore) -> float:
        errors = score.missed + extra_cost * score.extra
        return 2 * score.matched / max(1.0, 2 * score.matched + errors)

    unit = bundle.layout.logit_scale
    zero = bundle.layout.logit_zero
    best: tuple[float, EventRule, EventScore] | None = None
    coarse = itertools.product((1, 3), (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0), (0.5, 1.5, 2.5))
    for smooth, level, drop in coarse:
        top = int(np.clip(round(level / unit) + zero, -127, 127))
        bottom = int(np.clip(round((level - drop) / unit) + zero, -128, top))
        rule = EventRule(label=label, open=top, close=bottom, smooth_steps=smooth)
        score = evaluate_rule(bundle, logits, scenes, rule)
        if best is None or value(score) > best[0]:
            best = (value(score), rule, score)
    assert best is not None
    for name, values in {
        "min_steps": (2, 3, 4),
        "gap_steps": (2, 3),
        "refractory_steps": (5, 7),
    }.items():
        for number in values:
            rule = replace(best[1], **{name: number})
            score = evaluate_rule(bundle, logits, scenes, rule)
            if value(score) > best[0]:
                best = (value(score), rule, score)
    return best[1], best[2]


def calibrate(bundle: Bundle, logits: Logits, scenes: SceneSet, rule: EventRule) -> Calibration:
    """Platt scaling of the peak logit of each event that an eager rule finds.

    The eager rule opens one unit of logit lower, so that the odds are fitted on both sides of
    the operating point. Source: Platt, 1999; scikit-learn's logistic regression.
    """
    lower = round(1.0 / bundle.layout.logit_scale)
    eager = replace(rule, open=max(-128, rule.open - lower), close=max(-128, rule.close - lower))
    peaks: list[float] = []
    truth: list[int] = []
    column = bundle.labels.index(rule.label)
    for rows, truths in zip(logits, scenes.truths, strict=True):
        true_s = [item.onset_s for item in truths if item.label == rule.label]
        spans = detect(np.ascontiguousarray(rows[:, column]), eager)
        found = [span_seconds(bundle, span.onset) for span in spans]
        hits = {j for _, j in match_onsets(true_s, found)}
        peaks += [span.peak for span in spans]
        truth += [int(number in hits) for number in range(len(spans))]
    return fit_platt(
        (np.array(peaks) - bundle.layout.logit_zero) * bundle.layout.logit_scale, truth
    )


def fit_platt(logits: NDArray[np.float64], truth: Sequence[int]) -> Calibration:
    """Slope and offset of the logistic curve; the identity when there is only one outcome."""
    if len(set(truth)) < 2:
        return Calibration(1.0, 0.0)
    fit = LogisticRegression(C=1e3).fit(logits[:, None], truth)
    return Calibration(float(fit.coef_[0, 0]), float(fit.intercept_[0]))

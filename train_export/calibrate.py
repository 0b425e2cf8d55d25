"""Chooses the operating point and the odds on validation scenes, through the device's detector."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from edge.bundle import Bundle
from edge.card import Calibration, EventRule, Layout
from edge.classifier import Classifier
from edge.pipeline import step_logits
from train_export.features import SceneSet
from train_export.metrics import EventScore
from train_export.scoring import Logits, evaluate_rule, matching_of, scored

# Where an event may open, as a logit; a network that is sure of little is best asked for much.
LEVELS = tuple(np.arange(-1.5, 4.0, 0.5))
FINER = 0.25
LENGTHS = {"min_steps": (2, 3, 4), "gap_steps": (2, 3), "refractory_steps": (5, 7)}


def score_scenes(bundle: Bundle, scenes: SceneSet, runtime: str = "auto") -> Logits:
    """The int8 model's logits of every scene, on the device's path; [scenes, steps, labels]."""
    classifier = Classifier(bundle, runtime)
    progress = tqdm(scenes.features, desc="scoring", unit="scene")
    return np.stack([step_logits(bundle, classifier, np.asarray(one)) for one in progress])


def choose_rule(
    bundle: Bundle,
    logits: Logits,
    scenes: SceneSet,
    label: str,
    false_alarms: float | None = None,
) -> tuple[EventRule, EventScore]:
    """A good rule on these scenes: its levels, closer levels, its lengths, then a rival.

    Each stage starts from the rule of the one before. The best has the highest F1 and, of those
    with the same to the hundredth, the fewest false alarms; where `false_alarms` an hour are not
    to be exceeded, it is the most sensitive of those that keep to it (which no rival makes more
    sensitive), and the one with the fewest where none does.
    """
    longest = _longest_steps(bundle, scenes, label)

    def best_of(
        rules: Iterable[EventRule], *known: tuple[EventRule, EventScore]
    ) -> tuple[EventRule, EventScore]:
        scored = ((rule, evaluate_rule(logits, scenes, rule, bundle.spec)) for rule in rules)
        return max((*known, *scored), key=worth)

    def worth(item: tuple[EventRule, EventScore]) -> tuple[float, float]:
        score = item[1]
        if false_alarms is None:
            return round(score.f1, 2), -score.false_alarms_per_hour
        over = max(0.0, score.false_alarms_per_hour - false_alarms)
        return -over, score.sensitivity

    def levels(rule: EventRule, top: float, bottom: float) -> EventRule:
        top = int(np.clip(top, -127, 127))
        return replace(rule, open=top, close=int(np.clip(bottom, -128, top)))

    plain = EventRule(label=label, open=0, close=0, max_steps=longest)
    best = best_of(
        levels(
            replace(plain, smooth_steps=smooth),
            int8_logit(level, bundle.layout),
            int8_logit(level - drop, bundle.layout),
        )
        for smooth, level, drop in itertools.product((1, 3), LEVELS, (0.5, 1.5, 2.5))
    )
    rule, step = best[0], round(FINER / bundle.layout.logit_scale)
    shifts = itertools.product((-step, 0, step), repeat=2)
    finer = (levels(rule, rule.open + up, rule.close + down) for up, down in shifts)
    best = best_of(finer, best)
    for name, values in LENGTHS.items():
        best = best_of([replace(best[0], **{name: number}) for number in values], best)
    rivals = itertools.product(_rivals(label, scenes.labels), LEVELS)
    excluding = (
        replace(best[0], rival=rival, rival_open=int8_logit(level, bundle.layout))
        for rival, level in rivals
    )
    return best_of(excluding, best)


def int8_logit(level: float, layout: Layout) -> int:
    """A logit in the units of a model's int8 outputs."""
    return int(np.clip(round(level / layout.logit_scale) + layout.logit_zero, -128, 127))


def _rivals(label: str, labels: Sequence[str]) -> list[str]:
    """Labels that may exclude one: not speech and the rest, during which somebody may cough."""
    return [other for other in labels if other not in (label, "speech", "other")]


def _longest_steps(bundle: Bundle, scenes: SceneSet, label: str) -> int:
    """Where an event is cut: a quarter beyond the longest true one, at least 50 steps."""
    step_s = bundle.layout.step_frames * bundle.spec.hop_samples / bundle.spec.rate_hz
    lengths_s = [
        truth.offset_s - truth.onset_s
        for truths in scenes.truths
        for truth in truths
        if truth.label == label
    ]
    return max(50, round(1.25 * max(lengths_s, default=0.0) / step_s))


def calibrate(bundle: Bundle, logits: Logits, scenes: SceneSet, rule: EventRule) -> Calibration:
    """Platt scaling of the peak logit of each event that an eager rule finds.

    The eager rule opens one unit of logit lower, so that the odds are fitted on both sides of
    the operating point. Source: Platt, 1999; scikit-learn's logistic regression.
    """
    lower = round(1.0 / bundle.layout.logit_scale)
    eager = replace(rule, open=max(-128, rule.open - lower), close=max(-128, rule.close - lower))
    recordings = scored(logits, scenes, rule.label, bundle.spec)
    peaks, true = matching_of(scenes, bundle.spec).peaks(recordings, eager)
    return fit_platt(bundle.layout.logit(peaks), true)


def fit_platt(logits: NDArray[np.float64], truth: Sequence[int]) -> Calibration:
    """Slope and offset of the logistic curve; the identity when there is only one outcome.

    A louder logit never makes an event less likely: where the few outcomes say so, all have the
    same odds.
    """
    if len(set(truth)) < 2:
        return Calibration(1.0, 0.0)
    fit = LogisticRegression(C=1e3).fit(logits[:, None], truth)
    slope, offset = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    if slope > 0:
        return Calibration(slope, offset)
    share = float(np.mean(truth))
    return Calibration(0.0, math.log(share / (1 - share)))

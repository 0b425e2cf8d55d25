"""What an event rule finds in scores, compared with the truth."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.card import EventRule
from edge.events import Detector, Span
from edge.frontend import FrontendSpec
from edge.pipeline import step_begin_s
from train_export.features import STEP_FRAMES, SceneSet
from train_export.metrics import COLLAR_S, EventScore, counted, match_onsets, total

Logits = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Scored:
    """A recording's scores and its truth for one label.

    Attributes:
        logits: int8 [steps, labels].
        true_s: true onsets in seconds, rising.
        hours: of audio.
    """

    logits: Logits
    true_s: Sequence[float]
    hours: float


@dataclass(frozen=True, slots=True)
class Matching:
    """How events are found in scores, and which of them are true: one to one, by onset.

    Attributes:
        labels: of the scores' columns.
        step_frames: feature frames from one score to the next.
        spec: of the frontend.
        collar_s: so far from the true onset a found one may lie.
    """

    labels: tuple[str, ...]
    step_frames: int
    spec: FrontendSpec
    collar_s: float = COLLAR_S

    def scores(self, recordings: Iterable[Scored], rule: EventRule) -> list[EventScore]:
        """Counts of each recording."""
        return [
            counted(len(pairs), len(one.true_s), len(spans), one.hours)
            for one, spans, pairs in self._matched(recordings, rule)
        ]

    def peaks(
        self, recordings: Iterable[Scored], rule: EventRule
    ) -> tuple[NDArray[np.float64], list[int]]:
        """The int8 peak of each event that is found, and 1 where it is true, else 0."""
        peaks: list[float] = []
        true: list[int] = []
        for _, spans, pairs in self._matched(recordings, rule):
            hits = {found for _, found in pairs}
            peaks += [span.peak for span in spans]
            true += [int(number in hits) for number in range(len(spans))]
        return np.array(peaks), true

    def _matched(
        self, recordings: Iterable[Scored], rule: EventRule
    ) -> Iterator[tuple[Scored, list[Span], list[tuple[int, int]]]]:
        """Each recording with what is found in it, and the pairs (true, found)."""
        for one in recordings:
            detector = Detector(rule, self.labels)
            spans = detector.push(one.logits) + detector.finish()
            found_s = [step_begin_s(span.onset, self.step_frames, self.spec) for span in spans]
            yield one, spans, match_onsets(one.true_s, found_s, self.collar_s)


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
    return matching_of(scenes, spec).scores(scored(logits, scenes, rule.label, spec), rule)


def matching_of(scenes: SceneSet, spec: FrontendSpec) -> Matching:
    """How events are found in the scores of scenes."""
    return Matching(scenes.labels, STEP_FRAMES, spec)


def scored(logits: Logits, scenes: SceneSet, label: str, spec: FrontendSpec) -> Iterator[Scored]:
    """Each scene with its scores, of int8 [scenes, steps, labels], and its truth for a label."""
    hours = scenes.features.shape[1] * spec.hop_samples / spec.rate_hz / 3600
    for scene, truths in zip(logits, scenes.truths, strict=True):
        yield Scored(scene, [truth.onset_s for truth in truths if truth.label == label], hours)

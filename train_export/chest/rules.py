"""Chooses the rules that turn a stream of chest scores into events, on held-out people.

An annotated sound counts as found when an event of its family begins within half a second of
it: a listener marks the sound's extent by ear, and a score speaks for 160 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.card import Calibration, EventRule, Layout
from edge.events import Detector, Span
from edge.frontend import FrontendSpec
from edge.pipeline import step_begin_s
from train_export.calibrate import fit_platt, int8_logit
from train_export.chest.labels import CRACKLES, HEARD, OUTPUTS, WHEEZES
from train_export.chest.sampling import MIDDLE_FRAMES
from train_export.chest.units import Unit
from train_export.metrics import EventScore, match_onsets, total

FAMILIES = {"crackle": CRACKLES, "wheeze": WHEEZES}
COLLAR_S = 0.5
OPEN_LOGITS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
DROPS = (1.0, 2.0)
SMOOTH_STEPS = (1, 3)
MIN_STEPS = (1, 2)
GAP_STEPS = 2
MAX_STEPS = 40  # 6.4 s: a breath with all that is in it


@dataclass(frozen=True, slots=True)
class Stream:
    """A held-out record: float64 [steps, outputs], and the events annotated in it."""

    scores: NDArray[np.float64]
    events: tuple[Unit, ...]


def choose_rules(
    streams: Sequence[Stream], layout: Layout, spec: FrontendSpec
) -> tuple[list[EventRule], dict[str, Calibration], dict[str, Any]]:
    """The rule of each heard sound with the best F1, its odds and its figures."""
    rules, odds, figures = [], {}, {}
    for label in HEARD:
        columns = [_column(stream, label, layout) for stream in streams]
        candidates = [
            EventRule(
                label=label,
                open=int8_logit(level, layout),
                close=int8_logit(level - drop, layout),
                smooth_steps=smooth,
                min_steps=least,
                gap_steps=GAP_STEPS,
                max_steps=MAX_STEPS,
            )
            for level, drop, smooth, least in product(OPEN_LOGITS, DROPS, SMOOTH_STEPS, MIN_STEPS)
        ]
        scored = [(_score(columns, streams, rule, spec), rule) for rule in candidates]
        score, rule = max(scored, key=lambda pair: pair[0].f1)
        rules.append(rule)
        odds[label] = _odds(columns, streams, rule, layout, spec)
        figures[label] = {
            "true": score.matched + score.missed,
            "sensitivity": round(score.sensitivity, 4),
            "precision": round(score.precision, 4),
            "f1": round(score.f1, 4),
            "records": len(streams),
            "matching": f"one to one, onsets within {COLLAR_S} s",
        }
    return rules, odds, figures


def _column(stream: Stream, label: str, layout: Layout) -> NDArray[np.int8]:
    """One output of a stream as the int8 model would give it."""
    logits = stream.scores[:, OUTPUTS.index(label)]
    units = np.round(logits / layout.logit_scale) + layout.logit_zero
    return np.clip(units, -128, 127).astype(np.int8)


def _found(column: NDArray[np.int8], rule: EventRule) -> list[Span]:
    detector = Detector(rule, (rule.label,))
    return detector.push(column[:, None]) + detector.finish()


def _pairs(
    spans: Sequence[Span], stream: Stream, label: str, spec: FrontendSpec
) -> tuple[list[tuple[int, int]], int]:
    """Matched (true, found) pairs, and how many there are to find."""
    true_s = sorted(event.start_s for event in stream.events if event.label in FAMILIES[label])
    found_s = [step_begin_s(span.onset, MIDDLE_FRAMES, spec) for span in spans]
    return match_onsets(true_s, found_s, COLLAR_S), len(true_s)


def _score(
    columns: Sequence[NDArray[np.int8]],
    streams: Sequence[Stream],
    rule: EventRule,
    spec: FrontendSpec,
) -> EventScore:
    def one(column: NDArray[np.int8], stream: Stream) -> EventScore:
        spans = _found(column, rule)
        pairs, wanted = _pairs(spans, stream, rule.label, spec)
        hours = step_begin_s(len(column), MIDDLE_FRAMES, spec) / 3600
        return EventScore(len(pairs), wanted - len(pairs), len(spans) - len(pairs), hours)

    return total(one(*pair) for pair in zip(columns, streams, strict=True))


def _odds(
    columns: Sequence[NDArray[np.int8]],
    streams: Sequence[Stream],
    rule: EventRule,
    layout: Layout,
    spec: FrontendSpec,
) -> Calibration:
    """How likely a found event of some peak is an annotated one."""
    peaks: list[float] = []
    right: list[int] = []
    for column, stream in zip(columns, streams, strict=True):
        spans = _found(column, rule)
        hits = {found for _, found in _pairs(spans, stream, rule.label, spec)[0]}
        peaks += [(span.peak - layout.logit_zero) * layout.logit_scale for span in spans]
        right += [int(number in hits) for number in range(len(spans))]
    return fit_platt(np.array(peaks), right)

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
from edge.frontend import FrontendSpec
from edge.pipeline import step_begin_s
from train_export.calibrate import fit_platt, int8_logit
from train_export.chest.labels import CRACKLES, HEARD, OUTPUTS, WHEEZES
from train_export.chest.sampling import MIDDLE_FRAMES
from train_export.chest.units import Unit
from train_export.metrics import total
from train_export.scoring import Matching, Scored

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
        matching = Matching((label,), MIDDLE_FRAMES, spec, COLLAR_S)
        recordings = [_scored(stream, label, layout, spec) for stream in streams]
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
        scores = [(total(matching.scores(recordings, rule)), rule) for rule in candidates]
        score, rule = max(scores, key=lambda pair: pair[0].f1)
        rules.append(rule)
        peaks, true = matching.peaks(recordings, rule)
        odds[label] = fit_platt(layout.logit(peaks), true)
        figures[label] = {
            "true": score.matched + score.missed,
            "sensitivity": round(score.sensitivity, 4),
            "precision": round(score.precision, 4),
            "f1": round(score.f1, 4),
            "records": len(streams),
            "matching": f"one to one, onsets within {COLLAR_S} s",
        }
    return rules, odds, figures


def _scored(stream: Stream, label: str, layout: Layout, spec: FrontendSpec) -> Scored:
    """One output of a stream as the int8 model would give it, int8 [steps, 1], and its truth."""
    logits = stream.scores[:, [OUTPUTS.index(label)]]
    units = np.round(logits / layout.logit_scale) + layout.logit_zero
    true_s = sorted(event.start_s for event in stream.events if event.label in FAMILIES[label])
    hours = step_begin_s(len(units), MIDDLE_FRAMES, spec) / 3600
    return Scored(np.clip(units, -128, 127).astype(np.int8), true_s, hours)

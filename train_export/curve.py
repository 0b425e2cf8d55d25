"""The detection error trade-off of one label over scored recordings.

The rule's opening level moves, its hysteresis stays; each level gives one point. Source:
Martin et al., The DET curve in assessment of detection task performance, 1997.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge.bundle import Bundle
from edge.card import EventRule
from train_export.metrics import total
from train_export.scoring import Matching, Scored

LEVELS = 41  # points of a curve
# False alarms an hour at which the sensitivity is told: one a night, one and four an hour, ten.
AT_FALSE_ALARMS = (0.125, 1.0, 4.0, 10.0)


def detection_curve(
    bundle: Bundle, rule: EventRule, recordings: Sequence[Scored]
) -> list[dict[str, float]]:
    """Points of the curve from the most eager level to the strictest.

    Returns:
        For each level: `level` (logit), `sensitivity`, `precision`, `f1` and
        `false_alarms_per_hour`.
    """
    matching = Matching(bundle.labels, bundle.layout.step_frames, bundle.spec)
    points = []
    for level in np.unique(np.linspace(-100, 127, LEVELS).round().astype(int)):
        moved = replace(
            rule, open=int(level), close=max(-128, int(level) - (rule.open - rule.close))
        )
        score = total(matching.scores(recordings, moved))
        points.append(
            {
                "level": bundle.layout.logit(float(level)),
                "sensitivity": score.sensitivity,
                "precision": score.precision,
                "f1": score.f1,
                "false_alarms_per_hour": score.false_alarms_per_hour,
            }
        )
    return points


def sensitivity_at(
    points: Sequence[dict[str, float]], false_alarms_per_hour: float, hours: float
) -> float:
    """The highest sensitivity of a point with at most so many false alarms; 0 when none is.

    NaN where the recordings are too short to tell: not one false alarm would be allowed in them.
    """
    if false_alarms_per_hour * hours < 1:
        return float("nan")
    allowed = [
        point["sensitivity"]
        for point in points
        if point["false_alarms_per_hour"] <= false_alarms_per_hour
    ]
    return max(allowed, default=0.0)

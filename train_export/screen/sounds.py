"""Wheezes and crackles of a stretch: a head for each, fitted as the disease's is.

What the chest profile learned of children's sounds does not carry over to adults under another
stethoscope: it finds a wheeze in four of five recordings. So a sound's head learns from recordings
that a physician heard it in. It learns of whole recordings and judges stretches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.screening import FALSE_SHARE
from train_export.chest.labels import canonical
from train_export.screen.corpus import Recorded
from train_export.screen.embed import means
from train_export.screen.figures import compared
from train_export.screen.head import Matrix, People, choose_penalty, fit, held_out, log_odds

SOUNDS = ("wheeze", "crackle")


@dataclass(frozen=True, slots=True, eq=False)
class SoundHead:
    """A sound's head.

    Attributes:
        weights: float64 [values].
        offset: of the log-odds.
        limit: the log-odds from which a stretch holds the sound.
        figures: how well it is heard; plain JSON values.
    """

    weights: Matrix
    offset: float
    limit: float
    figures: dict[str, Any]


def heard_in(recorded: Recorded, sound: str) -> bool:
    """Whether somebody heard a sound in a recording."""
    return any(sound in canonical(label).split("+") for label in recorded.sounds)


def sound_head(
    stretches: Sequence[Matrix], present: Sequence[bool], people: People, seed: int
) -> SoundHead:
    """Fit a sound's head.

    Args:
        stretches: embeddings of each recording's patches, float64 [patches, values].
        present: whether each recording holds the sound.
        people: whose it is.
        seed: of the folds.
    """
    whole = means(stretches)
    classes = np.where(present, 0, 1)
    penalty = choose_penalty(whole, classes, people, seed)
    head = fit(whole, classes, people, penalty)
    unseen = {
        index: log_odds(fold.logits(stretches[index]))
        for fold, test in held_out(whole, classes, people, penalty, seed)
        for index in test
    }
    there, absent = (
        np.concatenate([unseen[index] for index in np.flatnonzero(classes == kind)])
        for kind in (0, 1)
    )
    limit = float(np.quantile(absent, 1 - FALSE_SHARE))
    figures = compared(whole, classes, people) | {
        "stretches_of_recordings_with_it": round(float((there >= limit).mean()), 4),
        "stretches_of_others": round(float((absent >= limit).mean()), 4),
    }
    difference = head.weights @ [1, -1]
    return SoundHead(difference, float(head.offsets @ [1, -1]), limit, figures)

"""Wheezes and crackles of a stretch: a head for each, fitted as the disease's is.

What the chest profile learned of children's sounds does not carry over to adults under another
stethoscope: it finds a wheeze in four of five recordings. So a sound's head learns from recordings
that a physician heard it in. It learns of whole recordings and judges stretches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train_export.chest.labels import canonical
from train_export.screen.corpus import Recorded
from train_export.screen.embed import means
from train_export.screen.figures import compared
from train_export.screen.head import (
    Classes,
    Head,
    Matrix,
    People,
    choose_penalty,
    fit,
    folds,
    log_odds,
)

SOUNDS = ("wheeze", "crackle")
# Share of the stretches of other recordings in which a sound may be heard.
FALSE = 0.05


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
    unseen = _out_of_fold(stretches, whole, classes, people, penalty, seed)
    there, absent = (
        np.concatenate([scores for scores, own in zip(unseen, classes, strict=True) if own == kind])
        for kind in (0, 1)
    )
    limit = float(np.quantile(absent, 1 - FALSE))
    figures = compared(whole, classes, people) | {
        "stretches_of_recordings_with_it": round(float((there >= limit).mean()), 4),
        "stretches_of_others": round(float((absent >= limit).mean()), 4),
    }
    difference = head.weights @ [1, -1]
    return SoundHead(difference, float(head.offsets @ [1, -1]), limit, figures)


def _out_of_fold(
    stretches: Sequence[Matrix],
    whole: Matrix,
    classes: Classes,
    people: People,
    penalty: float,
    seed: int,
) -> list[Matrix]:
    """Log-odds of each recording's stretches from a head that never saw its person."""
    found: list[Matrix] = [np.zeros(0)] * len(stretches)
    for train, test in folds(classes, people, seed):
        head: Head = fit(whole[train], classes[train], people[train], penalty)
        for index in test:
            found[index] = log_odds(head.logits(stretches[index]))
    return found

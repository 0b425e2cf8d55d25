"""What was found of one label in one recording, beside what was there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.records import Event
from train_export.annotations import TrueEvent
from train_export.metrics import EventScore, counted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of one label in one recording; the pairs index the two tuples.

    Attributes:
        name: the recording's path as the manifest spells it.
        others: the annotated sounds of every other label.
        logits: int8 [steps, labels].
        clip: the manifest says that the sound is in the recording, and not where: a row from its
            beginning to its end. Onsets can't be matched, only whether it was heard at all.
    """

    name: str
    label: str
    truth: tuple[TrueEvent, ...]
    found: tuple[Event, ...]
    pairs: tuple[tuple[int, int], ...]
    hours: float
    others: tuple[TrueEvent, ...]
    logits: NDArray[np.int8]
    clip: bool = False

    @property
    def score(self) -> EventScore:
        """The counts."""
        return counted(len(self.pairs), len(self.truth), len(self.found), self.hours)

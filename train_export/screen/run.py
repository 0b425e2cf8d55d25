"""The numbers of a pretraining, apart from it: who only needs them does not load TensorFlow."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.frontend import FrontendSpec
from train_export.models.config import ScreenConfig

# A sound counts in full from this many frames on, a quarter of a second.
FULL_FRAMES = 25
POSITIVE_WEIGHT = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainConfig:
    """A training run.

    Attributes:
        epochs: passes, each as many crops as the recordings hold without overlap.
        batch: crops a step.
        rate: peak learning rate of a cosine schedule with a warm-up of half an epoch.
        seed: of the weights and the crops.
    """

    epochs: int = 12
    batch: int = 64
    rate: float = 3e-3
    seed: int = 0


def pretrained(
    corpus: Path, spec: FrontendSpec, model: ScreenConfig, run: PretrainConfig
) -> list[NDArray[np.float32]]:
    """Fit the network on the sounds; to be called in a process of its own."""
    from train_export.screen.pretrain import pretrain

    return pretrain(corpus, spec, model, run)

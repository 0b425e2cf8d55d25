"""What a chest network is before it trains: random, or the first layers of YAMNet."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frontend import PRESETS
from train_export.chest.labels import OUTPUTS
from train_export.models.config import ClipConfig, StemConfig, WholeConfig
from train_export.pretrained import first_layers

BANDS = PRESETS["chest-4k"].coefficients


@dataclass(frozen=True, slots=True)
class Start:
    """What a network is before it trains.

    Attributes:
        config: its shape.
        rate: peak learning rate.
        stem: kernels and biases of its first layers, by turns; none of them: random.
    """

    config: WholeConfig
    rate: float
    stem: Sequence[NDArray[np.float32]] = ()

    def purpose(self) -> dict[str, Any]:
        """What tells it from others; plain JSON values."""
        stem = hashlib.sha256(b"".join(array.tobytes() for array in self.stem))
        return {"network": self.config.to_dict(), "rate": self.rate, "stem": stem.hexdigest()}


def start_of(pretrained: Path | None) -> Start:
    """The first layers of YAMNet's file, as `first_layers` refuses it; without one, random."""
    if pretrained is None:
        return Start(ClipConfig(labels=len(OUTPUTS), bands=BANDS), 3e-3)
    config = StemConfig(labels=len(OUTPUTS), bands=BANDS)
    return Start(config, 1e-3, first_layers(pretrained, config.layers))

"""How unlike a recording is to those that a bundle was measured on.

A model answers whatever it is asked. Speech, music, an empty room or another microphone give
probabilities that mean nothing, so the distance of a recording from the known ones is measured
first: Mahalanobis' distance of a few statistics of its features (Lee et al., A Simple Unified
Framework for Detecting Out-of-Distribution Samples, 2018, on the input's own features).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError

# Bands are taken together in this many groups: fewer would blur a missing band, more would need
# more recordings to know how the statistics vary.
GROUPS = 8
STATISTICS = 2 * GROUPS
_Q8_7 = 128.0
# Log2 power. It keeps the logarithm of a spread finite in digital silence, and is far below the
# spread of any room.
_LEAST_SPREAD = 0.05


def statistics(frames: NDArray[np.int16]) -> NDArray[np.float64]:
    """The shape of a recording's spectrum, and how much each part of it moves.

    Loudness is left out: a constant factor on the samples changes nothing but what falls below
    the frontend's floor.

    Args:
        frames: int16 [frames, bands], log2 power in Q8.7 as the frontend gives it, at least one.

    Returns:
        float64 [STATISTICS]: of each group of bands the median level around the mean of them, then
        the logarithm of the standard deviation over time.
    """
    parts = np.array_split(frames.astype(np.float64) / _Q8_7, GROUPS, axis=1)
    groups = np.stack([part.mean(axis=1) for part in parts], axis=1)  # [frames, GROUPS]
    levels = np.median(groups, axis=0)
    return np.concatenate([levels - levels.mean(), np.log(groups.std(axis=0) + _LEAST_SPREAD)])


@dataclass(frozen=True, slots=True, eq=False)
class Novelty:
    """What is known, and how far from it is too far.

    Attributes:
        mean: float64 [STATISTICS], of the known recordings.
        precision: float64 [STATISTICS, STATISTICS], inverse of their covariance.
        limit: squared distance that few known recordings exceed.
    """

    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    limit: float

    def distance(self, frames: NDArray[np.int16]) -> float:
        """Squared Mahalanobis distance over the limit: above 1 is refused.

        Args:
            frames: int16 [frames, bands], at least one frame.
        """
        away = statistics(frames) - self.mean
        return float(away @ self.precision @ away) / self.limit

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Novelty":
        """Read a card's numbers; BadInputError when they do not fit together."""
        mean = np.asarray(values["mean"], dtype=np.float64)
        precision = np.asarray(values["precision"], dtype=np.float64)
        limit = float(values["limit"])
        if mean.shape != (STATISTICS,) or precision.shape != (STATISTICS, STATISTICS) or limit <= 0:
            raise BadInputError(
                f"novelty: mean {mean.shape}, precision {precision.shape} and {limit=} do not fit "
                f"{STATISTICS} statistics; export the bundle again"
            )
        return cls(mean, precision, limit)

"""What a readout sees of a unit; the same when it is fitted and when it is used."""

import numpy as np
from numpy.typing import NDArray

from edge.patches import pooled

Floats = NDArray[np.float64]


def inputs_of(kind: str, own: Floats, recording: Floats) -> Floats:
    """A readout's inputs.

    Args:
        kind: `event`, `record` or `cycle`.
        own: logits of the unit's patches, float64 [patches, outputs].
        recording: those of its whole recording's, alike.

    Returns:
        float64 [inputs]: of an event its mean and its recording's pool, of a record the pool,
        of a cycle its mean alone, since some cycles come without their recording.
    """
    if kind == "record":
        return pooled(recording)
    if kind == "cycle":
        return own.mean(axis=0)
    return np.concatenate([own.mean(axis=0), pooled(recording)])

"""Samples of any format and any number of channels -> mono int16."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.records import Pcm


def mono(values: NDArray[Any], scale: float) -> Pcm:
    """Mix the channels by their mean and round once.

    Args:
        values: [samples, channels], int16, int32 or float64.
        scale: what brings `values` to the scale of int16.

    Returns:
        int16 [samples], clipped; 16-bit mono comes back unchanged.
    """
    if values.dtype == np.int16 and values.shape[1] == 1:
        return values[:, 0]
    mean = values.mean(axis=1, dtype=np.float64) * scale
    mixed: Pcm = np.clip(np.rint(mean), -32768, 32767).astype(np.int16)
    return mixed

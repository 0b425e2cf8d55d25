"""Recordings -> embeddings by a chest network; TensorFlow, so in its own process."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.patches import patches
from train_export.chest.network import layout_of
from train_export.features import FEATURE_SCALE
from train_export.models.config import WholeConfig


def embed(
    weights: list[NDArray[np.float32]], config: WholeConfig, frames: Sequence[NDArray[np.int16]]
) -> list[NDArray[np.float64]]:
    """What the network's last layer is given of each patch.

    Args:
        weights: as `keras.Model.get_weights` gives them.
        config: the network's shape.
        frames: int16 [frames, bands] of each recording, levelled.

    Returns:
        float64 [patches, values] of each recording.
    """
    import keras

    from train_export.models.network import build

    network = build(config, config.frames)
    network.set_weights(weights)
    embedding = keras.Model(network.input, network.get_layer("logits").input)
    found = []
    for recording in frames:
        parts = patches(recording, layout_of(config)).astype(np.float32) * FEATURE_SCALE
        values = embedding(parts[..., None], training=False).numpy()
        found.append(values.reshape(len(parts), -1).astype(np.float64))
    return found


def means(stretches: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean embedding of each recording, float64 [recordings, values]."""
    return np.stack([own.mean(axis=0) for own in stretches])

"""Recordings -> mean embeddings of the pretrained network; TensorFlow, so in its own process."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.card import Layout
from edge.patches import patches
from edge.screening import levelled
from train_export.features import FEATURE_SCALE
from train_export.models.config import ScreenConfig


def embed(
    weights: list[NDArray[np.float32]], config: ScreenConfig, frames: Sequence[NDArray[np.int16]]
) -> NDArray[np.float64]:
    """Mean embedding over the patches of each recording.

    Args:
        weights: as `keras.Model.get_weights` gives them.
        config: the network's shape.
        frames: int16 [frames, bands] of each recording, as the frontend gives them.

    Returns:
        float64 [recordings, config.embedding].
    """
    import keras

    from train_export.models.screen_cnn import build

    network = build(config, config.frames)
    network.set_weights(weights)
    embedding = keras.Model(network.input, network.get_layer("embedding").output)
    layout = placeholder(config)
    means = np.empty((len(frames), config.embedding))
    for row, recording in enumerate(frames):
        parts = patches(levelled(recording), layout).astype(np.float32) * FEATURE_SCALE
        values = embedding(parts[..., None], training=False).numpy()
        means[row] = values.reshape(len(parts), -1).mean(axis=0)
    return means


def placeholder(config: ScreenConfig) -> Layout:
    """How the patches lie, before the model is quantized."""
    return Layout(
        patch_frames=config.frames,
        patch_steps=1,
        step_frames=config.frames // 2,
        before_frames=0,
        input_multiplier_q20=0,
        input_zero=0,
        logit_scale=0.0,
        logit_zero=0,
    )

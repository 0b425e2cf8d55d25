"""Small residual CNNs side by side that score a whole patch at once.

Full 3x3 convolutions: at these widths they cost a device as little as depthwise ones and learn
more from few recordings. Source of the block: He et al., Deep residual learning, 2016. Of few
recordings each training learns something else, and the mean is better than most of its members
(Hansen and Salamon, Neural network ensembles, 1990).
"""

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from train_export.models.config import ClipConfig
from train_export.models.front import features_input


def build(config: ClipConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, 1, labels], logits: the sum of the members'.
    """
    inputs = features_input(config, frames, batch)
    if config.members == 1:
        return keras.Model(inputs, _member(config, inputs))
    alone = replace(config, members=1)
    members = [build(alone, frames, batch) for _ in range(config.members)]
    return keras.Model(inputs, layers.Add()([member(inputs) for member in members]))


def side_by_side(members: Sequence[Sequence[NDArray[np.float32]]]) -> list[NDArray[np.float32]]:
    """Weights of networks of one member each -> those of one network, whose sum is their mean."""
    weights: list[NDArray[np.float32]] = []
    for *inner, kernel, bias in members:
        weights += [*inner, kernel / len(members), bias / len(members)]
    return weights


def _member(config: ClipConfig, inputs: keras.KerasTensor) -> keras.KerasTensor:
    x = layers.Conv2D(config.stem, 5, strides=2, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for channels, repeats in config.stages:
        x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        for _ in range(repeats):
            y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.Add()([layers.BatchNormalization()(y), x]))
    # [batch, frames / 8, bands / 8, channels]: the whole, its loudest spot, and its middle.
    whole = layers.AveragePooling2D(x.shape[1:3])(x)
    loudest = layers.MaxPooling2D(x.shape[1:3])(x)
    around = x.shape[1] // 2 - 1
    middle = layers.Cropping2D(((around, x.shape[1] - around - 2), (0, 0)))(x)
    middle = layers.AveragePooling2D(middle.shape[1:3])(middle)
    x = layers.Concatenate()([whole, loudest, middle])  # [batch, 1, 1, 3 * channels]
    x = layers.Dropout(config.dropout)(x)
    x = layers.Conv2D(config.labels, 1, name="logits")(x)
    return layers.Reshape((1, config.labels))(x)

"""The first layers of YAMNet under one of our own: AudioSet helps where little is labelled.

YAMNet's layers have a bias each and no norm of their own: its file has them folded. Source of the
shape: Howard et al., MobileNets, 2017, as the TensorFlow model garden's YAMNet has it.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from train_export.models.clip_cnn import scores
from train_export.models.config import StemConfig
from train_export.models.front import features_input

FIRST = 32  # channels of the first layer, a whole convolution
# (channels, stride) of each of the others, which convolve every channel by itself first.
SEPARABLE = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
    (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


def build(config: StemConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network, with random weights; `start_from` gives it YAMNet's.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, 1, labels], logits.
    """
    inputs = features_input(config, frames, batch)
    x = layers.Conv2D(FIRST, 3, strides=2, padding="same", name="stem0")(inputs)
    x = layers.ReLU()(x)
    for number, (channels, stride) in enumerate(SEPARABLE[: config.layers - 1], start=1):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", name=f"stem{number}_depth")(x)
        x = layers.Conv2D(channels, 1, name=f"stem{number}_point")(layers.ReLU()(x))
        x = layers.ReLU()(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(config.own, 1, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(inputs, scores(x, config), name="stem_cnn")


def start_from(model: keras.Model, stem: Sequence[NDArray[np.float32]]) -> None:
    """Put YAMNet's kernels and biases, as `first_layers` reads them, into the layers for them."""
    named = [layer for layer in model.layers if layer.name.startswith("stem")]
    for layer, kernel, bias in zip(named, stem[::2], stem[1::2], strict=True):
        layer.set_weights([kernel, bias])

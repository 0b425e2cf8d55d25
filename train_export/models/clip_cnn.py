"""A small residual CNN that scores a whole patch at once.

Full 3x3 convolutions: at these widths they cost a device as little as depthwise ones and learn
more from few recordings. Source of the block: He et al., Deep residual learning, 2016.
"""

import keras
from keras import layers

from train_export.models.config import ClipConfig, WholeConfig
from train_export.models.front import features_input


def build(config: ClipConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, 1, labels], logits.
    """
    inputs = features_input(config, frames, batch)
    x = layers.Conv2D(config.stem, 5, strides=2, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for channels, repeats in config.stages:
        x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        for _ in range(repeats):
            y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.Add()([layers.BatchNormalization()(y), x]))
    return keras.Model(inputs, scores(x, config), name="clip_cnn")


def scores(x: keras.KerasTensor, config: WholeConfig) -> keras.KerasTensor:
    """Read a patch's logits from the whole of it, its loudest spot and its middle.

    Input shape: float32 [batch, positions, bands, channels].
    Output shape: float32 [batch, 1, labels].
    """
    whole = layers.AveragePooling2D(x.shape[1:3])(x)
    loudest = layers.MaxPooling2D(x.shape[1:3])(x)
    around = x.shape[1] // 2 - 1
    middle = layers.Cropping2D(((around, x.shape[1] - around - 2), (0, 0)))(x)
    middle = layers.AveragePooling2D(middle.shape[1:3])(middle)
    x = layers.Concatenate()([whole, loudest, middle])  # [batch, 1, 1, 3 * channels]
    x = layers.Dropout(config.dropout)(x)
    x = layers.Conv2D(config.labels, 1, name="logits")(x)
    return layers.Reshape((1, config.labels))(x)

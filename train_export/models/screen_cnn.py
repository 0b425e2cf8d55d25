"""A small CNN that scores two seconds of lung sound as a whole.

Convolutions with strides, then the mean and the highest of each channel over time and
frequency: the embedding. The scores are linear in it, so that the mean of a recording's scores is
the score of its mean embedding, and a head fitted on mean embeddings needs no other runtime.
"""

import keras
from keras import layers

from train_export.models.config import ScreenConfig
from train_export.models.front import features_input


def build(config: ScreenConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network.

    Input shape: float32 [batch, frames, bands, 1], log2 power around each band's median / 8.
    Output shape: float32 [batch, 1, labels], logits.
    """
    x = inputs = features_input(config, frames, batch)
    for number, (channels, stride) in enumerate(config.blocks):
        x = layers.Conv2D(
            channels, 3, strides=stride, padding="same", use_bias=False, name=f"conv{number}"
        )(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU(max_value=6.0)(x)
    whole = (x.shape[1], x.shape[2])
    mean = layers.AveragePooling2D(whole, name="mean")(x)
    highest = layers.MaxPooling2D(whole, name="highest")(x)
    embedding = layers.Concatenate(name="embedding")([mean, highest])  # [batch, 1, 1, 2 channels]
    if config.dropout:
        embedding = layers.Dropout(config.dropout)(embedding)
    x = layers.Conv2D(config.labels, 1, name="logits")(embedding)
    outputs = layers.Reshape((1, config.labels))(x)
    return keras.Model(inputs, outputs, name="screen_cnn")

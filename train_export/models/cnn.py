"""A depthwise-separable CNN that scores every 40 ms of sound.

Convolutions are valid in time: a score depends on its receptive field alone, so a patch of
any length gives the scores that a whole recording gives, and training on long stretches is
training on the device's patches. Convolutions over frequency are padded. Source of the block:
Howard et al., MobileNets, 2017; of the dilated trunk: Bai et al., 2018.
"""

import keras
from keras import layers

from train_export.models.config import CnnConfig


def build(config: CnnConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, steps, labels], logits.
    """
    inputs = layers.Input(batch_shape=(batch, frames, config.bands, 1), name="features")
    x = layers.ZeroPadding2D(((0, 0), (2, 2)))(inputs)
    x = layers.Conv2D(config.stem, 5, strides=2, use_bias=False, name="stem")(x)
    x = _norm_relu(x)  # [batch, frames / 2, bands / 2, stem]
    for number, (channels, time, frequency) in enumerate(config.blocks):
        x = layers.ZeroPadding2D(((0, 0), (1, 1)))(x)
        # A depthwise stride must be square; a stride in frequency alone falls to the 1x1.
        square, rest = (time, 1) if time == frequency else (1, (time, frequency))
        x = layers.DepthwiseConv2D(3, strides=square, use_bias=False, name=f"depth{number}")(x)
        x = _norm_relu(x)
        x = layers.Conv2D(channels, 1, strides=rest, use_bias=False, name=f"point{number}")(x)
        x = _norm_relu(x)
    x = layers.DepthwiseConv2D((1, x.shape[2]), use_bias=False, name="collapse")(x)
    x = _norm_relu(x)  # [batch, steps + trunk's reach, 1, channels]
    x = layers.Conv2D(config.trunk, 1, use_bias=False, name="widen")(x)
    x = _norm_relu(x)
    for number, dilation in enumerate(config.dilations):
        # An Edge TPU maps equal dilations only; over one column they compute the same. A batch
        # of one is an export: training would pay for the second axis with half its speed.
        rate = (dilation, dilation if batch == 1 else 1)
        y = layers.DepthwiseConv2D(
            (3, 1), dilation_rate=rate, use_bias=False, name=f"dilated{number}"
        )(x)
        y = _norm_relu(y)
        y = layers.Conv2D(config.trunk, 1, use_bias=False, name=f"mix{number}")(y)
        y = layers.BatchNormalization()(y)
        x = layers.Add()([y, layers.Cropping2D(((dilation, dilation), (0, 0)))(x)])
        x = layers.ReLU()(x)
        if config.dropout:
            x = layers.SpatialDropout2D(config.dropout)(x)
    # Most steps hold no event: begin there, not at even odds.
    rare = keras.initializers.Constant(-3.0)
    x = layers.Conv2D(config.labels, 1, bias_initializer=rare, name="logits")(x)
    outputs = layers.Reshape((x.shape[1], config.labels))(x)
    return keras.Model(inputs, outputs, name="cnn")


def _norm_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU(max_value=6.0)(layers.BatchNormalization()(x))

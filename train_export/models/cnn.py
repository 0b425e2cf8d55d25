"""A depthwise-separable CNN that scores every 40 ms of sound.

Convolutions are valid in time: a score depends on its receptive field alone, so a patch of
any length gives the scores that a whole recording gives, and training on long stretches is
training on the device's patches. Source of the dilated trunk: Bai et al., 2018.
"""

import keras
from keras import layers

from train_export.models.blocks import PlainBlocks, ShiftedBlocks
from train_export.models.config import CnnConfig
from train_export.models.front import features_input, front


def build(config: CnnConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, steps, labels], logits.
    """
    blocks = PlainBlocks() if batch == 1 else ShiftedBlocks()  # an export, or a training
    return build_from(blocks, config, frames, batch)


def build_from(
    blocks: PlainBlocks, config: CnnConfig, frames: int, batch: int | None = None
) -> keras.Model:
    """Build the network of the given convolutions; shapes as in `build`."""
    inputs = features_input(config, frames, batch)
    x = front(inputs, config, blocks)  # [batch, steps + the trunk's reach, 1, trunk]
    for number, dilation in enumerate(config.dilations):
        # An Edge TPU maps equal dilations only; over one column they compute the same. A batch
        # of one is an export: training would pay for the second axis with half its speed.
        rate = (dilation, dilation if batch == 1 else 1)
        y = blocks.depthwise(x, (3, 1), f"dilated{number}", dilation=rate)
        x = layers.Cropping2D(((dilation, dilation), (0, 0)))(x)
        x = blocks.mix_into(y, x, config.trunk, f"mix{number}")
        if config.dropout:
            x = layers.SpatialDropout2D(config.dropout)(x)
    x = blocks.logits(x, config.labels)
    outputs = layers.Reshape((x.shape[1], config.labels))(x)
    return keras.Model(inputs, outputs, name="cnn")

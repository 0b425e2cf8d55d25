"""The front that networks which score each step share: features -> one vector for each 40 ms.

Convolutions are valid in time, so that a position depends on its own frames alone; those over
frequency are padded. Source of the block: Howard et al., MobileNets, 2017.
"""

import keras
from keras import layers

from train_export.models.blocks import PlainBlocks
from train_export.models.config import NetworkConfig, StepConfig


def front(x: keras.KerasTensor, config: StepConfig, blocks: PlainBlocks) -> keras.KerasTensor:
    """Add the front to a network.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, positions, 1, trunk].
    """
    x = layers.ZeroPadding2D(((0, 0), (2, 2)))(blocks.seen(x))
    x = blocks.conv(x, config.stem, 5, "stem", strides=2)  # [batch, frames / 2, bands / 2, stem]
    for number, (channels, time, frequency) in enumerate(config.blocks):
        x = layers.ZeroPadding2D(((0, 0), (1, 1)))(x)
        # A depthwise stride must be square; a stride in frequency alone falls to the 1x1.
        square, rest = (time, 1) if time == frequency else (1, (time, frequency))
        x = blocks.depthwise(x, 3, f"depth{number}", strides=square)
        x = blocks.conv(x, channels, 1, f"point{number}", strides=rest)
    x = blocks.depthwise(x, (1, x.shape[2]), "collapse")  # [batch, positions, 1, channels]
    return blocks.conv(x, config.trunk, 1, "widen")


def features_input(config: NetworkConfig, frames: int, batch: int | None) -> keras.KerasTensor:
    """The networks' common input, float32 [batch, frames, bands, 1]."""
    return layers.Input(batch_shape=(batch, frames, config.bands, 1), name="features")

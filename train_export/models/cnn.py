"""A depthwise-separable CNN that scores every 40 ms of sound.

Convolutions are valid in time: a score depends on its receptive field alone, so a patch of
any length gives the scores that a whole recording gives, and training on long stretches is
training on the device's patches. Convolutions over frequency are padded. Source of the block:
Howard et al., MobileNets, 2017; of the dilated trunk: Bai et al., 2018.
"""

from dataclasses import dataclass

import keras
from keras import layers


@dataclass(frozen=True, kw_only=True, slots=True)
class CnnConfig:
    """Shape of the network.

    Attributes:
        bands: features a frame.
        labels: outputs a step.
        stem: channels of the first convolution.
        blocks: (channels, stride in time, stride in frequency) of each 2-D block.
        trunk: channels of the 1-D trunk.
        dilations: of its blocks, in steps.
        dropout: share of the trunk's channels dropped in training.
    """

    bands: int = 40
    labels: int = 6
    stem: int = 16
    blocks: tuple[tuple[int, int, int], ...] = ((24, 1, 1), (32, 2, 2), (48, 1, 2), (64, 1, 1))
    trunk: int = 88
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    dropout: float = 0.1

    @property
    def step_frames(self) -> int:
        """Feature frames between two scores."""
        stride = 2
        for _, time, _ in self.blocks:
            stride *= time
        return stride

    @property
    def receptive_frames(self) -> int:
        """Feature frames that one score sees."""
        seen, jump = 5, 2
        for _, time, _ in self.blocks:
            seen += 2 * jump
            jump *= time
        return seen + sum(2 * dilation * jump for dilation in self.dilations)

    def patch_frames(self, steps: int) -> int:
        """Feature frames that give `steps` scores."""
        return self.receptive_frames + (steps - 1) * self.step_frames


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
        y = layers.DepthwiseConv2D(
            (3, 1), dilation_rate=(dilation, 1), use_bias=False, name=f"dilated{number}"
        )(x)
        y = _norm_relu(y)
        y = layers.Conv2D(config.trunk, 1, use_bias=False, name=f"mix{number}")(y)
        y = layers.BatchNormalization()(y)
        x = layers.Add()([y, layers.Cropping2D(((dilation, dilation), (0, 0)))(x)])
        x = layers.ReLU()(x)
        x = layers.SpatialDropout2D(config.dropout)(x)
    x = layers.Conv2D(config.labels, 1, name="logits")(x)
    outputs = layers.Reshape((x.shape[1], config.labels))(x)
    return keras.Model(inputs, outputs, name="cnn")


def _norm_relu(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU(max_value=6.0)(layers.BatchNormalization()(x))

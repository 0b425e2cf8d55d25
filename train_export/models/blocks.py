"""The convolutions of a network, each with its norm and its ReLU.

They stand in one place so that a network can be built of others: of those that feel the
quantization, for instance.
"""

import keras
from keras import layers

from train_export.models.norm import BatchNormalization

Pair = tuple[int, int]
Size = int | Pair


class PlainBlocks:
    """Convolution, batch normalisation, ReLU: in float.

    What runs in int8 passes `seen` wherever the device holds it in int8; `_conv`,
    `_depthwise` and `_logits` are what others replace. Weights have the same order in each.
    """

    def seen(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """A tensor that the int8 network holds; here as it is."""
        return x

    def conv(
        self, x: keras.KerasTensor, channels: int, kernel: int, name: str, strides: Size = 1
    ) -> keras.KerasTensor:
        """Convolve, valid; ReLU6."""
        return self.seen(_relu6(self._conv(x, channels, kernel, name, strides)))

    def depthwise(
        self,
        x: keras.KerasTensor,
        kernel: Size,
        name: str,
        strides: int = 1,
        dilation: Pair = (1, 1),
    ) -> keras.KerasTensor:
        """Convolve each channel by itself, dilated in time and frequency; ReLU6."""
        return self.seen(_relu6(self._depthwise(x, kernel, name, strides, dilation)))

    def project(self, x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
        """A 1x1 convolution alone, no ReLU."""
        return self.seen(self._conv(x, channels, 1, name, 1))

    def mix_into(
        self, y: keras.KerasTensor, x: keras.KerasTensor, channels: int, name: str
    ) -> keras.KerasTensor:
        """A 1x1 convolution of `y`, added to `x`; ReLU."""
        y = self.project(y, channels, name)
        return self.seen(layers.ReLU()(layers.Add()([y, x])))

    def logits(self, x: keras.KerasTensor, labels: int) -> keras.KerasTensor:
        """The last 1x1 convolution: a bias, no ReLU."""
        return self.seen(self._logits(x, labels))

    def _conv(
        self, x: keras.KerasTensor, channels: int, kernel: int, name: str, strides: Size
    ) -> keras.KerasTensor:
        x = layers.Conv2D(channels, kernel, strides=strides, use_bias=False, name=name)(x)
        return BatchNormalization()(x)

    def _depthwise(
        self, x: keras.KerasTensor, kernel: Size, name: str, strides: int, dilation: Pair
    ) -> keras.KerasTensor:
        x = layers.DepthwiseConv2D(
            kernel, strides=strides, dilation_rate=dilation, use_bias=False, name=name
        )(x)
        return BatchNormalization()(x)

    def _logits(self, x: keras.KerasTensor, labels: int) -> keras.KerasTensor:
        return layers.Conv2D(labels, 1, bias_initializer=rare(), name="logits")(x)


class ShiftedBlocks(PlainBlocks):
    """Plain blocks whose dilated convolutions over time train faster, with the same weights.

    A dilated depthwise convolution goes through rearranged batches and one core; three shifted
    copies, weighted and added, are the same sum.
    """

    def _depthwise(
        self, x: keras.KerasTensor, kernel: Size, name: str, strides: int, dilation: Pair
    ) -> keras.KerasTensor:
        if kernel != (3, 1):
            return super()._depthwise(x, kernel, name, strides, dilation)
        x = ShiftedDepthwise(dilation[0], name=name)(x)
        return BatchNormalization()(x)


class ShiftedDepthwise(layers.Layer):
    """DepthwiseConv2D of a kernel of three rows and one column, dilated, valid."""

    def __init__(self, dilation: int, name: str) -> None:
        super().__init__(name=name)
        self._dilation = dilation

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the kernel, float32 [3, 1, channels, 1]."""
        self.kernel = self.add_weight(
            shape=(3, 1, shape[-1], 1), initializer="glorot_uniform", name="kernel"
        )

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Convolve float32 [batch, rows, 1, channels]."""
        rows = x.shape[1] - 2 * self._dilation
        shifted = [x[:, row * self._dilation :][:, :rows] for row in range(3)]
        return sum(part * self.kernel[row, :, :, 0] for row, part in enumerate(shifted))


def rare() -> keras.initializers.Initializer:
    """Bias of the logits: most steps hold no event, so begin there, not at even odds."""
    return keras.initializers.Constant(-3.0)


def _relu6(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU(max_value=6.0)(x)

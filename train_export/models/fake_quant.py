"""Convolutions that feel the quantization while they are trained.

Kernels, with the batch normalisation folded in, and activations are rounded to the int8 grid
going forward, and the gradient passes as if they were not (straight through). The statistics
of the norm stay as they were. Weights come in the order of the plain blocks', so that those of
a trained network go in, and go back when they have settled on the grid. Source: Jacob et al.,
Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
2018.
"""

from collections.abc import Iterable

import keras
from keras import layers, ops

from train_export.models.blocks import Pair, PlainBlocks, Size, rare
from train_export.models.norm import EPSILON

Range = tuple[float, float]


class RecordingBlocks(PlainBlocks):
    """Plain blocks that note each tensor that the int8 network would hold, in order."""

    def __init__(self) -> None:
        self.tensors: list[keras.KerasTensor] = []

    def seen(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Note it."""
        self.tensors.append(x)
        return x


class FakeQuantBlocks(PlainBlocks):
    """Blocks on the int8 grid; takes the range of each tensor in the order of `seen`."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._ranges = iter(ranges)

    def seen(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Round it to 256 steps of its range."""
        return FakeQuant(*next(self._ranges))(x)

    def _conv(
        self, x: keras.KerasTensor, channels: int, kernel: int, name: str, strides: Size
    ) -> keras.KerasTensor:
        return FoldedConv(channels, kernel, strides, name=name)(x)

    def _depthwise(
        self, x: keras.KerasTensor, kernel: Size, name: str, strides: int, dilation: Pair
    ) -> keras.KerasTensor:
        return FoldedDepthwise(kernel, strides, dilation, name=name)(x)

    def _logits(self, x: keras.KerasTensor, labels: int) -> keras.KerasTensor:
        return QuantizedLogits(labels, 1, bias_initializer=rare(), name="logits")(x)


class FakeQuant(layers.Layer):
    """Rounds to the 256 values of a fixed range, which is widened to hold zero exactly."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        low, high = min(low, 0.0), max(high, 0.0)
        self._step = max((high - low) / 255, 1e-9)
        self._zero = round(-128 - low / self._step)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Round float32 of any shape; beyond the range it saturates, without a gradient."""
        low, high = (-128 - self._zero) * self._step, (127 - self._zero) * self._step
        return _straight_through(ops.clip(x, low, high), self._step)


class _Folded(layers.Layer):
    """A kernel and the four vectors of a batch normalisation, folded on the way."""

    def _make(self, kernel: tuple[int, ...], channels: int) -> None:
        self.kernel = self.add_weight(shape=kernel, name="kernel")
        self.gamma = self.add_weight(shape=(channels,), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(channels,), name="beta")
        self.mean = self.add_weight(shape=(channels,), trainable=False, name="mean")
        self.variance = self.add_weight(shape=(channels,), trainable=False, name="variance")

    def _gain(self) -> keras.KerasTensor:
        return self.gamma * ops.rsqrt(self.variance + EPSILON)

    def _bias(self) -> keras.KerasTensor:
        return self.beta - self.mean * self._gain()


class FoldedConv(_Folded):
    """Conv2D and BatchNormalization, the kernel on a grid a channel."""

    def __init__(self, channels: int, kernel: int, strides: Size, name: str) -> None:
        super().__init__(name=name)
        self._channels, self._size, self._strides = channels, kernel, strides

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights, kernel float32 [size, size, inputs, channels]."""
        self._make((self._size, self._size, shape[-1], self._channels), self._channels)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Convolve float32 [batch, rows, columns, inputs]."""
        kernel = quantized_kernel(self.kernel * self._gain(), axes=(0, 1, 2))
        return ops.conv(x, kernel, strides=self._strides) + self._bias()


class FoldedDepthwise(_Folded):
    """DepthwiseConv2D and BatchNormalization, the kernel on a grid a channel."""

    def __init__(self, kernel: Size, strides: int, dilation: Pair, name: str) -> None:
        super().__init__(name=name)
        self._size = (kernel, kernel) if isinstance(kernel, int) else kernel
        self._strides, self._dilation = strides, dilation

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights, kernel float32 [rows, columns, channels, 1]."""
        channels = shape[-1]
        assert channels is not None, "the number of channels is known"
        self._make((*self._size, channels, 1), channels)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Convolve float32 [batch, rows, columns, channels]."""
        kernel = quantized_kernel(self.kernel * self._gain()[:, None], axes=(0, 1, 3))
        convolved = ops.depthwise_conv(
            x, kernel, strides=self._strides, dilation_rate=self._dilation
        )
        return convolved + self._bias()


class QuantizedLogits(layers.Conv2D):
    """A convolution with a bias, its kernel on a grid a channel."""

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Convolve float32 [batch, rows, columns, inputs]."""
        return ops.conv(x, quantized_kernel(self.kernel, axes=(0, 1, 2))) + self.bias


def quantized_kernel(kernel: keras.KerasTensor, axes: tuple[int, ...]) -> keras.KerasTensor:
    """Round a kernel to 255 values symmetric to zero; one step for all that `axes` span."""
    largest = ops.max(ops.abs(kernel), axis=axes, keepdims=True)
    return _straight_through(kernel, ops.stop_gradient(ops.maximum(largest / 127, 1e-9)))


def _straight_through(x: keras.KerasTensor, step: keras.KerasTensor | float) -> keras.KerasTensor:
    return x + ops.stop_gradient(ops.round(x / step) * step - x)

"""Rounds the kernels of a network by what they hear on training patches.

Each output of a convolution is rounded as a whole (`rounding.round_column`); what that is off in
the mean goes into the bias. TensorFlow's process only.
"""

import keras
import numpy as np
from numpy.typing import NDArray

from train_export.rounding import Floats, round_column

POSITIONS = 20_000  # of a layer's input, to know its covariance by


def round_kernels(model: keras.Model, patches: NDArray[np.float32], seed: int = 0) -> None:
    """Put every convolution of a network on the grid that the converter will choose.

    Each output channel's grid is what the converter makes of its kernel, folded with the batch
    normalisation behind it: its largest weight is 127 steps.

    Args:
        model: a network of valid convolutions with a batch of one; its weights are changed.
        patches: float32 [patches, frames, bands, 1] from training subjects.
        seed: of the positions that are looked at.
    """
    kinds = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    convolutions = [layer for layer in model.layers if isinstance(layer, kinds)]
    rng = np.random.default_rng(seed)
    probe = keras.Model(model.inputs, [layer.input for layer in convolutions])
    share = -(-POSITIONS // len(patches))
    heard = [
        [_windows(layer, x[0], share, rng) for layer, x in zip(convolutions, inputs, strict=True)]
        for inputs in (probe.predict_on_batch(patch[None]) for patch in patches)
    ]
    for layer, windows in zip(convolutions, zip(*heard, strict=True), strict=True):
        _round(layer, np.concatenate(windows))


def _round(layer: keras.Layer, windows: Floats) -> None:
    """One layer; windows: float64 [positions, rows * columns, inputs]."""
    kernel = np.asarray(layer.kernel, np.float64)  # [rows, columns, inputs, outputs or 1]
    apart = isinstance(layer, keras.layers.DepthwiseConv2D)
    norm = _norm_behind(layer)
    gain = _gain(norm) if norm else np.ones(kernel.shape[2 if apart else 3])
    columns = kernel.reshape(-1, len(gain)) * gain  # of each output, folded
    rounded, shift = np.empty_like(columns), np.zeros(len(gain))
    # A depthwise kernel has inputs of its own for each output, another one the same for all.
    seen = windows.transpose(2, 0, 1) if apart else windows.reshape(1, len(windows), -1)
    means = seen.mean(axis=1)
    covariances = [np.cov(x, rowvar=False, bias=True) for x in seen]
    for output, column in enumerate(columns.T):
        own = output if apart else 0
        rounded[:, output] = round_column(column, covariances[own])
        shift[output] = means[own] @ (rounded[:, output] - column)
    layer.kernel.assign((rounded / gain).reshape(kernel.shape))
    bias = norm.beta if norm else layer.bias
    bias.assign(bias - shift)


def _windows(
    layer: keras.Layer, heard: NDArray[np.float32], count: int, rng: np.random.Generator
) -> Floats:
    """What a layer's kernel lies over at random positions of its input.

    Args:
        layer: a valid convolution.
        heard: its input, float32 [rows, columns, inputs].
        count: of positions.
        rng: chooses them.

    Returns:
        float64 [count, rows * columns of the kernel, inputs].
    """
    starts = []
    for length, size, stride, dilation in zip(
        heard.shape, layer.kernel_size, layer.strides, layer.dilation_rate, strict=False
    ):
        places = (length - (size - 1) * dilation - 1) // stride + 1
        first = rng.integers(places, size=count) * stride
        starts.append(first[:, None] + np.arange(size) * dilation)  # [count, size]
    windows = heard[starts[0][:, :, None], starts[1][:, None, :]]  # [count, rows, columns, inputs]
    return windows.reshape(count, -1, heard.shape[-1]).astype(np.float64)


def hearing(layer: keras.Layer) -> list[keras.Layer]:
    """The layers that take a layer's output."""
    return [node.operation for node in layer._outbound_nodes]


def _norm_behind(layer: keras.Layer) -> keras.layers.BatchNormalization | None:
    """The batch normalisation that takes a layer's output alone, if one does."""
    norms = [
        other for other in hearing(layer) if isinstance(other, keras.layers.BatchNormalization)
    ]
    return norms[0] if norms else None


def _gain(norm: keras.layers.BatchNormalization) -> Floats:
    variance = np.asarray(norm.moving_variance, np.float64)
    return np.asarray(norm.gamma, np.float64) / np.sqrt(variance + norm.epsilon)

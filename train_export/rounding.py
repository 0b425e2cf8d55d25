"""Rounds the kernels of convolutions to the int8 grid so that their errors cancel.

Rounding each weight to its nearest value is best for the weight and not for what comes out: the
inputs of a kernel go up and down together, so what one weight got too much another can give back.
Weights are rounded one after the other, and those that are left take over the error that each one
makes, by the inputs' covariance on training patches; what is off in the mean goes into the bias.
Source: Frantar et al., GPTQ, 2023, after Hassibi & Stork, Optimal Brain Surgeon, 1993.
"""

import keras
import numpy as np
from numpy.typing import NDArray

LEVELS = 127  # of a symmetric int8 kernel, on either side
POSITIONS = 20_000  # of a layer's input, to know its covariance by
DAMPING = 0.01  # of the mean variance, so that what never varies has an inverse
Floats = NDArray[np.float64]


def round_kernels(model: keras.Model, patches: NDArray[np.float32], seed: int = 0) -> None:
    """Put every convolution of a network on the grid that the converter will choose.

    Each output channel's grid is what the converter makes of its kernel, folded with the batch
    normalisation behind it: its largest weight is 127 steps. TensorFlow's process only.

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


def round_column(column: Floats, covariance: Floats) -> Floats:
    """Round the weights of one output, float64 [inputs]; nearest ones where that is no better.

    Args:
        column: the weights.
        covariance: of their inputs, float64 [inputs, inputs].

    Returns:
        Multiples of the largest weight's 127th part, the largest as it was.
    """
    step = np.abs(column).max() / LEVELS
    if step == 0:
        return column.copy()
    nearest = np.round(column / step) * step
    covariance = np.atleast_2d(covariance)
    damped = covariance + np.eye(len(column)) * (DAMPING * covariance.trace() / len(column) + 1e-9)
    # The largest weight first, which is on the grid and stays; then what varies most.
    order = np.argsort(-np.diag(damped), kind="stable")
    largest = int(np.abs(column).argmax())
    order = np.concatenate([[largest], order[order != largest]])
    inverse = np.linalg.inv(damped[np.ix_(order, order)])
    upper = np.linalg.cholesky(inverse).T
    left = column[order].copy()
    for place in range(len(left)):
        value = np.clip(np.round(left[place] / step), -LEVELS, LEVELS) * step
        error = (left[place] - value) / upper[place, place]
        left[place] = value
        left[place + 1 :] -= error * upper[place, place + 1 :]
    compensated = np.empty_like(column)
    compensated[order] = left

    def cost(rounded: Floats) -> float:
        return float((rounded - column) @ damped @ (rounded - column))

    return min(compensated, nearest, key=cost)


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


def _norm_behind(layer: keras.Layer) -> keras.layers.BatchNormalization | None:
    """The batch normalisation that takes a layer's output alone, if one does."""
    behind = [node.operation for node in layer._outbound_nodes]
    norms = [other for other in behind if isinstance(other, keras.layers.BatchNormalization)]
    return norms[0] if norms else None


def _gain(norm: keras.layers.BatchNormalization) -> Floats:
    variance = np.asarray(norm.moving_variance, np.float64)
    return np.asarray(norm.gamma, np.float64) / np.sqrt(variance + norm.epsilon)

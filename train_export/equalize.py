"""Lets every channel of an activation use the whole range that int8 has for it.

A tensor has one scale, and its loudest channel sets it: channels that stay small are left with
few of the 256 values. A channel behind a batch normalisation and a ReLU6 can be made larger, and
the kernel that hears it smaller by as much, and the network computes what it did.
Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019,
with the ranges that training patches show in the place of the weights'. TensorFlow's process only.
"""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from train_export.kernels import hearing

TOP = 6.0  # where a ReLU6 saturates
# Beyond it there is little to win, and the kernel behind would be left with a few weights' steps.
MOST_GAIN = 4.0
PASSING = (layers.ZeroPadding2D, layers.Dropout, layers.SpatialDropout2D)  # a gain passes these


def equalize_channels(model: keras.Model, patches: NDArray[np.float32]) -> None:
    """Scale the channels between two convolutions until their maxima are a ReLU6's.

    Args:
        model: a network with a batch of one; its weights are changed, its outputs are not, as
            long as no channel gets louder than the patches made it.
        patches: float32 [patches, frames, bands, 1] from training subjects.
    """
    pairs = [pair for layer in model.layers if (pair := _pair_at(layer))]
    probe = keras.Model(model.inputs, [norm.output for norm, _ in pairs])
    largest = [np.zeros(norm.output.shape[-1]) for norm, _ in pairs]
    for patch in patches:
        for known, heard in zip(largest, probe.predict_on_batch(patch[None]), strict=True):
            np.maximum(known, heard.max(axis=(0, 1, 2)), out=known)
    for (norm, behind), loudest in zip(pairs, largest, strict=True):
        gain = np.clip(TOP / np.maximum(loudest, 1e-6), 1.0, MOST_GAIN)
        norm.gamma.assign(norm.gamma * gain)
        norm.beta.assign(norm.beta * gain)
        behind.kernel.assign(behind.kernel / gain[:, None])


def _pair_at(relu: layers.Layer) -> tuple[layers.BatchNormalization, layers.Layer] | None:
    """The normalisation before a ReLU6 and the convolution that alone hears it, if that is so."""
    if not isinstance(relu, layers.ReLU) or relu.max_value != TOP:
        return None
    norm = relu.input._keras_history.operation
    behind: list[layers.Layer] = hearing(relu)
    while len(behind) == 1 and isinstance(behind[0], PASSING):
        behind = hearing(behind[0])
    alone = len(behind) == 1 and isinstance(behind[0], (layers.Conv2D, layers.DepthwiseConv2D))
    if not alone or not isinstance(norm, layers.BatchNormalization):
        return None
    return norm, behind[0]

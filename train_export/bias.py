"""Takes the mean error of int8 off the logits' bias.

Rounding weights and activations moves a network's outputs not only at random: each has an error
of its own mean, which a bias can take back. Source: Nagel et al., Data-Free Quantization Through
Weight Equalization and Bias Correction, 2019 (the empirical correction, of the last layer alone).
"""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from train_export.quantize import int8_outputs

# Where a label is in doubt: its logit is within this of even odds. Far from there neither a
# class nor an event hangs on an error, and the output may saturate.
DOUBT = 2.0
# Fewer scores in doubt than this say nothing of their mean.
LEAST_SCORES = 50


def settle_bias(
    model: keras.Model,
    floats: NDArray[np.float32],
    flatbuffer: bytes,
    patches: NDArray[np.float32],
) -> None:
    """Move the bias of a network's logits by what its int8 model is off; TensorFlow's process only.

    Args:
        model: what was converted, its last layer of weights `logits` with a bias.
        floats: logits that the trained network gives, float32 [patches, steps, labels].
        flatbuffer: what it was converted to.
        patches: float32 [patches, frames, bands, 1] from training subjects.
    """
    error = tensorflow_outputs(flatbuffer, patches) - floats  # [patches, steps, labels]
    doubt = np.abs(floats) < DOUBT
    known = doubt.sum(axis=(0, 1)) >= LEAST_SCORES
    mean = np.mean(error, axis=(0, 1), where=doubt | ~known)
    layer = model.get_layer("logits")
    layer.bias.assign(layer.bias - np.where(known, mean, 0.0))


def tensorflow_outputs(flatbuffer: bytes, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """What TensorFlow makes of an int8 model: `int8_outputs` in its process."""
    # The device's own runtime can't share a process with TensorFlow, whose delegate multiplies
    # matrices as if the second one's zero point were 0: the plain kernels don't.
    plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(model_content=flatbuffer, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    return int8_outputs(interpreter, patches)

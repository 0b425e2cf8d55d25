"""The first layers of YAMNet (AudioSet, Apache-2.0), read from its TFLite file.

YAMNet hears the logarithm of mel magnitudes of 25 ms each 10 ms, 64 bands from 125 Hz to 7.5 kHz.
Our bands of a chest are fewer and lower and as far apart in mel, so that its filters fit them.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from train_export.quantize import plain_interpreter
from train_export.teacher import read_yamnet

Floats = NDArray[np.float32]
LAYERS = 14
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# A feature is log2 of the power above the floor, an eighth of it; YAMNet hears the natural
# logarithm of the magnitude. Its quietest is ln 0.001; a band of ours that is silent lies a little
# above that, as most of YAMNet's silence does.
SCALE, OFFSET = 4 * math.log(2), -5.0


def first_layers(model: Path, layers: int) -> list[Floats]:
    """Kernels and biases by turns, in Keras' layouts, for features of ours.

    Args:
        model: YAMNet's TFLite file.
        layers: how many, 1 to LAYERS; the first has one kernel, each other two.

    Raises:
        InputOutputError: the file can't be read.
        BadInputError: it is not YAMNet.
    """
    content = read_yamnet(model, "--pretrained")
    try:
        interpreter = plain_interpreter(content)
    except (ValueError, RuntimeError) as error:
        raise BadInputError(f"{model} is no TFLite model: {error}") from error
    steps = [op for op in interpreter._get_ops_details() if op["op_name"] in CONVOLUTIONS]
    if len(steps) != 2 * LAYERS - 1:
        raise BadInputError(f"{model} has {len(steps)} convolutions; YAMNet has {2 * LAYERS - 1}")
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    stem: list[Floats] = []
    for step in steps[: 2 * layers - 1]:
        _, kernel, bias = (int(index) for index in step["inputs"])
        stem += [
            _floats(interpreter, tensors[kernel]).transpose(1, 2, 3, 0),
            _floats(interpreter, tensors[bias]),
        ]
    stem[1] = stem[1] + np.float32(OFFSET) * stem[0].sum(axis=(0, 1, 2))
    stem[0] = stem[0] * np.float32(SCALE)
    return stem


def _floats(interpreter: Any, tensor: dict[str, Any]) -> Floats:
    """A constant, whose file may keep it in eight bits."""
    values = interpreter.get_tensor(tensor["index"])
    numbers = tensor["quantization_parameters"]
    if not len(numbers["scales"]):
        return np.asarray(values, np.float32)
    shape = np.ones(values.ndim, int)
    shape[numbers["quantized_dimension"]] = -1
    scales, zeros = (numbers[name].reshape(shape) for name in ("scales", "zero_points"))
    return np.asarray((values.astype(np.float32) - zeros) * scales, np.float32)

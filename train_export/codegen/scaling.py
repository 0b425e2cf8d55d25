"""From real scales to the integers that kernels multiply with, as TensorFlow Lite does it.

Source: Jacob et al., Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, 2018.
"""

import math
from dataclasses import dataclass

import numpy as np

from train_export.codegen.nodes import Addition, Range, Tensor

ADD_BITS = 20  # that ADD takes more for its inputs


@dataclass(frozen=True, slots=True)
class Factor:
    """A positive real number: multiplier / 2^31 * 2^exponent."""

    multiplier: int
    exponent: int


def factor(real: float) -> Factor:
    """The nearest factor; the multiplier is 2^30 to 2^31 - 1, or 0 for what is too small."""
    mantissa, exponent = math.frexp(real)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    return Factor(0, 0) if exponent < -31 else Factor(multiplier, exponent)


def output_range(tensor: Tensor, activation: Range) -> tuple[int, int]:
    """The int8 range of an activation; its ends are rounded in float32, halves away from zero."""

    def quantized(end: float) -> int:
        ratio = float(np.float32(end) / np.float32(tensor.scale))
        return tensor.zero + int(math.copysign(math.floor(abs(ratio) + 0.5), ratio))

    low, high = activation
    return (
        -128 if low is None else max(-128, quantized(low)),
        127 if high is None else min(127, quantized(high)),
    )


def addition_factors(node: Addition) -> tuple[Factor, Factor, Factor]:
    """Of the two inputs and of the output."""
    first, second = node.sources
    common = 2 * max(first.scale, second.scale)
    output = common / (2**ADD_BITS * node.output.scale)
    return factor(first.scale / common), factor(second.scale / common), factor(output)

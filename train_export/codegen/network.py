"""Writes a planned network: weights, factors and layers as constants."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.errors import BadInputError
from train_export.codegen.c_text import array, listed, struct, table
from train_export.codegen.nodes import Addition, Convolution
from train_export.codegen.plan import Layer, Plan
from train_export.codegen.scaling import addition_factors, factor, output_range

# Whose rounding the C follows. They differ in the ties of a convolution's last rounding: the
# reference kernels round them away from zero, the device's built-in ones upwards. In depthwise
# convolutions tflite-runtime rounds like the reference and LiteRT upwards: both give the same
# when the layer ends in a ReLU, as only negative sums have such ties.
KERNELS = ("builtin", "reference")
LARGEST_FIELD = 65_535  # uint16_t


def network_source(bundle: Bundle, planned: Plan, kernels: str) -> str:
    """C of `airway_model_plan plan`, and the memory that it works on."""
    parts, rows = [], []
    for number, layer in enumerate(planned.layers):
        if isinstance(layer.node, Addition):
            fields = _addition(layer.node)
            kind, member, shape = "AIRWAY_ADD", "addition", "airway_addition"
        else:
            fields = _convolution(layer.node, number, parts, kernels)
            kind = "AIRWAY_DEPTHWISE" if layer.node.depthwise else "AIRWAY_CONV"
            member, shape = "convolution", "airway_convolution"
        parts.append(f"static const {shape} layer{number} = {struct(fields)};\n")
        rows.append(_layer(layer, kind, member, number))
    rings = [
        listed([ring.offset, *_small(ring.depth, ring.row, ring.before), ring.zero])
        for ring in planned.rings
    ]
    layout = bundle.layout
    fields = {
        "rings": "rings",
        "layers": "layers",
        "ring_count": len(planned.rings),
        "layer_count": len(planned.layers),
        "coefficients": bundle.spec.coefficients,
        "labels": len(bundle.labels),
        "input_multiplier_q20": layout.input_multiplier_q20,
        "input_zero": layout.input_zero,
        "arena_bytes": planned.arena_bytes,
    }
    parts += [
        table("airway_layer", "layers", rows),
        table("airway_ring", "rings", rings),
        f"static const airway_model_plan plan = {struct(fields)};\n",
        f"static int8_t arena[{planned.arena_bytes}];\n"
        f"static airway_ring_state ring_states[{len(planned.rings)}];\n"
        f"static uint16_t missing[{len(planned.layers)}];\n",
    ]
    return "\n".join(parts)


def _layer(layer: Layer, kind: str, member: str, number: int) -> str:
    sources = [listed(_small(each.ring, each.lag, each.first)) for each in layer.sources]
    dilation = 1 if isinstance(layer.node, Addition) else layer.node.dilation[0]
    fields = {
        "kind": kind,
        "source": listed(sources),
        "output": layer.output,
        "begin": layer.begin,
        "stride": layer.stride,
        "dilation": dilation,
        member: f"&layer{number}",
    }
    return struct(fields)


def _convolution(
    node: Convolution, number: int, parts: list[str], kernels: str
) -> dict[str, object]:
    """Append its constants to `parts`; give its fields."""
    bias = _bias_without_zero(node)
    factors = [
        factor(node.source.scale * float(scale) / node.output.scale) for scale in node.scales
    ]
    _check_range(node, bias, max(each.exponent for each in factors))
    constants = {
        "weights": node.weights,
        "bias": bias.astype(np.int32),
        "multiplier": np.array([each.multiplier for each in factors], np.int32),
        "exponent": np.array([each.exponent for each in factors], np.int8),
    }
    parts += [array(f"{name}{number}", values) for name, values in constants.items()]
    low, high = output_range(node.output, node.activation)
    back = {
        "multiplier": f"multiplier{number}",
        "exponent": f"exponent{number}",
        "zero": node.output.zero,
        "low": low,
        "high": high,
        "ties_up": "true" if kernels == "builtin" and not node.depthwise else "false",
    }
    channels_in = node.source.channels
    tap_rows, tap_columns = node.taps
    # Neighbouring columns of a row lie side by side: one run, where nothing is left out.
    together = not node.depthwise and node.dilation[1] == 1
    sizes = {
        "channels": node.output.channels,
        "columns": node.output.columns,
        "step": node.stride[1] * channels_in,
        "taps": tap_rows,
        "runs": 1 if together else tap_columns,
        "run": channels_in * (tap_columns if together else 1),
        "run_step": node.dilation[1] * channels_in,
    }
    _small(*sizes.values())
    return {
        "weights": f"weights{number}",
        "bias": f"bias{number}",
        "back": struct(back),
        **sizes,
    }


def _bias_without_zero(node: Convolution) -> NDArray[np.int64]:
    """What a sum starts from: (x - zero) * w + bias = x * w + (bias - zero * w), int64."""
    axes = (0, 1) if node.depthwise else (1, 2, 3)
    return node.bias - node.source.zero * node.weights.astype(np.int64).sum(axis=axes)


def _check_range(node: Convolution, bias: NDArray[np.int64], exponent: int) -> None:
    axes = (0, 1) if node.depthwise else (1, 2, 3)
    largest = np.abs(bias) + 128 * np.abs(node.weights.astype(np.int64)).sum(axis=axes)
    if int(largest.max()) << max(0, exponent) >= 2**31:
        raise BadInputError(
            f"the model's sums of {int(largest.max()):,} can leave 32 bits; use fewer channels or "
            "quantize it with wider scales"
        )


def _addition(node: Addition) -> dict[str, object]:
    first, second, output = addition_factors(node)
    if output.exponent > 0:
        raise BadInputError(
            f"the model adds two tensors into one of {node.output.scale:g} a unit, which int8 "
            "can't hold; quantize it again"
        )
    low, high = output_range(node.output, node.activation)
    return {
        "multiplier": listed([first.multiplier, second.multiplier]),
        "multiplier_out": output.multiplier,
        "exponent": listed([first.exponent, second.exponent]),
        "exponent_out": output.exponent,
        "zero": listed([tensor.zero for tensor in node.sources]),
        "zero_out": node.output.zero,
        "low": low,
        "high": high,
        "values": _small(node.output.columns * node.output.channels)[0],
    }


def _small(*values: int) -> Sequence[int]:
    if max(values) > LARGEST_FIELD:
        raise BadInputError(
            f"the model has a row of {max(values):,} values; the C takes {LARGEST_FIELD:,} at most"
        )
    return values

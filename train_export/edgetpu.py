"""Which operators of a model an Edge TPU will take, and why not the others.

The rules are those that are published; the compiler has the last word. Sources:

A: Axis, "Supported operations" of the ARTPEC-7's Edge TPU,
   developer.axis.com/computer-vision/on-device/system-on-chip/artpec-7/supported-ops
B: Coral, "TensorFlow models on the Edge TPU", in its state of 2019,
   coral.ai/docs/edgetpu/models-intro
C: Axis, "Optimization tips" of the same chip, beside A: all tensors 8 bit and constant in size,
   only the three innermost dimensions above 1, and one partition: from the first operator that
   does not map, everything runs on the CPU.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from train_export.graph import Operator, Tensor, operators

_SOFTMAX_ELEMENTS = 16_000
_Z_MULTIPLE = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one operator.

    Attributes:
        index, operator: which.
        maps: it runs on the Edge TPU.
        why: the rule that it keeps or breaks.
        source: A, B or C, where the rule stands; "" for one that no source lists.
    """

    index: int
    operator: str
    maps: bool
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class _Rule:
    source: str
    broken: Callable[[Operator], str]  # the sentence that says how; "" when it is kept
    words: str = "listed without a limit"


def check(model: bytes) -> list[Verdict]:
    """A verdict for each operator, in the order of execution."""
    return list(_verdicts(operators(model)))


def _verdicts(graph: list[Operator]) -> Iterator[Verdict]:
    stopped: int | None = None
    for operator in graph:
        if stopped is not None:
            why = f"it comes after operator {stopped}, and the graph is divided once only"
            yield Verdict(operator.index, operator.name, False, why, "C")
            continue
        verdict = _verdict(operator)
        if not verdict.maps:
            stopped = operator.index
        yield verdict


def _verdict(operator: Operator) -> Verdict:
    def judged(maps: bool, why: str, source: str) -> Verdict:
        return Verdict(operator.index, operator.name, maps, why, source)

    rule = _RULES.get(operator.name)
    if rule is None:
        return judged(False, "no source lists it; a newer compiler may take it", "")
    if common := _common(operator):
        return judged(False, common, "C")
    if broken := rule.broken(operator):
        return judged(False, broken, rule.source)
    return judged(True, rule.words, rule.source)


def _common(operator: Operator) -> str:
    flowing = [t for t in (*operator.inputs, *operator.outputs) if not t.constant]
    for tensor in flowing:
        if tensor.dtype not in ("int8", "uint8"):
            return f"a tensor is {tensor.dtype}, not 8 bit"
        if min(tensor.shape, default=1) < 1:
            return f"shape {_shape(tensor)} is not constant"
        if math.prod(tensor.shape[:-3]) > 1:
            return f"shape {_shape(tensor)} has more than three dimensions above 1"
    return ""


def _shape(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape)


def _any(operator: Operator) -> str:
    return ""


def _equal_dilation(operator: Operator) -> str:
    rows, columns = operator.options["dilationHFactor"], operator.options["dilationWFactor"]
    return "" if rows == columns else f"dilation {rows} x {columns} is not the same on both axes"


def _no_activation(operator: Operator) -> str:
    return "it has a fused activation" if operator.options["fusedActivationFunction"] else ""


def _concatenation(operator: Operator) -> str:
    constants = [tensor for tensor in operator.inputs if tensor.constant]
    if constants and len(operator.inputs) > 2:
        return f"{len(operator.inputs)} inputs with a constant among them, and 2 are allowed"
    if any(tensor.data is None or tensor.data.any() for tensor in constants):
        return "its constant input is not all zeros"
    return _no_activation(operator)


def _fully_connected(operator: Operator) -> str:
    if operator.options["weightsFormat"]:
        return "its weights are not in the default format"
    output = operator.outputs[0]
    return _more_than_one(output) and f"its output is {_shape(output)}, not one-dimensional"


def _more_than_one(tensor: Tensor) -> str:
    return "more" if math.prod(tensor.shape[:-1]) > 1 else ""


def _softmax(operator: Operator) -> str:
    tensor = operator.inputs[0]
    if _more_than_one(tensor):
        return f"its input is {_shape(tensor)}, not one-dimensional"
    return f"more than {_SOFTMAX_ELEMENTS}" if tensor.shape[-1] > _SOFTMAX_ELEMENTS else ""


def _axes(operator: Operator) -> set[int]:
    """Axes that a constant second input names."""
    axes = operator.inputs[1].data if len(operator.inputs) > 1 else None
    rank = len(operator.inputs[0].shape)
    return set() if axes is None else {int(axis) % rank for axis in axes.ravel()}


def _not_batch(operator: Operator) -> str:
    return "it reduces the batch" if 0 in _axes(operator) else ""


def _mean(operator: Operator) -> str:
    last = len(operator.inputs[0].shape) - 1
    depth = operator.inputs[0].shape[-1]
    if last in _axes(operator) and depth % _Z_MULTIPLE:
        return f"it reduces a depth of {depth}, not a multiple of {_Z_MULTIPLE}"
    return _not_batch(operator)


def _pack(operator: Operator) -> str:
    return "it packs the batch" if operator.options["axis"] == 0 else ""


def _pad(operator: Operator) -> str:
    amounts = operator.inputs[1].data
    if amounts is None:
        return "its amounts are not constant"
    return "it pads the batch" if amounts[0].any() else ""


def _strided_slice(operator: Operator) -> str:
    strides = operator.inputs[3].data
    if strides is None or (strides != 1).any():
        return "a stride is not 1"
    masks = operator.options["ellipsisMask"], operator.options["newAxisMask"]
    return "it has an ellipsis or a new axis" if any(masks) else ""


def _split(operator: Operator) -> str:
    axis = operator.inputs[0].data
    return "it splits the batch" if axis is not None and int(axis.ravel()[0]) == 0 else ""


def _table(names: str, rule: _Rule) -> dict[str, _Rule]:
    return dict.fromkeys(names.split(), rule)


_RULES = {
    **_table(
        "ADD MUL MAXIMUM MINIMUM LOGISTIC RELU RELU6 RELU_N1_TO_1 EXPAND_DIMS "
        "L2_NORMALIZATION QUANTIZE",
        _Rule("A", _any),
    ),
    **_table("SUB TANH SLICE SPACE_TO_DEPTH", _Rule("B", _any)),
    **_table(
        "CONV_2D DEPTHWISE_CONV_2D", _Rule("A", _equal_dilation, "the same dilation on both axes")
    ),
    **_table("AVERAGE_POOL_2D MAX_POOL_2D", _Rule("A", _no_activation, "no fused activation")),
    **_table("REDUCE_MAX REDUCE_MIN", _Rule("A", _not_batch, "the batch is not reduced")),
    "CONCATENATION": _Rule("A", _concatenation, "no fused activation, no constant but zeros"),
    "FULLY_CONNECTED": _Rule("A", _fully_connected, "default weights, output one-dimensional"),
    "MEAN": _Rule("A", _mean, f"not the batch, and a depth only in multiples of {_Z_MULTIPLE}"),
    "PACK": _Rule("A", _pack, "not in the batch"),
    "PAD": _Rule("A", _pad, "not in the batch"),
    "RESHAPE": _Rule("A", _any, "listed; certain large ones may be refused"),
    "SOFTMAX": _Rule("B", _softmax, f"one-dimensional, at most {_SOFTMAX_ELEMENTS} elements"),
    "SPLIT": _Rule("B", _split, "not in the batch"),
    "STRIDED_SLICE": _Rule("B", _strided_slice, "strides of 1, no ellipsis, no new axis"),
}

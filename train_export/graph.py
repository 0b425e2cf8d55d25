"""A TFLite flatbuffer as plain values: its operators in order, with shapes and options."""

from dataclasses import dataclass, field

import numpy as np
import tflite
from numpy.typing import NDArray

_DTYPES = {
    value: name.lower() for name, value in vars(tflite.TensorType).items() if name[0].isupper()
}
_NAMES = {value: name for name, value in vars(tflite.BuiltinOperator).items() if name[0].isupper()}
# The options that a compiler's rules ask for: operator -> (table, its fields).
_CONV = ("DilationHFactor", "DilationWFactor", "StrideH", "StrideW", "FusedActivationFunction")
_POOL = ("Pool2DOptions", ("FusedActivationFunction",))
_OPTIONS = {
    "CONV_2D": ("Conv2DOptions", _CONV),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", _CONV),
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("WeightsFormat", "FusedActivationFunction")),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "CONCATENATION": ("ConcatenationOptions", ("Axis", "FusedActivationFunction")),
    "PACK": ("PackOptions", ("Axis",)),
    "STRIDED_SLICE": ("StridedSliceOptions", ("EllipsisMask", "NewAxisMask")),
}


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor.

    Attributes:
        shape: -1 where a size is free.
        dtype: TFLite's name of it in lower case, such as "int8".
        data: the values of an int8 or int32 constant, None of every other tensor.
        constant: its values stand in the file.
    """

    shape: tuple[int, ...]
    dtype: str
    data: NDArray[np.int32] | None
    constant: bool


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One step of a graph.

    Attributes:
        index: its place in the order of execution.
        name: TFLite's builtin name, or a custom operator's own.
        inputs, outputs: an input that is left out is not in the tuple.
        options: those fields that rules ask for.
    """

    index: int
    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: dict[str, int] = field(default_factory=dict)


def operators(model: bytes) -> list[Operator]:
    """The operators of a flatbuffer's first graph, in the order of execution."""
    root = tflite.Model.GetRootAsModel(model, 0)
    graph = root.Subgraphs(0)
    tensors = [_tensor(root, graph.Tensors(i)) for i in range(graph.TensorsLength())]
    return [_operator(root, graph.Operators(i), i, tensors) for i in range(graph.OperatorsLength())]


def _operator(root: tflite.Model, raw: tflite.Operator, index: int, all: list[Tensor]) -> Operator:
    code = root.OperatorCodes(raw.OpcodeIndex())
    # Codes above 127 do not fit the old field, and old files do not have the new one.
    name = _NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    if name == "CUSTOM":
        name = code.CustomCode().decode()
    return Operator(
        index,
        name,
        tuple(all[raw.Inputs(i)] for i in range(raw.InputsLength()) if raw.Inputs(i) >= 0),
        tuple(all[raw.Outputs(i)] for i in range(raw.OutputsLength())),
        _options(name, raw),
    )


def _options(name: str, raw: tflite.Operator) -> dict[str, int]:
    union = raw.BuiltinOptions()
    if name not in _OPTIONS or union is None:
        return {}
    table, fields = _OPTIONS[name]
    options = getattr(tflite, table)()
    options.Init(union.Bytes, union.Pos)
    return {field: getattr(options, field)() for field in fields}


def _tensor(root: tflite.Model, raw: tflite.Tensor) -> Tensor:
    shape = raw.ShapeSignatureAsNumpy() if raw.ShapeSignatureLength() else raw.ShapeAsNumpy()
    sizes = tuple(int(size) for size in shape) if raw.ShapeLength() else ()
    dtype = _DTYPES[raw.Type()]
    buffer = root.Buffers(raw.Buffer())
    constant = buffer.DataLength() > 0
    data = None
    if constant and dtype in ("int8", "int32"):
        data = buffer.DataAsNumpy().view(dtype).astype(np.int32).reshape(sizes)
    return Tensor(sizes, dtype, data, constant)

"""A TFLite flatbuffer as plain values: its operators in order, with shapes and options."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if name[0].isupper()}


OPERATORS = _names(schema.BuiltinOperator)
_DTYPES = {value: name.lower() for value, name in _names(schema.TensorType).items()}


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
        options: by their names in the schema, such as "strideH".
    """

    index: int
    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: dict[str, Any] = field(default_factory=dict)


def operators(model: bytes) -> list[Operator]:
    """The operators of a flatbuffer's first graph, in the order of execution."""
    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))
    graph = parsed.subgraphs[0]
    tensors = [_tensor(raw, parsed.buffers[raw.buffer].data) for raw in graph.tensors]
    return [
        Operator(
            index,
            _name(parsed.operatorCodes[raw.opcodeIndex]),
            tuple(tensors[i] for i in raw.inputs if i >= 0),
            tuple(tensors[i] for i in raw.outputs),
            {} if raw.builtinOptions is None else vars(raw.builtinOptions),
        )
        for index, raw in enumerate(graph.operators)
    ]


def code_of(raw: Any) -> int:
    """Codes above 127 do not fit the old field, and old files do not have the new one."""
    return max(raw.builtinCode, raw.deprecatedBuiltinCode)


def _name(raw: Any) -> str:
    name = OPERATORS[code_of(raw)]
    return raw.customCode.decode() if name == "CUSTOM" else name


def _tensor(raw: Any, buffer: NDArray[np.uint8] | None) -> Tensor:
    free = raw.shapeSignature is not None and len(raw.shapeSignature) > 0
    sizes = raw.shapeSignature if free else raw.shape
    shape = () if sizes is None else tuple(int(size) for size in sizes)
    dtype = _DTYPES[raw.type]
    constant = buffer is not None and len(buffer) > 0
    data = None
    if constant and dtype in ("int8", "int32"):
        data = np.asarray(buffer, np.uint8).view(dtype).astype(np.int32).reshape(shape)
    return Tensor(shape, dtype, data, constant)

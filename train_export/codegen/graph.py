"""Reads an int8 TensorFlow Lite model into a few plain records.

Only what a convolutional network on a stream is made of is understood; anything else is
refused by name.
"""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge.errors import BadInputError
from train_export.codegen.nodes import Addition, Alias, Convolution, Graph, Node, Range, Tensor
from train_export.graph import OPERATORS, code_of

# Range of each activation in the output's own unit; None where it is open.
ACTIVATIONS: dict[int, Range] = {
    schema.ActivationFunctionType.NONE: (None, None),
    schema.ActivationFunctionType.RELU: (0.0, None),
    schema.ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
    schema.ActivationFunctionType.RELU6: (0.0, 6.0),
}


def read_graph(model: bytes) -> Graph:
    """Parse a flatbuffer.

    Raises:
        BadInputError: it is not a TensorFlow Lite model, or holds what can't run on a stream;
            the text names it.
    """
    try:
        parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))
        (graph,) = parsed.subgraphs
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise BadInputError(
            f"the model is not a TensorFlow Lite model of one graph ({error}); export it again"
        ) from error
    return _Reader(parsed, graph).graph()


class _Reader:
    """Walks one model's tables."""

    def __init__(self, model: Any, graph: Any) -> None:
        self._graph = graph
        self._buffers = model.buffers
        self._codes = [code_of(raw) for raw in model.operatorCodes]
        self._readers: dict[int, Callable[[Any], Node]] = {
            schema.BuiltinOperator.CONV_2D: self._convolution,
            schema.BuiltinOperator.DEPTHWISE_CONV_2D: self._depthwise,
            schema.BuiltinOperator.ADD: self._addition,
            schema.BuiltinOperator.PAD: self._pad,
            schema.BuiltinOperator.STRIDED_SLICE: self._slice,
            schema.BuiltinOperator.RESHAPE: self._reshape,
        }

    def graph(self) -> Graph:
        codes = [self._codes[operator.opcodeIndex] for operator in self._graph.operators]
        unknown = sorted({OPERATORS[code] for code in codes if code not in self._readers})
        if unknown:
            known = ", ".join(OPERATORS[code] for code in self._readers)
            raise BadInputError(
                f"the model uses {', '.join(unknown)}, for which there is no C kernel; "
                f"choose a network of {known}"
            )
        nodes = [
            self._readers[code](operator)
            for code, operator in zip(codes, self._graph.operators, strict=True)
        ]
        (source,), (output,) = self._graph.inputs, self._graph.outputs
        return Graph(self._tensor(source), self._tensor(output), tuple(nodes))

    def _tensor(self, index: int) -> Tensor:
        tensor = self._graph.tensors[index]
        quantization = tensor.quantization
        scales = [] if quantization is None else quantization.scale
        if tensor.type != schema.TensorType.INT8 or scales is None or len(scales) != 1:
            raise self._refusal(tensor, "is not int8 with one scale; quantize the model in full")
        return Tensor(
            int(index), tuple(tensor.shape), float(scales[0]), int(quantization.zeroPoint[0])
        )

    def _constant(self, index: int, kind: type[np.generic]) -> NDArray[Any]:
        tensor = self._graph.tensors[index]
        data = self._buffers[tensor.buffer].data
        if data is None or len(data) == 0:
            raise self._refusal(tensor, "is computed, where a constant is expected")
        return np.asarray(data, np.uint8).view(kind).reshape(tensor.shape)

    def _refusal(self, tensor: Any, why: str) -> BadInputError:
        name = tensor.name.decode() if isinstance(tensor.name, bytes) else tensor.name
        return BadInputError(f"the model's tensor {name} {why}")

    def _convolution(self, operator: Any) -> Convolution:
        weights = self._constant(operator.inputs[1], np.int8)
        return self._filtered(operator, weights, weights.shape[1:3], len(weights))

    def _depthwise(self, operator: Any) -> Convolution:
        weights = self._constant(operator.inputs[1], np.int8)[0]
        if operator.builtinOptions.depthMultiplier != 1:
            raise BadInputError(
                "the model's DEPTHWISE_CONV_2D makes several outputs of one input, which has no "
                "C kernel; choose a depth multiplier of 1"
            )
        return self._filtered(operator, weights, weights.shape[:2], weights.shape[2])

    def _filtered(
        self, operator: Any, weights: NDArray[np.int8], taps: tuple[int, ...], channels: int
    ) -> Convolution:
        options, source = operator.builtinOptions, self._tensor(operator.inputs[0])
        output = self._tensor(operator.outputs[0])
        quantization = self._graph.tensors[operator.inputs[1]].quantization
        scales = np.asarray(quantization.scale, np.float32)
        if np.any(quantization.zeroPoint):
            raise self._refusal(self._graph.tensors[operator.inputs[1]], "has a zero point")
        has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
        bias = self._constant(operator.inputs[2], np.int32) if has_bias else np.zeros(channels)
        stride = (options.strideH, options.strideW)
        dilation = (options.dilationHFactor, options.dilationWFactor)
        padding = (0, 0)
        if options.padding == schema.Padding.SAME:
            rows, columns = (
                _same_padding(source.shape[axis + 1], taps[axis], stride[axis], dilation[axis])
                for axis in (0, 1)
            )
            if rows != (0, 0):
                raise BadInputError(
                    "the model pads a convolution in time, which a stream can't; choose padding "
                    "'valid' in time"
                )
            padding = columns
        return Convolution(
            source=source,
            output=output,
            depthwise=weights.ndim == 3,
            weights=weights,
            bias=bias.astype(np.int32).ravel(),
            scales=np.broadcast_to(scales, (channels,)).copy(),
            stride=stride,
            dilation=dilation,
            padding=padding,
            activation=ACTIVATIONS[self._activation(options)],
        )

    def _activation(self, options: Any) -> int:
        activation = int(options.fusedActivationFunction)
        if activation not in ACTIVATIONS:
            raise BadInputError(
                f"the model's activation {activation} has no C kernel; choose RELU or RELU6"
            )
        return activation

    def _addition(self, operator: Any) -> Addition:
        first, second = (self._tensor(index) for index in operator.inputs)
        if first.shape != second.shape:
            raise BadInputError(
                f"the model adds tensors of shapes {first.shape} and {second.shape}, which has no "
                "C kernel; add tensors of one shape"
            )
        activation = ACTIVATIONS[self._activation(operator.builtinOptions)]
        return Addition((first, second), self._tensor(operator.outputs[0]), activation)

    def _pad(self, operator: Any) -> Alias:
        pads = self._constant(operator.inputs[1], np.int32)
        if pads.shape != (4, 2) or pads[[0, 1, 3]].any():
            raise BadInputError(
                f"the model pads by {pads.tolist()}; on a stream only the columns can be padded"
            )
        return self._alias(operator, padding=(int(pads[2, 0]), int(pads[2, 1])))

    def _slice(self, operator: Any) -> Alias:
        begin, _, strides = (self._constant(index, np.int32) for index in operator.inputs[1:])
        options = operator.builtinOptions
        masked = options.ellipsisMask or options.newAxisMask or options.shrinkAxisMask
        alias = self._alias(operator, skipped_rows=0 if options.beginMask & 2 else int(begin[1]))
        same = [alias.source.shape[axis] == alias.output.shape[axis] for axis in (0, 2, 3)]
        if masked or not all(same) or (strides != 1).any() or alias.skipped_rows < 0:
            raise BadInputError(
                "the model slices more than rows off the ends; on a stream nothing else can be cut"
            )
        return alias

    def _reshape(self, operator: Any) -> Alias:
        alias = self._alias(operator)
        rows = alias.source.shape[1]
        if alias.source.columns != 1 or alias.output.shape[:2] != (1, rows):
            raise BadInputError(
                f"the model reshapes {alias.source.shape} to {alias.output.shape}; on a stream "
                "only a single column can be dropped"
            )
        return alias

    def _alias(
        self, operator: Any, skipped_rows: int = 0, padding: tuple[int, int] = (0, 0)
    ) -> Alias:
        source, output = self._tensor(operator.inputs[0]), self._tensor(operator.outputs[0])
        if (source.scale, source.zero) != (output.scale, output.zero):
            raise BadInputError(
                "the model changes a scale where it only moves values; export it again"
            )
        return Alias(source, output, skipped_rows, padding)


def _same_padding(size: int, taps: int, stride: int, dilation: int) -> tuple[int, int]:
    """TensorFlow's padding 'same': before and after."""
    reach = (taps - 1) * dilation + 1
    missing = max(0, (-(-size // stride) - 1) * stride + reach - size)
    return missing // 2, missing - missing // 2

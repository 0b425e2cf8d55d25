"""Small int8 TensorFlow Lite models, written as flatbuffers without a converter."""

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Activation = schema.ActivationFunctionType
INT8_SPREAD = 73.0  # standard deviation of an evenly distributed int8


@dataclass
class ModelWriter:
    """Adds layers one after the other; each method gives the index of its output tensor.

    Attributes:
        rng: draws weights, biases and scales.
        current: the newest tensor.
    """

    rng: np.random.Generator
    tensors: list[Any] = field(default_factory=list)
    operators: list[tuple[int, Any]] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    current: int = -1

    def tensor(
        self,
        shape: tuple[int, ...],
        scale: Any,
        zero: Any,
        kind: int,
        data: Any = None,
        axis: int = 0,
    ) -> int:
        """A tensor; a constant when it has data."""
        quantization = schema.QuantizationParametersT()
        if scale is not None:
            quantization.scale = np.atleast_1d(np.float32(scale))
            quantization.zeroPoint = np.broadcast_to(np.int64(zero), quantization.scale.shape)
            quantization.quantizedDimension = axis
        tensor = schema.TensorT()
        tensor.name, tensor.type = f"t{len(self.tensors)}", kind
        tensor.shape, tensor.quantization = list(shape), quantization
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def activation(self, shape: tuple[int, ...], scale: float, zero: int) -> int:
        """An int8 tensor that is computed; it becomes the current one."""
        self.current = self.tensor(shape, scale, zero, schema.TensorType.INT8)
        return self.current

    def constant(self, values: Any) -> int:
        """An int32 constant."""
        values = np.asarray(values, np.int32)
        return self.tensor(values.shape, None, None, schema.TensorType.INT32, values)

    def place(self, code: int, inputs: list[int], options: Any = None) -> None:
        """An operator that makes the current tensor."""
        operator = schema.OperatorT()
        operator.inputs, operator.outputs = inputs, [self.current]
        operator.builtinOptions = options
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self.operators.append((code, operator))

    def shape(self) -> tuple[int, ...]:
        """Of the current tensor."""
        return tuple(self.tensors[self.current].shape)

    def scale(self) -> tuple[float, int]:
        """Scale and zero point of the current tensor."""
        quantization = self.tensors[self.current].quantization
        return float(quantization.scale[0]), int(quantization.zeroPoint[0])

    def convolution(
        self,
        taps: tuple[int, int],
        *,
        channels: int | None = None,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        activation: int = Activation.NONE,
        same: bool = False,
        gain: float = 1.0,
    ) -> int:
        """CONV_2D, or DEPTHWISE_CONV_2D when no channels are given."""
        depthwise = channels is None
        source, (scale_in, _) = self.current, self.scale()
        _, rows, columns, channels_in = self.shape()
        channels = channels or channels_in
        sizes = [
            -(-size // step) if same else (size - (tap - 1) * dilated - 1) // step + 1
            for size, tap, step, dilated in zip(
                (rows, columns), taps, stride, dilation, strict=True
            )
        ]
        fan_in = taps[0] * taps[1] * (1 if depthwise else channels_in)
        shape = (1, *taps, channels) if depthwise else (channels, *taps, channels_in)
        scales = np.float32(self.rng.uniform(0.2, 1.0, channels) * 0.01)
        weights = self.rng.integers(-127, 128, shape, np.int8)
        sum_spread = INT8_SPREAD**2 * np.sqrt(fan_in)
        bias = np.int32(self.rng.normal(0, sum_spread, channels))
        axis = 3 if depthwise else 0
        inputs = [
            source,
            self.tensor(shape, scales, 0, schema.TensorType.INT8, weights, axis),
            self.tensor(bias.shape, scales * scale_in, 0, schema.TensorType.INT32, bias),
        ]
        scale = float(scales.mean() * scale_in * sum_spread / (40 * gain))
        zero = int(self.rng.integers(-128, 128)) if activation == Activation.NONE else -128
        self.activation((1, *sizes, channels), scale, zero)
        options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        options.strideH, options.strideW = stride
        options.dilationHFactor, options.dilationWFactor = dilation
        options.padding = schema.Padding.SAME if same else schema.Padding.VALID
        options.fusedActivationFunction = activation
        if depthwise:
            options.depthMultiplier = 1
        code = schema.BuiltinOperator
        self.place(code.DEPTHWISE_CONV_2D if depthwise else code.CONV_2D, inputs, options)
        return self.current

    def pad_columns(self, before: int, after: int) -> int:
        """PAD."""
        source, (batch, rows, columns, channels) = self.current, self.shape()
        pads = self.constant([[0, 0], [0, 0], [before, after], [0, 0]])
        self.activation((batch, rows, columns + before + after, channels), *self.scale())
        self.place(schema.BuiltinOperator.PAD, [source, pads], schema.PadOptionsT())
        return self.current

    def add_cropped(self, other: int, activation: int) -> int:
        """STRIDED_SLICE of rows off both ends of `other`, ADD to the current tensor."""
        branch, shape, (scale, _) = self.current, self.shape(), self.scale()
        rows = self.tensors[other].shape[1]
        skipped = (rows - shape[1]) // 2
        self.current = other
        other_scale, other_zero = self.scale()
        begin, end = [0, skipped, 0, 0], [1, skipped + shape[1], *shape[2:]]
        bounds = [self.constant(values) for values in (begin, end, [1, 1, 1, 1])]
        cropped = self.activation(shape, other_scale, other_zero)
        self.place(
            schema.BuiltinOperator.STRIDED_SLICE, [other, *bounds], schema.StridedSliceOptionsT()
        )
        zero = int(self.rng.integers(-128, 128)) if activation == Activation.NONE else -128
        self.activation(shape, float(max(scale, other_scale) * self.rng.uniform(0.7, 2.0)), zero)
        options = schema.AddOptionsT()
        options.fusedActivationFunction = activation
        pair = [branch, cropped] if self.rng.integers(2) else [cropped, branch]
        self.place(schema.BuiltinOperator.ADD, pair, options)
        return self.current

    def drop_columns(self) -> int:
        """RESHAPE of [1, rows, 1, channels] to [1, rows, channels]."""
        source, (_, rows, _, channels) = self.current, self.shape()
        self.activation((1, rows, channels), *self.scale())
        target = self.constant([1, rows, channels])
        self.place(schema.BuiltinOperator.RESHAPE, [source, target], schema.ReshapeOptionsT())
        return self.current

    def flatbuffer(self) -> bytes:
        """The model from tensor 0 to the current one."""
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.buffers, model.subgraphs = 3, self.buffers, [graph]
        model.operatorCodes = []
        code = schema.BuiltinOperator
        versions = {code.CONV_2D: 3, code.DEPTHWISE_CONV_2D: 3, code.RESHAPE: 1}
        for index, (kind, operator) in enumerate(self.operators):
            entry = schema.OperatorCodeT()
            entry.builtinCode = entry.deprecatedBuiltinCode = kind
            entry.version = versions.get(kind, 2)
            model.operatorCodes.append(entry)
            operator.opcodeIndex = index
        graph.tensors, graph.operators = self.tensors, [each for _, each in self.operators]
        graph.inputs, graph.outputs = [0], [self.current]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

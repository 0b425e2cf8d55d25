"""What a network is made of: tensors, and the nodes between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Range = tuple[float | None, float | None]  # in the output's own unit; None where it is open


@dataclass(frozen=True, slots=True)
class Tensor:
    """An activation: int8 [1, rows, columns, channels] with one scale, or the flat output.

    Attributes:
        index: in the model.
        shape: as the model says.
        scale, zero: real = (q - zero) * scale; the scale is a float32.
    """

    index: int
    shape: tuple[int, ...]
    scale: float
    zero: int

    @property
    def columns(self) -> int:
        """Positions of a row."""
        return self.shape[2]

    @property
    def channels(self) -> int:
        """Values of a position."""
        return self.shape[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """CONV_2D or DEPTHWISE_CONV_2D.

    Attributes:
        depthwise: which of the two.
        weights: int8 [channels, rows, columns, channels in], or [rows, columns, channels] of a
            depthwise one.
        bias: int32 [channels].
        scales: float32 [channels], of the weights.
        stride, dilation: rows, columns.
        padding: columns of zeros before and after the input's.
        activation: range of the output in its unit.
    """

    source: Tensor
    output: Tensor
    depthwise: bool
    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    scales: NDArray[np.float32]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    activation: Range

    @property
    def taps(self) -> tuple[int, int]:
        """Rows and columns of the filter."""
        rows, columns = self.weights.shape[:2] if self.depthwise else self.weights.shape[1:3]
        return rows, columns


@dataclass(frozen=True, slots=True)
class Addition:
    """ADD of two tensors of one shape."""

    sources: tuple[Tensor, Tensor]
    output: Tensor
    activation: Range


@dataclass(frozen=True, slots=True)
class Alias:
    """PAD, STRIDED_SLICE or RESHAPE: the same values, seen otherwise.

    Attributes:
        skipped_rows: rows of the source before the first of the output.
        padding: columns of zeros before and after the source's.
    """

    source: Tensor
    output: Tensor
    skipped_rows: int = 0
    padding: tuple[int, int] = (0, 0)


Node = Convolution | Addition | Alias


@dataclass(frozen=True, slots=True)
class Graph:
    """A model: its nodes in an order in which they can be computed."""

    source: Tensor
    output: Tensor
    nodes: tuple[Node, ...]

"""A TFLite flatbuffer without what a device never reads.

The converter names each tensor, keeps the ranges that it saw, and writes a zero point of zero
for each channel of each weight. A runtime asks for as many zero points as scales, but not for
copies of their own: of equal vectors one is written.
"""

from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

IDENTIFIER = b"TFL3"
ALIGNMENT = 16  # of a buffer's data, by the schema


class SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder that writes equal arrays once, aligned for any runtime."""

    def __init__(self) -> None:
        super().__init__(1 << 17)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: NDArray[Any]) -> int:  # noqa: N802, the library's name
        """Offset of a vector of these values."""
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self.StartVector(x.itemsize, x.size, ALIGNMENT)
            self.head -= len(key[1])
            self.Bytes[self.head : self.head + len(key[1])] = key[1]
            self.vectorNumElems = x.size
            self._written[key] = self.EndVector()
        return self._written[key]


def compact(flatbuffer: bytes) -> bytes:
    """The same network in fewer bytes."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer))
    for graph in model.subgraphs:
        ends = {*graph.inputs, *graph.outputs}
        for number, tensor in enumerate(graph.tensors):
            if number not in ends:  # those are asked for by name
                tensor.name = None
            if tensor.quantization is not None:
                tensor.quantization.min = tensor.quantization.max = None
    builder = SharingBuilder()
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())

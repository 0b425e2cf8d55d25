"""A compacted model is the same network in fewer bytes."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge.bundle import load_bundle
from train_export.compact import ALIGNMENT, compact
from train_export.quantize import plain_interpreter

NAME = b"a name that no device reads"


@pytest.fixture(scope="module")
def wordy() -> bytes:
    """A shipped model as a converter would leave it: with names and ranges, nothing shared."""
    import flatbuffers

    whole = schema.ModelT.InitFromObj(schema.Model.GetRootAs(load_bundle("chest").model))
    for tensor in whole.subgraphs[0].tensors:
        tensor.name = tensor.name or NAME
        tensor.quantization.min = tensor.quantization.max = np.zeros(8, np.float32)
    builder = flatbuffers.Builder(1 << 17)
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_it_computes_the_same(wordy):
    """Random inputs give the same int8 outputs before and after, found by the same names."""
    rng = np.random.default_rng(0)
    nets = [plain_interpreter(model) for model in (wordy, compact(wordy))]
    asked, answers = nets[0].get_input_details()[0], nets[0].get_output_details()
    for net in nets:
        assert net.get_input_details()[0]["name"] == asked["name"]
        assert [one["name"] for one in net.get_output_details()] == [o["name"] for o in answers]
    for _ in range(5):
        values = rng.integers(-128, 128, asked["shape"], dtype=np.int8)
        outputs = []
        for net in nets:
            net.set_tensor(net.get_input_details()[0]["index"], values)
            net.invoke()
            outputs.append([net.get_tensor(o["index"]) for o in net.get_output_details()])
        for before, after in zip(*outputs, strict=True):
            np.testing.assert_array_equal(before, after)


def test_it_is_smaller_and_stays_so(wordy):
    """Names and repeated zeros are gone; what was compacted once is not changed again."""
    small = compact(wordy)
    assert NAME not in small
    assert len(small) < 0.95 * len(wordy)
    assert compact(small) == small


def test_weights_lie_where_any_runtime_may_read_them(wordy):
    """Every buffer's data begins at a multiple of sixteen bytes, as the schema asks."""
    small = compact(wordy)
    model = schema.Model.GetRootAs(small)
    whole = np.frombuffer(small, np.uint8)
    begins = [
        data.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
        for number in range(model.BuffersLength())
        for data in [model.Buffers(number).DataAsNumpy()]
        if isinstance(data, np.ndarray) and data.size
    ]
    assert len(begins) > 10
    assert all(begin % ALIGNMENT == 0 for begin in begins)

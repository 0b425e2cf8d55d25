"""A bundle as C: the bits of the runtimes' kernels on random networks, and clear refusals."""

import dataclasses
import importlib
import shutil
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_models import Activation, ModelWriter

from benchmarks.watch_build import FRONTEND, WARNINGS, WATCH
from edge.bundle import Bundle, load_bundle
from edge.card import Layout
from edge.classifier import MODULES, quantize
from edge.errors import BadInputError, UsageError
from edge.frontend import FrontendSpec, build_tables
from edge.pipeline import step_logits
from train_export.cli import main
from train_export.codegen.bundle_c import export_c, shutter_source, symbol
from train_export.codegen.graph import read_graph
from train_export.codegen.plan import plan
from train_export.codegen.scaling import factor

DRIVER = Path(__file__).with_name("model_driver.c")
SANITIZE = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
RELU, RELU6, NONE = Activation.RELU, Activation.RELU6, Activation.NONE

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


@dataclasses.dataclass(frozen=True)
class Shape:
    """A random network: 2-D layers, a collapse over the bands, residual blocks, the head."""

    seed: int
    bands: int
    # (depthwise, taps, stride, dilation of the bands, padding before and after, activation)
    layers: tuple[tuple[bool, tuple[int, int], tuple[int, int], int, tuple[int, int], int], ...]
    dilations: tuple[int, ...]
    linear_depthwise: bool
    same: bool
    labels: int
    steps: int


layer_shapes = st.tuples(
    st.booleans(),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from([(1, 1), (2, 2), (1, 1), (2, 2), (1, 2)]),
    st.integers(1, 2),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.sampled_from([NONE, RELU, RELU6]),
)
shapes = st.builds(
    Shape,
    seed=st.integers(0, 2**32 - 1),
    bands=st.integers(6, 12),
    layers=st.lists(layer_shapes, max_size=3).map(tuple),
    dilations=st.lists(st.integers(1, 3), max_size=2).map(tuple),
    linear_depthwise=st.booleans(),
    same=st.booleans(),
    labels=st.integers(1, 6),
    steps=st.integers(1, 4),
)


def timing(shape: Shape) -> tuple[int, int]:
    """Frames that one score sees, and frames from one score to the next."""
    seen, step_frames = 1, 1
    for _, taps, stride, *_ in shape.layers:
        seen += (taps[0] - 1) * step_frames
        step_frames *= stride[0]
    return seen + sum(2 * dilation * step_frames for dilation in shape.dilations), step_frames


def network(shape: Shape, runtime: str, frames: int) -> bytes:
    """A model of `frames` rows."""
    rng = np.random.default_rng(shape.seed)
    writer = ModelWriter(rng)
    writer.activation((1, frames, shape.bands, 1), 0.05, int(rng.integers(-128, 128)))
    # LiteRT rounds the ties of negative sums upwards in depthwise layers; see KERNELS.
    linear = NONE if shape.linear_depthwise and runtime != "litert" else RELU6
    for depthwise, taps, stride, dilation, padding, activation in shape.layers:
        writer.pad_columns(*padding)
        width = writer.shape()[2]
        taps = (taps[0], min(taps[1], width))
        if depthwise:  # its strides are square
            writer.convolution(taps, stride=(stride[0], stride[0]), activation=linear)
            continue
        fits = stride == (1, 1) and (taps[1] - 1) * dilation < width
        writer.convolution(
            taps, channels=int(rng.integers(1, 10)), stride=stride,
            dilation=(1, dilation if fits else 1), activation=activation,
        )  # fmt: skip
    if shape.same:
        writer.convolution((1, 3), channels=5, same=True, activation=RELU)
    writer.convolution((1, writer.shape()[2]), activation=linear)
    for dilation in shape.dilations:
        source, channels = writer.current, writer.shape()[3]
        writer.convolution((3, 1), dilation=(dilation, 1), activation=linear)
        writer.convolution((1, 1), channels=channels)
        writer.add_cropped(source, RELU if rng.integers(2) else NONE)
    writer.convolution((1, 1), channels=shape.labels, gain=float(rng.uniform(0.5, 2)))
    writer.drop_columns()
    return writer.flatbuffer()


SPEC = FrontendSpec(
    rate_hz=4_000, window_samples=64, hop_samples=32, fft_size=64,
    mel_bands=12, fmin_hz=50, fmax_hz=1_900, output="logmel",
)  # fmt: skip


def bundle_of(shape: Shape, runtime: str) -> Bundle:
    """A bundle around the network, its patch just long enough for its steps."""
    seen, step_frames = timing(shape)
    patch_frames = seen + (shape.steps - 1) * step_frames
    model = network(shape, runtime, patch_frames)
    rng = np.random.default_rng(shape.seed)
    layout = Layout(
        patch_frames=patch_frames,
        patch_steps=shape.steps,
        step_frames=step_frames,
        before_frames=int(rng.integers(0, seen - step_frames + 1)),
        input_multiplier_q20=int(rng.integers(20_000, 200_000)),
        input_zero=read_graph(model).source.zero,
        logit_scale=0.1,
        logit_zero=0,
    )
    spec = dataclasses.replace(SPEC, kept=tuple(range(shape.bands)))
    return Bundle(
        name="random", version="1", digest="0", labels=tuple("abcdef"[: shape.labels]),
        spec=spec, tables=build_tables(spec), layout=layout, rules=(), calibration={}, gate=None,
        model=model, golden={}, card={"frontend_digest": "0"},
    )  # fmt: skip


class Oracle:
    """A classifier on the kernels that are asked for, the reference ones too."""

    def __init__(self, bundle: Bundle, runtime: str) -> None:
        module = importlib.import_module(MODULES.get(runtime, MODULES["tflite-runtime"]))
        kinds = module.OpResolverType
        resolver = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        if runtime == "reference":
            resolver = kinds.BUILTIN_REF
        self._layout, self.labels = bundle.layout, len(bundle.labels)
        self._interpreter = module.Interpreter(
            model_content=bundle.model, num_threads=1, experimental_op_resolver_type=resolver
        )
        self._interpreter.allocate_tensors()

    def score(self, patch: np.ndarray) -> np.ndarray:
        """Logits of a patch."""
        inside, layout = self._interpreter, self._layout
        quantized = quantize(patch, layout.input_multiplier_q20, layout.input_zero)
        inside.set_tensor(inside.get_input_details()[0]["index"], quantized[None, :, :, None])
        inside.invoke()
        return inside.get_tensor(inside.get_output_details()[0]["index"])[0]


@pytest.fixture(scope="module")
def run_network(tmp_path_factory) -> Callable[[Bundle, str, np.ndarray], np.ndarray]:
    """Compile a bundle's network, with sanitizers, and run it on feature rows."""
    folder = tmp_path_factory.mktemp("network")
    compiler = ["cc", *WARNINGS, *SANITIZE, f"-I{WATCH}", f"-I{FRONTEND}", f"-I{folder}"]
    common = []
    for name in ("airway_kernels", "airway_model"):
        common.append(folder / f"{name}.o")
        subprocess.run([*compiler, "-c", WATCH / f"{name}.c", "-o", common[-1]], check=True)

    def run(bundle: Bundle, kernels: str, rows: np.ndarray) -> np.ndarray:
        generated = export_c(bundle, folder, kernels)[1]
        program = folder / "network"
        command = [*compiler, f"-DBUNDLE={symbol(bundle)}", DRIVER, generated, *common]
        subprocess.run([*command, "-o", program], check=True)
        done = subprocess.run([program], input=rows.tobytes(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return np.frombuffer(done.stdout, np.int8).reshape(-1, len(bundle.labels))

    return run


@needs_compiler
@pytest.mark.parametrize("runtime", [*MODULES, "reference"])
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
@given(shape=shapes.filter(lambda shape: timing(shape)[0] >= timing(shape)[1]))
def test_random_networks(run_network, runtime: str, shape: Shape):
    """Row by row in C, a random network gives the scores that the kernels give patch by patch."""
    if runtime in MODULES:
        pytest.importorskip(MODULES[runtime])
    bundle = bundle_of(shape, runtime)
    rng = np.random.default_rng(shape.seed + 1)
    count = int(rng.integers(0, 3 * bundle.layout.patch_frames + 8))
    rows = rng.integers(0, 32_768, (count, shape.bands)).astype(np.int16) // 4
    wanted = step_logits(bundle, Oracle(bundle, runtime), rows)
    silence = [
        np.zeros((frames, shape.bands), np.int16)
        for frames in (bundle.layout.before_frames, bundle.layout.patch_frames)
    ]
    kernels = "reference" if runtime == "reference" else "builtin"
    found = run_network(bundle, kernels, np.concatenate([silence[0], rows, silence[1]]))
    np.testing.assert_array_equal(found[: len(wanted)], wanted)


@needs_compiler
@pytest.mark.parametrize("runtime", [*MODULES, "reference"])
def test_every_rounding(run_network, runtime: str):
    """Sums of every size and sign, ties among them, come out as the kernels round them."""
    if runtime in MODULES:
        pytest.importorskip(MODULES[runtime])
    rng = np.random.default_rng(5)
    writer = ModelWriter(rng)
    writer.activation((1, 1, 12, 1), 0.05, 3)
    writer.convolution((1, 12), channels=4096)
    scales = writer.tensors[1].quantization
    # Powers of two times few bits: many sums end exactly between two outputs.
    exact = np.float32(2.0 ** rng.integers(-14, -3, 4096) * rng.choice([1, 1, 3, 5], 4096))
    scales.scale = exact
    writer.tensors[3].quantization.scale = np.array([1.0], np.float32)
    writer.tensors[0].quantization.scale = np.array([0.5], np.float32)
    shape = Shape(5, 12, (), (), False, False, 4096, 1)
    bundle = dataclasses.replace(
        bundle_of(dataclasses.replace(shape, labels=1), "reference"),
        labels=tuple(f"l{index}" for index in range(4096)),
        model=_with_rows(writer),
    )
    bundle = dataclasses.replace(
        bundle, layout=dataclasses.replace(bundle.layout, input_zero=3, before_frames=0)
    )
    rows = rng.integers(0, 8_192, (40, 12)).astype(np.int16)
    oracle = Oracle(bundle, runtime)
    wanted = np.concatenate([oracle.score(row[None]) for row in rows])
    kernels = "reference" if runtime == "reference" else "builtin"
    np.testing.assert_array_equal(run_network(bundle, kernels, rows), wanted)
    if runtime == "tflite-runtime":  # the choice matters here, so the test can fail
        assert (run_network(bundle, "reference", rows) != wanted).any()


def _with_rows(writer: ModelWriter) -> bytes:
    writer.drop_columns()
    return writer.flatbuffer()


def test_factor():
    """A factor is within half a unit of its multiplier's last place; too small becomes nothing."""
    for real in (1.0, 0.5, 0.75, 1e-3, 3.7, 2.0**-31):
        found = factor(real)
        assert 2**30 <= found.multiplier < 2**31
        assert abs(found.multiplier * 2.0 ** (found.exponent - 31) - real) <= real * 2.0**-31
    assert factor(1.0 - 2.0**-40) == factor(1.0)
    assert factor(2.0**-40).multiplier == 0


def test_the_same_bytes(tmp_path):
    """The same bundle gives the same source, and the command says what it wrote."""
    bundle = load_bundle("room")
    first, second = (export_c(bundle, tmp_path / name) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert bundle.digest in first[0].read_text()


def test_the_command(tmp_path, capsys):
    """`export` prints the files; a folder that can't be made is exit 74."""
    assert main(["export", "--target", "c", "--out", str(tmp_path / "c")]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "c" / name) for name in ("airway_bundle.h", "airway_bundle.c")
    ]
    (tmp_path / "file").write_text("")
    assert main(["export", "--target", "c", "--out", str(tmp_path / "file")]) == 74
    assert main(["export", "--target", "rust", "--out", str(tmp_path)]) == 64


def small_bundle(change: Callable[[ModelWriter], Any]) -> Bundle:
    """A bundle of a network that `change` may spoil before its end."""
    shape = Shape(1, 6, (), (), False, False, 2, 1)
    writer = ModelWriter(np.random.default_rng(1))
    writer.activation((1, 1, 6, 1), 0.05, 0)
    change(writer)
    writer.convolution((1, writer.shape()[2]))
    writer.convolution((1, 1), channels=2)
    return dataclasses.replace(bundle_of(shape, "reference"), model=_with_rows(writer))


def softmax(writer: ModelWriter) -> None:
    """An operator without a kernel."""
    source = writer.current
    writer.activation(writer.shape(), 1 / 256, -128)
    writer.place(schema.BuiltinOperator.SOFTMAX, [source], schema.SoftmaxOptionsT())


def float_tensor(writer: ModelWriter) -> None:
    """A tensor that is not int8."""
    writer.tensors[0].type = schema.TensorType.FLOAT32


def tanh(writer: ModelWriter) -> None:
    """An activation without a kernel."""
    writer.convolution((1, 1), channels=2, activation=Activation.TANH)


def same_in_time(writer: ModelWriter) -> None:
    """Padding in time."""
    writer.convolution((3, 1), channels=2, same=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (softmax, "uses SOFTMAX, for which there is no C kernel"),
        (float_tensor, "t0 is not int8"),
        (tanh, "activation 4 has no C kernel"),
        (same_in_time, "pads a convolution in time"),
    ],
)
def test_refusals(tmp_path, change: Callable[[ModelWriter], None], words: str):
    """What can't run on a watch is refused in one sentence that names it."""
    with pytest.raises(BadInputError, match=words):
        export_c(small_bundle(change), tmp_path)


def test_refuses_a_card_of_another_model(tmp_path):
    """A layout that the network does not keep to is refused, and so are unknown kernels."""
    bundle = load_bundle("room")
    layout = dataclasses.replace(bundle.layout, step_frames=7)
    with pytest.raises(BadInputError, match="scores after"):
        plan(read_graph(bundle.model), layout)
    with pytest.raises(BadInputError, match="not a TensorFlow Lite model"):
        read_graph(b"TFL3")
    with pytest.raises(UsageError, match="must be one of builtin, reference"):
        export_c(bundle, tmp_path, "fast")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patch_steps": 1, "step_frames": 1}, "decides 88 patches ahead of the model"),
        ({"patch_steps": 2, "step_frames": 2}, ""),
    ],
)
def test_refuses_a_gate_whose_word_comes_too_early(change: dict[str, int], words: str):
    """A watch that could not keep what its gate decided is refused with the number."""
    bundle = load_bundle("room")
    layout = dataclasses.replace(bundle.layout, **change)
    with pytest.raises(BadInputError, match=words) if words else nullcontext():
        shutter_source(dataclasses.replace(bundle, layout=layout))

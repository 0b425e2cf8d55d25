"""Compiling for accelerators: Vela for real, the Edge TPU's rules, what a missing compiler says."""

import importlib.util
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import bundle_path, load_bundle, shipped_bundles, write_bundle
from edge.errors import AirwayError, BadInputError, DeviceUnavailableError, UsageError
from scripts.arm_networks import make_one
from train_export.cli import main
from train_export.room import in_own_process

if importlib.util.find_spec("ai_edge_litert") is None:
    pytest.skip("the npu extra is not installed", allow_module_level=True)

from train_export.compile import TARGETS, compile_bundle
from train_export.edgetpu import Verdict, _verdicts, check
from train_export.graph import Operator, Tensor, operators
from train_export.models.config import default_config

needs_vela = pytest.mark.skipif(
    shutil.which("vela") is None and not Path(sys.executable).with_name("vela").exists(),
    reason="the npu extra is not installed",
)


def tensor(*shape: int, dtype: str = "int8", data: list | None = None) -> Tensor:
    """A tensor that flows, or with data a constant."""
    values = None if data is None else np.array(data, np.int32).reshape(shape)
    return Tensor(shape, dtype, values, data is not None)


def verdict(name: str, inputs: list[Tensor], output: Tensor, **options: int) -> Verdict:
    """Of an operator that is a graph by itself."""
    return next(_verdicts([Operator(0, name, tuple(inputs), (output,), options)]))


def reversing_model() -> bytes:
    """An int8 model with an operator that no NPU of ours takes, from the converter."""
    import tensorflow as tf

    inputs = tf.keras.Input(batch_shape=(1, 8, 8, 4))
    x = tf.keras.layers.Conv2D(4, 3, padding="same")(inputs)
    x = tf.keras.layers.Lambda(lambda y: tf.gather_nd(y, [[0, 1], [0, 5]]))(x)
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(inputs, x))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    rng = np.random.default_rng(0)
    patches = rng.normal(size=(4, 1, 8, 8, 4)).astype(np.float32)
    converter.representative_dataset = lambda: ([patch] for patch in patches)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


@needs_vela
@pytest.mark.parametrize("target", [t for t in TARGETS if t != "edgetpu"])
@pytest.mark.parametrize("name", shipped_bundles())
def test_every_operator_runs_on_the_npu(name, target, tmp_path):
    """Vela takes the whole shipped model; the estimate is in a card that verifies."""
    bundle = load_bundle(name)
    made = compile_bundle(bundle, target, tmp_path / "compiled")
    assert {operator.name for operator in operators(made.model)} == {"ethos-u"}
    about = made.card["compiled"]
    assert about["target"] == target
    assert about["from_digest"] == bundle.digest
    assert 0 < about["estimate"]["ms_per_patch"] < 480
    assert 0 < about["estimate"]["sram_kib"] < 2048
    assert made.digest != bundle.digest
    with pytest.raises(BadInputError, match="already compiled"):
        compile_bundle(made, target, tmp_path / "again")


@pytest.mark.slow
@needs_vela
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs the train extra")
def test_what_training_exports_maps_as_a_whole(tmp_path):
    """A network of the shape that is trained now leaves no operator to a CPU, on any target."""
    make_one(tmp_path / "cnn", default_config("cnn"))
    bundle = load_bundle(str(tmp_path / "cnn"))
    assert [v for v in check(bundle.model) if not v.maps] == []
    assert compile_bundle(bundle, "ethos-u55-128", tmp_path / "u55").card["compiled"]


@needs_vela
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs the train extra")
def test_an_operator_for_the_cpu_is_refused(tmp_path):
    """A model of which Vela leaves an operator to the CPU does not become a bundle."""
    bundle = load_bundle("room")
    mixed = replace(bundle, model=in_own_process(reversing_model))
    with pytest.raises(BadInputError, match=r"ethos-u55-128 leaves .*GATHER_ND.* to the CPU"):
        compile_bundle(mixed, "ethos-u55-128", tmp_path / "compiled")
    assert not (tmp_path / "compiled").exists()


def test_a_missing_compiler_says_what_to_install(tmp_path, monkeypatch, capsys):
    """Without edgetpu_compiler the verdict is printed all the same, and the exit code is 69."""
    monkeypatch.setenv("PATH", str(tmp_path))
    code = main(["compile", "--target", "edgetpu", "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert code == DeviceUnavailableError.exit_code
    assert re.search(r"room: \d+ of \d+ operators map", said.out)
    assert "edgetpu_compiler is not installed; install" in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["mine", "again/../mine", "link"])
def test_a_bundle_is_not_compiled_onto_itself(out, tmp_path, monkeypatch, capsys):
    """Under whatever name, the bundle's own folder is refused and every file stays as it was."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(bundle_path("room"), "mine")
    Path("again").mkdir()
    Path("link").symlink_to("mine")
    before = load_bundle("mine").digest
    code = main(["compile", "--target", "edgetpu", "--bundle", "mine", "--out", out])
    assert code == UsageError.exit_code
    assert "is the bundle itself, which stays as it is" in capsys.readouterr().err
    assert load_bundle("mine").digest == before


def test_a_shipped_name_is_a_folder_where_it_is_written(tmp_path, monkeypatch, capsys):
    """`--out room` writes a folder here, and that bundle is what is told of."""
    compiler = tmp_path / "edgetpu_compiler"
    compiler.write_text("#!/bin/sh\ncp model.tflite model_edgetpu.tflite\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.chdir(tmp_path)
    assert main(["compile", "--target", "edgetpu", "--out", "room"]) == 0
    assert "room: compiled for edgetpu" in capsys.readouterr().out
    made = load_bundle(str(tmp_path / "room")).card["compiled"]
    assert made["from_digest"] == load_bundle("room").digest


def test_an_unknown_target_is_refused_by_name(tmp_path):
    """The targets that exist are listed."""
    with pytest.raises(UsageError, match="'ethos-u9' is not one of edgetpu, ethos-u55-128"):
        compile_bundle(load_bundle("room"), "ethos-u9", tmp_path)


def test_a_compiler_that_fails_is_told(tmp_path, monkeypatch):
    """The last words of a compiler are in the error."""
    failing = tmp_path / "edgetpu_compiler"
    failing.write_text("#!/bin/sh\necho Model not quantized >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(BadInputError, match="edgetpu_compiler ended with code 1: Model not"):
        compile_bundle(load_bundle("room"), "edgetpu", tmp_path / "out")


def test_the_graph_is_read_as_the_interpreter_reads_it():
    """Names and shapes of every operator agree with those of the runtime."""
    from train_export.quantize import plain_interpreter

    model = load_bundle("room").model
    interpreter = plain_interpreter(model)
    shapes = {t["index"]: tuple(t["shape"]) for t in interpreter.get_tensor_details()}
    expected = [
        (op["op_name"], [shapes[i] for i in op["outputs"]]) for op in interpreter._get_ops_details()
    ]
    found = [(op.name, [t.shape for t in op.outputs]) for op in operators(model)]
    assert found == expected


def test_the_graph_is_divided_once():
    """What comes after the first operator that does not map is told to run on the CPU."""
    verdicts = check(load_bundle("room").model)
    stops = [v.index for v in verdicts if not v.maps]
    assert stops == list(range(stops[0], len(verdicts))) if stops else all(v.maps for v in verdicts)
    gelu = Operator(0, "GELU", (tensor(1, 4),), (tensor(1, 4),))
    add = Operator(1, "ADD", (tensor(1, 4),) * 2, (tensor(1, 4),))
    assert [v.maps for v in _verdicts([add, gelu, add])] == [True, False, False]


FLAT, IMAGE = tensor(1, 8), tensor(1, 6, 5, 8)
CONV = {"dilationHFactor": 1, "dilationWFactor": 1, "fusedActivationFunction": 3}
UNIT = tensor(4, dtype="int32", data=[1, 1, 1, 1])
GOOD = [
    ("CONV_2D", [IMAGE], IMAGE, CONV),
    ("AVERAGE_POOL_2D", [IMAGE], IMAGE, {"fusedActivationFunction": 0}),
    ("CONCATENATION", [IMAGE, IMAGE, IMAGE], IMAGE, {"fusedActivationFunction": 0}),
    ("CONCATENATION", [FLAT, tensor(2, data=[0, 0])], FLAT, {"fusedActivationFunction": 0}),
    ("FULLY_CONNECTED", [FLAT], FLAT, {"weightsFormat": 0}),
    ("MEAN", [IMAGE, tensor(2, dtype="int32", data=[1, 2])], FLAT, {}),
    ("MEAN", [IMAGE, tensor(1, dtype="int32", data=[-1])], IMAGE, {}),
    ("PACK", [FLAT, FLAT], IMAGE, {"axis": 1}),
    ("PAD", [IMAGE, tensor(2, 2, dtype="int32", data=[0, 0, 1, 1])], IMAGE, {}),
    ("SOFTMAX", [FLAT], FLAT, {}),
    ("SPLIT", [tensor(1, dtype="int32", data=[1]), FLAT], FLAT, {}),
    ("STRIDED_SLICE", [IMAGE, UNIT, UNIT, UNIT], IMAGE, {"ellipsisMask": 0, "newAxisMask": 0}),
    ("LOGISTIC", [FLAT], FLAT, {}),
]
BAD = [
    ("CONV_2D", [IMAGE], IMAGE, CONV | {"dilationHFactor": 2}, "dilation 2 x 1"),
    ("MAX_POOL_2D", [IMAGE], IMAGE, {"fusedActivationFunction": 1}, "fused activation"),
    ("CONCATENATION", [FLAT, tensor(2, data=[0, 3])], FLAT, {}, "not all zeros"),
    ("CONCATENATION", [FLAT, FLAT, tensor(1, data=[0])], FLAT, {}, "3 inputs"),
    ("FULLY_CONNECTED", [FLAT], FLAT, {"weightsFormat": 1}, "default format"),
    ("FULLY_CONNECTED", [tensor(12, 8)], tensor(12, 8), {"weightsFormat": 0}, "12x8"),
    ("MEAN", [tensor(1, 6, 5, 6), tensor(1, dtype="int32", data=[3])], FLAT, {}, "depth of 6"),
    ("REDUCE_MAX", [IMAGE, tensor(1, dtype="int32", data=[0])], FLAT, {}, "the batch"),
    ("PACK", [FLAT, FLAT], IMAGE, {"axis": 0}, "the batch"),
    ("PAD", [IMAGE, tensor(2, 2, dtype="int32", data=[1, 0, 1, 1])], IMAGE, {}, "the batch"),
    ("SOFTMAX", [tensor(4, 8)], tensor(4, 8), {}, "4x8"),
    ("SPLIT", [tensor(1, dtype="int32", data=[0]), FLAT], FLAT, {}, "the batch"),
    ("STRIDED_SLICE", [IMAGE, UNIT, UNIT, tensor(1, dtype="int32", data=[2])], IMAGE, {}, "stride"),
    ("BATCH_MATMUL", [FLAT, FLAT], FLAT, {}, "no source lists it"),
    ("ADD", [tensor(1, 8, dtype="float32")], FLAT, {}, "float32"),
    ("ADD", [tensor(-1, 8)], FLAT, {}, "not constant"),
    ("ADD", [tensor(2, 3, 3, 8)], tensor(2, 3, 3, 8), {}, "more than three"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inputs", "output", "options"), GOOD)
def test_a_rule_that_is_kept(name, inputs, output, options):
    """Each rule lets an operator pass that keeps it, and says where it stands."""
    found = verdict(name, inputs, output, **options)
    assert found.maps, found.why
    assert found.source in ("A", "B")


@pytest.mark.parametrize(("name", "inputs", "output", "options", "why"), BAD)
def test_a_rule_that_is_broken(name, inputs, output, options, why):
    """Each rule stops an operator that breaks it, and says how."""
    found = verdict(name, inputs, output, **options)
    assert not found.maps
    assert why in found.why


def test_a_compiled_bundle_keeps_what_it_was_made_from(tmp_path):
    """A card with the compiler's words is still a valid, signed card."""
    bundle = load_bundle("room")
    card = bundle.card | {"compiled": {"target": "edgetpu"}}
    write_bundle(tmp_path, card, model=bundle.model, tables=bundle.tables, golden=bundle.golden)
    made = load_bundle(str(tmp_path))
    assert made.layout == bundle.layout
    with pytest.raises(AirwayError, match="already compiled for edgetpu"):
        compile_bundle(made, "edgetpu", tmp_path)

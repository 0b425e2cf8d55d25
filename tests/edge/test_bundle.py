"""Bundles: every byte is checked before anything is believed."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle, load_bundle, shipped_bundles, write_bundle
from edge.classifier import Classifier, installed_runtimes, load_runtime, quantize
from edge.cli import main
from edge.errors import BadInputError, ConfigError, DeviceUnavailableError, InputOutputError
from edge.pipeline import golden_difference

MAX_MODEL_BYTES = 100_000


@pytest.fixture
def room_copy(tmp_path):
    """A copy of the shipped room bundle."""
    source = load_bundle("room")
    from edge.bundle import bundle_path

    folder = tmp_path / "room"
    shutil.copytree(bundle_path(source.name), folder)
    return folder


def test_room_ships_and_is_small():
    """The room bundle is in the package and its model is at most 100 kB."""
    assert "room" in shipped_bundles()
    assert len(load_bundle("room").model) <= MAX_MODEL_BYTES


@pytest.mark.parametrize("name", shipped_bundles())
def test_a_louder_sound_is_never_less_likely(name):
    """The odds of every label that ships rise with the score, or are the same for all."""
    odds = load_bundle(name).card.get("calibration", {})
    assert all(numbers["slope"] >= 0 for numbers in odds.values())


@pytest.mark.parametrize("name", ["model.tflite", "tables.npz", "golden.npz", "card.json"])
@pytest.mark.parametrize("place", [0.0, 0.31, 0.77, 0.9999])
def test_a_changed_byte_is_refused(room_copy, name, place):
    """One flipped bit anywhere in any file is bad input, told in one sentence."""
    path = room_copy / name
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 0x01
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        load_bundle(str(room_copy))
    assert "\n" not in str(caught.value)
    assert str(room_copy) in str(caught.value)


@pytest.mark.parametrize("name", ["model.tflite", "tables.npz", "golden.npz", "card.json"])
def test_a_missing_file_is_named(room_copy, name):
    """A bundle without one of its files says which."""
    (room_copy / name).unlink()
    with pytest.raises(InputOutputError, match=name):
        load_bundle(str(room_copy))


def resealed(folder: Path, card: dict | None = None, **files: object) -> None:
    """Write a copy's files anew, with a card that fits them."""
    bundle = load_bundle(str(folder))
    parts = {"model": bundle.model, "tables": bundle.tables, "golden": bundle.golden} | files
    write_bundle(folder, bundle.card | (card or {}), **parts)


def test_scores_of_another_model_do_not_verify(room_copy, capsys):
    """Golden scores that the model does not give are told, whoever sealed them."""
    golden = load_bundle(str(room_copy)).golden
    resealed(room_copy, golden=golden | {"logits": ~golden["logits"]})
    assert main(["model", "verify", str(room_copy)]) == 65
    assert "from the golden ones" in capsys.readouterr().err
    resealed(room_copy, golden=golden | {"logits": golden["logits"][1:]})
    assert main(["model", "verify", str(room_copy)]) == 65


def test_an_event_needs_its_label_and_its_odds(room_copy):
    """A card whose parts do not fit is refused when it is read, not at the first cough."""
    resealed(room_copy, card={"calibration": {}})
    with pytest.raises(BadInputError, match="the odds of the event 'cough'"):
        load_bundle(str(room_copy))


WRONG = [
    ("calibration", "slope", "x"),
    ("calibration", "slope", float("nan")),
    ("calibration", "offset", None),
    ("layout", "logit_scale", "0.08"),
    ("layout", "logit_scale", 0.0),
    ("layout", "logit_zero", None),
    ("layout", "input_zero", 128),
    ("layout", "input_multiplier_q20", 2**70),
    ("layout", "patch_frames", 2**62),
    ("events", "open", 51.0),
    ("events", "min_steps", 3.5),
    ("events", "max_steps", 2**40),
    ("events", "gap_steps", True),
    ("gate", "rise_q7", True),
]


@pytest.mark.parametrize(("part", "field", "value"), WRONG)
def test_a_number_that_none_is_is_refused_when_it_is_read(room_copy, part, field, value):
    """A card of one's own with a wrong value is refused by name, not at the first cough."""
    found = load_bundle(str(room_copy)).card[part]
    changed = {
        "calibration": lambda: {"cough": found["cough"] | {field: value}},
        "events": lambda: [found[0] | {field: value}],
    }.get(part, lambda: found | {field: value})()
    resealed(room_copy, card={part: changed})
    with pytest.raises(BadInputError, match=field):
        load_bundle(str(room_copy))


@pytest.mark.parametrize(("name", "value"), [("name", 3), ("version", 3), ("labels", [1, 2])])
def test_a_name_is_a_text(room_copy, name, value):
    """Numbers are no names, in a card as in the C that is made of it."""
    resealed(room_copy, card={name: value, "events": []})
    with pytest.raises(BadInputError, match=name):
        load_bundle(str(room_copy))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda golden: {k: v for k, v in golden.items() if k != "pcm"},
        lambda golden: golden | {"pcm": golden["pcm"].astype(np.int64)},
        lambda golden: golden | {"features": golden["features"][:, :3]},
        lambda golden: golden | {"logits": golden["logits"].ravel()},
    ],
)
def test_golden_vectors_of_another_model_are_refused(room_copy, spoil, capsys):
    """What can't be compared with this model is told as a bad bundle."""
    resealed(room_copy, golden=spoil(load_bundle(str(room_copy)).golden))
    assert main(["model", "verify", str(room_copy)]) == 65
    assert "card.json lacks or garbles" in capsys.readouterr().err


def test_an_event_needs_its_rival_s_label(room_copy):
    """A rival that the model knows nothing of is refused when the card is read."""
    (rule,) = load_bundle(str(room_copy)).card["events"]
    resealed(room_copy, card={"events": [rule | {"rival": "yawn"}]})
    with pytest.raises(BadInputError, match="the label 'yawn', the rival of the event 'cough'"):
        load_bundle(str(room_copy))


def test_a_bundle_stays_whole_until_the_next_is_written(room_copy):
    """Where the new files don't fit on the disk, the bundle that stood there is as it was."""
    bundle = load_bundle(str(room_copy))
    small_disk = "import resource, sys; from edge.bundle import load_bundle, write_bundle\n" + (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); from pathlib import Path\n"
        "b = load_bundle(sys.argv[1]); card = dict(b.card, purpose='another')\n"
        "write_bundle(Path(sys.argv[1]), card, model=b.model, tables=b.tables, golden=b.golden)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", small_disk, str(room_copy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "File too large" in done.stderr
    assert load_bundle(str(room_copy)).digest == bundle.digest
    assert not list(room_copy.glob("*.new"))


def test_what_is_no_model_is_told(room_copy):
    """A runtime's own complaint becomes one sentence."""
    resealed(room_copy, model=b"no model")
    with pytest.raises(BadInputError, match="no runtime takes its model"):
        Classifier(load_bundle(str(room_copy)))


def test_a_folder_here_takes_no_shipped_name(tmp_path, monkeypatch):
    """Where a folder is called as a shipped bundle, the bundle is meant; a path is the folder."""
    (tmp_path / "room").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_bundle("room").name == "room"
    with pytest.raises(InputOutputError, match=r"card\.json"):
        load_bundle("./room")


def test_a_missing_bundle_names_the_shipped_ones():
    """An unknown name is told with the names there are."""
    with pytest.raises(InputOutputError, match="room"):
        load_bundle("bedroom")


def test_no_float_in_the_model():
    """Every tensor of the shipped model is an integer."""
    runtime = load_runtime(installed_runtimes()[0])
    resolver = runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    for name in shipped_bundles():
        interpreter = runtime.Interpreter(
            model_content=load_bundle(name).model, experimental_op_resolver_type=resolver
        )
        interpreter.allocate_tensors()
        types = {tensor["dtype"] for tensor in interpreter.get_tensor_details()}
        assert all(np.issubdtype(kind, np.integer) for kind in types), name


def test_a_runtime_leaves_the_arithmetic_of_the_program_alone():
    """A subnormal number is still one after a model ran; on ARM the runtime alone would undo it."""
    smallest = float.fromhex("0x1p-1074")
    bundle = load_bundle("room")
    Classifier(bundle).score(bundle.golden["features"][: bundle.layout.patch_frames])
    assert smallest > 0
    assert np.float32(1e-30) * np.float32(1e-12) > 0


def test_the_device_runtime_gives_the_golden_scores():
    """Features are the golden ones bit for bit; so are the scores of the device's runtime."""
    bundle = load_bundle("room")
    assert len(bundle.golden["logits"]) > 100
    assert golden_difference(bundle, Classifier(bundle)) == (True, 0)


def test_litert_gives_the_same_scores():
    """The maintained runtime agrees with the device's, logit for logit."""
    bundle = load_bundle("room")
    assert golden_difference(bundle, Classifier(bundle, "litert")) == (True, 0)


def test_an_unknown_runtime_is_a_configuration_error():
    """The runtime is never silently replaced."""
    with pytest.raises(ConfigError, match="auto, tflite-runtime, litert, edgetpu"):
        Classifier(load_bundle("room"), "gpu")


# Both runtimes complain on standard error when a delegate that never loaded is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_missing_accelerator_is_said():
    """Without its library the Edge TPU is unavailable, and nothing else takes its place."""
    with pytest.raises(DeviceUnavailableError, match="Edge TPU"):
        Classifier(compiled_for("edgetpu"), "edgetpu")


def test_a_bundle_that_was_not_compiled_does_not_pass_for_an_edge_tpu_one():
    """The delegate would load and leave the whole model to the CPU; that is refused instead."""
    with pytest.raises(ConfigError, match="--target edgetpu"):
        Classifier(load_bundle("room"), "edgetpu")


@pytest.mark.parametrize("target", ["edgetpu", "ethos-u55-128"])
def test_a_compiled_bundle_runs_where_it_was_compiled_for(target):
    """On another runtime it is refused by its target's name, not by the interpreter's crash."""
    with pytest.raises(ConfigError, match=f"compiled for {target} and does not run on 'auto'"):
        Classifier(compiled_for(target))


def test_what_an_edge_tpu_leaves_to_the_cpu_is_said(caplog):
    """The operators that the card says fall back are named in a warning, before anything else."""
    with pytest.raises(DeviceUnavailableError):
        Classifier(compiled_for("edgetpu", operators_on_cpu=["SOFTMAX"]), "edgetpu")
    assert "left to the CPU: SOFTMAX" in caplog.text


def compiled_for(target: str, **about: object) -> Bundle:
    """The room's bundle with the card of a compiled one."""
    bundle = load_bundle("room")
    return replace(bundle, card=bundle.card | {"compiled": {"target": target, **about}})


def test_quantize_rounds_half_up_and_saturates():
    """Integer input quantization: an eighth a unit, halves upwards, clipped to int8."""
    features = np.array([[-32768, -1, 0, 3, 4, 5, 32767]], dtype=np.int16)
    found = quantize(features, (1 << 20) // 8, -100)
    assert found.tolist() == [[-128, -100, -100, -100, -99, -99, 127]]

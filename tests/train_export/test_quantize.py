"""From a network to a bundle: int8 throughout, the same on the device's runtimes."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from small_network import SMALL, lively

from edge.bundle import load_bundle
from edge.card import EventRule
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.frontend import PRESETS
from edge.pipeline import golden_difference
from train_export import quantize as quantizer
from train_export.calibrate import calibrate, choose_rule, score_scenes
from train_export.cli import main
from train_export.commands import compare
from train_export.cost import multiplications
from train_export.export import export, finish
from train_export.features import (
    BEFORE_FRAMES,
    FEATURE_SCALE,
    ROOM_LABELS,
    prepare_scenes,
    save_scenes,
)
from train_export.models.config import CnnConfig
from train_export.room import in_own_process
from train_export.soundscape import Recipe

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)


@pytest.fixture(scope="module")
def scenes(toy_corpus):
    """Four dense minutes of the toy corpus."""
    recipe = Recipe(bouts_per_hour=1200, others_per_hour=600)
    return prepare_scenes(toy_corpus, "train", 4, recipe, seed=1)


def fit_small(scenes, folder: Path) -> list[np.ndarray]:
    """Train the small network for one pass."""
    from train_export.train import TrainConfig, train

    return train(
        scenes, scenes, SMALL, TrainConfig(epochs=1, batch_steps=512), folder
    ).get_weights()


def small_weights() -> list[np.ndarray]:
    """An untrained small network's weights."""
    from train_export.models.cnn import build

    return build(SMALL, SMALL.patch_frames(4)).get_weights()


def small_scores(weights: list[np.ndarray], patches: np.ndarray) -> np.ndarray:
    """The small network's logits of float patches."""
    from train_export.models.cnn import build

    model = build(SMALL, patches.shape[1])
    model.set_weights(weights)
    return model.predict(patches, verbose=0)


@pytest.fixture(scope="module")
def trained(scenes, tmp_path_factory):
    """A small network trained for one pass, quantized, with its rules: the whole way.

    Gives its weights and the bundle's folder.
    """
    folder = tmp_path_factory.mktemp("bundle")
    weights = in_own_process(fit_small, scenes, folder / "run")
    made = export(
        weights, SMALL, PRESETS["room-16k"], scenes, folder / "room",
        name="room", version="0", about={},
    )  # fmt: skip
    logits = score_scenes(made, scenes)
    rule, _ = choose_rule(made, logits, scenes, "cough")
    odds = {"cough": calibrate(made, logits, scenes, rule)}
    finish(made, folder / "room", [rule], odds, {})
    return weights, folder / "room"


@pytest.fixture(scope="module")
def bundle(trained):
    """The bundle of that training."""
    return load_bundle(str(trained[1]))


def receptive_probe() -> tuple[float, float]:
    """How far a score moves when frames outside and inside its receptive field change."""
    from train_export.models.cnn import build

    config = CnnConfig()
    steps, step = 8, 3
    model = build(config, config.patch_frames(steps))
    rng = np.random.default_rng(0)
    # Untrained batch normalisation lets a signal fade: wake the kernels up.
    model.set_weights([w if w.ndim < 3 else lively(rng, w.shape) for w in model.get_weights()])
    x = rng.normal(1, 1, (1, config.patch_frames(steps), config.bands, 1)).astype(np.float32)
    first = step * config.step_frames
    outside, inside = x.copy(), x.copy()
    outside[:, :first] += 5
    outside[:, first + config.receptive_frames :] += 5
    inside[:, first + config.receptive_frames // 2] += 5
    plain, still, moved = (
        model.predict(probe, verbose=0)[0][step] for probe in (x, outside, inside)
    )
    return float(np.abs(still - plain).max()), float(np.abs(moved - plain).max())


def stretches_probe(scenes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One batch, and its targets drawn again."""
    from train_export.stretches import Stretches

    data = Stretches(scenes, CnnConfig(), batch_steps=512, seed=0)
    return (*data[0], data[0][1])


def test_receptive_field_is_what_the_network_sees():
    """A change outside a step's receptive field leaves its score alone; one inside moves it."""
    outside, inside = in_own_process(receptive_probe)
    assert outside < 1e-4 < 1e-2 < inside


def test_stretches_repeat(scenes):
    """A batch has the shapes of the model, some coughs, and is the same when drawn again."""
    x, y, again = in_own_process(stretches_probe, scenes)
    assert x.shape[1:3] == (CnnConfig().patch_frames(y.shape[1]), 40)
    assert y.shape[2] == len(ROOM_LABELS)
    assert 0 < y[..., 0].mean() < 1
    assert BEFORE_FRAMES % CnnConfig().step_frames == 0
    np.testing.assert_array_equal(y, again)


def test_a_trained_bundle_runs_on_the_device_path(bundle):
    """The bundle loads, keeps its golden vectors, and is int8 from end to end."""
    assert quantizer.float_tensors(bundle.model) == []
    assert golden_difference(bundle, Classifier(bundle)) == (True, 0)
    assert isinstance(bundle.rules[0], EventRule)
    assert set(bundle.calibration) == {"cough"}


def test_int8_follows_float(trained, bundle, scenes):
    """Scores of the int8 model follow those of the network it came from."""
    starts = (0, 900, 2000)
    length = bundle.layout.patch_frames
    patches = np.stack([scenes.features[0, start : start + length] for start in starts])
    floats = (patches[..., None] * FEATURE_SCALE).astype(np.float32)
    expected = in_own_process(small_scores, trained[0], floats)
    classifier = Classifier(bundle)
    found = np.stack([classifier.score(patch) for patch in patches]).astype(float)
    found = (found - bundle.layout.logit_zero) * bundle.layout.logit_scale
    # A quarter of the range: an untrained network's int8 steps are coarse.
    assert np.abs(found - expected).max() < 0.25 * np.ptp(expected)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98


def test_a_float_island_is_refused(monkeypatch):
    """A model with a float tensor inside is refused by name, although it converts."""
    monkeypatch.setattr(quantizer, "float_tensors", lambda model: ["norm/neg"])
    patches = np.zeros((2, SMALL.patch_frames(4), 40, 1), np.float32)
    with pytest.raises(BadInputError, match="norm/neg"):
        quantizer.quantize(in_own_process(small_weights), SMALL, 4, patches)


def test_a_dying_converter_is_told():
    """When the converter's process fails, its last words are in the error."""
    wrong = np.zeros((2, 3, 40, 1), np.float32)
    with pytest.raises(BadInputError, match="converter ended with code"):
        quantizer.quantize(in_own_process(small_weights), SMALL, 4, wrong)


def equal_dilation_probe() -> tuple[np.ndarray, np.ndarray]:
    """What the network gives in training's form and in the export's, from the same weights."""
    from train_export.models.cnn import build

    frames = SMALL.patch_frames(8)
    free, fixed = build(SMALL, frames), build(SMALL, frames, batch=1)
    rng = np.random.default_rng(0)
    free.set_weights([w if w.ndim < 3 else lively(rng, w.shape) for w in free.get_weights()])
    fixed.set_weights(free.get_weights())
    x = rng.normal(1, 1, (1, frames, SMALL.bands, 1)).astype(np.float32)
    return free.predict(x, verbose=0), fixed.predict(x, verbose=0)


def test_equal_dilations_compute_the_same():
    """The export's dilation over the single column moves no score."""
    free, fixed = in_own_process(equal_dilation_probe)
    assert np.ptp(free) > 0.1
    np.testing.assert_allclose(fixed, free, atol=1e-5)


def small_multiplications(steps: int) -> int:
    """Multiply-accumulates of SMALL for a patch, from its shape alone."""
    rows, columns, total = (SMALL.patch_frames(steps) - 5) // 2 + 1, 20, 0
    total += rows * columns * 16 * 25
    for _, time, frequency in SMALL.blocks:
        square, rest = (time, (1, 1)) if time == frequency else (1, (time, frequency))
        rows, columns = (rows - 3) // square + 1, (columns + 2 - 3) // square + 1
        total += rows * columns * 16 * 9
        rows, columns = -(-rows // rest[0]), -(-columns // rest[1])
        total += rows * columns * 16 * 16
    total += rows * 16 * columns + rows * 16 * 16  # collapse, widen
    for dilation in SMALL.dilations:
        rows -= 2 * dilation
        total += rows * 16 * 3 + rows * 16 * 16
    return total + rows * 16 * SMALL.labels


def test_multiplications_are_those_of_the_shape(bundle):
    """What is counted in the flatbuffer is what the network's shape comes to."""
    assert multiplications(bundle.model) == small_multiplications(bundle.layout.patch_steps)


@pytest.mark.slow
def test_the_quantize_command_tunes_and_tells(trained, scenes, tmp_path, capsys):
    """Weights and scenes to an int8 model, fine-tuned when asked, with both agreements told."""
    save_scenes(tmp_path / "scenes", scenes)
    weights = trained[1].parent / "run" / "best.weights.h5"
    folder, out = str(tmp_path / "scenes"), tmp_path / "model.tflite"
    code = main(
        ["quantize", "--weights", str(weights), "--scenes", folder, "--validation", folder,
         "--out", str(out), "--qat", "always", "--json"]
    )  # fmt: skip
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0
    assert quantizer.float_tensors(out.read_bytes()) == []
    assert (report["architecture"], report["bytes"]) == ("cnn", out.stat().st_size)
    assert report["fine_tuned"]["f1_float"] == pytest.approx(
        report["post_training"]["f1_float"], abs=0.05
    )  # the same float network; the rule is chosen anew
    assert 0.9 < report["fine_tuned"]["top_class"] <= 1


@pytest.mark.slow
def test_compare_writes_a_table(toy_corpus, tmp_path, monkeypatch, capsys):
    """A small network goes from scenes to its column; a second call trains nothing again."""
    monkeypatch.setattr(compare, "default_config", lambda name: SMALL)
    page = tmp_path / "models.md"
    command = [
        "compare", "--corpus", str(toy_corpus), "--work", str(tmp_path), "--out", str(page),
        "--models", "cnn", "--hours", "0.05", "--validation-hours", "0.02",
        "--test-hours", "0.02", "--epochs", "1",
    ]  # fmt: skip
    assert main(command) == 0
    text = page.read_text()
    for words in ("tflite-runtime, relative to cnn | 1.00 |", "event F1, int8, litert", "points"):
        assert words in text
    trained_at = (tmp_path / "cnn" / "resume.npz").stat().st_mtime_ns
    capsys.readouterr()
    assert main(command) == 0
    assert (tmp_path / "cnn" / "resume.npz").stat().st_mtime_ns == trained_at

"""From a network to a bundle: int8 throughout, the same on the device's runtimes."""

import numpy as np
import pytest

from edge.bundle import load_bundle
from edge.card import EventRule
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.frontend import PRESETS
from edge.pipeline import golden_difference

keras = pytest.importorskip("keras", reason="the train extra is not installed")

from train_export import quantize as quantizer  # noqa: E402
from train_export.calibrate import calibrate, choose_rule, score_scenes  # noqa: E402
from train_export.export import export, finish  # noqa: E402
from train_export.features import ROOM_LABELS, prepare_scenes  # noqa: E402
from train_export.models.cnn import CnnConfig, build  # noqa: E402
from train_export.soundscape import Recipe  # noqa: E402
from train_export.train import (  # noqa: E402
    BEFORE_FRAMES,
    STRETCH_STEPS,
    Stretches,
    TrainConfig,
    train,
)

SMALL = CnnConfig(stem=8, blocks=((8, 1, 1), (8, 2, 2), (8, 1, 2), (8, 1, 1)), trunk=8)


@pytest.fixture(scope="module")
def scenes(toy_corpus):
    """Four dense minutes of the toy corpus."""
    recipe = Recipe(bouts_per_hour=1200, others_per_hour=600)
    return prepare_scenes(toy_corpus, "train", 4, recipe, seed=1)


@pytest.fixture(scope="module")
def folder(scenes, tmp_path_factory):
    """A small network trained for one pass, quantized, with its rules: the whole way."""
    folder = tmp_path_factory.mktemp("bundle")
    model = train(scenes, scenes, SMALL, TrainConfig(epochs=1, batch=4), folder / "run")
    made = export(
        model, SMALL, PRESETS["room-16k"], scenes, folder / "room",
        name="room", version="0", about={},
    )  # fmt: skip
    logits = score_scenes(made, scenes)
    rule, _ = choose_rule(made, logits, scenes, "cough")
    odds = {"cough": calibrate(made, logits, scenes, rule)}
    finish(made, folder / "room", [rule], odds, {})
    return folder


@pytest.fixture(scope="module")
def bundle(folder):
    """The bundle of that training."""
    return load_bundle(str(folder / "room"))


def test_receptive_field_is_what_the_network_sees():
    """A change outside a step's receptive field leaves its score alone; one inside moves it."""
    config = CnnConfig()
    steps = 8
    model = build(config, config.patch_frames(steps))
    rng = np.random.default_rng(0)
    x = rng.normal(1, 1, (1, config.patch_frames(steps), config.bands, 1)).astype(np.float32)
    plain = model.predict(x, verbose=0)[0]
    step = 3
    first = step * config.step_frames
    outside, inside = x.copy(), x.copy()
    outside[:, :first] += 5
    outside[:, first + config.receptive_frames :] += 5
    inside[:, first + config.receptive_frames // 2] += 5
    np.testing.assert_allclose(model.predict(outside, verbose=0)[0][step], plain[step], atol=1e-5)
    assert np.abs(model.predict(inside, verbose=0)[0][step] - plain[step]).max() > 1e-4


def test_targets_lie_where_the_scores_do(scenes):
    """A stretch's targets are the steps whose own frames follow BEFORE_FRAMES of past."""
    data = Stretches(scenes, CnnConfig(), TrainConfig(batch=4))
    x, y = data[0]
    assert x.shape[1:3] == (CnnConfig().patch_frames(STRETCH_STEPS), 40)
    assert y.shape == (4, STRETCH_STEPS, len(ROOM_LABELS))
    assert 0 < y[..., 0].mean() < 1
    assert BEFORE_FRAMES % CnnConfig().step_frames == 0
    np.testing.assert_array_equal(y, data[0][1])


def test_a_trained_bundle_runs_on_the_device_path(bundle):
    """The bundle loads, keeps its golden vectors, and is int8 from end to end."""
    assert quantizer.float_tensors(bundle.model) == []
    assert golden_difference(bundle, Classifier(bundle)) == (True, 0)
    assert isinstance(bundle.rules[0], EventRule)
    assert set(bundle.calibration) == {"cough"}


def test_int8_follows_float(folder, bundle, scenes):
    """Scores of the int8 model correlate with those of the network it came from."""
    model = build(SMALL, SMALL.patch_frames(bundle.layout.patch_steps))
    model.load_weights(folder / "run" / "best.weights.h5")
    patches = np.stack(
        [scenes.features[0, start : start + bundle.layout.patch_frames] for start in (0, 900, 2000)]
    )
    expected = model.predict(patches[..., None] / np.float32(1024), verbose=0)
    classifier = Classifier(bundle)
    found = np.stack([classifier.score(patch) for patch in patches]).astype(float)
    found = (found - bundle.layout.logit_zero) * bundle.layout.logit_scale
    assert np.abs(found - expected).max() < 0.25 * np.abs(expected).max()
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99


def test_a_float_island_is_refused(monkeypatch, scenes):
    """A model with a float tensor inside is refused by name, although it converts."""
    monkeypatch.setattr(quantizer, "float_tensors", lambda model: ["norm/neg"])
    model = build(SMALL, SMALL.patch_frames(4))
    patches = np.zeros((2, SMALL.patch_frames(4), 40, 1), np.float32)
    with pytest.raises(BadInputError, match="norm/neg"):
        quantizer.quantize(model.get_weights(), SMALL, 4, patches)


def test_a_dying_converter_is_told(monkeypatch):
    """When the converter's process dies, its last words are in the error."""
    model = build(SMALL, SMALL.patch_frames(4))
    wrong = np.zeros((2, 3, 40, 1), np.float32)
    with pytest.raises(BadInputError, match="converter ended with code"):
        quantizer.quantize(model.get_weights(), SMALL, 4, wrong)

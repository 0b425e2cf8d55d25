"""Operating points need sounds to be chosen on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import load_bundle
from edge.errors import BadInputError
from edge.frontend import PRESETS
from train_export import room
from train_export.features import SceneSet
from train_export.models.config import default_config
from train_export.operating import operating_points
from train_export.taxonomy import ROOM_LABELS
from train_export.tune import tune

STEPS = 100


@pytest.fixture
def silent() -> SceneSet:
    """A scene in which nothing is heard."""
    features = np.zeros((1, 4 * STEPS, PRESETS["room-16k"].coefficients), np.int16)
    return SceneSet(features, np.zeros((1, STEPS, len(ROOM_LABELS)), np.uint8), ((),))


def test_a_label_that_is_nowhere_is_refused(silent):
    """Without one cough in the validation scenes no rule for coughs is made up."""
    logits = np.full((1, STEPS, len(ROOM_LABELS)), -128, np.int8)
    with pytest.raises(BadInputError, match="no cough is in the validation scenes"):
        operating_points(load_bundle("room"), logits, silent, silent)


def test_a_label_that_is_nowhere_is_refused_before_the_training(
    silent, toy_corpus, tmp_path, monkeypatch
):
    """Nothing but validation scenes is mixed, by `train` and by `tune`, and nothing is written."""
    mixed = []

    def mix(corpus: Path, work: Path, split: str, *_: object) -> SceneSet:
        mixed.append(split)
        return silent

    monkeypatch.setattr(room, "_mixed", mix)
    plan, out, work = room.Plan(hours=1, epochs=1, seed=1), tmp_path / "out", tmp_path / "work"
    with pytest.raises(BadInputError, match="no cough is in the validation scenes"):
        room.train_room(toy_corpus, out, work, plan)
    with pytest.raises(BadInputError, match="no cough is in the validation scenes"):
        tune(load_bundle("room"), toy_corpus, "auto", work, out, None)
    assert mixed == ["val", "val"]
    assert not out.exists()


def test_a_label_of_one_s_own_that_is_nowhere_is_refused_before_the_training(silent, tmp_path):
    """Where every training on scenes begins: before TensorFlow, and the label is named."""
    own = replace(silent, labels=("hiccup", "other"))
    plan, config = room.Plan(hours=1, epochs=1, seed=1), default_config("cnn")
    with pytest.raises(BadInputError, match=r"no hiccup is in .* give more --hours"):
        room.fit_scenes(own, own, config, plan, tmp_path / "run")
    assert not (tmp_path / "run").exists()

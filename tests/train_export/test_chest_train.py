"""From a corpus to a chest bundle, the whole way, on synthetic children."""

import importlib.util

import pytest
from chests import EVENTS

from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.pipeline import golden_difference
from edge.readout import readouts_of
from train_export.chest.evaluate import evaluate
from train_export.chest.labels import KINDS, OUTPUTS
from train_export.chest.settle import settle
from train_export.chest.train import train_chest
from train_export.quantize import float_tensors

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_corpus_becomes_a_bundle(toy_chests, tmp_path):
    """A few steps give a bundle that loads, scores every unit, and is made again from its cache."""
    folders = toy_chests, tmp_path / "chest", tmp_path / "work"
    made = train_chest(*folders, steps=5, seed=1, folds=2)
    assert made.labels == OUTPUTS
    assert set(readouts_of(made.card)) == set(KINDS)
    assert made.card["figures"]["cross_validation"]["1-2"]["units"] == 30
    assert golden_difference(made, Classifier(made)) == (True, 0)
    report, rows = evaluate(made, toy_chests / "sprsound" / "manifest.csv")
    assert len(rows) == 12 * len(EVENTS)
    assert report["tasks"]["2-2"]["units"] == 12
    settled_on = made.card["figures"]["test_intra"]
    assert {task: numbers["units"] for task, numbers in settled_on.items()} == {
        "1-1": 6, "1-2": 6, "2-1": 2, "2-2": 2,
    }  # fmt: skip
    assert made.card["figures"]["icbhi_test"]["all"]["units"] == 6
    assert not any("YAMNet" in source for source in made.card["data"])
    with pytest.raises(BadInputError, match="settled before"):
        settle(made, tmp_path / "chest", [], None)
    again = train_chest(*folders, steps=5, seed=1, folds=2)
    assert again.digest == made.digest


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_network_starts_from_yamnet(toy_chests, yamnet, tmp_path):
    """The first layers of YAMNet become an int8 bundle of at most 150 kB, and its card says so."""
    folders = toy_chests, tmp_path / "chest", tmp_path / "work"
    made = train_chest(*folders, steps=2, seed=1, folds=2, pretrained=yamnet)
    assert made.card["model"]["architecture"] == "stem_cnn"
    assert made.card["protocol"]["pretrained"].startswith("YAMNet, SHA-256 687f226c147a")
    assert sum("YAMNet" in source for source in made.card["data"]) == 1
    assert len(made.model) <= 150_000
    assert float_tensors(made.model) == []
    assert golden_difference(made, Classifier(made)) == (True, 0)

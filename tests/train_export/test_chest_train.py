"""From a corpus to a chest bundle, the whole way, on synthetic children."""

import csv
import importlib.util

import pytest
import soundfile as sf

from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.pipeline import golden_difference
from edge.readout import readouts_of
from train_export.chest.evaluate import evaluate
from train_export.chest.golden import RATE_HZ, chest_pcm
from train_export.chest.labels import KINDS, OUTPUTS
from train_export.chest.settle import settle
from train_export.chest.train import train_chest
from train_export.quantize import float_tensors

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)

FIELDS = ("path", "source", "subject", "label_event", "start_s", "end_s", "recorder", "split")
SOUNDS = (
    ("record:CAS & DAS", 0, 8),
    ("Normal", 0.1, 1.3),
    ("Wheeze", 2.7, 3.6),
    ("Fine Crackle", 5.3, 6.3),
)
TESTS = {"sprsound": "test_intra", "icbhi2017_partial": "test"}
CYCLES = (("normal_cycle", 0, 1.3), ("wheeze", 2.6, 3.9), ("crackle", 5.2, 6.5))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Twelve children with a recording each, annotated as SPRSound and ICBHI are; ten train."""
    root = tmp_path_factory.mktemp("corpus")
    for source, units in (("sprsound", SOUNDS), ("icbhi2017_partial", CYCLES)):
        folder = root / source
        folder.mkdir()
        with (folder / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            for person in range(12):
                name = f"{person}.wav"
                sf.write(folder / name, chest_pcm(person), RATE_HZ, "PCM_16")
                for label, start_s, end_s in units:
                    who = f"{source}-{person}"
                    split = "train" if person < 10 else TESTS[source]
                    row = (name, source, who, label, start_s, end_s, "scope", split)
                    writer.writerow(dict(zip(FIELDS, row, strict=True)))
    return root


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_corpus_becomes_a_bundle(corpus, tmp_path):
    """A few steps give a bundle that loads, scores every unit, and is made again from its cache."""
    folders = corpus, tmp_path / "chest", tmp_path / "work"
    made = train_chest(*folders, steps=5, seed=1, folds=2)
    assert made.labels == OUTPUTS
    assert set(readouts_of(made.card)) == set(KINDS)
    assert made.card["figures"]["cross_validation"]["1-2"]["units"] == 30
    assert golden_difference(made, Classifier(made)) == (True, 0)
    report, rows = evaluate(made, corpus / "sprsound" / "manifest.csv")
    assert len(rows) == 12 * len(SOUNDS)
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
def test_a_network_starts_from_yamnet(corpus, yamnet, tmp_path):
    """The first layers of YAMNet become an int8 bundle of at most 150 kB, and its card says so."""
    folders = corpus, tmp_path / "chest", tmp_path / "work"
    made = train_chest(*folders, steps=2, seed=1, folds=2, pretrained=yamnet)
    assert made.card["model"]["architecture"] == "stem_cnn"
    assert made.card["protocol"]["pretrained"].startswith("YAMNet, SHA-256 687f226c147a")
    assert sum("YAMNet" in source for source in made.card["data"]) == 1
    assert len(made.model) <= 150_000
    assert float_tensors(made.model) == []
    assert golden_difference(made, Classifier(made)) == (True, 0)

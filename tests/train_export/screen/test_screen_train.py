"""From a corpus to a screen of lung sounds, the whole way, on made-up chests."""

import importlib.util

import numpy as np
import pytest
from chests import write_chests, write_patients

from edge.classifier import Classifier
from edge.errors import InputOutputError
from edge.pipeline import golden_difference
from edge.screening import Screener, level_of, levelled
from train_export.chest.golden import RATE_HZ, chest_pcm
from train_export.quantize import float_tensors
from train_export.screen import chest, protocol

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_corpus_becomes_a_screen(tmp_path, monkeypatch):
    """Chest networks of a few steps get a disease head; the bundle screens and says what is in it.

    The strangers that a novelty is measured on are the corpus's own, so here there are only those
    that are made up.
    """
    monkeypatch.setattr(chest, "STRANGERS", ())
    monkeypatch.setattr(chest, "strangers", lambda *_: {})
    monkeypatch.setattr(chest, "CHEST_FOLDS", 2)
    monkeypatch.setattr(protocol, "REPEATS", 1)
    monkeypatch.setattr(protocol, "SHUFFLES", 1)
    monkeypatch.setattr(protocol, "RESAMPLES", 20)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write_chests(corpus)
    write_patients(corpus)
    folders = corpus, tmp_path / "screen", tmp_path / "work"
    made = chest.train_screen_chest(*folders, steps=3, seed=1, pretrained=None)
    assert made.labels == ("obstructive", "healthy", "other illness", "wheeze", "crackle")
    assert float_tensors(made.model) == []
    assert golden_difference(made, Classifier(made)) == (True, 0)
    figures = made.card["figures"]
    assert figures["obstructive"]["people"] == 15
    assert [entry["people_positive"] for entry in figures["other_networks"]] == [5, 5]
    for name in ("wheeze", "crackle"):
        assert figures["sounds"][name]["people_positive"] == 5
    screener = Screener(made, Classifier(made))
    pcm = chest_pcm(100)
    found = screener.screen(pcm, RATE_HZ)
    assert sum(found.probabilities.values()) == pytest.approx(1)
    level = levelled(screener.features(pcm, RATE_HZ), screener.rule.level_q7)
    assert level_of(level) == screener.rule.level_q7
    assert np.isfinite(found.novelty)


def test_a_corpus_that_lacks_a_folder_is_told_before_the_training(tmp_path):
    """Nothing is trained for hours that can't be measured in the end."""
    (tmp_path / "kauh").mkdir()
    (tmp_path / "kauh" / "manifest.csv").write_text("path,label_disease\n")
    folders = tmp_path, tmp_path / "screen", tmp_path / "work"
    with pytest.raises(InputOutputError, match=r"has no negatives/librispeech\S+/manifest\.csv"):
        chest.train_screen_chest(*folders, steps=3, seed=1, pretrained=None)
    assert not (tmp_path / "work").exists()

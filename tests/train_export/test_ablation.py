"""What a part buys is counted on the same scenes, with an interval that knows how little it is."""

import importlib.util

import numpy as np
import pytest

from train_export import ablation
from train_export.ablation import BANDS_KEPT, PLAIN, best_bands, gain, variants
from train_export.cli import main
from train_export.metrics import EventScore
from train_export.models.config import CnnConfig

HALF_H = 0.5


def test_a_gain_is_paired_and_sure_only_when_every_scene_shows_it():
    """The same scores gain nothing at all; one cough more in each scene is a sure gain."""
    rng = np.random.default_rng(0)
    plain = [EventScore(int(n), 9 - int(n), 1, HALF_H) for n in rng.integers(2, 7, 40)]
    assert gain(plain, plain) == (0.0, 0.0, 0.0)
    better = [EventScore(one.matched + 1, one.missed - 1, 1, HALF_H) for one in plain]
    value, low, high = gain(better, plain)
    assert 0 < low <= value <= high
    assert gain(plain, better) == pytest.approx((-value, -high, -low))
    luck = [better[0], *plain[1:]]
    assert gain(luck, plain)[1] == 0.0 < gain(luck, plain)[2]


def test_variants_change_one_thing_each(toy_corpus, monkeypatch, tmp_path):
    """The plain room first; a denoiser, fewer bands or a teacher in one variant alone."""
    monkeypatch.setattr(ablation, "best_bands", lambda corpus, seed: (1, 2, 30))
    named = variants(toy_corpus, tmp_path / "yamnet.tflite", 0)
    assert next(iter(named)) == PLAIN
    changed = [
        (one.spec.denoise != "none") + bool(one.spec.kept) + one.taught for one in named.values()
    ]
    assert changed == [0, 1, 1, 1, 1]
    assert len(variants(toy_corpus, None, 0)) == 4


def test_the_best_bands_are_bands(toy_corpus):
    """So many of the room's 40 as asked, ascending, the same ones each time."""
    kept = best_bands(toy_corpus, 0)
    assert len(kept) == BANDS_KEPT
    assert list(kept) == sorted(set(kept))
    assert set(kept) <= set(range(40))
    assert best_bands(toy_corpus, 0) == kept


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="no train extra")
def test_the_page_of_a_small_ablation(toy_corpus, monkeypatch, tmp_path, capsys):
    """Two variants go from scenes to int8 figures; the page names both, and the budget."""
    small = CnnConfig(blocks=((16, 1, 1), (16, 2, 2), (16, 1, 2), (16, 1, 1)), trunk=16)
    monkeypatch.setattr(ablation, "default_config", lambda name: small)
    monkeypatch.setattr(
        ablation, "variants", lambda *args: {
            PLAIN: ablation.Variant(),
            "fewer": ablation.Variant(ablation.replace(ablation.ROOM, kept=tuple(range(0, 40, 2)))),
        },
    )  # fmt: skip
    page = tmp_path / "ablation.md"
    command = [
        "ablate", "--corpus", str(toy_corpus), "--work", str(tmp_path), "--out", str(page),
        "--hours", "0.05", "--validation-hours", "0.02", "--test-hours", "0.04", "--epochs", "1",
    ]  # fmt: skip
    assert main(command) == 0
    text = page.read_text()
    assert text in capsys.readouterr().out
    assert "0.05 h of training scenes, 1 epochs" in text
    assert "| fewer |" in text
    assert "- fewer: " in text

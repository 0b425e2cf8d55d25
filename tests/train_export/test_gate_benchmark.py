"""The benchmark of the gate counts what the device's gate does, on scenes whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import gate as benchmark
from edge.bundle import load_bundle
from edge.card import GateRule
from edge.classifier import Classifier
from edge.pipeline import step_begin_s
from edge.records import ScoreBlock
from train_export.features import SceneSet
from train_export.soundscape import Truth

RULE = GateRule(rise_q7=160, settle_steps=0)


@pytest.fixture(scope="module")
def bundle():
    """The shipped bundle."""
    return load_bundle("room")


def scene(bundle, seed: int) -> SceneSet:
    """Half a minute of a steady room with some louder moments, as features."""
    rng = np.random.default_rng(seed)
    features = (1000 + rng.normal(0, 40, (3_000, bundle.spec.coefficients))).astype(np.int16)
    for at in rng.integers(200, 2_900, 3):
        features[at : at + 12] += 700
    return SceneSet(features[None], np.zeros((1, 0, 0), np.uint8), ((),))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_its_gate_is_the_devices(bundle, seed):
    """Masked logits are, bit for bit, those of the device's scorer with its gate."""
    scenes = scene(bundle, seed)
    logits, shown = benchmark.scored(bundle, scenes)[0], benchmark.opened(bundle, scenes, RULE)[0]
    assert 0 < shown.mean() < 1
    benchmark.check(bundle, scenes, RULE, benchmark.shut(logits, shown))
    with pytest.raises(RuntimeError, match="other logits"):
        benchmark.check(bundle, scenes, RULE, np.full_like(logits, 1))


def test_what_is_shut_out_and_what_is_lost_is_counted(bundle):
    """Three coughs: one is shown, one is shut out, one keeps its tail alone and is lost."""
    layout, rule = bundle.layout, bundle.rules[0]
    steps = 600
    onsets = (100, 250, 400)
    logits = np.full((steps, len(bundle.labels)), -128, np.int8)
    column = bundle.labels.index(rule.label)
    shown = np.ones(steps, bool)
    for onset in onsets:
        logits[onset : onset + 10, column] = 127
    shown[240:270] = False
    shown[390:409] = False
    truths = [
        Truth(
            rule.label, "cough",
            step_begin_s(onset, layout.step_frames, bundle.spec),
            step_begin_s(onset + 10, layout.step_frames, bundle.spec), "somebody", 7.0,
        )
        for onset in onsets
    ]  # fmt: skip
    tallies = {rule.label: benchmark.Tally()}
    pair = ScoreBlock(logits, 0), ScoreBlock(benchmark.shut(logits, shown), 0)
    benchmark.compare(bundle, tallies, truths, pair, shown)
    tally = tallies[rule.label]
    assert (tally.sounds, tally.shut_out, tally.found, tally.lost) == (3, 1, 3, 2)
    assert tally.shares == (1 / 3, 2 / 3)
    assert tally.snr_db == [7.0, 7.0]


def test_the_page_says_whose_gate_and_the_bound(bundle):
    """No loss of 600 is not no loss: the bound of the interval stands beside it."""
    tally = benchmark.Tally(sounds=600, found=400)
    outcome = benchmark.Outcome({"cough": tally}, 10.0, {"hiss": 0.99})
    text = benchmark.page(replace(bundle, gate=None), RULE, outcome, "command")
    assert "it has none" in text
    assert "| cough | 600 | 0 = 0.00 % [0.61] | 400 | 0 = 0.00 % [0.92] | 0, 0 |" in text
    assert "its own" in benchmark.page(replace(bundle, gate=RULE), RULE, outcome, "command")
    assert benchmark.most(3, 3) == 1.0


def test_a_loss_as_large_as_the_limit_fails(bundle, monkeypatch, tmp_path):
    """The exit code says whether the limit is kept."""
    for lost, code in ((0, 0), (1, 1)):
        tally = benchmark.Tally(sounds=200, found=200, lost=lost)
        monkeypatch.setattr(
            benchmark, "measure", lambda *_, t=tally: benchmark.Outcome({"cough": t}, 1.0, {})
        )
        monkeypatch.setattr(
            "sys.argv", ["gate", "room", "--corpus", str(tmp_path), "--out", str(tmp_path / "g.md")]
        )
        assert benchmark.main() == code


def test_the_shipped_classifier_is_what_is_scored(bundle):
    """Without a gate the benchmark's logits are the classifier's own."""
    scenes = scene(bundle, 4)
    layout = bundle.layout
    first = benchmark.scored(bundle, scenes)[0][: layout.patch_steps]
    before = np.zeros((layout.before_frames, bundle.spec.coefficients), np.int16)
    patch = np.concatenate([before, scenes.features[0]])[: layout.patch_frames]
    np.testing.assert_array_equal(first, Classifier(bundle).score(patch))

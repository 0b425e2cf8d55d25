"""The benchmark of the gate counts what the device's gate does, on scenes whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import gate as benchmark
from edge.bundle import load_bundle
from edge.card import GateRule
from edge.classifier import Classifier
from edge.pipeline import step_begin_s
from train_export.soundscape import Truth

RULE = GateRule(rise_q7=160, settle_steps=0)


@pytest.fixture(scope="module")
def bundle():
    """The shipped bundle."""
    return load_bundle("room")


def recording(seed: int) -> np.ndarray:
    """Half a minute of a steady room with some louder moments."""
    rng = np.random.default_rng(seed)
    pcm = rng.normal(0, 30, 30 * 16_000 + seed)
    for at in rng.integers(32_000, 29 * 16_000, 3):
        pcm[at : at + 2_000] += rng.normal(0, 1_000, 2_000)
    return np.round(pcm).astype(np.int16)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_its_gate_is_the_devices(bundle, seed):
    """What it says was shown is, bit for bit, what the device's way to scores shows the model."""
    pcm = recording(seed)
    pair = benchmark.scored(bundle, Classifier(bundle), RULE, pcm)
    shown = benchmark.opened(bundle, RULE, pcm)
    assert 0 < shown.mean() < 1
    benchmark.check(pair, shown)
    with pytest.raises(RuntimeError, match="other scores"):
        benchmark.check(pair, ~shown)


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
    gated = np.where(shown[:, None], logits, np.int8(-128))
    benchmark.compare(bundle, tallies, truths, (logits, gated), shown)
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

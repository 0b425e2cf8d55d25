"""Event rules: chosen on streams with a known truth, they find what is there."""

from pathlib import Path

import numpy as np

from edge.card import Layout
from edge.frontend import PRESETS
from train_export.chest.labels import HEARD, OUTPUTS
from train_export.chest.rules import Stream, choose_rules
from train_export.chest.sampling import MIDDLE_FRAMES
from train_export.chest.units import Unit

SPEC = PRESETS["chest-4k"]
LAYOUT = Layout(
    patch_frames=192, patch_steps=1, step_frames=MIDDLE_FRAMES, before_frames=88,
    input_multiplier_q20=1, input_zero=0, logit_scale=0.1, logit_zero=5,
)  # fmt: skip
STEP_S = MIDDLE_FRAMES * SPEC.hop_samples / SPEC.rate_hz


def stream(rng: np.random.Generator, label: str, noise: float) -> Stream:
    """Fifteen seconds with two sounds, heard two logits above the rest."""
    scores = rng.normal(-1.5, noise, (94, len(OUTPUTS)))
    events = []
    for first in (20, 60):
        heard = "crackle" if "Crackle" in label else "wheeze"
        scores[first : first + 6, OUTPUTS.index(heard)] += 3.5
        start_s = first * STEP_S
        events.append(
            Unit(Path("a.wav"), "a.wav", "event", label, start_s, start_s + 1, "toy", "P", "", "")
        )
    return Stream(scores, tuple(events))


def test_clear_sounds_are_found_and_told_apart():
    """Without noise every crackle and wheeze is found, and no other."""
    rng = np.random.default_rng(0)
    streams = [stream(rng, label, 0.1) for label in ("Fine Crackle", "Wheeze", "Stridor")]
    rules, odds, figures = choose_rules(streams, LAYOUT, SPEC)
    assert tuple(rule.label for rule in rules) == HEARD
    assert {label: figures[label]["true"] for label in HEARD} == {"crackle": 2, "wheeze": 4}
    for label in HEARD:
        assert figures[label]["f1"] == 1.0
        assert set(odds) == set(HEARD)


def test_odds_follow_what_was_right():
    """With noise some events are false, and a higher peak is likelier to be a true one."""
    rng = np.random.default_rng(1)
    streams = [stream(rng, "Wheeze", 1.6) for _ in range(60)]
    _, odds, figures = choose_rules(streams, LAYOUT, SPEC)
    assert 0.3 < figures["wheeze"]["f1"] < 1.0
    assert odds["wheeze"].probability(4.0) > odds["wheeze"].probability(1.0)

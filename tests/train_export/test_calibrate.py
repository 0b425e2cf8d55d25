"""Event rules are chosen for the best F1, or for a number of false alarms an hour."""

import numpy as np
import pytest

from edge.bundle import load_bundle
from train_export.calibrate import choose_rule, fit_platt
from train_export.features import STEP_FRAMES, SceneSet
from train_export.soundscape import Truth
from train_export.taxonomy import ROOM_LABELS

STEPS = 9_000  # six minutes
COUGHS = range(100, 8_900, 200)
OTHERS = range(200, 8_900, 200)


@pytest.fixture(scope="module")
def bundle():
    """The shipped bundle: its scale of logits and its frontend."""
    return load_bundle("room")


def scored(bundle, loudest_other: int) -> tuple[np.ndarray, SceneSet]:
    """Logits with a peak at each cough and at each other sound, and their scenes."""
    rng = np.random.default_rng(3)
    logits = np.full((1, STEPS, len(ROOM_LABELS)), -100, np.int8)
    spec, truths = bundle.spec, []
    step_s = STEP_FRAMES * spec.hop_samples / spec.rate_hz
    for step in COUGHS:
        logits[0, step : step + 6, 0] = rng.integers(-20, 127)
        truths.append(Truth("cough", "cough", step * step_s, (step + 6) * step_s, "p", 10.0))
    for step in OTHERS:
        logits[0, step : step + 6, 0] = rng.integers(-60, loudest_other)
    features = np.zeros((1, STEPS * STEP_FRAMES, spec.coefficients), np.int16)
    targets = np.zeros((1, STEPS, len(ROOM_LABELS)), np.uint8)
    return logits, SceneSet(features, targets, (tuple(truths),))


@pytest.mark.parametrize("most", [0.0, 10.0, 60.0])
def test_false_alarms_are_kept_to(bundle, most):
    """No more false alarms than were asked for, and no less sensitive than that forces."""
    logits, scenes = scored(bundle, loudest_other=70)
    _, kept = choose_rule(bundle, logits, scenes, "cough", most)
    _, strict = choose_rule(bundle, logits, scenes, "cough", 0.0)
    _, free = choose_rule(bundle, logits, scenes, "cough")
    assert kept.false_alarms_per_hour <= most
    assert strict.sensitivity <= kept.sensitivity
    assert kept.f1 <= free.f1
    assert kept.sensitivity > 0.2


def test_a_rival_takes_what_is_its_own(bundle):
    """Where other sounds reach a cough's level and are sneezes, sneezes exclude coughs."""
    logits, scenes = scored(bundle, loudest_other=126)
    _, plain = choose_rule(bundle, logits, scenes, "cough")
    for step in OTHERS:
        logits[0, step : step + 6, ROOM_LABELS.index("sneeze")] = 90
    rule, score = choose_rule(bundle, logits, scenes, "cough")
    assert (rule.rival, rule.rival_open <= 90) == ("sneeze", True)
    assert score.false_alarms_per_hour < plain.false_alarms_per_hour / 2
    assert score.sensitivity >= plain.sensitivity


def test_equally_good_rules_differ_by_false_alarms(bundle):
    """One faint cough is not bought with a false alarm: F1 is the same to the hundredth."""
    logits, scenes = scored(bundle, loudest_other=-50)
    for step in COUGHS:
        logits[0, step : step + 6, 0] = 100
    faint, other = COUGHS[5], OTHERS[7]
    logits[0, faint : faint + 6, 0] = 52
    logits[0, other : other + 6, 0] = 56
    _, score = choose_rule(bundle, logits, scenes, "cough")
    assert (score.missed, score.extra) == (1, 0)


def test_speech_is_no_rival(bundle):
    """Somebody may cough while somebody talks: what else sounds excludes nothing."""
    logits, scenes = scored(bundle, loudest_other=126)
    for step in OTHERS:
        logits[0, step : step + 6, ROOM_LABELS.index("speech")] = 90
    assert choose_rule(bundle, logits, scenes, "cough")[0].rival == ""


def test_a_surer_score_is_never_less_likely():
    """Odds rise with the logit, and are those of all where the outcomes run the other way."""
    logits = np.linspace(-1, 3, 40)
    rising = fit_platt(logits, [int(at > 15) for at in range(40)])
    assert rising.slope > 0
    falling = fit_platt(logits, [int(at < 10) for at in range(40)])
    assert falling.slope == 0
    assert falling.probability(0.3) == pytest.approx(0.25)


def test_what_no_rule_keeps_to_comes_as_near_as_it_can(bundle):
    """Where the loudest sounds are no coughs, the rule is one with the fewest of them."""
    logits, scenes = scored(bundle, loudest_other=70)
    for step in OTHERS[:3]:
        logits[0, step : step + 6, 0] = 127
    _, kept = choose_rule(bundle, logits, scenes, "cough", 1.0)
    assert kept.false_alarms_per_hour == pytest.approx(3 / kept.hours)

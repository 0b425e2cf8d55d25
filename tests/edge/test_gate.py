"""The gate ahead of the model."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundle import load_bundle, write_bundle
from edge.card import GateRule
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.gate import Gate
from edge.pipeline import Pipeline, Scorer
from edge.records import AudioBlock

STEP_FRAMES = 4
RULE = GateRule(rise_q7=128, groups=4, hold_steps=12, settle_steps=0)


def frames_of(levels):
    """Frames whose 40 bands all hold a step's level."""
    return np.repeat(np.array(levels, np.int16), STEP_FRAMES)[:, None].repeat(40, axis=1)


def test_steady_sound_is_quiet_at_any_level():
    """A fan that runs all night costs the model nothing, loud or soft."""
    for level in (0, 900, 3000):
        gate = Gate(RULE, STEP_FRAMES)
        assert not any(gate.push(frames_of([level] * 12)) for _ in range(20))


def test_a_rise_of_its_threshold_in_one_group_opens_it():
    """A sound in a quarter of the bands is enough, from just above the threshold on."""
    for rise, opens in ((128, False), (129, True)):
        gate = Gate(RULE, STEP_FRAMES)
        gate.push(frames_of([1000] * 12))
        loud = frames_of([1000] * 12)
        loud[20:24, 10:20] += rise
        assert gate.push(loud) is opens


def test_it_stays_open_for_the_tail():
    """The steps after a rise are scored as well, so that an event's end is heard."""
    gate = Gate(RULE, STEP_FRAMES)
    gate.push(frames_of([1000] * 12))
    assert gate.push(frames_of([1000] * 11 + [2000]))
    assert gate.push(frames_of([1000] * 12))
    assert not gate.push(frames_of([1000] * 12))


def test_a_new_loud_background_is_learned_and_a_sound_above_it_heard():
    """Half a minute after a fan was switched on the gate is shut again, and a cough opens it."""
    gate = Gate(RULE, STEP_FRAMES)
    gate.push(frames_of([1000] * 12))
    assert gate.push(frames_of([2000] * 12))
    for _ in range(100):
        last = gate.push(frames_of([2000] * 12))
    assert not last
    assert gate.push(frames_of([2000] * 11 + [2200]))


@given(st.lists(st.integers(0, 3500), min_size=24, max_size=48))
def test_it_starts_again_after_reset(levels):
    """The same frames after a reset open it at the same places."""
    gate = Gate(RULE, STEP_FRAMES)
    frames = frames_of(levels[: len(levels) // 12 * 12])
    first = [gate.push(part) for part in np.split(frames, len(frames) // 48)]
    gate.reset()
    assert [gate.push(part) for part in np.split(frames, len(frames) // 48)] == first


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_blocks_of_any_size_skip_the_same_steps(seed):
    """What is skipped hangs on the sound alone, not on how it arrived."""
    bundle = load_bundle("room")
    classifier = Classifier(bundle)
    rng = np.random.default_rng(seed)
    features = (1000 + rng.normal(0, 60, (400, bundle.spec.coefficients))).astype(np.int16)
    at = rng.integers(100, 380)
    features[at : at + 8] += 600
    whole = Scorer(bundle, classifier, Gate(RULE, STEP_FRAMES))
    expected = np.concatenate([whole.push(features).logits, whole.finish().logits])
    parts = Scorer(bundle, classifier, Gate(RULE, STEP_FRAMES))
    cuts = np.sort(rng.integers(0, 400, 5))
    found = [parts.push(part).logits for part in np.split(features, cuts)]
    assert np.array_equal(np.concatenate([*found, parts.finish().logits]), expected)
    assert whole.skipped == parts.skipped


def test_a_pipeline_skips_a_quiet_room_and_says_how_much(tmp_path):
    """A bundle whose card has a gate leaves most of a minute of hiss to the frontend alone."""
    shipped = load_bundle("room")
    card = shipped.card | {"gate": asdict(GateRule(rise_q7=160))}
    write_bundle(tmp_path, card, model=shipped.model, tables=shipped.tables, golden=shipped.golden)
    bundle = load_bundle(str(tmp_path))
    pipeline = Pipeline(bundle, Classifier(bundle), 16_000)
    hiss = np.random.default_rng(1).normal(0, 30, 60 * 16_000).astype(np.int16)
    assert pipeline.push(AudioBlock(hiss, 16_000, 0)) == []
    assert pipeline.skipped_s > 50
    assert pipeline.coverage.processed_s == 60
    ungated = replace(bundle, gate=None)
    everything = Pipeline(ungated, Classifier(ungated), 16_000)
    everything.push(AudioBlock(hiss, 16_000, 0))
    assert everything.skipped_s == 0


def test_a_card_with_an_impossible_gate_is_refused(tmp_path):
    """A gate that could never open, or has no groups, is named with its value."""
    with pytest.raises(BadInputError, match="rise_q7=0, groups=0"):
        GateRule(rise_q7=0, groups=0)
    shipped = load_bundle("room")
    card = shipped.card | {"gate": {"rise_q7": 0}}
    write_bundle(tmp_path, card, model=shipped.model, tables=shipped.tables, golden=shipped.golden)
    assert json.loads((tmp_path / "card.json").read_text())["gate"] == {"rise_q7": 0}
    with pytest.raises(BadInputError, match="rise_q7=0"):
        load_bundle(str(tmp_path))

"""A recording becomes calibrated probabilities, a decision or an abstention with its reasons."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import screening
from edge.bundle import load_bundle
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.novelty import STATISTICS, Novelty, statistics
from edge.screening import (
    ABSTAIN,
    FALSE_SHARE,
    MOST_MISTOLD,
    TAXONOMY,
    Screener,
    least_beyond_chance,
    level_of,
    levelled,
    screen_rule,
)

RATE_HZ = 4_000


@pytest.fixture(scope="module")
def bundle():
    """The shipped screen of lung sounds."""
    return load_bundle("screen-chest")


@pytest.fixture(scope="module")
def classifier(bundle):
    """Its model."""
    return Classifier(bundle)


@pytest.fixture
def welcoming(bundle, classifier):
    """A screener that takes the golden audio for known, claims, and always finds one label."""
    screener = Screener(bundle, classifier)
    frames = screener.features(bundle.golden["pcm"], RATE_HZ)
    known = Novelty(statistics(frames), np.eye(STATISTICS), 1.0)
    screener.rule = replace(screener.rule, novelty=known, claim=True, quantile=0.4999)
    return screener


@given(st.integers(1, 50), st.integers(-400, 400), st.integers(1_000, 4_000))
def test_levelling_forgets_the_gain(frames, gain, level):
    """However loud features above the floor are, they come out the same, exactly."""
    features = np.random.default_rng(frames).integers(500, 3_000, (frames, 10)).astype(np.int16)
    louder = (features + gain).astype(np.int16)
    found = levelled(louder, level)
    np.testing.assert_array_equal(found, levelled(features, level))
    assert found.dtype == np.int16
    assert level_of(found) == level


def test_levelling_keeps_silence():
    """What was not heard stays at the floor; the loudest tenth begins at the level."""
    features = np.zeros((2, 10), np.int16)
    features[0, :4] = 300, 200, 100, 50
    assert level_of(features) == 100
    expected = np.zeros((2, 10), np.int16)
    expected[0, :4] = 1_200, 1_100, 1_000, 950
    np.testing.assert_array_equal(levelled(features, 1_000), expected)


@pytest.mark.parametrize("heard", [0, 1, 4])
def test_what_is_too_quiet_is_not_levelled(heard):
    """Where less than a tenth is heard there is no level to go by."""
    features = np.zeros((5, 10), np.int16)
    features[0, :heard] = 700
    assert level_of(features) == 0
    np.testing.assert_array_equal(levelled(features, 1_000), features)


def test_levelling_stays_within_int16():
    """What would fall below the floor or rise above the type's end stops there."""
    features = np.array([[1, 100, 32_767]], np.int16)
    assert levelled(features, 1).tolist() == [[0, 0, 1]]
    features = np.array([[1, 100] * 9 + [32_767]], np.int16)
    assert levelled(features, 200).tolist() == [[101, 200] * 9 + [32_767]]


def test_a_lower_gain_hardly_changes_the_result(welcoming):
    """The samples at half the gain lose the quietest parts alone."""
    pcm = welcoming.bundle.golden["pcm"]
    first = welcoming.rule.labels[0]
    here, there = welcoming.screen(pcm, RATE_HZ), welcoming.screen(pcm // 2, RATE_HZ)
    assert there.probabilities[first] == pytest.approx(here.probabilities[first], abs=0.1)


def test_the_shipped_bundle_claims_nothing_that_it_was_not_measured_on(bundle):
    """Its groups are labels of the taxonomy, lung cancer is in none, and a claim needs figures."""
    rule = screen_rule(bundle)
    members = [name for group in rule.members.values() for name in group]
    assert set(members) <= set(TAXONOMY)
    assert len(members) == len(set(members))
    assert "lung cancer" in TAXONOMY
    assert "lung cancer" not in members
    best = max(numbers["auroc"] for numbers in bundle.card["figures"]["baselines"].values())
    assert rule.claim == (rule.measured.low > max(0.5, best))


@given(st.floats(-60, 60), st.floats(-60, 60))
def test_probabilities_sum_to_one(bundle, first, second):
    """Whatever the logits, the probabilities are a distribution over the labels."""
    found = screen_rule(bundle).probabilities(np.array([first, second]))
    assert sum(found.values()) == pytest.approx(1)
    assert all(0 <= p <= 1 for p in found.values())


@given(st.floats(-40, 40), st.floats(-40, 40), st.floats(-40, 40))
def test_a_labels_odds_are_the_sum_of_its_outputs(bundle, first, second, third):
    """However the odds fall to the kinds of others, their sum is what the label stands for."""
    rule = screen_rule(bundle)
    assert [rule.outputs[label] for label in rule.labels] == [
        ("obstructive",),
        ("healthy", "other illness"),
    ]
    found = rule.merged(np.array([first, second, third]))
    assert found[0] == pytest.approx(first)
    assert np.exp(found[1]) == pytest.approx(np.exp(second) + np.exp(third))


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_quantile_never_decides_less_surely(bundle, p, quantile):
    """A label conforms when 1 - p is at most the quantile, and only then."""
    rule = replace(screen_rule(bundle), quantile=quantile)
    first, second = rule.labels
    found = rule.conforming({first: p, second: 1 - p})
    assert (first in found) == (1 - p <= quantile)
    assert (second in found) == (1 - (1 - p) <= quantile)


def test_a_known_recording_gets_the_likelier_label(welcoming):
    """Nothing stands against a decision, so it is the likelier label, the same every time."""
    pcm = welcoming.bundle.golden["pcm"]
    found = welcoming.screen(pcm, RATE_HZ)
    assert found.reasons == ()
    assert found.decision == max(found.probabilities, key=found.probabilities.get)
    assert found == welcoming.screen(pcm, RATE_HZ)
    assert [sound.label for sound in found.sounds] == list(welcoming.rule.sounds)
    assert all(0 <= sound.heard <= sound.stretches for sound in found.sounds)


def test_probabilities_follow_the_models_mean_logit(welcoming):
    """They are the calibrated mean over the int8 model's patches."""
    features = welcoming.features(welcoming.bundle.golden["pcm"], RATE_HZ)
    frames = levelled(features, welcoming.rule.level_q7)
    layout = welcoming.bundle.layout
    starts = [*range(0, len(frames) - layout.patch_frames, layout.patch_frames // 2)]
    starts.append(len(frames) - layout.patch_frames)
    scores = [
        welcoming.classifier.score(frames[start : start + layout.patch_frames])[0]
        for start in starts
    ]
    logits = (np.mean(scores, axis=0) - layout.logit_zero) * layout.logit_scale
    odds = np.exp(logits)  # of obstructive, healthy and other illness; the last two are one label
    expected = welcoming.rule.probabilities(np.log([odds[0], odds[1] + odds[2]]))
    found = welcoming.screen(welcoming.bundle.golden["pcm"], RATE_HZ).probabilities
    assert found == pytest.approx(expected)


def faulty(kind: str, pcm: np.ndarray) -> np.ndarray:
    """The recording with one fault."""
    if kind == screening.TOO_SHORT:
        return pcm[: round(screening.LEAST_S * RATE_HZ) - 1]
    if kind == screening.TOO_QUIET:
        return np.zeros_like(pcm)
    return np.clip(pcm.astype(np.int32) * 40, -32_768, 32_767).astype(np.int16)


@pytest.mark.parametrize(
    ("stretches", "least"),
    [(0, 2), (1, 2), (3, 4), (4, 4), (12, 4), (15, 6), (18, 6), (33, 8), (119, 14)],
)
def test_the_least_count_beyond_chance(stretches, least):
    """By hand: of 6 independent stretches 2 exceed by chance in 3 recordings of 100, 1 in 26."""
    assert least_beyond_chance(stretches) == least


@pytest.mark.parametrize("stretches", [4, 9, 18, 31, 119])
def test_chance_alone_is_rarely_told(stretches):
    """Of noise in stretches that overlap by half, at most one recording in twenty is told."""
    halves = np.random.default_rng(stretches).normal(size=(20_000, stretches + 1))
    values = halves[:, :-1] + halves[:, 1:]
    heard = (values >= np.quantile(values, 1 - FALSE_SHARE)).sum(axis=1)
    assert (heard >= least_beyond_chance(stretches)).mean() <= MOST_MISTOLD
    assert (heard >= 1).mean() > 3 * MOST_MISTOLD


@pytest.mark.parametrize("kind", [screening.TOO_SHORT, screening.TOO_QUIET, screening.CLIPPED])
def test_a_faulty_recording_gets_no_decision(welcoming, kind):
    """What is too short, too quiet or clipped is refused for that reason."""
    found = welcoming.screen(faulty(kind, welcoming.bundle.golden["pcm"]), RATE_HZ)
    assert kind in found.reasons
    assert found.decision == ABSTAIN


def test_an_empty_recording_is_refused(welcoming):
    """No samples at all are too short and too quiet, and break nothing."""
    found = welcoming.screen(np.zeros(0, np.int16), RATE_HZ)
    assert {screening.TOO_SHORT, screening.TOO_QUIET} <= set(found.reasons)
    assert found.duration_s == 0


@pytest.mark.parametrize("kind", ["silence", "hiss", "tone"])
def test_the_shipped_bundle_refuses_what_is_no_chest(bundle, classifier, kind):
    """Silence, white noise and a tone are unlike every recording that it knows."""
    time_s = np.arange(10 * RATE_HZ) / RATE_HZ
    pcm = {
        "silence": np.zeros(len(time_s)),
        "hiss": np.random.default_rng(1).normal(0, 1_000, len(time_s)),
        "tone": 5_000 * np.sin(2 * np.pi * 440 * time_s),
    }[kind]
    found = Screener(bundle, classifier).screen(np.round(pcm).astype(np.int16), RATE_HZ)
    assert screening.UNFAMILIAR in found.reasons
    assert found.decision == ABSTAIN


def test_a_bundle_without_evidence_never_decides(welcoming):
    """Without a claim the same recording gets no decision, and the reason says so."""
    welcoming.rule = replace(welcoming.rule, claim=False)
    found = welcoming.screen(welcoming.bundle.golden["pcm"], RATE_HZ)
    assert found.reasons == (screening.NO_EVIDENCE,)
    assert found.decision == ABSTAIN


def test_what_conforms_to_both_labels_is_uncertain(welcoming):
    """A quantile of 1 lets every label conform, so none is decided."""
    welcoming.rule = replace(welcoming.rule, quantile=1.0)
    found = welcoming.screen(welcoming.bundle.golden["pcm"], RATE_HZ)
    assert found.reasons == (screening.UNCERTAIN,)


def test_another_rate_gives_nearly_the_same(welcoming):
    """The recording at 16 kHz goes through the resampler and keeps its probabilities."""
    pcm = welcoming.bundle.golden["pcm"]
    times = np.arange(4 * len(pcm)) / 4
    upsampled = np.round(np.interp(times, np.arange(len(pcm)), pcm)).astype(np.int16)
    first = welcoming.rule.labels[0]
    here, there = welcoming.screen(pcm, RATE_HZ), welcoming.screen(upsampled, 4 * RATE_HZ)
    assert there.probabilities[first] == pytest.approx(here.probabilities[first], abs=0.1)


def test_a_night_is_not_screened(welcoming):
    """What is longer than two minutes is refused with its length and the remedy."""
    with pytest.raises(BadInputError, match=r"121 s are too long to screen; cut"):
        welcoming.screen(np.zeros(121 * RATE_HZ, np.int16), RATE_HZ)


def test_a_bundle_of_events_does_not_screen():
    """The room's bundle is refused by name."""
    with pytest.raises(BadInputError, match="room does not screen"):
        screen_rule(load_bundle("room"))


@pytest.mark.parametrize(
    "field",
    ["labels", "outputs", "sounds", "temperature", "novelty", "conformal", "groups", "level_q7"],
)
def test_a_garbled_card_is_told(bundle, field):
    """A missing field of the rule is named."""
    section = {name: value for name, value in bundle.card["screening"].items() if name != field}
    broken = replace(bundle, card=bundle.card | {"screening": section})
    with pytest.raises(BadInputError, match=field):
        screen_rule(broken)

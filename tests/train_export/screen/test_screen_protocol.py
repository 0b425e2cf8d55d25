"""The screen's figures: people kept apart, intervals over people, controls for leaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from edge.errors import BadInputError
from train_export.screen import calibration, protocol
from train_export.screen.head import choose_penalty, fit, folds, log_odds, out_of_fold
from train_export.screen.labels import GROUPS, class_of, labels_of


def made_up(people: int, signal: float, seed: int = 0):
    """Three recordings a person, 6 values each; in the first, class 0 is `signal` lower."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(people) % 2, 3)
    names = np.repeat([f"P{number:03}" for number in range(people)], 3)
    person = np.repeat(rng.normal(size=(people, 6)), 3, axis=0)
    values = person + rng.normal(scale=0.3, size=person.shape)
    values[:, 0] += signal * truth
    return values, truth, names


@given(st.integers(10, 60), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_nobody_stands_on_both_sides_of_a_fold(people, seed):
    """Every recording is tested once, by heads that never met its person."""
    _, truth, names = made_up(people, 0.0)
    tested = []
    for train, test in folds(truth, names, seed):
        assert not set(names[train]) & set(names[test])
        tested += test.tolist()
    assert sorted(tested) == list(range(len(truth)))


def test_a_signal_is_found_and_noise_is_not():
    """A strong signal scores near 1; without one the score stays near a coin's."""
    strong = protocol.auroc(protocol.nested(*made_up(40, 4.0), repeats=2))
    none = protocol.auroc(protocol.nested(*made_up(40, 0.0), repeats=2))
    assert strong > 0.95
    assert 0.25 < none < 0.75


def test_what_lies_between_two_kinds_of_others_is_found():
    """The rest may be of two unlike kinds on both sides of what is asked about."""
    values, _, names = made_up(60, 0.0)
    classes = np.repeat(np.arange(60) % 3, 3)
    values[:, 0] += np.array([0.0, -5.0, 5.0])[classes]
    values = values[:, :1]
    two = protocol.auroc(protocol.nested(values, np.minimum(classes, 1), names, repeats=1))
    three = protocol.auroc(protocol.nested(values, classes, names, repeats=1))
    assert two < 0.75
    assert three > 0.95


def test_a_head_of_two_classes_has_the_odds_of_a_logistic_regression():
    """Its log-odds are the model's own, whose second class is what the first is told from."""
    values, classes, names = made_up(30, 2.0)
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-6
    model = LogisticRegression(C=0.1, max_iter=5_000).fit((values - mean) / spread, classes)
    head = fit(values, classes, names, 0.1)
    expected = -model.decision_function((values - mean) / spread)
    np.testing.assert_allclose(log_odds(head.logits(values)), expected, atol=1e-3)


def test_a_persons_own_colour_is_no_signal():
    """Values that name the person, but not the disease, gain nothing: no leak over the folds."""
    people = 40
    truth = np.repeat(np.arange(people) % 2, 3)
    names = np.repeat([f"P{number:03}" for number in range(people)], 3)
    own = np.repeat(np.eye(people), 3, axis=0)
    assert protocol.auroc(protocol.nested(own, truth, names, repeats=2)) < 0.6


def test_shuffled_labels_lose_the_signal(monkeypatch):
    """With each other's labels even a strong signal scores like a coin."""
    monkeypatch.setattr(protocol, "SHUFFLES", 4)
    mean, _ = protocol.shuffled(*made_up(40, 4.0))
    assert 0.3 < mean < 0.7


def test_intervals_resample_people():
    """Copies of the same recordings add no knowledge: the interval stays as wide."""
    rng = np.random.default_rng(0)
    truth, names = np.arange(40) % 2, np.array([f"P{n:02}" for n in range(40)])
    p = np.clip(0.5 + 0.2 * (truth - 0.5) + rng.normal(0, 0.2, 40), 0.01, 0.99)[None]
    once = protocol.Scores(p, truth, names)
    nine = protocol.Scores(np.repeat(p, 9, axis=1), np.repeat(truth, 9), np.repeat(names, 9))
    assert protocol.over_people(nine, protocol.auroc) == pytest.approx(
        protocol.over_people(once, protocol.auroc), abs=1e-9
    )


def test_a_person_is_the_mean_of_its_recordings():
    """One row a person, in order of the names, with its truth."""
    p = np.array([[0.1, 0.3, 0.8]])
    scores = protocol.Scores(p, np.array([0, 0, 1]), np.array(["b", "b", "a"]))
    found = protocol.by_person(scores)
    assert found.people.tolist() == ["a", "b"]
    assert found.truth.tolist() == [1, 0]
    assert found.p[0] == pytest.approx([0.8, 0.2])


def test_the_penalty_is_one_of_those_tried():
    """The choice is made by cross-validation and is the same every time."""
    values, truth, names = made_up(24, 2.0)
    assert choose_penalty(values, truth, names, 0) == choose_penalty(values, truth, names, 0)
    assert out_of_fold(values, truth, names, 0.01, 0).shape == truth.shape


def test_scaling_gives_back_true_odds():
    """Logits twice too large are halved, and probabilities fit the frequencies."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 4_000)
    truth = (rng.random(4_000) < 1 / (1 + np.exp(-logits))).astype(int)
    scaling = calibration.fit_scaling(2 * logits, truth)
    assert scaling.temperature == pytest.approx(2, rel=0.15)
    assert calibration.expected_calibration_error(scaling.probabilities(2 * logits), truth) < 0.03
    assert calibration.expected_calibration_error(np.full(4_000, 0.99), truth) > 0.3


@given(st.floats(0.1, 9), st.floats(-3, 3), st.floats(-2, 2))
def test_a_bias_is_taken_back(temperature, offset, bias):
    """Logits that are all higher by as much get the same probabilities."""
    scaling = calibration.Scaling(temperature, offset)
    logits = np.linspace(-5, 5, 11)
    np.testing.assert_allclose(
        scaling.of_biased(bias).probabilities(logits + bias), scaling.probabilities(logits)
    )


@given(st.integers(20, 200), st.floats(0.05, 0.5), st.integers(0, 9))
def test_the_conformal_set_holds_the_truth_often_enough(count, alpha, seed):
    """On the calibration data itself at least 1 - alpha of the truths conform."""
    rng = np.random.default_rng(seed)
    p = rng.random(count)
    truth = (rng.random(count) < p).astype(int)
    quantile = calibration.conformal_quantile(p, truth, alpha)
    conforming = 1 - np.where(truth == 1, p, 1 - p) <= quantile
    assert conforming.mean() >= 1 - alpha


def test_the_surest_are_wrong_less_often():
    """Error at half the coverage counts the surest half alone."""
    p, truth = np.array([0.99, 0.95, 0.6, 0.4]), np.array([1, 1, 0, 1])
    assert calibration.error_at(p, truth, 1.0) == 0.5
    assert calibration.error_at(p, truth, 0.5) == 0.0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Asthma", {"asthma"}),
        ("Heart Failure + COPD", {"heart failure", "COPD"}),
        ("Asthma and lung fibrosis", {"asthma"}),
        ("Plueral Effusion", set()),
        ("BRON", {"bronchiectasis"}),
        ("Normal", {"healthy"}),
        ("asthma/COPD", {"asthma", "COPD"}),
        ("Pneumonia, HF & Bronchitis", {"pneumonia", "heart failure"}),
    ],
)
def test_the_sources_words_become_labels(said, expected):
    """Every way in which a source writes a disease meets the taxonomy."""
    assert labels_of(said) == expected
    assert (class_of(said) == 0) == bool(expected & {"asthma", "COPD"})
    assert (class_of(said) == 1) == (expected == {"healthy"})


def test_an_unknown_disease_is_told():
    """A word that is no label is refused with the labels that exist."""
    with pytest.raises(BadInputError, match=r"'Gout' is unknown; use one of: healthy"):
        labels_of("Gout")


def test_the_groups_share_no_label():
    """A label belongs to one group."""
    first, second = GROUPS.values()
    assert not set(first) & set(second)

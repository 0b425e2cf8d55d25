"""How well a head does on people it never heard, beside what no sound at all would do.

Nested cross-validation: outer folds of people are scored by heads whose penalty and calibration
were chosen inside the other folds. Intervals resample people. A claim needs the lower end of its
interval above every baseline.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from train_export.intervals import LEAST_CLUSTERS, rounded_bounds
from train_export.screen.calibration import (
    error_at,
    expected_calibration_error,
    fit_scaling,
)
from train_export.screen.head import (
    Classes,
    Matrix,
    People,
    Truth,
    choose_penalty,
    fit,
    folds,
    log_odds,
    out_of_fold,
)

REPEATS = 5
RESAMPLES = 2_000
# Of what is compared with the claimed question: baselines, other questions and networks.
FEWER_REPEATS = 2
SHUFFLES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Out-of-fold scores of every recording, one row a repeat.

    Attributes:
        p: float64 [repeats, recordings], calibrated inside the other folds.
        truth: int64 [recordings].
        people: str [recordings].
    """

    p: Matrix
    truth: Truth
    people: People


def nested(
    embeddings: Matrix, classes: Classes, people: People, repeats: int, seed: int = 0
) -> Scores:
    """Score every recording by heads that never heard its person, `repeats` times."""
    truth = (classes == 0).astype(np.int64)
    p = np.empty((repeats, len(truth)))
    for repeat in range(repeats):
        for train, test in folds(classes, people, seed + repeat):
            inner = embeddings[train], classes[train], people[train]
            penalty = choose_penalty(*inner, seed + repeat)
            scaling = fit_scaling(out_of_fold(*inner, penalty, seed + repeat), truth[train])
            logits = fit(*inner, penalty).logits(embeddings[test])
            p[repeat, test] = scaling.probabilities(log_odds(logits))
    return Scores(p, truth, people)


def auroc(scores: Scores) -> float:
    """By recording, the mean over the repeats: Mann and Whitney's share of pairs in order."""
    positive = scores.truth == 1
    count = int(positive.sum())
    above = rankdata(scores.p, axis=1)[:, positive].sum(axis=1) - count * (count + 1) / 2
    return float(np.mean(above) / (count * (len(positive) - count)))


def is_one_person_one_truth(scores: Scores) -> bool:
    """Whether people can be told apart: nobody's recordings differ in truth, and both occur."""
    means = [scores.truth[scores.people == name].mean() for name in np.unique(scores.people)]
    return set(means) == {0.0, 1.0}


def by_person(scores: Scores) -> Scores:
    """One row a person: the mean of its recordings."""
    names, first, person = np.unique(scores.people, return_index=True, return_inverse=True)
    share = (person == np.arange(len(names))[:, None]) / np.bincount(person)[:, None]
    return Scores(scores.p @ share.T, scores.truth[first], names)


def over_people(
    scores: Scores, statistic: Callable[[Scores], float], seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of a statistic, people resampled with all their recordings.

    Both bounds are NaN where there are fewer than `LEAST_CLUSTERS` people.
    """
    rows = [np.flatnonzero(scores.people == name) for name in np.unique(scores.people)]
    if len(rows) < LEAST_CLUSTERS:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    values = []
    while len(values) < RESAMPLES:
        drawn = np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])
        if 0 < scores.truth[drawn].mean() < 1:  # a draw of one class has no AUROC
            part = Scores(scores.p[:, drawn], scores.truth[drawn], scores.people[drawn])
            values.append(statistic(part))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def shuffled(embeddings: Matrix, classes: Classes, people: People) -> tuple[float, float]:
    """Mean and standard deviation of the AUROC when people are given each other's labels."""
    _, first, person = np.unique(people, return_index=True, return_inverse=True)
    values = []
    for seed in range(SHUFFLES):
        labels = np.random.default_rng(seed).permutation(classes[first])[person]
        values.append(auroc(nested(embeddings, labels, people, repeats=1, seed=seed)))
    return float(np.mean(values)), float(np.std(values))


def expected_error_of_ece(scores: Scores, draws: int = 200) -> float:
    """The ECE that perfect probabilities would show with so few people, on average.

    Each person's recordings share a truth, drawn with the person's mean probability.
    """
    rng = np.random.default_rng(0)
    _, person = np.unique(scores.people, return_inverse=True)
    p = scores.p.mean(axis=0)
    own = np.bincount(person, p) / np.bincount(person)
    found = [
        expected_calibration_error(own[person], (rng.random(len(own)) < own).astype(int)[person])
        for _ in range(draws)
    ]
    return float(np.mean(found))


def report(scores: Scores) -> dict[str, Any]:
    """Every figure of one question, with its interval over people."""
    statistics: dict[str, Callable[[Scores], float]] = {
        "auroc": auroc,
        "ece": lambda s: _mean(expected_calibration_error, s),
        "error_100": lambda s: _mean(lambda p, t: error_at(p, t, 1.0), s),
        "error_80": lambda s: _mean(lambda p, t: error_at(p, t, 0.8), s),
    }

    def figure(part: Scores, statistic: Callable[[Scores], float]) -> dict[str, Any]:
        return {
            "value": round(statistic(part), 4),
            "interval_95": rounded_bounds(over_people(part, statistic)),
        }

    persons = by_person(scores)
    apart = is_one_person_one_truth(scores)
    return {
        "people": len(persons.truth),
        "people_positive": int(persons.truth.sum()),
        "recordings": len(scores.truth),
        **{name: figure(scores, statistic) for name, statistic in statistics.items()},
        **({"auroc_by_person": figure(persons, auroc)} if apart else {}),
        "ece_of_perfect_probabilities": round(expected_error_of_ece(scores), 4),
    }


def _mean(statistic: Callable[[Any, Truth], float], scores: Scores) -> float:
    return float(np.mean([statistic(p, scores.truth) for p in scores.p]))

"""Fits the readouts: from what the network says of a unit to its official class.

They are fitted on out-of-fold logits: each unit's come from a network that never saw its
person. A unit is read with its recording: a sound among others like it is likelier what they
are, and a listener hears the whole recording, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from edge.readout import Readout
from train_export.chest.labels import KINDS
from train_export.chest.scores import NORMAL, TASKS, average, counts, sprsound_score, unmerged

Floats = NDArray[np.float64]
# Inverse strength of the penalty on standardised inputs: a few dozen people can't carry more.
PENALTY_C = 0.01
FOLDS = 5
THRESHOLDS = 99


@dataclass(frozen=True, slots=True)
class Heard:
    """What the network said of one unit.

    Attributes:
        kind, label, subject: of the unit.
        inputs: float64 [inputs], as `inputs_of` gives them.
    """

    kind: str
    label: str
    subject: str
    inputs: Floats


def fit_readout(kind: str, heard: Sequence[Heard]) -> tuple[Readout, Floats]:
    """Fit the readout of one kind and choose where normal ends.

    Returns:
        The readout, and the probabilities of each unit by readouts that were fitted without
        its person, float64 [units, labels].
    """
    labels = KINDS[kind]
    inputs = np.stack([unit.inputs for unit in heard])
    truth = np.array([labels.index(unit.label) for unit in heard])
    people = [unit.subject for unit in heard]
    unseen = np.zeros((len(heard), len(labels)))
    for known, held in GroupKFold(FOLDS).split(inputs, truth, people):
        fold = _fit(kind, inputs[known], truth[known], 0.5)
        unseen[held] = [fold.probabilities(row) for row in inputs[held]]
    normal_from = _choose(kind, [unit.label for unit in heard], unseen)
    return _fit(kind, inputs, truth, normal_from), unseen


def _fit(kind: str, inputs: Floats, truth: NDArray[np.int64], normal_from: float) -> Readout:
    """Logistic regression, its standardisation folded into the weights."""
    scaler = StandardScaler().fit(inputs)
    model = LogisticRegression(C=PENALTY_C, max_iter=1_000)
    model.fit(scaler.transform(inputs), truth)
    labels = KINDS[kind]
    weights = np.zeros((len(labels), inputs.shape[1]))
    bias = np.full(len(labels), -20.0)  # a class that nobody showed is never the answer
    weights[model.classes_] = model.coef_ / scaler.scale_
    bias[model.classes_] = model.intercept_ - weights[model.classes_] @ scaler.mean_
    return Readout(labels, weights, bias, normal_from)


def _choose(kind: str, truth: Sequence[str], probabilities: Floats) -> float:
    """The threshold with the best mean official score, among quantiles of P(normal)."""
    levels = np.quantile(probabilities[:, 0], np.linspace(0.01, 0.99, THRESHOLDS))
    return float(max(levels, key=lambda level: official(kind, truth, probabilities, float(level))))


def official(kind: str, truth: Sequence[str], probabilities: Floats, normal_from: float) -> float:
    """Mean of the official scores of a kind's tasks."""
    labels = KINDS[kind]
    others = 1 + probabilities[:, 1:].argmax(axis=1)
    found = np.where(probabilities[:, 0] >= normal_from, 0, others)
    predicted = [labels[index] for index in found]
    if kind == "cycle":
        return average(counts(truth, predicted, NORMAL[kind], unmerged))
    merges = [merge for task_kind, merge in TASKS.values() if task_kind == kind]
    scores = [sprsound_score(counts(truth, predicted, NORMAL[kind], merge)) for merge in merges]
    return float(np.mean(scores))

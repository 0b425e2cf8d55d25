"""Fits the readouts: from what the network says of a unit to its official class.

They are fitted on out-of-fold logits: each unit's come from a network that never saw its
person. A unit is read with its recording: a sound among others like it is likelier what they
are, and a listener hears the whole recording, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.model_selection import GroupKFold

from edge.readout import Readout
from train_export.chest.labels import KINDS, OUTPUTS, columns
from train_export.chest.scores import NORMAL, TASKS, counts, sprsound_score, unmerged

Floats = NDArray[np.float64]
# Of the mean square of the departure: what cross-validation among the held-out people of a
# first network liked; a tenth of it learns the few people by heart. Cycles come from many
# devices and few people, and keep the network's answer.
PENALTY = {"event": 0.05, "record": 0.1, "cycle": 100.0}
# 1 counts all classes alike, 0 all units. Rare records are half of their score, rare events
# hardly any of theirs; a half is how the batches were drawn.
BALANCE = {"event": 0.0, "record": 1.0, "cycle": 0.5}
# The bias of a class that nobody showed: it is never the answer.
NEVER = -20.0
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


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What readouts say of people whom neither they nor their network had heard.

    Attributes:
        truth: label of each unit.
        chances: float64 [units, labels], probabilities.
    """

    truth: Sequence[str]
    chances: Floats


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
    normal_from = choose_threshold(kind, [unit.label for unit in heard], unseen)
    return _fit(kind, inputs, truth, normal_from), unseen


def _fit(kind: str, inputs: Floats, truth: NDArray[np.int64], normal_from: float) -> Readout:
    """Logistic regression that departs from what the network itself says.

    The penalty is on the departure, with standardised inputs: with few people, or nothing to
    add, the network's own answer remains.
    """
    labels = KINDS[kind]
    start = network_says(kind, inputs.shape[1])
    middle, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-6
    standard = (inputs - middle) / spread
    said = inputs @ start.T
    answers = np.eye(len(labels))[truth]
    shares = answers.mean(axis=0)[truth] ** -BALANCE[kind]
    shares /= shares.sum()

    def cost(flat: Floats) -> tuple[float, Floats]:
        change = flat.reshape(len(labels), -1)
        logits = said + standard @ change[:, :-1].T + change[:, -1]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances = odds / odds.sum(axis=1, keepdims=True)
        right = chances[np.arange(len(truth)), truth]
        loss = -shares @ np.log(right + 1e-12) + PENALTY[kind] * (change[:, :-1] ** 2).sum()
        slope = (chances - answers) * shares[:, None]
        gradient = np.c_[slope.T @ standard + 2 * PENALTY[kind] * change[:, :-1], slope.sum(axis=0)]
        return float(loss), gradient.ravel()

    size = len(labels) * (inputs.shape[1] + 1)
    found = minimize(cost, np.zeros(size), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    change = found.x.reshape(len(labels), -1)
    weights = change[:, :-1] / spread
    bias = change[:, -1] - weights @ middle
    bias[np.bincount(truth, minlength=len(labels)) == 0] = NEVER
    return Readout(labels, start + weights, bias, normal_from)


def network_says(kind: str, inputs: int) -> Floats:
    """The readout that repeats the network's answer, float64 [labels, inputs].

    Of an event or a cycle that is the mean over its patches; of a record half the mean and
    half the highest.
    """
    place, own = columns(kind), np.eye(len(KINDS[kind]))
    weights = np.zeros((len(KINDS[kind]), inputs))
    if kind != "record":
        weights[:, place] = own
        return weights
    weights[:, place] = own / 2
    weights[:, len(OUTPUTS) + place.start : len(OUTPUTS) + place.stop] = own / 2
    return weights


def choose_threshold(kind: str, truth: Sequence[str], probabilities: Floats) -> float:
    """The threshold with the best mean official score, among quantiles of P(normal)."""
    levels = np.quantile(probabilities[:, 0], np.linspace(0.01, 0.99, THRESHOLDS))
    return float(max(levels, key=lambda level: official(kind, truth, probabilities, float(level))))


def official(kind: str, truth: Sequence[str], probabilities: Floats, normal_from: float) -> float:
    """Mean of SPRSound's scores of a kind's tasks.

    Of cycles as well: ICBHI's own score is a half for who always says normal, and such a
    threshold would help nobody.
    """
    labels = KINDS[kind]
    others = 1 + probabilities[:, 1:].argmax(axis=1)
    found = np.where(probabilities[:, 0] >= normal_from, 0, others)
    predicted = [labels[index] for index in found]
    merges = [merge for task_kind, merge in TASKS.values() if task_kind == kind] or [unmerged]
    scores = [sprsound_score(counts(truth, predicted, NORMAL[kind], merge)) for merge in merges]
    return float(np.mean(scores))

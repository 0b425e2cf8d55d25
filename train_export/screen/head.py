"""The disease head: a multinomial logistic regression on a recording's mean embedding.

The first class is the one that is asked about; the others are what it is told from. Classes of
their own let the rest be of several kinds, which one plane would not part from the first.

With a few dozen people anything larger learns the people. The penalty is the one number that is
chosen, by cross-validation inside the training people.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

# Inverse penalties on standardised embeddings, from a nearly flat head to a loose one.
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FOLDS = 5

Matrix = NDArray[np.float64]
Truth = NDArray[np.int64]
Classes = NDArray[np.int64]  # 0: what is asked about
People = NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """logits = embedding @ weights + offsets; float64 [values, classes] and [classes]."""

    weights: Matrix
    offsets: Matrix

    def logits(self, embeddings: Matrix) -> Matrix:
        """Of float64 [recordings, values]; float64 [recordings, classes]."""
        logits: Matrix = embeddings @ self.weights + self.offsets
        return logits


def log_odds(logits: Matrix) -> Matrix:
    """Of the first class against all others; float64 [recordings, classes] -> [recordings]."""
    odds: Matrix = logits[:, 0] - np.logaddexp.reduce(logits[:, 1:], axis=1)
    return odds


def fit(embeddings: Matrix, classes: Classes, people: People, penalty: float) -> Head:
    """Fit on recordings; each person and each class weighs the same, however many recordings."""
    mean, spread = embeddings.mean(axis=0), embeddings.std(axis=0) + 1e-6
    _, person, recordings = np.unique(people, return_inverse=True, return_counts=True)
    weight = 1.0 / recordings[person]
    for value in np.unique(classes):
        weight[classes == value] /= weight[classes == value].sum()
    weight *= len(classes) / weight.sum()
    model = LogisticRegression(C=penalty, max_iter=5_000)
    model.fit((embeddings - mean) / spread, classes, sample_weight=weight)
    weights, offsets = model.coef_, model.intercept_
    if len(weights) == 1:  # of two classes the model keeps the difference alone
        weights, offsets = (
            np.stack([-weights[0], weights[0]]) / 2,
            np.outer([-1, 1], offsets)[:, 0] / 2,
        )
    weights = weights.T / spread[:, None]
    return Head(weights, offsets - mean @ weights)


def folds(classes: Classes, people: People, seed: int) -> list[tuple[Truth, Truth]]:
    """Indices (train, test) of each fold, alike in classes; nobody stands in both."""
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return list(splitter.split(classes, classes, people))


def held_out(
    embeddings: Matrix, classes: Classes, people: People, penalty: float, seed: int
) -> Iterator[tuple[Head, Truth]]:
    """A head for each fold, and the indices of the recordings whose people it never saw."""
    for train, test in folds(classes, people, seed):
        yield fit(embeddings[train], classes[train], people[train], penalty), test


def out_of_fold(
    embeddings: Matrix, classes: Classes, people: People, penalty: float, seed: int
) -> Matrix:
    """Each recording's log-odds from a head that never saw its person; float64 [recordings]."""
    found = np.empty(len(classes))
    for head, test in held_out(embeddings, classes, people, penalty, seed):
        found[test] = log_odds(head.logits(embeddings[test]))
    return found


def choose_penalty(embeddings: Matrix, classes: Classes, people: People, seed: int) -> float:
    """The penalty with the best cross-validated AUROC; the stronger one when they tie."""
    scores = [
        roc_auc_score(classes == 0, out_of_fold(embeddings, classes, people, penalty, seed))
        for penalty in PENALTIES
    ]
    return PENALTIES[int(np.argmax(scores))]

"""The disease head: a logistic regression on a recording's mean embedding.

With a few dozen people anything larger learns the people. The penalty is the one number that is
chosen, by cross-validation inside the training people.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

# Inverse penalties on standardised embeddings, from a nearly flat head to a loose one.
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
FOLDS = 5

Matrix = NDArray[np.float64]
Truth = NDArray[np.int64]
People = NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """logit = embedding @ weights + offset."""

    weights: Matrix
    offset: float

    def logits(self, embeddings: Matrix) -> Matrix:
        """Of float64 [recordings, values]; float64 [recordings]."""
        logits: Matrix = embeddings @ self.weights + self.offset
        return logits


def fit(embeddings: Matrix, truth: Truth, people: People, penalty: float) -> Head:
    """Fit on recordings; each person and each class weighs the same, however many recordings."""
    mean, spread = embeddings.mean(axis=0), embeddings.std(axis=0) + 1e-6
    _, person, recordings = np.unique(people, return_inverse=True, return_counts=True)
    weight = 1.0 / recordings[person]
    for value in (0, 1):
        weight[truth == value] /= weight[truth == value].sum()
    model = LogisticRegression(C=penalty, max_iter=5_000)
    model.fit((embeddings - mean) / spread, truth, sample_weight=weight * len(truth))
    weights = model.coef_[0] / spread
    return Head(weights, float(model.intercept_[0] - mean @ weights))


def folds(truth: Truth, people: People, seed: int) -> list[tuple[Truth, Truth]]:
    """Indices (train, test) of each fold; nobody stands in both."""
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return list(splitter.split(truth, truth, people))


def out_of_fold(
    embeddings: Matrix, truth: Truth, people: People, penalty: float, seed: int
) -> Matrix:
    """Each recording's logit from a head that never saw its person; float64 [recordings]."""
    logits = np.empty(len(truth))
    for train, test in folds(truth, people, seed):
        head = fit(embeddings[train], truth[train], people[train], penalty)
        logits[test] = head.logits(embeddings[test])
    return logits


def choose_penalty(embeddings: Matrix, truth: Truth, people: People, seed: int) -> float:
    """The penalty with the best cross-validated AUROC; the stronger one when they tie."""
    scores = [
        roc_auc_score(truth, out_of_fold(embeddings, truth, people, penalty, seed))
        for penalty in PENALTIES
    ]
    return PENALTIES[int(np.argmax(scores))]

"""Logit differences -> probabilities, and which of them are sure enough for a decision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Vector = NDArray[np.float64]
Truth = NDArray[np.int64]

# Equal shares of the recordings in each bin: equal widths would leave bins nearly empty.
ECE_BINS = 5


@dataclass(frozen=True, slots=True)
class Scaling:
    """p = 1 / (1 + exp(-(logit / temperature + offset)))."""

    temperature: float
    offset: float

    def probabilities(self, logits: Vector) -> Vector:
        """Of the positive label."""
        p: Vector = 1 / (1 + np.exp(-(logits / self.temperature + self.offset)))
        return p

    def of_biased(self, bias: float) -> "Scaling":
        """The scaling that gives the same of logits which are all `bias` higher."""
        return Scaling(self.temperature, self.offset - bias / self.temperature)


def fit_scaling(logits: Vector, truth: Truth) -> Scaling:
    """Platt's scaling with hardly any penalty; a slope below a twentieth counts as one."""
    model = LogisticRegression(C=100.0).fit(logits[:, None], truth)
    slope = max(float(model.coef_[0, 0]), 0.05)
    return Scaling(1 / slope, float(model.intercept_[0]))


def expected_calibration_error(p: Vector, truth: Truth, bins: int = ECE_BINS) -> float:
    """Mean gap of probability and frequency, bins of equally many (Naeini et al., 2015)."""
    order = np.argsort(p, kind="stable")
    parts = np.array_split(order, bins)
    gaps = [abs(p[part].mean() - truth[part].mean()) * len(part) for part in parts if len(part)]
    return float(sum(gaps) / len(p))


def error_at(p: Vector, truth: Truth, coverage: float) -> float:
    """Share of wrong decisions among the surest `coverage` of the recordings."""
    surest = np.argsort(-np.abs(p - 0.5), kind="stable")[: max(1, round(coverage * len(p)))]
    return float(((p[surest] >= 0.5) != truth[surest]).mean())


def conformal_quantile(p: Vector, truth: Truth, alpha: float) -> float:
    """Of 1 - p of the truth, with the correction for a finite sample; at most 1.

    Source: Angelopoulos & Bates, A Gentle Introduction to Conformal Prediction, 2021, section 1.
    """
    scores = np.sort(1 - np.where(truth == 1, p, 1 - p))
    rank = int(np.ceil((len(scores) + 1) * (1 - alpha)))
    return float(scores[rank - 1]) if rank <= len(scores) else 1.0

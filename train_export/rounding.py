"""Rounds the weights of one output to the int8 grid so that their errors cancel.

Rounding each weight to its nearest value is best for the weight and not for what comes out: the
inputs of a kernel go up and down together, so what one weight got too much another can give back.
Weights are rounded one after the other, and those that are left take over the error that each one
makes, by the inputs' covariance.
Source: Frantar et al., GPTQ, 2023, after Hassibi & Stork, Optimal Brain Surgeon, 1993.
"""

import numpy as np
from numpy.typing import NDArray

LEVELS = 127  # of a symmetric int8 kernel, on either side
DAMPING = 0.01  # of the mean variance, so that what never varies has an inverse
Floats = NDArray[np.float64]


def round_column(column: Floats, covariance: Floats) -> Floats:
    """Round the weights of one output, float64 [inputs]; nearest ones where that is no better.

    Args:
        column: the weights.
        covariance: of their inputs, float64 [inputs, inputs].

    Returns:
        Multiples of the largest weight's 127th part, the largest as it was.
    """
    step = np.abs(column).max() / LEVELS
    if step == 0:
        return column.copy()
    nearest = np.round(column / step) * step
    covariance = np.atleast_2d(covariance)
    damped = covariance + np.eye(len(column)) * (DAMPING * covariance.trace() / len(column) + 1e-9)
    # The largest weight first, which is on the grid and stays; then what varies most.
    order = np.argsort(-np.diag(damped), kind="stable")
    largest = int(np.abs(column).argmax())
    order = np.concatenate([[largest], order[order != largest]])
    inverse = np.linalg.inv(damped[np.ix_(order, order)])
    upper = np.linalg.cholesky(inverse).T
    left = column[order].copy()
    for place in range(len(left)):
        value = np.clip(np.round(left[place] / step), -LEVELS, LEVELS) * step
        error = (left[place] - value) / upper[place, place]
        left[place] = value
        left[place + 1 :] -= error * upper[place, place + 1 :]
    compensated = np.empty_like(column)
    compensated[order] = left

    def cost(rounded: Floats) -> float:
        return float((rounded - column) @ damped @ (rounded - column))

    return min(compensated, nearest, key=cost)

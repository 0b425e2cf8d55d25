"""Confidence intervals by the bootstrap over people or recordings, never over single events.

The coughs of one person resemble each other; an interval that resampled events would be far
too narrow. Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, percentile
method.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
LEVEL = 0.95
# Of two people or recordings the resamples are these two: a range, which is no interval. Of a few
# an interval is too narrow; reports say beside it how many there were.
LEAST_CLUSTERS = 3


def bootstrap(
    clusters: Sequence[Sequence[float]],
    statistic: Callable[[NDArray[np.float64]], float],
    seed: int = 0,
) -> tuple[float, float]:
    """95 % interval of a statistic of summed counts.

    Args:
        clusters: a row of counts for each person or recording.
        statistic: from the sums of the columns, float64 [columns], to a number.
        seed: of the resampling.

    Returns:
        The lower and upper bound; both NaN when there are fewer than `LEAST_CLUSTERS`, or the
        statistic is undefined in every resample.
    """
    if len(clusters) < LEAST_CLUSTERS:
        return float("nan"), float("nan")
    counts = np.asarray(clusters, dtype=np.float64)
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(counts), size=(RESAMPLES, len(counts)))
    values = np.array([statistic(counts[draw].sum(axis=0)) for draw in draws])
    if np.isnan(values).all():
        return float("nan"), float("nan")
    tail = (1 - LEVEL) / 2 * 100
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def ratio(numerator: float, denominator: float) -> float:
    """A share; NaN of nothing."""
    return numerator / denominator if denominator else float("nan")

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


def of_all(
    clusters: Sequence[Sequence[float]], statistic: Callable[[NDArray[np.float64]], float]
) -> float:
    """What `bootstrap` gives the interval of: the statistic of the sums; NaN without a cluster."""
    return statistic(np.sum(clusters, axis=0)) if len(clusters) else float("nan")


def rounded(value: float) -> float | None:
    """Four places; JSON knows no NaN."""
    return None if np.isnan(value) else round(float(value), 4)


def rounded_bounds(bounds: tuple[float, float]) -> list[float] | None:
    """Both ends of an interval, four places; None where there is none."""
    return None if np.isnan(bounds).any() else [round(bound, 4) for bound in bounds]


def in_figures(value: float | None, bounds: Sequence[float] | None, nothing: str = "–") -> str:
    """A value with its interval, where it has one; `nothing` for a share of nothing."""
    if value is None:
        return nothing
    return f"{value:.3f} [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else f"{value:.3f}"

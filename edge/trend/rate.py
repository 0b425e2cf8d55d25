"""How often a sound came in one night: a count corrected for what the detector misses and invents.

The detector reports `count` sounds in `hours`. It finds a share `s` of the real ones, which
come at the rate wanted, and invents `f` an hour:

    count ~ overdispersed Poisson with mean (s * rate + f) * hours

Sounds come in spells, whose sizes are taken as geometric (a Pólya-Aeppli count): with `b`
sounds to a spell the variance is `2 b - 1` times the mean. All three unknowns are integrated
out on a grid: `s` has the Beta posterior of the sounds it was measured on; `f` is exponential
with the measured value as its mean, and so just as wide, since a home is not the recordings
that it was measured on; the rate has Jeffreys' prior. So false alarms are taken away only
as far as the night itself can hold them, and no rate is below zero.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edge.records import Accuracy, Heard

Floats = NDArray[np.float64]

LEVEL = 0.95  # of the interval
# Below a second the hours mean nothing: a dead microphone never reads as a quiet night.
MIN_MONITORED_S = 1.0
_RATES, _FALSE = 120, 24  # points of the grid
# Points of equal weight that stand for a standard normal, out to 1.6 deviations.
_NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / 9) for k in range(9)])


@dataclass(frozen=True, slots=True)
class Rate:
    """Sounds an hour, with the interval that holds the truth with probability `LEVEL`.

    Attributes:
        per_hour: the posterior's median.
        low, high: of the interval, low <= per_hour <= high.
        corrected: false when the detector was not measured: then these are its reports.
    """

    per_hour: float
    low: float
    high: float
    corrected: bool


def rate(heard: Heard, monitored_s: float) -> Rate | None:
    """Sounds an hour of one label in one night.

    Args:
        heard: what the detector reported.
        monitored_s: seconds that were listened to, 0 or more.

    Returns:
        None when less than `MIN_MONITORED_S` was listened to.
    """
    if monitored_s < MIN_MONITORED_S:
        return None
    return rate_of(heard.count, spread(heard), monitored_s / 3600, heard.detector)


def spread(heard: Heard) -> float:
    """Variance of a count over its mean, from the size of its spells; 1 or more.

    One standard error is added to the size, since a night has few spells to tell it from.
    """
    size = (heard.count + 1) / (heard.spells + 1)
    return 2 * (size + math.sqrt(size * (size - 1) / (heard.spells + 1))) - 1


@lru_cache(maxsize=4096)  # a page shows the same nights again and again
def rate_of(count: int, variance_ratio: float, hours: float, detector: Accuracy | None) -> Rate:
    """As `rate`, of any count; `variance_ratio` as `spread` gives it, `hours` above 0."""
    effective, exposure = count / variance_ratio, hours / variance_ratio
    top = (count + 6 * math.sqrt(variance_ratio * (count + 1)) + 6 * variance_ratio) / hours
    shares, false, weights = np.ones(1), np.zeros(1), np.ones(1)
    if detector is not None:
        shares = _shares(detector)
        false, weights = _false_alarms(detector, top)
    top /= float(shares.min())
    edges, mid = _cells(_RATES)
    mean = shares[:, None, None] * (mid * top)[:, None] + false  # [shares, rates, false]
    log_p = effective * np.log(mean) - exposure * mean
    likelihood = (np.exp(log_p - log_p.max()) * weights).sum(axis=(0, 2))  # [rates]
    p = likelihood * np.diff(edges) / np.sqrt(mid)
    below = np.concatenate([[0.0], np.cumsum(p) / p.sum()])
    tail = (1 - LEVEL) / 2
    low, median, high = np.interp((tail, 0.5, 1 - tail), below, edges * top)
    return Rate(float(median), float(low), float(high), detector is not None)


def _cells(number: int) -> tuple[Floats, Floats]:
    """Edges and middles of cells of 0 to 1 that grow from zero on, where a rate may end up."""
    edges = np.linspace(0.0, 1.0, number + 1) ** 2
    return edges, (edges[1:] + edges[:-1]) / 2


def _false_alarms(detector: Accuracy, top: float) -> tuple[Floats, Floats]:
    """False alarms an hour, 0 to `top`, and the exponential's weight of each."""
    # Half an event more than was seen: none in a few hours is not none for ever.
    prior_mean = detector.false_alarms_per_hour + 0.5 / detector.hours
    edges, mid = _cells(_FALSE)
    return mid * top, -np.diff(np.exp(-edges * top / prior_mean))


def _shares(detector: Accuracy) -> Floats:
    """Points of equal weight that stand for the sensitivity's Beta posterior (as a normal)."""
    n = detector.sounds + 1
    s = (detector.sensitivity * detector.sounds + 0.5) / n
    return np.clip(s + _NORMAL * math.sqrt(s * (1 - s) / (n + 1)), 0.01, 1.0)

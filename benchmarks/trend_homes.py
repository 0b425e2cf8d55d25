"""Simulated households: coughs that vary, a detector that errs, nights that are missing.

A household's coughs are Poisson at a rate that varies from night to night with a gamma
distribution; the detector finds a share of them and adds false alarms, which vary from night to
night as well; hours and whole nights are missing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RATES_PER_H = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
VARIATIONS = (0.2, 0.3, 0.4, 0.5)  # sd over mean of the nightly rate
FALSE_ALARMS_PER_H = (0.0, 0.5, 2.0, 6.5)  # from none to those of a noisy day
SENSITIVITY = 0.67
NIGHT_HOURS, HOUR_MISSING, NIGHT_MISSING = 12, 0.10, 0.05
FALSE_SHAPE = 2.0  # of the false alarms' gamma distribution over the nights
# Homes that hardly cough: one night in so many holds coughs, so many of them on average.
SPARSE_NIGHTS, SPARSE_COUGHS = (30, 14, 7, 3), 6
WITHIN_NIGHTS = 5  # of the calendar, missing ones too
HOMES, COMPARED_HOMES = 200, 100
YEAR_NIGHTS = 365
SEED = 20260101


@dataclass(frozen=True)
class Household:
    """One kind of home.

    Attributes:
        rate_per_h: coughs.
        variation: sd over mean of the nightly rate.
        false_alarms_per_h: of the detector.
        spell: mean coughs of a spell, geometric; 1 is the plain gamma-Poisson.
    """

    rate_per_h: float
    variation: float
    false_alarms_per_h: float = 0.5
    spell: float = 1.0


@dataclass(frozen=True)
class Result:
    """What a chart does in one kind of home.

    Attributes:
        false_per_year: alerts a year without a change, from the first night on.
        found: share of doublings that an alert tells of within each number of nights, 1 to
            10; homes in which a false alert stood when the coughs doubled do not count.
    """

    false_per_year: float
    found: Floats

    @property
    def within(self) -> float:
        """Share found within `WITHIN_NIGHTS`."""
        return float(self.found[WITHIN_NIGHTS - 1])


def nights(
    home: Household, homes: int, change_at: int, rng: np.random.Generator, after: int = 10
) -> tuple[Floats, Floats]:
    """Counts and hours, float64 [homes, nights]; coughs double at `change_at`."""
    shape = (homes, change_at + after)
    gamma_shape = home.variation**-2
    rate = home.rate_per_h * rng.gamma(gamma_shape, 1 / gamma_shape, shape)
    rate[:, change_at:] *= 2
    hours = rng.binomial(NIGHT_HOURS, 1 - HOUR_MISSING, shape).astype(np.float64)
    hours[rng.random(shape) < NIGHT_MISSING] = 0.0
    false = home.false_alarms_per_h * rng.gamma(FALSE_SHAPE, 1 / FALSE_SHAPE, shape)
    spells = rng.poisson(rate * hours / home.spell)
    coughs = spells.astype(np.int64)
    if home.spell > 1:
        extra = rng.negative_binomial(np.maximum(spells, 1), 1 / home.spell)
        coughs = spells + np.where(spells > 0, extra, 0)
    found = rng.binomial(coughs, SENSITIVITY) + rng.poisson(false * hours)
    return found.astype(np.float64), hours


def sparse_nights(
    one_in: int, homes: int, count: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Counts and hours, float64 [homes, nights], of homes that cough in one night of so many."""
    shape = (homes, count)
    coughs = np.where(rng.random(shape) < 1 / one_in, rng.poisson(SPARSE_COUGHS, shape), 0)
    return coughs.astype(np.float64), np.full(shape, float(NIGHT_HOURS))


def measure(alerts: Bools, change_at: int) -> Result:
    """What alerts, bool [nights, homes], amount to when coughs double at `change_at`."""
    raised = alerts[1:change_at] & ~alerts[: change_at - 1]
    free = ~alerts[change_at - 1]
    found = np.logical_or.accumulate(alerts[change_at:, free], axis=0).mean(axis=1)
    return Result(float(raised.sum()) / (alerts.shape[1] * change_at / YEAR_NIGHTS), found)


def all_homes(false_alarms_per_h: float, spell: float = 1.0) -> list[Household]:
    """Each kind of home: rates, and within them variations."""
    return [
        Household(rate, sd, false_alarms_per_h, spell) for rate in RATES_PER_H for sd in VARIATIONS
    ]

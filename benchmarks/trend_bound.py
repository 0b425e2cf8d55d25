"""What no alert could better, and what one could do that knew everything but when.

The observer of both knows all that a device has to learn: the usual rate, how much the nights
differ, the detector's sensitivity and false alarms, and that the coughs double and not more.
The distribution of a night's count is then exact: its generating function on the unit circle,
and a Fourier transform back. Nothing of the bound is drawn by chance.

`best_share` is a bound. Whoever raises at most one false alert a year raises one in five given
nights without a change with a chance of about 5 in 316: false alerts are counted from the first
night on, the three weeks of learning raise none and an alert stands for four weeks at most, so
these are the nights to spread the one alert over. The likelihood ratio of the five nights is
the best test of that size that there is (Neyman and Pearson, 1933), even for an observer who
is told in which night the coughs might double. The nights before say nothing: they are
independent, and all is known.

`knowing_share` is a chart, the cumulative sum of the exact likelihood ratios, at the lowest
threshold with one false alert a year: it has to find out when, and nothing else.
"""

from dataclasses import replace

import numpy as np

from benchmarks.trend_homes import (
    FALSE_SHAPE,
    HOUR_MISSING,
    NIGHT_HOURS,
    NIGHT_MISSING,
    SENSITIVITY,
    WITHIN_NIGHTS,
    YEAR_NIGHTS,
    Floats,
    Household,
    measure,
    nights,
)
from edge.trend.chart import Rules

KNOWING_HOMES = 500
_RULES = Rules()
# Chance of a false alert in a stretch of nights, at one a year.
SIZE = WITHIN_NIGHTS / (YEAR_NIGHTS - _RULES.learn_nights - _RULES.adopt_nights)
_SMALLEST = 1e-13  # a chance that the Fourier transform still gets right
_STEP = 0.002  # of a night's log ratio, in nats: finer changes no share by 0.1 %
_MOST_LOG_RATIO = 30.0  # of a night; more decides no better
_REACH = round(_MOST_LOG_RATIO / _STEP)
_THRESHOLDS = np.arange(2.0, 9.0, 0.125)


def chances(home: Household, hours: float) -> Floats:
    """Of each count of reports 0, 1, … in a night with so many monitored hours, float64."""
    spells = home.rate_per_h * hours / home.spell
    false = home.false_alarms_per_h * hours
    shape = home.variation**-2
    reports = spells * home.spell * SENSITIVITY + false
    deviation = home.spell * np.sqrt(reports + reports**2 * max(1 / shape, 1 / FALSE_SHAPE))
    size = 1 << int(np.ceil(np.log2(reports + 30 * deviation + 64)))
    z = np.exp(2j * np.pi * np.arange(size) / size)
    cough = 1 - SENSITIVITY + SENSITIVITY * z
    spell = cough / (home.spell - (home.spell - 1) * cough)  # geometric, from one cough on
    coughs = (1 + spells / shape * (1 - spell)) ** -shape
    errors = (1 + false / FALSE_SHAPE * (1 - z)) ** -FALSE_SHAPE
    return np.asarray(np.maximum(np.fft.fft(coughs * errors).real / size, 0.0))


def doubled(home: Household) -> Household:
    """The home with twice the coughs."""
    return replace(home, rate_per_h=2 * home.rate_per_h)


def log_ratios(home: Household, hours: float) -> Floats:
    """Of "doubled" over "usual", of each count in a night, float64."""
    usual, changed = chances(home, hours), chances(doubled(home), hours)
    usual = np.pad(usual, (0, len(changed) - len(usual)))
    return np.asarray(np.log(np.maximum(changed, _SMALLEST) / np.maximum(usual, _SMALLEST)))


def best_share(home: Household, size: float = SIZE) -> float:
    """Largest share of doublings that any alert of this size finds in `WITHIN_NIGHTS` nights."""
    usual, changed = np.zeros((2, 2 * _REACH + 1))
    for span, weight in enumerate(_hours()):
        if span == 0:
            usual[_REACH] += weight  # a night that says nothing
            changed[_REACH] += weight
            continue
        ratios = np.clip(log_ratios(home, float(span)), -_MOST_LOG_RATIO, _MOST_LOG_RATIO)
        places = np.round(ratios / _STEP).astype(int) + _REACH
        for total, of in ((usual, home), (changed, doubled(home))):
            chance = chances(of, float(span))
            total += weight * np.bincount(places[: len(chance)], chance, len(total))
    # From one night to the sum of several, the most telling first.
    usual, changed = (_summed(each, WITHIN_NIGHTS)[::-1] for each in (usual, changed))
    reached = np.cumsum(usual)
    last = int(np.searchsorted(reached, size))
    before = reached[last - 1] if last else 0.0
    lot = (size - before) / usual[last]  # what lies on the threshold is told by lot
    return float(changed[:last].sum() + lot * changed[last])


def _hours() -> Floats:
    """Chance of each number of monitored hours in a night, float64 [NIGHT_HOURS + 1]."""
    one = np.array([HOUR_MISSING, 1 - HOUR_MISSING])
    chance = np.ones(1)
    for _ in range(NIGHT_HOURS):
        chance = np.convolve(chance, one)
    chance *= 1 - NIGHT_MISSING
    chance[0] += NIGHT_MISSING
    return chance


def _summed(chance: Floats, number: int) -> Floats:
    """Distribution of the sum of so many independent ones."""
    length = number * (len(chance) - 1) + 1
    size = 1 << (length - 1).bit_length()
    summed = np.fft.irfft(np.fft.rfft(chance, size) ** number, size)[:length]
    return np.asarray(np.maximum(summed, 0.0))


def knowing_share(home: Household, rng: np.random.Generator) -> float:
    """Share that the knowing chart finds in `WITHIN_NIGHTS` nights at one false alert a year."""
    count, hours = nights(home, KNOWING_HOMES, YEAR_NIGHTS, rng)
    steps = np.zeros_like(count)
    for span in np.unique(hours[hours > 0]):
        ratios = log_ratios(home, float(span))
        here = hours == span
        steps[here] = ratios[np.minimum(count[here].astype(int), len(ratios) - 1)]
    score, scores = np.zeros(KNOWING_HOMES), []
    for night in range(steps.shape[1]):
        score = np.clip(score + steps[:, night], 0.0, _THRESHOLDS[-1] + 3)
        scores.append(score)
    for threshold in _THRESHOLDS:
        alert, alerts = np.zeros(KNOWING_HOMES, dtype=np.bool_), []
        for score in scores:
            alert = (alert & (score >= _RULES.clear_below)) | (score >= threshold)
            alerts.append(alert)
        result = measure(np.array(alerts), YEAR_NIGHTS)
        if result.false_per_year <= 1:
            return result.within
    raise ValueError(f"{home}: no threshold up to {_THRESHOLDS[-1]} has one false alert a year")

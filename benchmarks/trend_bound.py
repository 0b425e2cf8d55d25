"""What no alert could better, and what one could do that knew everything but when.

The observer of both knows all that a device has to learn: the usual rate, how much the nights
differ, the detector's sensitivity and false alarms, and that the coughs double and not more.
The distribution of a night's count is then exact: its generating function on the unit circle,
and a Fourier transform back.

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
    SENSITIVITY,
    WITHIN_NIGHTS,
    YEAR_NIGHTS,
    Floats,
    Household,
    measure,
    monitored_hours,
    nights,
)
from edge.trend.chart import Rules

WINDOWS = 200_000  # stretches of nights that a bound is counted over: some 0.1 % of error
KNOWING_HOMES = 600
_RULES = Rules()
# Chance of a false alert in a stretch of nights, at one a year.
SIZE = WITHIN_NIGHTS / (YEAR_NIGHTS - _RULES.learn_nights - _RULES.adopt_nights)
_SMALLEST = 1e-13  # a chance that the Fourier transform still gets right
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


def best_share(home: Household, rng: np.random.Generator, size: float = SIZE) -> float:
    """Largest share of doublings that any alert of this size finds in `WITHIN_NIGHTS` nights."""
    hours = monitored_hours((WINDOWS, WITHIN_NIGHTS), rng)
    usual, changed = np.zeros((2, WINDOWS))
    for span in np.unique(hours[hours > 0]):
        ratios = log_ratios(home, float(span))
        places = np.argwhere(hours == span)[:, 0]
        for total, of in ((usual, home), (changed, doubled(home))):
            chance = chances(of, float(span))
            counts = rng.choice(len(chance), len(places), p=chance / chance.sum())
            np.add.at(total, places, ratios[counts])
    threshold = np.quantile(usual, 1 - size, method="higher")
    above, on = (usual > threshold).mean(), (usual == threshold).mean()
    lot = (size - above) / on  # what lies on the threshold is told by lot
    return float((changed > threshold).mean() + lot * (changed == threshold).mean())


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

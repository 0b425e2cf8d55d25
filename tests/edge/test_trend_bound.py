"""The bound beside the trend's figures: its distributions are right, and nothing beats it."""

import numpy as np
import pytest
import scipy.stats

from benchmarks.trend import charted
from benchmarks.trend_bound import SIZE, best_share, chances, doubled, knowing_share, log_ratios
from benchmarks.trend_homes import SENSITIVITY, WITHIN_NIGHTS, Household, measure, nights

HOMES = [Household(2.0, 0.3, 0.0), Household(5.0, 0.5, 2.0), Household(5.0, 0.3, 0.5, spell=2.0)]


def test_without_errors_the_counts_are_negative_binomial():
    """One gamma-Poisson source that is thinned is SciPy's negative binomial."""
    chance = chances(Household(5.0, 0.4, 0.0), 10.0)
    shape, mean = 0.4**-2, 50.0 * SENSITIVITY
    theirs = scipy.stats.nbinom.pmf(np.arange(len(chance)), shape, shape / (shape + mean))
    np.testing.assert_allclose(chance, theirs, atol=1e-12)


@pytest.mark.parametrize("home", HOMES)
def test_the_counts_are_those_of_the_simulation(home):
    """Mean, variance and the share of quiet nights are what simulated nights show."""
    rng = np.random.default_rng(4)
    count, hours = nights(home, 60_000, 4, rng, after=0)
    seen = count[hours == 11.0]
    chance = chances(home, 11.0)
    counts = np.arange(len(chance))
    mean = chance @ counts
    variance = chance @ counts**2 - mean**2
    assert chance.sum() == pytest.approx(1.0)
    assert mean == pytest.approx(seen.mean(), rel=0.01)
    assert variance == pytest.approx(seen.var(), rel=0.05)
    low = int(mean / 2)
    assert chance[: low + 1].sum() == pytest.approx((seen <= low).mean(), abs=0.01)


@pytest.mark.parametrize("home", HOMES)
def test_the_bound_is_the_test_of_neyman_and_pearson(home):
    """Stretches that are drawn, and told by their likelihood ratio, give the same share."""
    rng = np.random.default_rng(5)

    def totals(of: Household) -> np.ndarray:
        count, hours = nights(of, 100_000, WITHIN_NIGHTS, rng, after=0)
        steps = np.zeros_like(count)
        for span in np.unique(hours[hours > 0]):
            ratios = log_ratios(home, float(span))
            here = hours == span
            steps[here] = ratios[np.minimum(count[here].astype(int), len(ratios) - 1)]
        return steps.sum(axis=1)

    threshold = np.quantile(totals(home), 1 - SIZE)
    found = (totals(doubled(home)) > threshold).mean()
    assert best_share(home) == pytest.approx(found, abs=0.015)


@pytest.mark.parametrize("home", HOMES)
def test_nobody_beats_the_bound(home):
    """Neither the chart that ships nor one that knows the household finds more."""
    bound = best_share(home)
    assert knowing_share(home, np.random.default_rng(6)) <= bound
    result = measure(charted(*nights(home, 200, 180, np.random.default_rng(7))), 180)
    assert result.within <= bound + 0.03  # 200 homes tell it to about that


def test_more_false_alerts_find_more():
    """A test that always says yes finds all, and one without coughs to count finds its size."""
    home = HOMES[0]
    shares = [best_share(home, size) for size in (0.001, SIZE, 0.1, 1.0)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert best_share(Household(1e-6, 0.3, 6.5)) == pytest.approx(SIZE, abs=1e-3)

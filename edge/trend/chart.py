"""The control chart: has the count of a night's sounds left this person's usual range?

A one-sided cumulative sum (Page, 1954) of log-likelihood ratios. A night's count is taken as
negative binomial, that is, as a Poisson count whose rate varies from night to night with a
gamma distribution; "usual" has the mean `rate * hours`, "changed" `ratio` times that. How much
the nights of this person differ is not known: both likelihoods are averaged over a grid of
shapes, weighted by what the nights so far say of each.

Rate and weights are learnt from the nights that are not under suspicion. A loud night is cut
back before it is learnt from, the first ones around their median, and old nights fade, so that
the usual range follows slow drifts.

Everything is vectorised over homes: a device has one, and the simulation that the numbers
below were chosen on (benchmarks/trend.md) has thousands of the very same chart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Shapes of the gamma distribution of the nightly rate; its coefficient of variation is
# 1 / sqrt(shape): 1.4, where most nights have nothing and some have much, down to 0.13.
SHAPES = np.array([0.5, 1.5, 2.5, 4.0, 6.0, 10.0, 16.0, 30.0, 60.0])
# A weak opinion to begin with, about a variation of 0.35; a few nights outweigh it.
_PRIOR = np.log(np.array([0.5, 1, 2, 3, 3, 3, 2, 1, 1]) / 16.5)


@dataclass(frozen=True, slots=True)
class Rules:
    """The chart's numbers; those with a reason of their own say it.

    Attributes:
        min_hours: a night with less was not monitored, and tells nothing.
        learn_nights: nights before the first judgement.
        memory_nights: the rate's; it follows a drift with this delay.
        shape_memory_nights: the weights'.
        ratio: a change worth telling; less than a doubling, since false alarms do not double.
        cap: largest step of a single night, in nats; below `raise_at`, so that one odd night
            (a visitor, a television) never raises an alert.
        raise_at: an alert begins at this score. Lower finds more and cries wolf more.
        clear_below: and ends below this one.
        ceiling: of the score: it bounds how long an alert outlives its cause.
        suspect_at: from here on nights are not learnt from, or the change would become usual.
        adopt_nights: an alert that has stood for so many nights is over: it is usual now.
        winsor_sd: standard deviations above the mean at which a count is cut back.
        least_per_hour: a usual rate is taken as at least this, some one event a night: from
            none to a few is no change, and a home without any would never forget them.
    """

    min_hours: float = 2.0
    learn_nights: int = 21
    memory_nights: float = 60.0
    shape_memory_nights: float = 100.0
    ratio: float = 1.8
    cap: float = 3.0
    raise_at: float = 4.5
    clear_below: float = 1.0
    ceiling: float = 9.0
    suspect_at: float = 3.0
    adopt_nights: int = 28
    winsor_sd: float = 3.0
    least_per_hour: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """The distribution of a usual night's count.

    Attributes:
        rate_per_hour: its mean, above 0.
        weights: float64 [shapes], of each of `SHAPES`.
    """

    rate_per_hour: float
    weights: Floats

    def counts(self, hours: float, tail: float) -> tuple[int, int]:
        """Counts between which a usual night lies.

        Args:
            hours: for which is listened, above 0.
            tail: probability below, and above; 0.001 to 0.5.
        """
        mean = self.rate_per_hour * hours
        # Eight deviations of the widest shape: what is above has no weight.
        top = int(mean + 8 * (mean + mean**2 / SHAPES[0]) ** 0.5) + 10
        x = np.arange(top, dtype=np.float64)[:, None]
        steps = np.log((x + SHAPES) / (x + 1) * (mean / (SHAPES + mean)))  # from x to x + 1
        log_p = np.cumsum(np.vstack([-SHAPES * np.log1p(mean / SHAPES), steps]), axis=0)
        below = np.cumsum(np.exp(log_p) @ self.weights)
        low, high = np.searchsorted(below, (tail, 1 - tail))
        return int(low), int(high)


class Chart:
    """Follows the nights of one or more homes.

    Args:
        homes: how many.
        rules: the numbers.

    Attributes:
        rules: as given.
        score: float64 [homes], 0 to `ceiling`; evidence for a change, in nats.
        alert: bool [homes], an alert stands.
        adopted: bool [homes], the last night ended an alert because it had become usual.
        run_count, run_hours, run_nights: float64 [homes], of the nights since the score left 0.
    """

    def __init__(self, homes: int = 1, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.score = np.zeros(homes)
        self.alert = np.zeros(homes, dtype=np.bool_)
        self.adopted = np.zeros(homes, dtype=np.bool_)
        self.run_count, self.run_hours, self.run_nights = np.zeros((3, homes))
        self._count, self._hours, self._nights = np.zeros((3, homes))
        # Counts and hours of the nights before the first judgement, [nights, homes] each.
        self._first_counts, self._first_hours = np.zeros((2, self.rules.learn_nights, homes))
        self._first_nights = np.zeros(homes, dtype=np.int64)
        self._alert_count, self._alert_hours, self._alert_nights = np.zeros((3, homes))
        self._log_weight = np.tile(_PRIOR, (homes, 1))  # [homes, shapes]

    @property
    def ready(self) -> Bools:
        """Whether enough nights were learnt from to judge the next; bool [homes]."""
        return np.asarray(self._nights >= self.rules.learn_nights)

    @property
    def rate_per_hour(self) -> Floats:
        """The usual rate, float64 [homes]; at least the rules' least."""
        hours = np.maximum(self._hours, 1.0)
        return np.asarray(np.maximum(self._count / hours, self.rules.least_per_hour))

    @property
    def weights(self) -> Floats:
        """Of each of `SHAPES`, float64 [homes, shapes], summing to 1."""
        weight = np.exp(self._log_weight - self._log_weight.max(axis=1, keepdims=True))
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    def push(self, count: Floats, hours: Floats) -> None:
        """Judge a night of each home, then learn from it.

        Args:
            count: float64 [homes], sounds of the night.
            hours: float64 [homes], for which was listened.
        """
        rules = self.rules
        counted = hours >= rules.min_hours
        judged = counted & self.ready
        mean = self.rate_per_hour * hours
        self._judge(judged, count, hours, mean)
        learnt = counted & (self.score < rules.suspect_at)
        first = learnt & ~self.ready
        self._learn(learnt & self.ready, np.minimum(count, self._most(mean)), hours)
        self._learn_first(first, count, hours)
        self._adopt(judged & self.alert, count, hours)

    def overrule(self, alert: Bools) -> None:
        """Take over what was told of the last night: history stays as it was told."""
        low, high = self.rules.clear_below, np.nextafter(self.rules.raise_at, 0)
        self.score = np.where(alert, np.maximum(self.score, low), np.minimum(self.score, high))
        self.alert = alert.copy()

    def usual(self, home: int = 0) -> "Usual":
        """What is known of a home's usual nights now."""
        return Usual(float(self.rate_per_hour[home]), self.weights[home])

    def _judge(self, judged: Bools, count: Floats, hours: Floats, mean: Floats) -> None:
        rules = self.rules
        # Not normalised: what is missing cancels in the ratio.
        log_weight = self._log_weight - self._log_weight.max(axis=1, keepdims=True)
        usual = _log_mean(log_likelihood(count, mean) + log_weight)
        changed = _log_mean(log_likelihood(count, rules.ratio * mean) + log_weight)
        step = np.where(judged, np.clip(changed - usual, -rules.cap, rules.cap), 0.0)
        self.score = np.clip(self.score + step, 0.0, rules.ceiling)
        stood, up = self.alert, self.score > 0
        self.alert = (stood & (self.score >= rules.clear_below)) | (self.score >= rules.raise_at)
        self.run_count = np.where(up, self.run_count + judged * count, 0.0)
        self.run_hours = np.where(up, self.run_hours + judged * hours, 0.0)
        self.run_nights = np.where(up, self.run_nights + judged, 0.0)

    def _most(self, mean: Floats) -> Floats:
        """Counts at which nights of such means are cut back, float64 [homes]."""
        variance = mean + mean**2 * (self.weights / SHAPES).sum(axis=1)
        return np.asarray(np.floor(mean + self.rules.winsor_sd * np.sqrt(variance) + 1))

    def _learn(self, learnt: Bools, count: Floats, hours: Floats) -> None:
        rules = self.rules
        likelihood = log_likelihood(count, np.maximum(self.rate_per_hour * hours, 1e-9))
        likelihood -= likelihood.max(axis=1, keepdims=True)
        fading = (self._log_weight - _PRIOR) / rules.shape_memory_nights
        # The first nights say little of their spread: their mean is not known either.
        shaped = (learnt & (self._nights >= 3))[:, None]
        self._log_weight = self._log_weight + np.where(shaped, likelihood - fading, 0.0)
        full = learnt & (self._nights > rules.memory_nights)
        fade = np.where(full, 1 - 1 / rules.memory_nights, 1.0)
        self._count = self._count * fade + learnt * count
        self._hours = self._hours * fade + learnt * hours
        self._nights = self._nights + learnt

    def _learn_first(self, first: Bools, count: Floats, hours: Floats) -> None:
        """Gather the first nights, and learn from them when there are enough to tell the odd ones.

        An odd night that went in whole would look like a person whose nights differ much, and
        hide a change for months.
        """
        homes = np.flatnonzero(first)
        self._first_counts[self._first_nights[homes], homes] = count[homes]
        self._first_hours[self._first_nights[homes], homes] = hours[homes]
        self._first_nights[homes] += 1
        enough = first & (self._first_nights == self.rules.learn_nights)
        if not enough.any():
            return
        rates = self._first_counts / np.maximum(self._first_hours, 1e-9)
        typical = np.maximum(np.median(rates, axis=0), self.rules.least_per_hour)
        most = [self._most(typical * span) for span in self._first_hours]
        for counts, bar, spans in zip(self._first_counts, most, self._first_hours, strict=True):
            self._learn(enough, np.minimum(counts, bar), spans)

    def _adopt(self, alerted: Bools, count: Floats, hours: Floats) -> None:
        """What has been so for weeks is usual: the alert ends, and its nights are the baseline."""
        self._alert_count = np.where(self.alert, self._alert_count + alerted * count, 0.0)
        self._alert_hours = np.where(self.alert, self._alert_hours + alerted * hours, 0.0)
        self._alert_nights = np.where(self.alert, self._alert_nights + alerted, 0.0)
        done = self.adopted = self._alert_nights >= self.rules.adopt_nights
        self._count = np.where(done, self._alert_count, self._count)
        self._hours = np.where(done, self._alert_hours, self._hours)
        self._nights = np.where(done, self._alert_nights, self._nights)
        self.score = np.where(done, 0.0, self.score)
        self.alert = self.alert & ~done
        self._alert_nights = np.where(done, 0.0, self._alert_nights)


def log_likelihood(count: Floats, mean: Floats) -> Floats:
    """Negative binomial, for each of `SHAPES`, less what does not depend on mean and shape.

    Args:
        count: [n].
        mean: [n], above 0 where the count is.

    Returns:
        [n, shapes].
    """
    x, m = count[:, None], np.maximum(mean, 1e-300)[:, None]
    return np.asarray(
        _log_gamma(x + SHAPES)
        - _log_gamma(SHAPES)
        - SHAPES * np.log1p(m / SHAPES)
        + x * np.log(m / (SHAPES + m))
    )


def _log_mean(log_terms: Floats) -> Floats:
    """[n, shapes] -> log of the sum over the shapes, [n]."""
    top = log_terms.max(axis=1)
    return np.asarray(top + np.log(np.exp(log_terms - top[:, None]).sum(axis=1)))


def _log_gamma(z: Floats) -> Floats:
    """Logarithm of the gamma function for z > 0: Stirling's series from z + 8, and back."""
    w = z + 8.0
    below = np.prod([z + i for i in range(8)], axis=0)
    series = 1 / (12 * w) - 1 / (360 * w**3) + 1 / (1260 * w**5)
    return np.asarray((w - 0.5) * np.log(w) - w + 0.5 * np.log(2 * np.pi) + series - np.log(below))

"""How often the alert is false, and how soon it finds a doubling: simulated households.

The chart under test is the one that ships (`edge.trend.chart`). A household's coughs are
Poisson at a rate that varies from night to night with a gamma distribution; the detector
finds a share of them and adds false alarms, which vary from night to night as well; hours and
whole nights are missing. Beside it runs a Bayesian alternative: a hidden Markov filter over
rate, shape and "changed". Writes a Markdown table and a picture beside it:

    python benchmarks/trend.py --out benchmarks/trend.md
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.trend.chart import SHAPES, Chart, Rules, log_likelihood

Floats = NDArray[np.float64]

RATES_PER_H = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
VARIATIONS = (0.2, 0.3, 0.4, 0.5)  # sd over mean of the nightly rate
FALSE_ALARMS_PER_H = (0.0, 0.5, 2.0, 6.5)  # the last is what the model does by day (README)
SENSITIVITY = 0.67
NIGHT_HOURS, HOUR_MISSING, NIGHT_MISSING = 12, 0.10, 0.05
FALSE_SHAPE = 2.0  # of the false alarms' gamma distribution over the nights
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


def measure(alerts: NDArray[np.bool_], change_at: int) -> Result:
    """What alerts, bool [nights, homes], amount to when coughs double at `change_at`."""
    raised = alerts[1:change_at] & ~alerts[: change_at - 1]
    free = ~alerts[change_at - 1]
    found = np.logical_or.accumulate(alerts[change_at:, free], axis=0).mean(axis=1)
    return Result(float(raised.sum()) / (alerts.shape[1] * change_at / YEAR_NIGHTS), found)


def charted(count: Floats, hours: Floats, rules: Rules | None = None) -> NDArray[np.bool_]:
    """Alerts of the chart that ships, bool [nights, homes]."""
    chart = Chart(len(count), rules)
    alerts = []
    for night in range(count.shape[1]):
        chart.push(count[:, night], hours[:, night])
        alerts.append(chart.alert)
    return np.array(alerts)


def filtered(count: Floats, hours: Floats) -> Floats:
    """Log odds of "changed" of a hidden Markov filter, float64 [nights, homes].

    Rate and shape are on a grid; coughs double in one night of a hundred, go back in one of
    thirty, and the new level becomes usual in one of ninety.
    """
    grid = 0.05 * 2 ** (np.arange(97) / 8)  # an hour; eight steps double
    rates = np.concatenate([grid, grid[-8:] * 2])
    usual = np.full((len(count), len(grid), len(SHAPES)), 1 / (len(grid) * len(SHAPES)))
    changed = np.zeros_like(usual)
    odds = []
    for night in range(count.shape[1]):
        adopted = np.zeros_like(changed)
        adopted[:, 8:] = changed[:, :-8]
        usual, changed = (
            usual * 0.99 + changed / 30 + adopted / 90,
            changed * (1 - 1 / 30 - 1 / 90) + usual * 0.01,
        )
        x, mean = np.repeat(count[:, night], len(rates)), np.outer(hours[:, night], rates)
        log_p = log_likelihood(x, mean.ravel()).reshape(len(count), len(rates), -1)
        p = np.exp(log_p - log_p.max(axis=(1, 2), keepdims=True))
        p[hours[:, night] < Rules().min_hours] = 1.0
        # One night in fifty is loud and means nothing.
        usual = usual * (0.98 * p[:, :-8] + 0.02 * p[:, 8:])
        changed = changed * p[:, 8:]
        total = (usual + changed).sum(axis=(1, 2))[:, None, None]
        usual, changed = usual / total, changed / total
        odds.append(np.log(changed.sum(axis=(1, 2)) / usual.sum(axis=(1, 2))))
    return np.array(odds)


def latched(odds: Floats, raise_at: float) -> NDArray[np.bool_]:
    """Alerts begin at `raise_at` and end 3 below, after as many nights as the chart learns."""
    alert, alerts = np.zeros(odds.shape[1], dtype=np.bool_), []
    for night, now in enumerate(odds):
        alert = (alert & (now >= raise_at - 3)) | (
            (now >= raise_at) & (night >= Rules().learn_nights)
        )
        alerts.append(alert)
    return np.array(alerts)


def survey(false_alarms_per_h: float, change_at: int, spell: float = 1.0) -> list[Result]:
    """The chart that ships in each kind of home: rates, and within them variations."""
    results = []
    for number, home in enumerate(_homes(false_alarms_per_h, spell)):
        rng = np.random.default_rng((SEED, number))
        results.append(measure(charted(*nights(home, HOMES, change_at, rng)), change_at))
    return results


def compare() -> list[tuple[str, float, float, float]]:
    """Both charts over thresholds: name, threshold, most false alerts of any home, mean found."""
    change_at = 150
    homes = [Household(rate, sd) for rate in (1.0, 3.0, 10.0) for sd in VARIATIONS]
    data = [
        nights(home, COMPARED_HOMES, change_at, np.random.default_rng((SEED, 99, number)))
        for number, home in enumerate(homes)
    ]
    odds = [filtered(*each) for each in data]
    rows = []
    for at in (3.5, 4.0, 4.5, 5.0, 5.5):
        rules = replace(Rules(), raise_at=at)
        results = [measure(charted(*each, rules), change_at) for each in data]
        rows.append(("CUSUM", at, *_worst_and_mean(results)))
    for at in (-0.5, 0.0, 0.5, 1.0, 1.5):
        results = [measure(latched(each, at), change_at) for each in odds]
        rows.append(("Bayesian", at, *_worst_and_mean(results)))
    return rows


def _worst_and_mean(results: list[Result]) -> tuple[float, float]:
    return (
        max(result.false_per_year for result in results),
        float(np.mean([result.within for result in results])),
    )


def _homes(false_alarms_per_h: float, spell: float) -> list[Household]:
    return [
        Household(rate, sd, false_alarms_per_h, spell) for rate in RATES_PER_H for sd in VARIATIONS
    ]


def main() -> None:
    """Measure, and write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="F.md")
    out: Path = parser.parse_args().out
    surveys = {false: survey(false, YEAR_NIGHTS) for false in FALSE_ALARMS_PER_H}
    early = survey(0.5, 30)
    spells = survey(0.5, YEAR_NIGHTS, spell=2.0)
    compared = compare()
    out.write_text(_report(surveys, early, spells, compared, out.with_suffix(".png").name))
    _picture(surveys[0.5], compared, out.with_suffix(".png"))
    print(f"{out} and {out.with_suffix('.png')} are written")


def _table(results: list[Result]) -> list[str]:
    """Rows of rates, columns of variations: false alerts a year / share found."""
    lines = [
        "| coughs an hour | " + " | ".join(f"variation {sd:.1f}" for sd in VARIATIONS) + " |",
        "|---" * (len(VARIATIONS) + 1) + "|",
    ]
    for row, rate in enumerate(RATES_PER_H):
        cells = results[row * len(VARIATIONS) :][: len(VARIATIONS)]
        words = []
        for cell in cells:
            reached = cell.false_per_year <= 1 and cell.within >= 0.9
            text = f"{cell.false_per_year:.2f} / {100 * cell.within:.0f} %"
            words.append(f"**{text}**" if reached else text)
        lines.append(f"| {rate:g} | " + " | ".join(words) + " |")
    return lines


def _report(
    surveys: dict[float, list[Result]],
    early: list[Result],
    spells: list[Result],
    compared: list[tuple[str, float, float, float]],
    picture: str,
) -> str:
    worst = max(result.false_per_year for results in surveys.values() for result in results)
    rules = Rules()
    lines = [
        "# The trend alert in simulated households",
        "",
        "Written by `python benchmarks/trend.py --out benchmarks/trend.md`. Nothing here was",
        "measured in a home: no long public recording of nights exists.",
        "",
        f"Each cell is {HOMES} homes. Coughs are Poisson at a gamma-distributed nightly rate, "
        "whose",
        "standard deviation over its mean is the *variation*; the detector finds "
        f"{100 * SENSITIVITY:.0f} % of them",
        f"and adds false alarms (gamma, shape {FALSE_SHAPE:g}). A night has {NIGHT_HOURS} hours, "
        f"of which {100 * HOUR_MISSING:.0f} % are",
        f"missing at random, and {100 * NIGHT_MISSING:.0f} % of the nights are missing whole. A "
        "cell says: false alerts",
        "a year, counted over the first year with its learning / share of doublings that an alert",
        f"tells of within {WITHIN_NIGHTS} nights of the calendar. Bold cells reach the aim: at "
        "most one false alert a",
        "year, and 90 %.",
        "",
        f"The chart learns for {rules.learn_nights} nights, raises at a score of {rules.raise_at}, "
        f"clears below {rules.clear_below}, and",
        "no single night can raise it.",
        "",
    ]
    for false, results in surveys.items():
        lines += [f"## {false:g} false alarms an hour", "", *_table(results), ""]
    lines += [
        "## Coughs in spells of two on average, 0.5 false alarms an hour",
        "",
        *_table(spells),
        "",
        "## A doubling after only 30 nights, 0.5 false alarms an hour",
        "",
        "False alerts are those of the nights until then, by the year.",
        "",
        *_table(early),
        "",
        "## Two charts",
        "",
        "Rates of 1, 3 and 10 an hour, all four variations, 0.5 false alarms an hour, change after",
        f"150 nights, {COMPARED_HOMES} homes each: the most false alerts a year of any of the "
        "twelve, and the mean",
        "share found.",
        "",
        "| chart | threshold | false alerts a year, worst | found, mean |",
        "|---|---|---|---|",
        *(f"| {name} | {at:g} | {worst:.2f} | {100 * mean:.0f} % |"
          for name, at, worst, mean in compared),
        "",
        f"![found over nights, and false alerts against found]({picture})",
        "",
        f"The most false alerts a year of any cell above: {worst:.2f}.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _picture(
    results: list[Result], compared: list[tuple[str, float, float, float]], path: Path
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    row = VARIATIONS.index(0.3)
    for number, rate in enumerate(RATES_PER_H):
        found = results[number * len(VARIATIONS) + row].found
        left.plot(range(1, len(found) + 1), 100 * found, marker="o", label=f"{rate:g} an hour")
    left.axhline(90, color="0.6", linewidth=0.8)
    left.axvline(WITHIN_NIGHTS, color="0.6", linewidth=0.8)
    left.set(xlabel="nights since the coughs doubled", ylabel="found, %", ylim=(0, 101))
    left.set_title("variation 0.3, 0.5 false alarms an hour")
    left.legend(frameon=False)
    for name in ("CUSUM", "Bayesian"):
        points = [(worst, 100 * mean) for which, _, worst, mean in compared if which == name]
        right.plot(*zip(*points, strict=True), marker="o", label=name)
    right.axvline(1, color="0.6", linewidth=0.8)
    right.set(xlabel="false alerts a year, worst home", ylabel="found within 5 nights, mean, %")
    right.set_title("two charts over their thresholds")
    right.legend(frameon=False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

"""How often the alert is false, and how soon it finds a doubling: simulated households.

The chart under test is the one that ships (`edge.trend.chart`). Beside it stand a bound that no
alert can better, a chart that knows the household (`benchmarks.trend_bound`), and a Bayesian
alternative: a hidden Markov filter over rate, shape and "changed". Writes a Markdown table and
a picture beside it:

    python -m benchmarks.trend --out benchmarks/trend.md
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.trend_bound import best_share, knowing_share
from benchmarks.trend_homes import (
    COMPARED_HOMES,
    FALSE_ALARMS_PER_H,
    HOMES,
    SEED,
    SPARSE_NIGHTS,
    VARIATIONS,
    YEAR_NIGHTS,
    Bools,
    Floats,
    Household,
    Result,
    all_homes,
    measure,
    nights,
    sparse_nights,
)
from benchmarks.trend_report import Cell, draw, report
from edge.trend.chart import SHAPES, Chart, Rules, log_likelihood


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


def latched(odds: Floats, raise_at: float) -> Bools:
    """Alerts begin at `raise_at` and end 3 below, after as many nights as the chart learns."""
    alert, alerts = np.zeros(odds.shape[1], dtype=np.bool_), []
    for night, now in enumerate(odds):
        alert = (alert & (now >= raise_at - 3)) | (
            (now >= raise_at) & (night >= Rules().learn_nights)
        )
        alerts.append(alert)
    return np.array(alerts)


def charted(count: Floats, hours: Floats, rules: Rules | None = None) -> Bools:
    """Alerts of the chart that ships, bool [nights, homes]."""
    chart = Chart(len(count), rules)
    alerts = []
    for night in range(count.shape[1]):
        chart.push(count[:, night], hours[:, night])
        alerts.append(chart.alert)
    return np.array(alerts)


def survey(false_alarms_per_h: float, change_at: int, spell: float = 1.0) -> list[Cell]:
    """The chart that ships in each kind of home, and what is possible there."""
    cells = []
    for number, home in enumerate(all_homes(false_alarms_per_h, spell)):
        rng, another = (np.random.default_rng(seed) for seed in ((SEED, number), (SEED, number, 1)))
        result = measure(charted(*nights(home, HOMES, change_at, rng)), change_at)
        cells.append(Cell(result, knowing_share(home, another), best_share(home)))
    return cells


def sparse() -> list[tuple[int, float, float]]:
    """Homes that hardly cough: one night in so many does; alerts a year, nights of alert."""
    rows = []
    for one_in in SPARSE_NIGHTS:
        rng = np.random.default_rng((SEED, 98, one_in))
        alerts = charted(*sparse_nights(one_in, HOMES, YEAR_NIGHTS, rng))
        raised = measure(alerts, YEAR_NIGHTS - 1).false_per_year
        rows.append((one_in, raised, float(alerts.sum()) / HOMES))
    return rows


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


def main() -> None:
    """Measure, and write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="F.md")
    out: Path = parser.parse_args().out
    surveys = {false: survey(false, YEAR_NIGHTS) for false in FALSE_ALARMS_PER_H}
    early = survey(0.5, 30)
    spells = survey(0.5, YEAR_NIGHTS, spell=2.0)
    compared = compare()
    picture = out.with_suffix(".png")
    out.write_text(report(surveys, early, spells, sparse(), compared, picture.name))
    draw(surveys[0.5], compared, picture)
    print(f"{out} and {picture} are written")


if __name__ == "__main__":
    main()

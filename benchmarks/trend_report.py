"""Writes what `benchmarks.trend` measured: a page of tables and a picture."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.trend_bound import KNOWING_HOMES, SIZE
from benchmarks.trend_homes import (
    COMPARED_HOMES,
    FALSE_SHAPE,
    HOMES,
    HOUR_MISSING,
    NIGHT_HOURS,
    NIGHT_MISSING,
    RATES_PER_H,
    SENSITIVITY,
    SPARSE_COUGHS,
    VARIATIONS,
    WITHIN_NIGHTS,
    Result,
)
from edge.trend.chart import Rules

FOUND = 0.9  # of the doublings, the aim
Compared = list[tuple[str, float, float, float]]
Sparse = list[tuple[int, float, float]]


@dataclass(frozen=True)
class Cell:
    """One kind of home.

    Attributes:
        result: of the chart that ships.
        knowing: share that a chart finds that knows everything but when.
        bound: share that no alert can better.
    """

    result: Result
    knowing: float
    bound: float

    @property
    def reached(self) -> bool:
        """At most one false alert a year, and nine of ten doublings found in time."""
        return self.result.false_per_year <= 1 and self.result.within >= FOUND


def _table(cells: list[Cell]) -> list[str]:
    """Rows of rates, columns of variations."""
    lines = [
        "| coughs an hour | " + " | ".join(f"variation {sd:.1f}" for sd in VARIATIONS) + " |",
        "|---" * (len(VARIATIONS) + 1) + "|",
    ]
    for row, rate in enumerate(RATES_PER_H):
        words = []
        for cell in cells[row * len(VARIATIONS) :][: len(VARIATIONS)]:
            found = f"{cell.result.false_per_year:.2f} / {_percent(cell.result.within)}"
            found = f"**{found}**" if cell.reached else found
            words.append(f"{found} · {_percent(cell.knowing)} · {_percent(cell.bound)}")
        lines.append(f"| {rate:g} | " + " | ".join(words) + " |")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def report(
    surveys: dict[float, list[Cell]],
    early: list[Cell],
    spells: list[Cell],
    sparse: Sparse,
    compared: Compared,
    picture: str,
) -> str:
    """The page, in Markdown.

    Args:
        surveys: a year's cells by the false alarms an hour.
        early: cells of a doubling after 30 nights.
        spells: cells of coughs in spells.
        sparse: homes in which one night of so many has coughs: alerts and nights of alert a year.
        compared: chart, threshold, most false alerts of any home, mean share found.
        picture: the file that `draw` wrote, beside the page.
    """
    lines = [
        "# The trend alert in simulated households",
        "",
        *_introduction(),
        "",
        *_summary([cell for cells in surveys.values() for cell in cells]),
        "",
    ]
    for false, cells in surveys.items():
        lines += [f"## {false:g} false alarms an hour", "", *_table(cells), ""]
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
        "## Homes that hardly cough",
        "",
        f"One night in so many has {SPARSE_COUGHS} reports on average, the others none.",
        "",
        "| one night in | alerts a year | nights of alert a year |",
        "|---|---|---|",
        *(f"| {one_in} | {raised:.2f} | {stood:.1f} |" for one_in, raised, stood in sparse),
        "",
        "## Two charts",
        "",
        "Rates of 1, 3 and 10 an hour, all four variations, 0.5 false alarms an hour, change after",
        f"150 nights, {COMPARED_HOMES} homes each: the most false alerts a year of any of the",
        "twelve, and the mean share found.",
        "",
        "| chart | threshold | false alerts a year, worst | found, mean |",
        "|---|---|---|---|",
        *(
            f"| {name} | {at:g} | {worst:.2f} | {_percent(mean)} |"
            for name, at, worst, mean in compared
        ),
        "",
        f"![found over nights, and false alerts against found]({picture})",
        "",
    ]
    return "\n".join(lines)


def _introduction() -> list[str]:
    rules = Rules()
    return [
        "Written by `python -m benchmarks.trend --out benchmarks/trend.md`. Nothing here was",
        "measured in a home: no long public recording of nights exists.",
        "",
        f"Each cell is {HOMES} homes. Coughs are Poisson at a gamma-distributed nightly rate,",
        "whose standard deviation over its mean is the *variation*; the detector finds",
        f"{_percent(SENSITIVITY)} of them and adds false alarms (gamma, shape {FALSE_SHAPE:g}).",
        f"A night has {NIGHT_HOURS} hours, of which {_percent(HOUR_MISSING)} are missing at",
        f"random, and {_percent(NIGHT_MISSING)} of the nights are missing whole.",
        "",
        "A cell says *false alerts a year / found · knowing · bound*:",
        "",
        f"- **found**: share of doublings that an alert tells of within {WITHIN_NIGHTS} nights of",
        "  the calendar; false alerts are counted over the first year with its learning. Bold",
        f"  cells reach the aim: at most one false alert a year, and {_percent(FOUND)}.",
        "- **knowing**: the same share of a chart that knows the household's rate and variation,",
        "  the detector's errors, and that coughs double: of all there is to know, it lacks the",
        f"  night. Its threshold allows one false alert a year ({KNOWING_HOMES} homes).",
        "- **bound**: no alert of any kind finds more at one false alert a year. It is the power",
        f"  of the likelihood-ratio test of {WITHIN_NIGHTS} nights of size {100 * SIZE:.1f} %,",
        "  for an observer who is told the night, too ([how](trend_bound.py)).",
        "",
        f"The chart that ships learns for {rules.learn_nights} nights, raises at a score of",
        f"{rules.raise_at}, clears below {rules.clear_below}, and no single night can raise it.",
        f"{HOMES} homes tell a share to about three points, either way.",
    ]


def _summary(cells: list[Cell]) -> list[str]:
    reached = sum(cell.reached for cell in cells)
    knowing = sum(cell.knowing >= FOUND for cell in cells)
    possible = sum(cell.bound >= FOUND for cell in cells)
    worst = max(cell.result.false_per_year for cell in cells)
    fair = [cell for cell in cells if cell.bound >= FOUND]
    short = sum(cell.knowing - cell.result.within for cell in fair) / len(fair)
    return [
        f"Of the {len(cells)} kinds of home in the first tables, the chart that",
        f"ships reaches the aim in {reached}, the knowing chart in {knowing}, and in",
        f"{len(cells) - possible} no alert can. Where one could, the chart finds",
        f"{100 * short:.1f} points less than the knowing one on average. The most false alerts a",
        f"year of any kind of home: {worst:.2f}.",
    ]


def draw(cells: list[Cell], compared: Compared, path: Path) -> None:
    """Two plots: shares found over the nights, and the two charts over their thresholds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    row = VARIATIONS.index(0.3)
    for number, rate in enumerate(RATES_PER_H):
        cell = cells[number * len(VARIATIONS) + row]
        found = cell.result.found
        (line,) = left.plot(
            range(1, len(found) + 1), 100 * found, marker="o", label=f"{rate:g} an hour"
        )
        left.plot(
            WITHIN_NIGHTS, 100 * cell.bound, marker="_", markersize=14, color=line.get_color()
        )
    left.axhline(100 * FOUND, color="0.6", linewidth=0.8)
    left.axvline(WITHIN_NIGHTS, color="0.6", linewidth=0.8)
    left.set(xlabel="nights since the coughs doubled", ylabel="found, %", ylim=(0, 101))
    left.set_title("variation 0.3, 0.5 false alarms an hour; bars: the bound")
    left.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for name in ("CUSUM", "Bayesian"):
        points = [(worst, 100 * mean) for which, _, worst, mean in compared if which == name]
        right.plot(*zip(*points, strict=True), marker="o", label=name)
    right.axvline(1, color="0.6", linewidth=0.8)
    right.set(xlabel="false alerts a year, worst home", ylabel="found within 5 nights, mean, %")
    right.set_title("two charts over their thresholds")
    right.legend(frameon=False)
    figure.savefig(path, dpi=120)

"""What feature selection found and what it buys: a page, a figure and the smaller spec."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.frontend import PRESETS, Frontend, FrontendSpec
from train_export.feature_select import Figure, Selection
from train_export.feature_table import PRESET, STATISTICS, FeatureTable, coefficient_names

TIMED_S = 60
ROUNDS = 5


def smaller(spec: FrontendSpec, selection: Selection, keep: int) -> FrontendSpec:
    """The spec that keeps the best coefficients, without the stages that none of them needs."""
    kept = selection.kept(keep)
    lpc = [index for index in kept if spec.mel_bands <= index < spec.mel_bands + spec.lpc_order]
    energy = [index for index in kept if index >= spec.mel_bands + spec.lpc_order]
    order = max(lpc) - spec.mel_bands + 1 if lpc else 0
    # Without the higher orders the values of energy move down.
    moved = tuple(index - (spec.lpc_order - order) if index in energy else index for index in kept)
    return replace(spec, kept=moved, lpc_order=order, energy=bool(energy))


def frontend_ms_per_s(spec: FrontendSpec) -> float:
    """Milliseconds of this machine for a second of audio; the best of five rounds."""
    rng = np.random.default_rng(0)
    pcm = np.clip(rng.normal(0, 2000, TIMED_S * spec.rate_hz), -32768, 32767).astype(np.int16)
    frontend = Frontend(spec)
    best_s = float("inf")
    for _ in range(ROUNDS):
        frontend.reset()
        begin_s = time.perf_counter()
        frontend.push(pcm)
        best_s = min(best_s, time.perf_counter() - begin_s)
    return best_s / TIMED_S * 1000


def write_report(
    out: Path,
    profile: str,
    table: FeatureTable,
    spec: FrontendSpec,
    selection: Selection,
    keep: int,
    shipped: Figure,
) -> None:
    """Write `spec.json`, `selection.png` and `report.md` into a folder.

    Args:
        out: the folder.
        profile: room or chest.
        table: what was measured on.
        spec: the frontend with every coefficient.
        selection: what was found.
        keep: how many coefficients the smaller spec keeps.
        shipped: balanced accuracy with the rows of the profile's preset, for comparison.
    """
    out.mkdir(parents=True, exist_ok=True)
    small = smaller(spec, selection, keep)
    (out / "spec.json").write_text(json.dumps(small.to_dict(), indent=2) + "\n")
    _draw(out / "selection.png", spec, selection, keep)
    preset = PRESETS[PRESET[profile]]
    names = coefficient_names(spec)
    lines = [
        f"# Feature selection for the profile {profile}",
        "",
        f"{len(table.labels)} sounds of {len(set(table.groups.tolist()))} people or files, none "
        f"of them for the test; labels {_label_counts(table)}. Each sound is summarised by mean, "
        "spread and change (spread of the deltas) of each coefficient. Ranked by mutual "
        "information, columns that correlate above 0.95 with a better one dropped, inside each "
        f"of {len(selection.fold_rankings)} training folds; people never cross folds. The "
        "classifier is the same logistic regression throughout; brackets are 95 % intervals over "
        "people. Every sound was brought to a level of its own at random, so that loudness can't "
        "tell the source; bandwidth still may.",
        "",
        "| features | values a frame | balanced accuracy | bytes/s | frontend ms/s |",
        "|---|---|---|---|---|",
        _line(f"log-mel, the preset `{PRESET[profile]}`", preset, shipped),
        _line("cepstra, LPC and energy, all", spec, selection.accuracy[len(names)]),
        _line(f"the best {keep} of them", small, selection.accuracy[keep]),
        "",
        f"The best {keep} less all of them: {selection.gain} in balanced accuracy. Times are one "
        "run on the machine that wrote this page.",
        "",
        f"Two folds agree on their best {keep} with a Jaccard index of "
        f"{selection.stability(keep):.2f} on average (sets drawn by chance: "
        f"{_by_chance(keep, len(names)):.2f}).",
        "",
        "| kept | balanced accuracy on held-out people |",
        "|---|---|",
        *(f"| {size} | {figure} |" for size, figure in selection.accuracy.items()),
        "",
        f"Kept in [`spec.json`](spec.json), best first: "
        f"{', '.join(names[index] for index in selection.ranking[:keep])}.",
        "",
        "![information by coefficient, accuracy by number kept](selection.png)",
        "",
        "It ranks single coefficients for a summary of a sound. A network that sees the frames "
        "in order may make use of others; whether the smaller spec serves one is measured by "
        "training it.",
        "",
    ]
    (out / "report.md").write_text("\n".join(lines), encoding="utf-8")


def _line(what: str, spec: FrontendSpec, figure: Figure) -> str:
    bytes_per_s = 2 * spec.coefficients * spec.rate_hz / spec.hop_samples
    return (
        f"| {what} | {spec.coefficients} | {figure} | {bytes_per_s:,.0f} | "
        f"{frontend_ms_per_s(spec):.2f} |"
    )


def _label_counts(table: FeatureTable) -> str:
    names, counts = np.unique(table.labels, return_counts=True)
    return ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))


def _by_chance(keep: int, count: int) -> float:
    """About the Jaccard index of two random sets of `keep` out of `count`."""
    common = keep * keep / count
    return common / (2 * keep - common)


def _draw(path: Path, spec: FrontendSpec, selection: Selection, keep: int) -> None:
    import matplotlib.pyplot as plt

    names = coefficient_names(spec)
    kept = set(selection.ranking[:keep])
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(13, 4.5), width_ratios=(2, 1), layout="constrained"
    )
    x = np.arange(len(names))
    for column, (statistic, marker) in enumerate(zip(STATISTICS, "ovs", strict=True)):
        left.plot(x, selection.information[:, column], marker, markersize=4, label=statistic)
    for index in kept:
        left.axvspan(index - 0.5, index + 0.5, alpha=0.12, color="tab:green", linewidth=0)
    left.set_xticks(x, names, rotation=90, fontsize=7)
    left.set_ylabel("mutual information with the label (nats)")
    left.set_title(f"the {keep} kept coefficients are shaded")
    left.legend(fontsize=8)
    sizes = list(selection.accuracy)
    figures = list(selection.accuracy.values())
    right.errorbar(
        sizes,
        [figure.value for figure in figures],
        [
            [figure.value - figure.low for figure in figures],
            [figure.high - figure.value for figure in figures],
        ],
        marker="o",
        capsize=3,
    )
    right.axvline(keep, linestyle=":", color="tab:green")
    right.set_xlabel("coefficients kept")
    right.set_ylabel("balanced accuracy, held-out people")
    figure.savefig(path, dpi=120)
    plt.close(figure)

"""What each part of the room's recipe buys: the same network with it and without it.

Every variant hears the same mixed scenes, trains for the same epochs and is quantized, its rule
chosen and its events counted on the device's path. Differences are paired, scene by scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.frontend import PRESETS, FrontendSpec
from train_export import feature_select, feature_table
from train_export.comparison import Budget, Result, measure, prepare
from train_export.intervals import bootstrap, ratio
from train_export.metrics import EventScore, total
from train_export.models.config import default_config

PLAIN = "log-mel, 40 bands"
ROOM = PRESETS["room-16k"]
CLIPS_A_LABEL, BANDS_KEPT = 200, 20
USUAL = Budget(test_hours=2.0)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to train: a frontend, and whether the teacher is asked."""

    spec: FrontendSpec = ROOM
    taught: bool = False


def variants(corpus: Path, teacher: Path | None, seed: int) -> dict[str, Variant]:
    """Name -> what is changed; the plain one first, the teacher only where its file is given."""
    kept = best_bands(corpus, seed)
    named = {
        PLAIN: Variant(),
        "spectral denoiser ahead": Variant(replace(ROOM, denoise="spectral")),
        "wavelet denoiser ahead": Variant(replace(ROOM, denoise="wavelet")),
        f"the {BANDS_KEPT} bands selected": Variant(replace(ROOM, kept=kept)),
    }
    return named | ({"YAMNet as a teacher": Variant(taught=True)} if teacher else {})


def best_bands(corpus: Path, seed: int) -> tuple[int, ...]:
    """The bands with the most information about the label that do not repeat a better one."""
    segments = feature_table.room_segments(corpus, "auto", CLIPS_A_LABEL)
    table = feature_table.feature_table(segments, ROOM)
    return feature_select.select(table, BANDS_KEPT, seed=seed).kept(BANDS_KEPT)


def ablate(
    corpus: Path, work: Path, budget: Budget, named: dict[str, Variant], teacher: Path | None
) -> dict[str, Result]:
    """Train and score every variant; what an earlier call did in `work` is used again."""
    results = {}
    for name, variant in named.items():
        hears = teacher if variant.taught else None
        scenes = prepare(corpus, work, budget, "local", variant.spec, hears)
        config = replace(default_config("cnn"), bands=variant.spec.coefficients)
        folder = "".join(letter if letter.isalnum() else "-" for letter in name)
        results[name] = measure(folder, config, scenes, budget, work)
    return results


def page(results: dict[str, Result], named: dict[str, Variant], budget: Budget) -> str:
    """The findings as a page of Markdown."""
    plain = results[PLAIN]
    hours, true = plain.score.hours, plain.score.matched + plain.score.missed
    lines = [
        "# What each part buys",
        "",
        "Written by `airway-train ablate`. The room's CNN, trained with one thing changed at a "
        f"time: {budget.hours:g} h of training scenes, {budget.epochs} epochs, seed "
        f"{budget.seed}. That is a small budget, equal for all: **these are not the figures of "
        "the shipped model**.",
        "",
        f"Epoch and rule are chosen on {budget.validation_hours:g} h of scenes of validation "
        f"people; the figures are of {hours:.0f} h of scenes of test people, {true} coughs, by the "
        "int8 model on the device's path. Scenes are spliced from clips; all variants hear the "
        "same. Brackets: 95 % by bootstrap over scenes; the difference is paired. Each was trained "
        "once: what another seed would change is not in the brackets.",
        "",
        "| variant | event F1 | less the plain one | sensitivity | precision | int8 less float |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        loss = max(agreement.loss for agreement in result.test.values())
        lines.append(
            f"| {name} | {_f1_with_interval(result.scores)} | "
            f"{'' if name == PLAIN else _difference(result.scores, plain.scores)} | "
            f"{result.score.sensitivity:.3f} | {result.score.precision:.3f} | {-loss:+.3f} |"
        )
    kept = next(variant.spec.kept for variant in named.values() if variant.spec.kept)
    lines += [
        "",
        f"The {len(kept)} bands, of {ROOM.mel_bands} numbered from the lowest, have the most "
        "mutual information with the label among sounds that are not for the test, less those "
        f"that repeat a better one: {', '.join(map(str, kept))}.",
        "",
        "## Verdict",
        "",
        *(
            f"- {_verdict(name, result, plain)}"
            for name, result in results.items()
            if name != PLAIN
        ),
    ]
    return "\n".join(lines) + "\n"


def _counts(scores: Sequence[EventScore]) -> list[tuple[float, float, float]]:
    return [(score.matched, score.missed, score.extra) for score in scores]


def _f1(sums: Sequence[float]) -> float:
    matched, missed, extra = sums
    return ratio(2 * matched, 2 * matched + missed + extra)


def _f1_with_interval(scores: Sequence[EventScore]) -> str:
    low, high = bootstrap(_counts(scores), _f1)
    return f"{total(scores).f1:.3f} [{low:.3f}, {high:.3f}]"


def gain(one: Sequence[EventScore], other: Sequence[EventScore]) -> tuple[float, float, float]:
    """F1 of one less that of the other on the same scenes, and its 95 % interval."""
    rows = [a + b for a, b in zip(_counts(one), _counts(other), strict=True)]

    def less(sums: Sequence[float]) -> float:
        return _f1(sums[:3]) - _f1(sums[3:])

    return (less(np.sum(rows, axis=0)), *bootstrap(rows, less))


def _difference(one: Sequence[EventScore], other: Sequence[EventScore]) -> str:
    value, low, high = gain(one, other)
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def _verdict(name: str, result: Result, plain: Result) -> str:
    _, low, high = gain(result.scores, plain.scores)
    if low > 0:
        return f"{name}: helps."
    return f"{name}: {'harms' if high < 0 else 'makes no sure difference'}."

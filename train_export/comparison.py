"""Networks at equal data and equal epochs, each on the device's path in int8."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge import __version__
from edge.bundle import Bundle, load_bundle
from edge.card import EventRule
from edge.classifier import MODULES
from edge.frontend import PRESETS, FrontendSpec
from train_export.agreement import LEAST_TOP_CLASS, MOST_F1_LOSS, Agreement, agreement
from train_export.calibrate import choose_rule, score_scenes
from train_export.cost import arena_bytes, multiplications, patch_times_s
from train_export.export import export
from train_export.features import STEP_FRAMES, SceneSet, prepare_scenes
from train_export.metrics import EventScore, total
from train_export.models.config import PATCH_STEPS, StepConfig, default_config
from train_export.room import TRAINING, VALIDATION, in_own_process
from train_export.scoring import evaluate_scenes
from train_export.soundscape import Recipe

RUNTIMES = tuple(MODULES)
# Denser than the room's own validation: a difference of half a point has to be countable.
SCORED = replace(VALIDATION, bouts_per_hour=300.0)
PATCH_S = PATCH_STEPS * STEP_FRAMES * 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What each architecture gets.

    Attributes:
        hours: of training scenes.
        epochs: passes over them.
        batch_steps: scores of a batch: fewer than a long training's, for more of them.
        rate: peak learning rate, which goes with the batch.
        validation_hours: of scenes that choose the epoch and the rule.
        test_hours: of scenes of people that neither training nor validation heard: some 2,000
            coughs, so that luck is a part of the half point that int8 may lose.
        seed: of the scenes, the weights and the stretches.
    """

    hours: float = 6.0
    epochs: int = 6
    batch_steps: int = 512
    rate: float = 1e-3
    validation_hours: float = 0.5
    test_hours: float = 4.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Scenes:
    """Training, validation and test scenes, and the frontend that made them."""

    training: SceneSet
    validation: SceneSet
    test: SceneSet
    spec: FrontendSpec


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one architecture.

    Attributes:
        bundle: with its int8 model.
        rule: chosen on validation scenes, on the first runtime.
        validation, test: float against int8, by runtime.
        scores: what the int8 model found in each test scene, on the first runtime.
    """

    bundle: Bundle
    rule: EventRule
    validation: dict[str, Agreement]
    test: dict[str, Agreement]
    scores: list[EventScore]

    @property
    def score(self) -> EventScore:
        """What it found in all test scenes."""
        return total(self.scores)


def prepare(
    corpus: Path,
    work: Path,
    budget: Budget,
    scheduler: str,
    spec: FrontendSpec = PRESETS["room-16k"],
    teacher: Path | None = None,
) -> Scenes:
    """Mix the scenes, or read them from the working folder; a teacher hears those of training."""

    def made(split: str, hours: float, dense: Recipe, hears: Path | None = None) -> SceneSet:
        return prepare_scenes(
            corpus, split, round(hours * 60), dense, spec=spec, teacher_model=hears,
            seed=budget.seed, scheduler=scheduler, cache=work / "scenes",
        )  # fmt: skip

    return Scenes(
        made("train", budget.hours, TRAINING, teacher),
        made("val", budget.validation_hours, SCORED),
        made("test", budget.test_hours, SCORED),
        spec,
    )


def measure(name: str, config: StepConfig, scenes: Scenes, budget: Budget, work: Path) -> Result:
    """Train, quantize and score one network; what an earlier call trained is used again."""
    weights, floats = in_own_process(_fit, config, scenes, budget, work / name)
    bundle = export(
        weights, config, scenes.spec, scenes.training, work / name / "bundle",
        name=name, version=__version__, about={"profile": "comparison"},
    )  # fmt: skip
    held = (scenes.validation, scenes.test)
    integers = {
        runtime: in_own_process(_int8, work / name / "bundle", held, runtime)
        for runtime in RUNTIMES
    }
    first = integers[RUNTIMES[0]]
    rule, _ = choose_rule(bundle, first[0], scenes.validation, "cough")
    compared = [
        {
            runtime: agreement(bundle, floats[part], logits[part], held[part], [rule])
            for runtime, logits in integers.items()
        }
        for part in range(2)
    ]
    scores = evaluate_scenes(first[1], scenes.test, rule, bundle.spec)
    return Result(bundle, rule, compared[0], compared[1], scores)


def _fit(
    config: StepConfig, scenes: Scenes, budget: Budget, folder: Path
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Train; gives the weights, and the float logits of validation and test scenes."""
    from train_export.train import TrainConfig, train
    from train_export.train import score_scenes as score_in_float

    run = TrainConfig(
        epochs=budget.epochs,
        seed=budget.seed,
        batch_steps=budget.batch_steps,
        rate=budget.rate,
    )
    model = train(scenes.training, scenes.validation, config, run, folder, resume=True)
    held = (scenes.validation, scenes.test)
    return model.get_weights(), [score_in_float(model, config, part) for part in held]


def _int8(folder: Path, held: Sequence[SceneSet], runtime: str) -> list[NDArray[np.int8]]:
    bundle = load_bundle(str(folder))
    return [score_scenes(bundle, scenes, runtime) for scenes in held]


def table(results: dict[str, Result], budget: Budget) -> str:
    """The comparison as a page of Markdown."""
    bundles = {name: result.bundle for name, result in results.items()}
    times = {runtime: in_own_process(patch_times_s, bundles, runtime) for runtime in RUNTIMES}
    first = next(iter(results))
    head = ["", *results]
    rows: list[list[str]] = [
        ["parameters", *(f"{b.card['model']['parameters']:,}" for b in bundles.values())],
        ["int8 model, bytes", *(f"{len(b.model):,}" for b in bundles.values())],
        [
            "MAC a second of audio, millions",
            *(f"{multiplications(b.model) / PATCH_S / 1e6:.2f}" for b in bundles.values()),
        ],
        *(
            [
                f"time, {runtime}, relative to {first}",
                *(f"{seconds / by[first]:.2f}" for seconds in by.values()),
            ]
            for runtime, by in times.items()
        ),
        ["arena of TFLite Micro, bytes", *(_arena(b.model) for b in bundles.values())],
        *_quality("validation", {name: result.validation for name, result in results.items()}),
        *_quality("test", {name: result.test for name, result in results.items()}),
        ["test: sensitivity", *(f"{r.score.sensitivity:.3f}" for r in results.values())],
        ["test: precision", *(f"{r.score.precision:.3f}" for r in results.values())],
    ]
    lines = [head, ["---"] + ["---:"] * len(results), *rows]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{_protocol(results, budget)}\n{body}\n\n{_verdict(results)}"


def _quality(part: str, by_name: dict[str, dict[str, Agreement]]) -> list[list[str]]:
    rows = []
    for runtime in RUNTIMES:
        each = [by_runtime[runtime] for by_runtime in by_name.values()]
        if runtime == RUNTIMES[0]:
            rows.append([f"{part}: event F1, float", *(f"{a.f1_float:.3f}" for a in each)])
        rows.append([f"{part}: event F1, int8, {runtime}", *(f"{a.f1_int8:.3f}" for a in each)])
        rows.append([f"{part}: same top class, {runtime}", *(f"{a.top_class:.2%}" for a in each)])
        rows.append(
            [f"{part}: same top label in sound, {runtime}", *(f"{a.top_label:.2%}" for a in each)]
        )
    return rows


def _arena(model: bytes) -> str:
    used = arena_bytes(model)
    return "not measured" if used is None else f"{used:,}"


def _protocol(results: dict[str, Result], budget: Budget) -> str:
    first = next(iter(results.values()))
    true, commit = first.test[RUNTIMES[0]].true, first.bundle.card["commit"]
    stretches = ", ".join(f"{name} {default_config(name).stretch_steps()}" for name in results)
    return f"""# Architectures at equal data

Written by `airway-train compare`. Each network has the same convolutional front and the same
reach into the past and the future, and gets the same {budget.hours:g} h of training scenes for
{budget.epochs} epochs (seed {budget.seed}, commit `{commit[:12]}`): a small budget, equal for all.
**These are not the figures of the shipped model**, which trains on far more.

- Epoch and event rule are chosen on {budget.validation_hours:g} h of scenes of validation
  people; the test scenes are {budget.test_hours:g} h of people that neither heard, with {true}
  coughs. Scenes are spliced from clips.
- A batch is {budget.batch_steps} scores, in stretches of scenes as long as each network's training
  cuts them ({stretches}): the shorter, the more scenes are in a batch,
  which at so small a budget favours a network.
- Events are matched one to one, onsets within 0.25 s. Float and int8 use the same rule; the
  float logits are rounded to the int8 output's unit first. int8 runs on the device's path.
- int8 is post-training quantization. Training patches give the ranges, the gains that let each
  channel use its range (`train_export/equalize.py`), and the covariance by which the convolutions'
  rounding errors cancel (`train_export/rounding.py`); what the logits are off in the mean where a
  label is in doubt goes back into their bias (`train_export/bias.py`).
- Top class: of a 40 ms step, the label with the highest logit, or none where no logit is above
  zero. Top label in sound: the highest label over the steps that a label fills by half or more.
- Time is processor time of one patch ({PATCH_S:.2f} s of audio), median, the models by turns in
  one process on one machine: a ratio, not a figure for any board. The arena is that of TFLite
  Micro's x86 build; pointers are smaller on a microcontroller.
"""


def _verdict(results: dict[str, Result]) -> str:
    lines = []
    for name, result in results.items():
        worst = min(a.top_class for a in result.test.values())
        loss = max(a.loss for a in result.test.values())
        met = worst >= LEAST_TOP_CLASS and loss <= MOST_F1_LOSS
        lines.append(
            f"- {name}: int8 loses {100 * loss:+.2f} points of test F1 at most, and the top class "
            f"agrees in {worst:.2%} of the steps at least: "
            f"{'within' if met else 'NOT within'} 0.5 points and {LEAST_TOP_CLASS:.0%}."
        )
    return "\n".join(lines) + "\n"

"""The room profile from corpus to bundle: mix, train, quantize, choose, calibrate, write."""

import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge import __version__
from edge.bundle import Bundle
from edge.card import GateRule
from edge.errors import BadInputError, UsageError
from edge.frontend import PRESETS
from train_export.datasets import read_corpus
from train_export.export import export
from train_export.features import STEP_FRAMES, SceneSet, prepare_scenes
from train_export.models.config import BATCH_STEPS, StepConfig, default_config
from train_export.operating import choose, refuse_without_events
from train_export.schedule import LOCAL
from train_export.soundscape import Recipe
from train_export.teacher import digest

P = ParamSpec("P")
T = TypeVar("T")

# Far denser than any home: every stretch that a step trains on holds something to learn. Levels
# go up to a loud radio's: what is never heard loud in training is a false alarm when it is. The
# corpus has few backgrounds, so they are mixed, played at other speeds, and joined by drums.
TRAINING = Recipe(
    bouts_per_hour=900, others_per_hour=700, snr_db=(-2.0, 24.0), speed=(0.87, 1.15),
    background_dbfs=(-70.0, -12.0), quiet_dbfs=(-62.0, -28.0), density_spread=1.0,
    interludes=0.2, music=0.35, other_speed=(0.75, 1.35), bed_speed=(0.7, 1.4), second_bed=0.35,
    tracks=32,
)  # fmt: skip
VALIDATION = Recipe(
    bouts_per_hour=60, others_per_hour=280, snr_db=(0.0, 20.0),
    background_dbfs=(-65.0, -20.0), quiet_dbfs=(-60.0, -32.0), interludes=0.1,
)  # fmt: skip
VALIDATION_HOURS = 4.0
# The odds that a sound was a cough hang on how many other sounds there are: these are a home's.
HOME = replace(VALIDATION, others_per_hour=60)
HOME_HOURS = 8.0
# Steady hiss opens it once in minutes, and it shut out no cough so far (benchmarks/gate.py).
GATE = GateRule(rise_q7=160)
ABOUT: dict[str, Any] = {
    "profile": "room",
    "purpose": "Counts coughs in a room. A screening aid, not a diagnosis.",
    "data": [
        "COVID-19 cough dataset (covid19-cough/dataset), CC0 1.0",
        "Coswara, one day, CC BY 4.0",
        "ghchen99/cough-classification, MIT",
        "ESC-50, CC BY-NC 3.0",
        "Speech Commands, CC BY 4.0; donateacry-corpus, ODbL",
        "LibriSpeech, AMI and other speech; music, ambience and room impulse responses, mostly "
        "CC BY, CC BY-SA, CC BY-NC, CC0 and GPL, as listed in docs/data.md",
        "synthetic music, by train_export/rhythm.py",
    ],
    "licence": "Apache-2.0; some training data forbids commercial use (ESC-50: CC BY-NC 3.0)",
    "limits": [
        "Trained on voluntary and induced coughs, mostly of adults, recorded by telephone.",
        "Scenes are spliced from clips: no long recording with annotated coughs is public.",
        "It does not know whose cough it hears; a television coughs too.",
    ],
}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network.

    Attributes:
        weights: as `keras.Model.get_weights` gives them.
        floats: logits of the validation scenes, float32 [scenes, steps, labels].
    """

    weights: list[NDArray[np.float32]]
    floats: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a training on scenes gets, and how it is done.

    Attributes:
        hours: of training scenes.
        epochs: most passes over them.
        seed: of the scenes, the weights and the stretches.
        model: architecture, a key of STEP_CONFIGS.
        patience: epochs that were no better on validation people and end it; None: none do.
        resume: go on after the last epoch of an interrupted run.
        layout: how the corpus lies on disk; see `readers`.
        scheduler: where the scenes are mixed; see `schedule.spread`.
        teacher: YAMNet's TFLite file, whose scores of the training scenes are learned beside
            the labels; None: labels alone.
        processors: of this machine, each with a copy of the network and a batch of its own.
        false_alarms: an hour, at a home's density, that an event rule is to keep to; None
            chooses the rule with the best F1 among many other sounds.
    """

    hours: float
    epochs: int
    seed: int
    model: str = "cnn"
    patience: int | None = None
    resume: bool = False
    layout: str = "auto"
    scheduler: str = LOCAL
    teacher: Path | None = None
    processors: int = 1
    false_alarms: float | None = None

    def __post_init__(self) -> None:
        """Refuse now what would end a training hours later."""
        if not self.hours > 0 or self.epochs < 1 or self.seed < 0:
            raise UsageError(
                f"{self.hours:g} hours, {self.epochs} epochs, seed {self.seed}; give more than 0 "
                "hours, 1 epoch or more, and a seed of 0 or more"
            )
        if self.patience is not None and self.patience < 1:
            raise UsageError(f"a patience of {self.patience} epochs; give 1 or more")
        if self.processors < 1:
            raise UsageError(f"{self.processors} processors; give 1 or more")
        if self.false_alarms is not None and not 0 <= self.false_alarms < math.inf:
            raise UsageError(f"{self.false_alarms:g} false alarms an hour; give 0 or more")
        if self.teacher and self.model != "cnn":
            raise UsageError(
                f"a teacher teaches the cnn only, not the {self.model}; leave --teacher out"
            )
        if round(self.hours * 60) * scene_steps() < self.batch_steps:
            least = math.ceil(self.batch_steps / scene_steps()) / 60
            raise UsageError(
                f"{self.hours:g} hours of scenes fill no batch, which takes {self.batch_steps} "
                f"scores with --processors {self.processors}; give {least:.3f} hours or more"
            )

    @property
    def batch_steps(self) -> int:
        """Scores of a batch: for each processor as many whole stretches, which have one shape."""
        stretch = default_config(self.model).stretch_steps()
        return BATCH_STEPS // stretch * stretch * self.processors

    def protocol(self, chosen_on: str) -> dict[str, Any]:
        """What the card says of it."""
        return {
            "training_hours": self.hours,
            "epochs": self.epochs,
            "seed": self.seed,
            "processors": self.processors,
            "teacher": f"YAMNet, SHA-256 {digest(self.teacher)}" if self.teacher else "none",
            "chosen_on": chosen_on,
            **({} if self.false_alarms is None else {"false_alarms_asked": self.false_alarms}),
        }


def scene_steps() -> int:
    """Scores of a training scene."""
    spec = PRESETS["room-16k"]
    samples = round(TRAINING.duration_s * spec.rate_hz)
    return ((samples - spec.window_samples) // spec.hop_samples + 1) // STEP_FRAMES


def train_room(corpus: Path, out: Path, work: Path, plan: Plan) -> Bundle:
    """Train and write the room bundle; the same arguments give the same bundle.

    Raises:
        BadInputError: the corpus has no cough, or its validation people have none.
    """
    refuse_without_coughs(corpus, plan.layout)
    validation = validation_scenes(corpus, work, plan.seed, plan.layout, plan.scheduler)
    training = training_scenes(corpus, work, plan)
    home = home_scenes(corpus, work, plan.seed, plan.layout, plan.scheduler)
    config = default_config(plan.model)
    about = ABOUT | {
        "gate": asdict(GATE),
        "protocol": {"split": "by person or file, 70 % train, 12 % validation, 18 % test"}
        | plan.protocol(f"{VALIDATION_HOURS:g} h of scenes of validation people")
        | {"odds_from": f"{HOME_HOURS:g} h of them at a home's density"},
    }
    fitted = in_own_process(fit, corpus, work, config, plan)
    bundle = export(
        fitted.weights, config, PRESETS["room-16k"], training, out,
        name="room", version=__version__, about=about,
    )  # fmt: skip
    return choose(bundle, fitted.floats, validation, home, out, plan.false_alarms)


def refuse_without_coughs(corpus: Path, layout: str) -> None:
    """BadInputError where there is nothing that the room's bundle could find."""
    if not any(clip.label == "cough" for clip in read_corpus(corpus, layout)):
        raise BadInputError(
            f"{corpus} lists no cough, which the room's bundle is about; for labels of your own "
            "give a folder of recordings a label, without a manifest.csv"
        )


def training_scenes(corpus: Path, work: Path, plan: Plan) -> SceneSet:
    """Mixed now, or read from the working folder."""
    how = plan.seed, plan.layout, plan.scheduler, plan.teacher
    return _mixed(corpus, work, "train", plan.hours, TRAINING, *how)


def validation_scenes(
    corpus: Path, work: Path, seed: int, layout: str = "auto", scheduler: str = LOCAL
) -> SceneSet:
    """Of validation people among many other sounds: they choose the epoch and the rules.

    Raises:
        BadInputError: there is no cough among them.
    """
    how = seed, layout, scheduler
    scenes = _mixed(corpus, work, "val", VALIDATION_HOURS, VALIDATION, *how)
    refuse_without_events(scenes)
    return scenes


def home_scenes(
    corpus: Path, work: Path, seed: int, layout: str = "auto", scheduler: str = LOCAL
) -> SceneSet:
    """Of validation people at a home's density: they say what a found cough's odds are."""
    return _mixed(corpus, work, "val", HOME_HOURS, HOME, seed, layout, scheduler)


def _mixed(
    corpus: Path,
    work: Path,
    split: str,
    hours: float,
    recipe: Recipe,
    seed: int,
    layout: str,
    scheduler: str,
    teacher: Path | None = None,
) -> SceneSet:
    return prepare_scenes(
        corpus, split, round(hours * 60), recipe, layout=layout, seed=seed,
        teacher_model=teacher, scheduler=scheduler, cache=work / "scenes",
    )  # fmt: skip


def in_own_process(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call in a fresh process: TensorFlow and tflite-runtime can't share one."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()


def fit(corpus: Path, work: Path, config: StepConfig, plan: Plan) -> Fitted:
    """Train on the scenes; gives the best epoch."""
    training = training_scenes(corpus, work, plan)
    validation = validation_scenes(corpus, work, plan.seed, plan.layout, plan.scheduler)
    return fit_scenes(training.in_memory(), validation, config, plan, work / "run")


def fit_scenes(
    training: SceneSet, validation: SceneSet, config: StepConfig, plan: Plan, folder: Path
) -> Fitted:
    """Train; gives the best epoch. TensorFlow's process only.

    Raises:
        BadInputError: a label is in none of the validation scenes.
    """
    refuse_without_events(validation)
    from train_export.mirrored import mirrored
    from train_export.train import TrainConfig, train
    from train_export.train import score_scenes as score_in_float

    strategy = mirrored(plan.processors)
    run = TrainConfig(
        epochs=plan.epochs,
        seed=plan.seed,
        patience=plan.epochs if plan.patience is None else plan.patience,
        batch_steps=plan.batch_steps,
        rate=TrainConfig().rate * plan.processors**0.5,  # a larger batch's gradient is surer
    )
    model = train(training, validation, config, run, folder, resume=plan.resume, strategy=strategy)
    return Fitted(model.get_weights(), score_in_float(model, config, validation))

"""The room profile from corpus to bundle: mix, train, quantize, choose, calibrate, write."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge import __version__
from edge.bundle import Bundle
from edge.card import GateRule
from edge.frontend import PRESETS
from train_export.calibrate import calibrate, choose_rule, score_scenes
from train_export.export import export, finish
from train_export.features import SceneSet, prepare_scenes
from train_export.metrics import EventScore
from train_export.models.config import CnnConfig
from train_export.soundscape import Recipe

P = ParamSpec("P")
T = TypeVar("T")

# Far denser than any home: every stretch that a step trains on holds something to learn. Levels
# go up to a loud radio's: what is never heard loud in training is a false alarm when it is.
TRAINING = Recipe(
    bouts_per_hour=900, others_per_hour=700, snr_db=(0.0, 28.0), speed=(0.87, 1.15),
    background_dbfs=(-70.0, -12.0), quiet_dbfs=(-62.0, -28.0), density_spread=1.0,
    interludes=0.2, music=0.35,
)  # fmt: skip
VALIDATION = Recipe(
    bouts_per_hour=60, others_per_hour=280, snr_db=(0.0, 20.0),
    background_dbfs=(-65.0, -20.0), quiet_dbfs=(-60.0, -32.0), interludes=0.1,
)  # fmt: skip
VALIDATION_HOURS = 4.0
# What is told as an event. The other labels are scored so that coughs are told from them; on
# their own they are not found well enough yet to be published.
EVENTS = ("cough",)
# Steady hiss never opens it, and on validation scenes it shut out no cough (benchmarks/gate.py).
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
    ],
    "licence": "Apache-2.0; some training data forbids commercial use (ESC-50: CC BY-NC 3.0)",
    "limits": [
        "Trained on voluntary and induced coughs, mostly of adults, recorded by telephone.",
        "Scenes are spliced from clips: no long recording with annotated coughs is public.",
        "It does not know whose cough it hears; a television coughs too.",
    ],
}


def train_room(
    corpus: Path, out: Path, work: Path, *, hours: float, epochs: int, seed: int
) -> Bundle:
    """Train and write the room bundle; the same arguments give the same bundle."""
    training, validation = scenes(corpus, work, hours=hours, seed=seed)
    config = CnnConfig()
    weights = in_own_process(fit, corpus, work, config, hours=hours, epochs=epochs, seed=seed)
    about = ABOUT | {
        "gate": asdict(GATE),
        "protocol": {
            "split": "by person or file, 70 % train, 12 % validation, 18 % test",
            "training_hours": hours,
            "epochs": epochs,
            "seed": seed,
            "chosen_on": f"{VALIDATION_HOURS:g} h of scenes of validation people",
        },
    }
    bundle = export(
        weights, config, PRESETS["room-16k"], training, out,
        name="room", version=__version__, about=about,
    )  # fmt: skip
    return choose(bundle, validation, out)


def scenes(corpus: Path, work: Path, *, hours: float, seed: int) -> tuple[SceneSet, SceneSet]:
    """Training and validation scenes, mixed now or read from the working folder."""
    cache = work / "scenes"
    training = prepare_scenes(corpus, "train", round(hours * 60), TRAINING, seed=seed, cache=cache)
    validation = prepare_scenes(
        corpus, "val", round(VALIDATION_HOURS * 60), VALIDATION, seed=seed, cache=cache
    )
    return training, validation


def in_own_process(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call in a fresh process: TensorFlow and tflite-runtime can't share one."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()


def fit(
    corpus: Path, work: Path, config: CnnConfig, *, hours: float, epochs: int, seed: int
) -> list[NDArray[np.float32]]:
    """Train on the scenes; gives the best epoch's weights."""
    from train_export.train import TrainConfig, train

    training, validation = scenes(corpus, work, hours=hours, seed=seed)
    in_memory = SceneSet(np.array(training.features), np.array(training.targets), training.truths)
    run = TrainConfig(epochs=epochs, seed=seed)
    return train(in_memory, validation, config, run, work / "run").get_weights()


def choose(bundle: Bundle, validation: SceneSet, out: Path) -> Bundle:
    """Choose the rules and the odds on validation scenes, and write the bundle with them."""
    logits = score_scenes(bundle, validation)
    rules, calibration, figures = [], {}, {}
    for label in EVENTS:
        rule, score = choose_rule(bundle, logits, validation, label)
        print(f"{label}: validation F1 {score.f1:.3f} with {rule}")
        rules.append(rule)
        calibration[label] = calibrate(bundle, logits, validation, rule)
        figures[label] = _figures(score)
    return finish(bundle, out, rules, calibration, {"validation": figures})


def _figures(score: EventScore) -> dict[str, float]:
    return {
        "true": score.matched + score.missed,
        "hours": round(score.hours, 3),
        "sensitivity": round(score.sensitivity, 4),
        "precision": round(score.precision, 4),
        "false_alarms_per_hour": round(score.false_alarms_per_hour, 3),
    }

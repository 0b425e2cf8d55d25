"""From a folder of labelled recordings to a bundle: the room's way with one's own labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge import __version__
from edge.bundle import Bundle
from edge.errors import BadInputError
from edge.frontend import PRESETS
from train_export.datasets import SPLITS, Clip, split_corpus, split_of
from train_export.export import export
from train_export.features import SceneSet, prepare_scenes
from train_export.models.config import StepConfig, default_config
from train_export.operating import choose
from train_export.readers.rows import fingerprint
from train_export.room import (
    TRAINING,
    VALIDATION,
    Fitted,
    Plan,
    fit_scenes,
    in_own_process,
)
from train_export.schedule import LOCAL
from train_export.sounds import cut
from train_export.soundscape import Recipe
from train_export.taxonomy import BEDS

# Half an hour holds some 150 events: fewer make the choice of the levels a matter of luck.
LEAST_VALIDATION_HOURS = 0.5


def train_own(corpus: Path, out: Path, work: Path, plan: Plan) -> Bundle:
    """Train on a folder of labelled recordings, and write a bundle named after `out`.

    Raises:
        BadInputError: a label has too few recordings, or none in which a sound stands out.
    """
    clips = split_corpus(corpus, "folder")
    for line in survey(clips):
        print(line)
    labels = labels_of(clips)
    work = own_work(work, clips)
    training, validation = scenes(corpus, work, labels, plan)
    config = replace(default_config(plan.model), labels=len(labels))
    fitted = in_own_process(fit, corpus, work, labels, config, plan)
    split = "by person or file, label by label, 70 % train, 12 % validation, 18 % test"
    chosen_on = f"{_validation_hours(plan.hours):g} h of scenes of validation people"
    bundle = export(
        fitted.weights, config, PRESETS["room-16k"], training, out,
        name=out.resolve().name, version=__version__,
        about=about(clips, labels) | {"protocol": {"split": split} | plan.protocol(chosen_on)},
    )  # fmt: skip
    return choose(bundle, fitted.floats, validation, validation, out, plan.false_alarms)


def own_work(work: Path, clips: Sequence[Clip]) -> Path:
    """Where the scenes and the run of a folder are kept; another content has another place."""
    return work / f"own-{fingerprint(clips)}"


def survey(clips: Sequence[Clip]) -> list[str]:
    """What the folder gives, a line a label: files, people or files of their own, sounds found.

    Raises:
        BadInputError: there is no label to find, or one has no sound in training or validation.
    """
    if not labels_of(clips):
        raise BadInputError("no label to find: every folder is a background or other sounds")
    lines = []
    for label in sorted({clip.label for clip in clips}):
        members = [clip for clip in clips if clip.label == label]
        sounds = Counter(split_of(clip) for clip in members for _ in cut(clip))
        found = ", ".join(f"{name} {sounds[name]}" for name in SPLITS)
        groups = len({clip.group for clip in members})
        lines.append(f"{label}: {len(members)} files, {groups} people or files; used: {found}")
        lacking = [name for name in ("train", "val") if not sounds[name]]
        if lacking and label not in BEDS:
            raise BadInputError(
                f"label {label!r}: no sound stands out in the recordings for "
                f"{' and '.join(lacking)}; add recordings in which it is clearly heard"
            )
    return lines


def labels_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """The model's labels: every folder but the beds, `other` last; empty when none is to find.

    `other` is there as soon as there are backgrounds, stretches of which begin and end.
    """
    found = {clip.label for clip in clips}
    told = tuple(sorted(found - {*BEDS, "other"}))
    more = ("other",) if found & {"other", "background"} else ()
    return told + more if told else ()


def recipe_of(recipe: Recipe, labels: tuple[str, ...]) -> Recipe:
    """The room's recipe without what the folder does not hold, synthetic music among it.

    Drums would be most of what is behind the sounds of a small folder.
    """
    others = [label for label in labels if label not in ("cough", "other")]
    return replace(
        recipe,
        bouts_per_hour=recipe.bouts_per_hour if "cough" in labels else 0.0,
        others_per_hour=recipe.others_per_hour if others or "other" in labels else 0.0,
        interludes=recipe.interludes if "other" in labels else 0.0,
        tracks=0,
    )


def scenes(
    corpus: Path, work: Path, labels: tuple[str, ...], plan: Plan
) -> tuple[SceneSet, SceneSet]:
    """Training and validation scenes, mixed now or read from the working folder."""
    training = prepare_scenes(
        corpus, "train", round(plan.hours * 60), recipe_of(TRAINING, labels),
        layout="folder", labels=labels, seed=plan.seed, teacher_model=plan.teacher,
        scheduler=plan.scheduler, cache=work / "scenes",
    )  # fmt: skip
    return training, validation_scenes(corpus, work, labels, plan.hours, plan.seed, plan.scheduler)


def validation_scenes(
    corpus: Path,
    work: Path,
    labels: tuple[str, ...],
    training_hours: float,
    seed: int,
    scheduler: str = LOCAL,
) -> SceneSet:
    """Scenes of validation people, as many as go with so many hours of training."""
    minutes = round(_validation_hours(training_hours) * 60)
    return prepare_scenes(
        corpus, "val", minutes, recipe_of(VALIDATION, labels), layout="folder", labels=labels,
        seed=seed, scheduler=scheduler, cache=work / "scenes",
    )  # fmt: skip


def fit(
    corpus: Path, work: Path, labels: tuple[str, ...], config: StepConfig, plan: Plan
) -> Fitted:
    """Train on the scenes; gives the best epoch."""
    training, validation = scenes(corpus, work, labels, plan)
    return fit_scenes(training, validation, config, plan, work / "run")


def about(clips: Sequence[Clip], labels: tuple[str, ...]) -> dict[str, Any]:
    """What the card says of such a model."""
    counts = Counter(clip.label for clip in clips)
    told = [label for label in labels if label != "other"]
    return {
        "profile": "room",
        "purpose": f"Finds {', '.join(told)}. A screening aid, not a diagnosis.",
        "data": [f"{counts[label]} recordings of {label}" for label in sorted(counts)],
        "licence": "that of the recordings it was trained on",
        "limits": [
            "Trained on one folder of recordings; other people, rooms and microphones than "
            "theirs may sound different.",
            "Scenes are spliced from clips.",
        ],
    }


def _validation_hours(hours: float) -> float:
    return max(LEAST_VALIDATION_HOURS, hours / 4)

"""Chooses a room bundle's event rules and odds again, without a training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.bundle import Bundle
from edge.errors import BadInputError, UsageError
from train_export.calibrate import score_scenes
from train_export.datasets import split_corpus
from train_export.export import finish, here
from train_export.features import SceneSet
from train_export.operating import operating_points
from train_export.own_sounds import labels_of, own_work
from train_export.own_sounds import validation_scenes as own_validation_scenes
from train_export.room import home_scenes, refuse_without_coughs, validation_scenes
from train_export.taxonomy import ROOM_LABELS

# What a card says of the former rules.
_FORMER = ("false_alarms_asked", "tuned_by")
_OF_FORMER_RULES = ("f1_float", "f1_int8")


def tune(
    bundle: Bundle, corpus: Path, layout: str, work: Path, out: Path, false_alarms: float | None
) -> Bundle:
    """Write a bundle again with the rules and odds that a training of today would choose.

    Args:
        bundle: of the room or of a folder of one's own; its network is left alone.
        corpus: the one that it was trained on; its validation people choose.
        layout: how it lies on disk; see `readers`.
        work: where scenes are kept.
        out: folder to write, which may be the bundle's own.
        false_alarms: an hour, that the rules are to keep to; None: those with the best F1.

    Raises:
        UsageError: it is no bundle of the room.
        BadInputError: its card does not say how it was trained, or the corpus has other labels.
    """
    validation, usual = _scenes(bundle, corpus, layout, work)
    logits = score_scenes(bundle, validation)
    chosen = operating_points(bundle, logits, validation, usual, false_alarms)
    protocol = {k: v for k, v in bundle.card["protocol"].items() if k not in _FORMER}
    asked = {} if false_alarms is None else {"false_alarms_asked": false_alarms}
    about = {"protocol": protocol | asked | {"tuned_by": here()}}
    figures = _network_figures(bundle) | chosen.figures
    return finish(
        replace(bundle, card=bundle.card | about), out, chosen.rules, chosen.calibration, figures
    )


def _network_figures(bundle: Bundle) -> dict[str, Any]:
    """How int8 agrees with float, which training measured: what no rule has a part in."""
    int8 = bundle.card.get("figures", {}).get("int8", {})
    kept = {name: value for name, value in int8.items() if name not in _OF_FORMER_RULES}
    return {"int8": kept} if kept else {}


def _scenes(bundle: Bundle, corpus: Path, layout: str, work: Path) -> tuple[SceneSet, SceneSet]:
    """Validation scenes, and those of the usual density, as the bundle's training mixes them."""
    if bundle.card.get("profile") != "room":
        raise UsageError(
            f"bundle {bundle.name} is no bundle of the room; the others' rules come with training"
        )
    try:
        seed, hours = (bundle.card["protocol"][name] for name in ("seed", "training_hours"))
    except KeyError as error:
        raise BadInputError(
            f"bundle {bundle.name}: its card does not say {error}, so its validation scenes can't "
            "be mixed again; train it again"
        ) from error
    if bundle.labels == ROOM_LABELS:
        refuse_without_coughs(corpus, layout)
        dense = validation_scenes(corpus, work, seed, layout)
        return dense, home_scenes(corpus, work, seed, layout)
    clips = split_corpus(corpus, "folder")
    labels = labels_of(clips)
    if labels != bundle.labels:
        raise BadInputError(
            f"{corpus} has the labels {', '.join(labels) or '(none)'} and bundle {bundle.name} has "
            f"{', '.join(bundle.labels)}; give the folder that the bundle was trained on"
        )
    scenes = own_validation_scenes(corpus, own_work(work, clips), labels, hours, seed)
    return scenes, scenes

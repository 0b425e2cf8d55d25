"""Chooses a room bundle's event rules and odds again, without a training."""

from dataclasses import replace
from pathlib import Path

from edge.bundle import Bundle
from edge.errors import BadInputError
from train_export.calibrate import score_scenes
from train_export.datasets import split_corpus
from train_export.export import finish, here
from train_export.features import SceneSet
from train_export.operating import operating_points
from train_export.own_sounds import labels_of, own_work
from train_export.own_sounds import validation_scenes as own_validation_scenes
from train_export.readers import layout_of
from train_export.room import home_scenes, validation_scenes
from train_export.taxonomy import ROOM_LABELS


def tune(
    bundle: Bundle, corpus: Path, layout: str, work: Path, out: Path, false_alarms: float | None
) -> Bundle:
    """Write a bundle again with the rules and odds that a training of today would choose.

    Args:
        bundle: of the room or of a folder of one's own; its network is left alone.
        corpus: the one that it was trained on; its validation people choose.
        layout: how the corpus lies on disk; see `readers`.
        work: where scenes are kept.
        out: folder to write, which may be the bundle's own.
        false_alarms: an hour, that the rules are to keep to; None: those with the best F1.

    Raises:
        BadInputError: the corpus has other labels than the bundle.
    """
    validation, usual = _scenes(bundle, corpus, layout, work)
    logits = score_scenes(bundle, validation)
    chosen = operating_points(bundle, logits, validation, usual, false_alarms)
    asked = {} if false_alarms is None else {"false_alarms_asked": false_alarms}
    protocol = {
        name: value
        for name, value in bundle.card["protocol"].items()
        if name != "false_alarms_asked"
    }
    about = {"protocol": protocol | asked | {"tuned_by": here()}}
    figures = bundle.card["figures"] | chosen.figures  # int8 against float stays the training's
    return finish(
        replace(bundle, card=bundle.card | about), out, chosen.rules, chosen.calibration, figures
    )


def _scenes(bundle: Bundle, corpus: Path, layout: str, work: Path) -> tuple[SceneSet, SceneSet]:
    """Validation scenes, and those of the usual density, as the bundle's training mixes them."""
    protocol = bundle.card["protocol"]
    own = layout_of(corpus, layout) == "folder"
    clips = split_corpus(corpus, "folder") if own else []
    labels = labels_of(clips) if own else ROOM_LABELS
    if labels != bundle.labels:
        raise BadInputError(
            f"{corpus} has the labels {', '.join(labels)} and bundle {bundle.name} has "
            f"{', '.join(bundle.labels)}; give the corpus that the bundle was trained on"
        )
    seed = protocol["seed"]
    if own:
        kept = own_work(work, clips)
        scenes = own_validation_scenes(corpus, kept, labels, protocol["training_hours"], seed)
        return scenes, scenes
    return validation_scenes(corpus, work, seed), home_scenes(corpus, work, seed)

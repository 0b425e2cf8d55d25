"""Trained weights -> int8 model with a report of what that cost, and fine-tuning where it costs."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge import __version__
from edge.bundle import Bundle
from edge.errors import BadInputError, InputOutputError, UsageError
from edge.frontend import PRESETS
from train_export.agreement import MOST_F1_LOSS, Agreement, agreement
from train_export.calibrate import choose_rule, score_scenes
from train_export.export import export, representative_patches
from train_export.features import SceneSet
from train_export.models.config import (
    NETWORK_FILE,
    STEP_CONFIGS,
    CnnConfig,
    StepConfig,
    config_from_dict,
)
from train_export.quantize import Weights
from train_export.room import in_own_process
from train_export.taxonomy import events_of

FineTuning = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class Settled:
    """An int8 model.

    Attributes:
        bundle: without rules, its model quantized.
        post_training: agreement with the float network before fine-tuning.
        fine_tuned: and after; None when there was none.
        kept: which of the two `bundle` is.
    """

    bundle: Bundle
    post_training: Agreement
    fine_tuned: Agreement | None
    kept: Literal["post-training", "fine-tuned"]

    def report(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "type": "quantization",
            "architecture": self.bundle.card["model"]["architecture"],
            "bytes": len(self.bundle.model),
            "operators": self.bundle.card["model"]["operators"],
            "kept": self.kept,
            "post_training": self.post_training.to_dict(),
            "fine_tuned": self.fine_tuned.to_dict() if self.fine_tuned else None,
        }


def read_network(weights: Path) -> StepConfig:
    """The shape that training wrote beside its weights.

    Raises:
        InputOutputError: there is none.
        BadInputError: it is no shape, or not of a network that scores each step.
    """
    path = weights.parent / NETWORK_FILE
    try:
        config = config_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputOutputError(
            f"{path} can't be read ({error.strerror}); training writes it beside the weights"
        ) from error
    except ValueError as error:
        raise BadInputError(f"{path} is not JSON ({error}); train again") from error
    if not isinstance(config, StepConfig):
        raise BadInputError(
            f"{path} is of a {config.architecture}, which scores patches as a whole and is "
            f"quantized by its own training; give one of {', '.join(STEP_CONFIGS)}"
        )
    return config


def settle(
    weights_path: Path, training: SceneSet, validation: SceneSet, fine_tuning: FineTuning
) -> Settled:
    """Quantize, compare with the float network, and fine-tune where that is asked or needed.

    Args:
        weights_path: a Keras weights file, with its shape beside it.
        training: scenes whose patches set the ranges; fine-tuning trains on them.
        validation: scenes of other people, which tell what int8 costs.
        fine_tuning: `auto` fine-tunes a CNN when int8 costs more than half a point of event F1.

    Raises:
        UsageError: fine-tuning was asked for a network that is no CNN.
        InputOutputError: a file is missing.
        BadInputError: the weights are not the shape's, or the conversion failed.
    """
    config = read_network(weights_path)
    if fine_tuning == "always" and not isinstance(config, CnnConfig):
        raise UsageError(
            f"there is fine-tuning for the cnn only, not for the {config.architecture}; "
            "leave --qat at auto"
        )
    if not weights_path.is_file():
        raise InputOutputError(f"{weights_path} is no file; give the weights that training wrote")
    weights, floats = in_own_process(load_and_score, weights_path, config, validation)
    plain, before = _attempt(weights, config, training, validation, floats)
    needed = before.loss > MOST_F1_LOSS and fine_tuning == "auto"
    if not isinstance(config, CnnConfig) or not (needed or fine_tuning == "always"):
        return Settled(plain, before, None, "post-training")
    tuned_weights = in_own_process(fine_tune, weights, config, training)
    tuned, after = _attempt(tuned_weights, config, training, validation, floats)
    if after.f1_int8 >= before.f1_int8:
        return Settled(tuned, before, after, "fine-tuned")
    return Settled(plain, before, after, "post-training")


def load_and_score(
    path: Path, config: StepConfig, scenes: SceneSet
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """A file's weights and the float logits they give; TensorFlow's process only."""
    from train_export.models.network import build
    from train_export.train import score_scenes as score_in_float

    model = build(config, config.patch_frames(config.stretch_steps()))
    try:
        model.load_weights(path)
    except (ValueError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise BadInputError(
            f"{path} holds no weights of this {config.architecture}: {reason}"
        ) from error
    return model.get_weights(), score_in_float(model, config, scenes)


def fine_tune(weights: Weights, config: CnnConfig, training: SceneSet) -> list[NDArray[np.float32]]:
    """Fine-tuned weights; TensorFlow's process only."""
    from train_export.finetune import finetune

    patches = representative_patches(training, config)
    return finetune(weights, config, training.in_memory(), patches)


def _attempt(
    weights: Weights,
    config: StepConfig,
    training: SceneSet,
    validation: SceneSet,
    floats: NDArray[np.float32],
) -> tuple[Bundle, Agreement]:
    with tempfile.TemporaryDirectory(prefix="airway-settle-") as folder:
        bundle = export(
            weights, config, PRESETS["room-16k"], training, Path(folder),
            name=config.architecture, version=__version__, about={},
        )  # fmt: skip
    logits = score_scenes(bundle, validation)
    rules = [
        choose_rule(bundle, logits, validation, label)[0] for label in events_of(validation.labels)
    ]
    return bundle, agreement(bundle, floats, logits, validation, rules)

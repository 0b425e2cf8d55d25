"""Trained network -> bundle: the int8 model, its card, tables and golden vectors."""

import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, load_bundle, write_bundle
from edge.card import Calibration, EventRule
from edge.classifier import Classifier
from edge.demo import demo_night
from edge.frontend import Frontend, FrontendSpec, build_tables, digest
from edge.pipeline import step_logits
from train_export.features import BEFORE_FRAMES, FEATURE_SCALE, SceneSet
from train_export.models.config import PATCH_STEPS, NetworkConfig, StepConfig
from train_export.quantize import (
    REPRESENTATIVE_PATCHES,
    Weights,
    operators,
    quantization,
    quantize,
)

GOLDEN_SEED = 2


def representative_patches(
    scenes: SceneSet, config: StepConfig, seed: int = 0
) -> NDArray[np.float32]:
    """Patches of training scenes, float32 [patches, frames, bands, 1]."""
    rng = np.random.default_rng(seed)
    frames = config.patch_frames(PATCH_STEPS)
    patches = np.empty((REPRESENTATIVE_PATCHES, frames, config.bands, 1), np.float32)
    for patch in patches:
        scene = rng.integers(len(scenes.features))
        start = rng.integers(scenes.features.shape[1] - frames)
        patch[:, :, 0] = scenes.features[scene, start : start + frames] * FEATURE_SCALE
    return patches


def export(
    weights: Weights,
    config: StepConfig,
    spec: FrontendSpec,
    training: SceneSet,
    folder: Path,
    *,
    name: str,
    version: str,
    about: dict[str, Any],
) -> Bundle:
    """Quantize, and write a bundle that detects nothing yet: `finish` adds its rules."""
    flatbuffer = quantize(weights, config, PATCH_STEPS, representative_patches(training, config))
    place = {
        "patch_frames": config.patch_frames(PATCH_STEPS),
        "patch_steps": PATCH_STEPS,
        "step_frames": config.step_frames,
        "before_frames": BEFORE_FRAMES,
    }
    card = about | {"name": name, "version": version, "labels": list(training.labels)}
    return begin(flatbuffer, spec, folder, card, place, model_of(config, weights))


def model_of(config: NetworkConfig, weights: Weights) -> dict[str, Any]:
    """What a card says of a network: what `model_of` says of it."""
    return {
        "architecture": config.architecture,
        "parameters": sum(array.size for array in weights),
    }


def begin(
    flatbuffer: bytes,
    spec: FrontendSpec,
    folder: Path,
    card: dict[str, Any],
    place: dict[str, int],
    network: dict[str, Any],
) -> Bundle:
    """Write a bundle of a converted model, without rules and golden vectors yet.

    Args:
        flatbuffer: the int8 model.
        spec: its frontend.
        folder: where to.
        card: name, version, labels and all that is told about it.
        place: the layout's numbers that are not the quantizer's.
        network: what `model_of` says of it.
    """
    (in_scale, in_zero), (out_scale, out_zero) = quantization(flatbuffer)
    tables = build_tables(spec)
    own = card | {
        "frontend": spec.to_dict(),
        "frontend_digest": digest(spec, tables),
        "layout": place
        | {
            "input_multiplier_q20": round(FEATURE_SCALE / in_scale * 2**20),
            "input_zero": in_zero,
            "logit_scale": out_scale,
            "logit_zero": out_zero,
        },
        "model": network | {"bytes": len(flatbuffer), "operators": operators(flatbuffer)},
        "commit": here(),
        "events": [],
        "calibration": {},
    }
    silence = {
        "pcm": np.zeros(0, np.int16),
        "features": np.zeros((0, spec.coefficients), np.int16),
        "logits": np.zeros((0, len(card["labels"])), np.int8),
    }
    write_bundle(folder, own, model=flatbuffer, tables=tables, golden=silence)
    return load_bundle(str(folder.resolve()))


def finish(
    bundle: Bundle,
    folder: Path,
    rules: list[EventRule],
    calibration: dict[str, Calibration],
    figures: dict[str, Any],
) -> Bundle:
    """Write a bundle again with its rules, its odds, its figures and its golden vectors."""
    card = bundle.card | {
        "events": [rule.to_dict() for rule in rules],
        "calibration": {label: asdict(numbers) for label, numbers in calibration.items()},
        "figures": figures,
    }
    return seal(bundle, folder, card, room_golden_pcm())


def seal(bundle: Bundle, folder: Path, card: dict[str, Any], pcm: NDArray[np.int16]) -> Bundle:
    """Write a bundle again with its final card and the golden vectors of some audio."""
    golden = golden_vectors(bundle, pcm)
    write_bundle(folder, card, model=bundle.model, tables=bundle.tables, golden=golden)
    return load_bundle(str(folder.resolve()))


def room_golden_pcm() -> NDArray[np.int16]:
    """The first ten seconds with a cough of a synthetic night, int16 [samples] at 16 kHz."""
    night, marks = demo_night(GOLDEN_SEED, 1.0)
    onset = next(mark[0] for mark in marks if mark[2] == "cough")
    start = max(0, int((onset - 2.0) * 16_000))
    return np.asarray(night[start : start + 160_000])


def golden_vectors(bundle: Bundle, pcm: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
    """Synthetic audio at the frontend's rate, and the features and logits that it must give."""
    features = Frontend(bundle.spec, bundle.tables).push(pcm)
    logits = step_logits(bundle, Classifier(bundle), features)
    return {"pcm": pcm, "features": features, "logits": logits}


def here() -> str:
    """The commit that is at work; marked when the tree differs from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent,
    )  # fmt: skip
    return done.stdout.strip() or "unknown"

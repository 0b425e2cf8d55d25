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
from edge.pipeline import Scorer
from train_export.features import BEFORE_FRAMES, FEATURE_SCALE, ROOM_LABELS, SceneSet
from train_export.models.config import PATCH_STEPS, NetworkConfig
from train_export.quantize import REPRESENTATIVE_PATCHES, operators, quantization, quantize

GOLDEN_SEED = 2


def representative_patches(
    scenes: SceneSet, config: NetworkConfig, seed: int = 0
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
    weights: list[NDArray[np.float32]],
    config: NetworkConfig,
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
    (in_scale, in_zero), (out_scale, out_zero) = quantization(flatbuffer)
    tables = build_tables(spec)
    card = about | {
        "name": name,
        "version": version,
        "labels": list(ROOM_LABELS),
        "frontend": spec.to_dict(),
        "frontend_digest": digest(spec, tables),
        "layout": {
            "patch_frames": config.patch_frames(PATCH_STEPS),
            "patch_steps": PATCH_STEPS,
            "step_frames": config.step_frames,
            "before_frames": BEFORE_FRAMES,
            "input_multiplier_q20": round(FEATURE_SCALE / in_scale * 2**20),
            "input_zero": in_zero,
            "logit_scale": out_scale,
            "logit_zero": out_zero,
        },
        "model": {
            "architecture": config.architecture,
            "parameters": sum(array.size for array in weights),
            "bytes": len(flatbuffer),
            "operators": operators(flatbuffer),
        },
        "commit": _commit(),
        "events": [],
        "calibration": {},
    }
    silence = {
        "pcm": np.zeros(0, np.int16),
        "features": np.zeros((0, spec.coefficients), np.int16),
        "logits": np.zeros((0, len(ROOM_LABELS)), np.int8),
    }
    write_bundle(folder, card, model=flatbuffer, tables=tables, golden=silence)
    return load_bundle(str(folder))


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
    write_bundle(
        folder, card, model=bundle.model, tables=bundle.tables, golden=golden_vectors(bundle)
    )
    return load_bundle(str(folder))


def golden_vectors(bundle: Bundle) -> dict[str, NDArray[Any]]:
    """Synthetic audio, and the features and logits that it must give.

    The room's is the first ten seconds with a cough of a synthetic night.
    """
    night, marks = demo_night(GOLDEN_SEED, 1.0)
    onset = next(mark[0] for mark in marks if mark[2] == "cough")
    start = max(0, int((onset - 2.0) * 16_000))
    pcm = np.asarray(night[start : start + 160_000])
    features = Frontend(bundle.spec, bundle.tables).push(pcm).frames
    scorer = Scorer(bundle, Classifier(bundle))
    logits = np.concatenate([scorer.push(features).logits, scorer.finish().logits])
    return {"pcm": pcm, "features": features, "logits": logits}


def _commit() -> str:
    """The commit that makes the bundle; marked when the tree differs from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent,
    )  # fmt: skip
    return done.stdout.strip() or "unknown"

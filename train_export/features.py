"""Scenes -> features and targets, through the device's own frontend.

Each scene has a generator of its own, seeded with (seed, split, number), so that any number of
processes gives the same features.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import BadInputError, InputOutputError
from edge.frontend import PRESETS, Frontend, FrontendSpec, build_tables, digest
from train_export.datasets import SPLITS, Clip, split_corpus, split_of
from train_export.readers.rows import fingerprint
from train_export.schedule import LOCAL, spread
from train_export.sounds import SoundBank
from train_export.soundscape import Recipe, Scene, Truth, mix_scene
from train_export.synthetic import bank_of
from train_export.taxonomy import ROOM_LABELS
from train_export.teacher import digest as teacher_digest
from train_export.teacher import teacher

STEP_FRAMES = 4
# Features are Q8.7 log2 power, 0 to about 28: an eighth of it suits a network.
FEATURE_SCALE = 1 / 1024
# Frames of a patch before the first score's own; the rest of the receptive field, 37 frames
# or 0.37 s, is what the model hears of the future.
BEFORE_FRAMES = 108
# A cough's target ends here at the latest: its bark. The tail would bridge to the next cough
# of a bout, which follows at 0.35 s and more.
COUGH_TARGET_S = 0.30
# And so long before that next one begins: two steps of rest, or a bout is one long cough.
COUGH_REST_S = 0.08
LABELS_FILE = "labels.json"
# The modules that decide what is in a scene.
MIXER = ("features", "rhythm", "segment", "sounds", "soundscape", "synthetic", "teacher")


@dataclass(frozen=True, slots=True)
class SceneSet:
    """Features and targets of many scenes of one length.

    Attributes:
        features: int16 [scenes, frames, bands], Q8.7.
        targets: uint8 [scenes, steps, labels], share of a step that a label fills, of 255.
        truths: the ground truth of each scene.
        labels: of the targets' columns.
        hints: uint8 [scenes, windows, classes], of 255: what a teacher makes of each window;
            None without one. See `teacher`.
    """

    features: NDArray[np.int16]
    targets: NDArray[np.uint8]
    truths: tuple[tuple[Truth, ...], ...]
    labels: tuple[str, ...] = ROOM_LABELS
    hints: NDArray[np.uint8] | None = None

    def in_memory(self) -> "SceneSet":
        """The same, read from the files that keep it."""
        hints = None if self.hints is None else np.array(self.hints)
        return replace(
            self, features=np.array(self.features), targets=np.array(self.targets), hints=hints
        )

    def digest(self) -> str:
        """Which scenes these are: SHA-256 of their targets, and of their hints if any."""
        seen = hashlib.sha256(np.ascontiguousarray(self.targets))
        if self.hints is not None:
            seen.update(np.ascontiguousarray(self.hints))
        return seen.hexdigest()


def step_targets(
    truths: Sequence[Truth],
    steps: int,
    spec: FrontendSpec,
    labels: tuple[str, ...] = ROOM_LABELS,
) -> NDArray[np.uint8]:
    """Share of each step that each label fills; uint8 [steps, labels], 255 for the whole.

    Step j stands for frames [j * STEP_FRAMES, (j + 1) * STEP_FRAMES): each frame for the hop
    around the middle of its window.
    """
    step_s = STEP_FRAMES * spec.hop_samples / spec.rate_hz
    shift_s = (spec.window_samples - spec.hop_samples) / 2 / spec.rate_hz
    edges = np.arange(steps + 1) * step_s + shift_s
    filled = np.zeros((steps, len(labels)))
    coughs_s = [truth.onset_s for truth in truths if truth.label == "cough"]
    for truth in truths:
        offset = truth.offset_s
        if truth.label == "cough":
            after_s = [onset_s for onset_s in coughs_s if onset_s > truth.onset_s]
            rest_s = min(after_s, default=math.inf) - COUGH_REST_S
            offset = min(offset, truth.onset_s + COUGH_TARGET_S, rest_s)
        overlap = np.minimum(edges[1:], offset) - np.maximum(edges[:-1], truth.onset_s)
        filled[:, labels.index(truth.label)] += np.clip(overlap, 0, step_s) / step_s
    return np.round(np.minimum(filled, 1.0) * 255).astype(np.uint8)


def clips_of(clips: Sequence[Clip], split: str) -> list[Clip]:
    """The clips of a split; impulse responses serve every split, they carry no one's voice."""
    return [clip for clip in clips if clip.label == "rir" or split_of(clip) == split]


Job = tuple[Path, str, str, int, int, Recipe, FrontendSpec, Path | None]


@lru_cache(maxsize=1)
def _bank(corpus: Path, layout: str, split: str, tracks: int) -> SoundBank:
    """The sounds of a split, read once a process."""
    return bank_of(clips_of(split_corpus(corpus, layout), split), tracks)


def scene_of(
    corpus: Path, layout: str, split: str, seed: int, number: int, recipe: Recipe
) -> Scene:
    """One scene of those that `prepare_scenes` mixes."""
    rng = np.random.default_rng([seed, SPLITS.index(split), number])
    return mix_scene(rng, _bank(corpus, layout, split, recipe.tracks), recipe)


def _one_scene(job: Job) -> tuple[Scene, NDArray[np.int16], NDArray[np.uint8] | None]:
    corpus, layout, split, seed, number, recipe, spec, model = job
    scene = scene_of(corpus, layout, split, seed, number, recipe)
    hints = teacher(model).scores(scene.pcm) if model else None
    return scene, Frontend(spec).push(scene.pcm), hints


def prepare_scenes(
    corpus: Path,
    split: str,
    scenes: int,
    recipe: Recipe,
    *,
    spec: FrontendSpec = PRESETS["room-16k"],
    layout: str = "auto",
    labels: tuple[str, ...] = ROOM_LABELS,
    seed: int = 0,
    teacher_model: Path | None = None,
    scheduler: str = LOCAL,
    workers: int = 2,
    cache: Path | None = None,
) -> SceneSet:
    """Mix scenes of a split and compute their features; kept in `cache` under their digest.

    `teacher_model` is a file of YAMNet that gives the hints. `scheduler` says where: `local`, in
    so many workers, or the address of a Dask scheduler (see `spread`).
    """
    folder = None
    if cache:  # what is not kept needs no name, and the corpus is read once less
        key = {
            "corpus": str(corpus.absolute()), "layout": layout,
            "split": split, "scenes": scenes, "seed": seed, "recipe": asdict(recipe),
            "frontend": digest(spec, build_tables(spec)), "labels": labels,
            "teacher": teacher_digest(teacher_model) if teacher_model else None,
            "clips": fingerprint(split_corpus(corpus, layout)),
            "mixer": code_digest(*MIXER),
        }  # fmt: skip
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        folder = cache / f"{split}-{name}"
    if folder and (folder / "truths.json").is_file():
        return replace(load_scenes(folder), labels=labels)
    model = teacher_model.absolute() if teacher_model else None  # a worker may be elsewhere
    jobs: list[Job] = [
        (corpus.absolute(), layout, split, seed, number, recipe, spec, model)
        for number in range(scenes)
    ]
    features, targets, truths, hints = [], [], [], []
    with spread(_one_scene, jobs, scheduler, workers) as results:
        progress = tqdm(results, total=scenes, desc=f"mixing {split}", unit="scene")
        for scene, frames, hint in progress:
            hints += [] if hint is None else [hint]
            steps = len(frames) // STEP_FRAMES
            features.append(frames[: steps * STEP_FRAMES])
            targets.append(step_targets(scene.truths, steps, spec, labels))
            truths.append(scene.truths)
    made = SceneSet(
        np.stack(features), np.stack(targets), tuple(truths), labels,
        np.stack(hints) if hints else None,
    )  # fmt: skip
    if folder:
        save_scenes(folder, made)
    return made


def code_digest(*modules: str) -> str:
    """SHA-256 of modules of this package: what other code made is not found where it is kept."""
    code = hashlib.sha256()
    for name in modules:
        code.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return code.hexdigest()


def save_scenes(folder: Path, scenes: SceneSet) -> None:
    """Keep scenes in a folder for `load_scenes`."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "features.npy", scenes.features)
    np.save(folder / "targets.npy", scenes.targets)
    if scenes.hints is not None:
        np.save(folder / "hints.npy", scenes.hints)
    (folder / LABELS_FILE).write_text(json.dumps(scenes.labels))
    rows = [[asdict(truth) for truth in truths] for truths in scenes.truths]
    (folder / "truths.json").write_text(json.dumps(rows))  # last: it marks the set as whole


def load_scenes(folder: Path) -> SceneSet:
    """Read the scenes that `prepare_scenes` kept in a folder.

    Raises:
        InputOutputError: there are none, or not all of them.
        BadInputError: their labels are not known.
    """
    try:
        rows = json.loads((folder / "truths.json").read_text())
        features, targets = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("features", "targets")
        )
        kept = folder / "hints.npy"
        hints = np.load(kept, mmap_mode="r") if kept.is_file() else None
        truths = tuple(tuple(Truth(**truth) for truth in truths) for truths in rows)
    except OSError as error:
        raise InputOutputError(
            f"{folder} holds no scenes ({error.strerror}); give a folder that training mixed"
        ) from error
    except (ValueError, TypeError, EOFError) as error:
        raise BadInputError(
            f"{folder} holds damaged scenes ({error}); remove it and mix the scenes again"
        ) from error
    return SceneSet(features, targets, truths, _labels(folder, targets.shape[2]), hints)


def _labels(folder: Path, count: int) -> tuple[str, ...]:
    """The labels of kept scenes; a folder without a list of them holds the room's."""
    path = folder / LABELS_FILE
    labels = tuple(json.loads(path.read_text())) if path.is_file() else ROOM_LABELS
    if len(labels) != count:
        raise BadInputError(
            f"{folder} holds targets of {count} labels, but names {len(labels)}; remove it and "
            "mix the scenes again"
        )
    return labels

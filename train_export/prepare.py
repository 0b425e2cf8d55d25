"""Writes soundscapes with their ground truth: WAV files and a manifest like the corpus's own."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import BadInputError, UsageError
from train_export.datasets import SPLITS, Clip, load_clip, split_corpus
from train_export.features import clips_of
from train_export.readers import layout_of, refuse_inside
from train_export.sounds import RATE_HZ
from train_export.soundscape import Recipe, Truth, mix_scene
from train_export.synthetic import bank_of
from train_export.taxonomy import BEDS, ROOM_LABELS, events_of

COLUMNS = (
    "path", "source", "subject", "session", "label_event", "label_disease",
    "start_s", "end_s", "body_site", "recorder", "split", "duration_s", "extra",
)  # fmt: skip
SCENE_S = 600.0
# A home: 60 other sounds an hour. A stress test: 500.
RECIPES = {
    "home": Recipe(
        duration_s=SCENE_S, bouts_per_hour=60, others_per_hour=60,
        snr_db=(0.0, 20.0), background_dbfs=(-65.0, -35.0), narrow=0.1, music=0.15,
    ),
    "stress": Recipe(
        duration_s=SCENE_S, bouts_per_hour=60, others_per_hour=500,
        snr_db=(0.0, 20.0), background_dbfs=(-65.0, -35.0), narrow=0.1, music=0.15,
    ),
}  # fmt: skip
KINDS = (*RECIPES, "household")


@dataclass(frozen=True, slots=True)
class Recording:
    """A file to write, and what stands in it."""

    name: str
    pcm: NDArray[np.int16]
    truths: tuple[Truth, ...]


def prepare(
    corpus: Path, split: str, kind: str, hours: float, seed: int, out: Path, layout: str = "auto"
) -> Path:
    """Mix recordings of the people and clips of one split, and write them.

    Args:
        corpus: folder of the corpus.
        split: train, val or test.
        kind: `home` or `stress` (coughs among other sounds), or `household` (every clip of a
            kind without coughs, end to end, a file a kind).
        hours: length of `home` and `stress`.
        seed: the same seed gives the same audio.
        out: a folder for the WAV files and `manifest.csv`.
        layout: how the corpus lies on disk; see `readers`.

    Returns:
        The manifest's path.
    """
    if split not in SPLITS or kind not in KINDS:
        raise UsageError(f"no split {split!r} or kind {kind!r}; see airway-train prepare --help")
    long_enough = kind == "household" or SCENE_S <= hours * 3600 < math.inf
    if not long_enough or seed < 0:
        raise UsageError(
            f"{hours:g} hours, seed {seed}; give at least {SCENE_S / 3600:g} hours, the length of "
            "one recording, and a seed of 0 or more"
        )
    refuse_inside(out, corpus)
    layout = layout_of(corpus, layout)
    clips = clips_of(split_corpus(corpus, layout), split)
    if not clips:
        raise BadInputError(f"{corpus} has no clips for the split {split}; index it, and look")
    if kind == "household":
        recordings, total = _household(_without_events(clips, layout)), None
    else:
        total = round(hours * 3600 / SCENE_S)
        recordings = _scenes(clips, RECIPES[kind], total, [seed, SPLITS.index(split)], kind)
    out.mkdir(parents=True, exist_ok=True)
    manifest = out / "manifest.csv"
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for recording in tqdm(recordings, total=total, desc="writing", unit="file"):
            sf.write(out / recording.name, recording.pcm, RATE_HZ, "PCM_16")
            writer.writerows(_rows(recording, kind, split))
    return manifest


def _scenes(
    clips: list[Clip], recipe: Recipe, count: int, seed: list[int], kind: str
) -> Iterator[Recording]:
    bank = bank_of(clips)
    for number in range(count):
        scene = mix_scene(np.random.default_rng([*seed, number]), bank, recipe)
        yield Recording(f"{kind}-{number:03}.wav", scene.pcm, scene.truths)


def _without_events(clips: list[Clip], layout: str) -> list[Clip]:
    """The clips in which no event is to be found."""
    own = sorted({clip.label for clip in clips} - {*BEDS})
    told = events_of(tuple(own) if layout == "folder" else ROOM_LABELS)
    kept = [clip for clip in clips if clip.label not in (*told, "rir")]
    if not kept:
        raise BadInputError(
            "every clip of this split is a sound to find; add folders `other` and `background`"
        )
    return kept


def _household(clips: list[Clip]) -> Iterator[Recording]:
    """Clips at the level they came with, half a second of quiet between two."""
    kinds: dict[str, list[Clip]] = {}  # by the name of the file, which two spellings may share
    for clip in clips:
        name = "".join(letter if letter.isalnum() else "_" for letter in clip.kind)
        kinds.setdefault(name, []).append(clip)
    pause = np.zeros(RATE_HZ // 2, dtype=np.int16)
    for name, members in sorted(kinds.items()):
        parts = [part for clip in members for part in (load_clip(clip, RATE_HZ), pause)]
        yield Recording(f"household-{name}.wav", np.concatenate(parts), ())


def _rows(recording: Recording, kind: str, split: str) -> Iterator[dict[str, object]]:
    duration = round(len(recording.pcm) / RATE_HZ, 3)
    common = {
        "path": recording.name, "source": kind, "split": split, "duration_s": duration,
        "session": recording.name.removesuffix(".wav"),
    }  # fmt: skip
    yield common | {"label_event": "scene", "start_s": 0, "end_s": duration}
    for truth in recording.truths:
        yield common | {
            "subject": truth.group,
            "label_event": truth.label,
            "start_s": round(truth.onset_s, 3),
            "end_s": round(truth.offset_s, 3),
            "extra": f"kind={truth.kind};snr_db={truth.snr_db:.1f}",
        }

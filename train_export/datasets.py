"""The corpus as typed clips: one place where labels meet the project's taxonomy.

A corpus is a folder of folders, each with a `manifest.csv` (see `MANIFEST_COLUMNS`). People,
not clips, are what a split keeps apart, and files of the same content go the same way.
"""

import csv
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge.errors import BadInputError, InputOutputError
from edge.frontend.extractor import resampler

MANIFEST_COLUMNS = ("path", "source", "subject", "session", "label_event", "start_s", "end_s")
SPLITS = ("train", "val", "test")

# What a room hears. Everything that is not a respiratory sound or speech is `other`: it is
# there so that the model learns what a cough is not.
ROOM_TAXONOMY = {
    "cough": "cough",
    "sneeze": "sneeze",
    "snore": "snore",
    "breath": "breath",
    "speech": "speech",
    "vowel": "speech",
    "room_impulse_response": "rir",
    # Not certainly free of coughs, so neither a positive nor a negative.
    "unknown_noise": "",
}


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording of one kind of sound.

    Attributes:
        path: the file.
        source: name of the data set.
        group: what a split keeps together: a person, a session, or a file of its own.
        label: in the taxonomy: cough, sneeze, snore, breath, speech, other, background or rir.
        kind: the label that the source gave.
        train_only: too degraded to test on.
    """

    path: Path
    source: str
    group: str
    label: str
    kind: str
    train_only: bool = False


def read_corpus(root: Path) -> list[Clip]:
    """Every room clip below `root`, sorted by path.

    Raises:
        InputOutputError: there is no manifest below `root`.
        BadInputError: a manifest lacks a column or names a file that is not there.
    """
    manifests = sorted(root.glob("**/manifest.csv"))
    if not manifests:
        raise InputOutputError(f"no manifest.csv below {root}; give the folder of a corpus")
    clips = [clip for manifest in manifests for clip in _read_manifest(manifest)]
    return sorted(clips, key=lambda clip: clip.path)


def _read_manifest(manifest: Path) -> list[Clip]:
    with manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in MANIFEST_COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise BadInputError(f"{manifest}: no column {', '.join(missing)}")
        clips = {}
        for row in reader:
            if row.get("body_site"):
                continue  # the chest profile's
            clip = _clip(row, manifest.parent)
            if clip and not clip.path.is_file():
                raise BadInputError(f"{manifest}, line {reader.line_num}: no file {clip.path}")
            if clip:
                clips[clip.path] = clip
    return list(clips.values())


def _clip(row: dict[str, str], folder: Path) -> Clip | None:
    kind = row["label_event"].partition("(")[0]
    if kind.startswith("background:") or kind == "music":
        label = "background"
    else:
        label = ROOM_TAXONOMY.get(kind, "other")
    if not label:
        return None
    named = row["subject"] or row["session"] or _group_in(row.get("extra", ""))
    nobody = not row["subject"] and row["source"] in ("ghchen_coughs", "esc50_mixed")
    group = f"{row['source']}/{named or row['path']}"
    return Clip(
        path=folder / row["path"],
        source=row["source"],
        group=group,
        label=label,
        kind=kind,
        train_only=nobody and not row["session"],
    )


def _group_in(extra: str) -> str:
    parts = dict(part.strip().partition("=")[::2] for part in extra.split(";"))
    return parts.get("group", "")


def load_pcm(path: Path, rate_hz: int) -> NDArray[np.int16]:
    """Mono int16 at `rate_hz`, through the device's own resampler.

    Raises:
        BadInputError: the file can't be decoded.
    """
    try:
        pcm, rate = sf.read(path, dtype="int16", always_2d=True)
    except sf.LibsndfileError as error:
        raise BadInputError(f"{path} can't be decoded: {error}") from error
    mono = pcm[:, 0] if pcm.shape[1] == 1 else pcm.mean(axis=1).round().astype(np.int16)
    return resampler(rate, rate_hz).push(mono)


def merge_duplicates(clips: list[Clip]) -> list[Clip]:
    """Give clips of the same bytes the same group, across sources too."""
    first_group: dict[str, str] = {}
    parent: dict[str, str] = {}

    def root(group: str) -> str:
        while parent.get(group, group) != group:
            group = parent[group]
        return group

    for clip in clips:
        content = hashlib.sha256(clip.path.read_bytes()).hexdigest()
        kept = first_group.setdefault(content, clip.group)
        parent[root(clip.group)] = root(kept)
    return [replace(clip, group=root(clip.group)) for clip in clips]


def split_of(clip: Clip, seed: int = 0) -> str:
    """The split of a clip: 70 % of the groups train, 12 % validate, 18 % test.

    It hashes the group's name, so that a clip keeps its split when others come or go.
    """
    if clip.train_only:
        return "train"
    draw = hashlib.sha256(f"{seed}:{clip.group}".encode()).digest()
    share = int.from_bytes(draw[:4], "big") / 2**32
    return "train" if share < 0.70 else "val" if share < 0.82 else "test"

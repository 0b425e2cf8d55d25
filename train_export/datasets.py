"""A data set as typed clips, whoever made it, split by person.

The readers know the layouts; `taxonomy` knows the labels. People, not clips, are what a split
keeps apart, and files of the same content go the same way.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge.capture.mix import mono
from edge.capture.recording import refuse_not_a_sample
from edge.errors import BadInputError, InputOutputError
from edge.frontend.extractor import resampler
from train_export.readers import Row, layout_of, read_rows
from train_export.readers.rows import pairs_of
from train_export.taxonomy import kind_of, own_label, room_label

SPLITS = ("train", "val", "test")
_PURPOSES = {"train": "train on", "val": "validate on", "test": "test on"}
# Sources whose clips name nobody and are too degraded, or too alike, to test on.
TRAIN_ONLY_UNNAMED = ("ghchen_coughs", "esc50_mixed")

NEARLY_S = 0.1
# Draws of a split before a folder's people are said to be too few, or too much the same.
_DRAWS = 50


@dataclass(frozen=True, slots=True)
class Clip:
    """One kind of sound: a recording, or a stretch of one.

    Attributes:
        path: the file.
        source: name of the data set.
        group: what a split keeps together: a person, a session, or a file of its own.
        label: in the taxonomy: cough, sneeze, snore, breath, speech, other, background or rir.
        kind: the label that the source gave.
        train_only: too degraded to test on.
        split: train, val or test where it was decided; else a hash of the group decides.
        start_s, end_s: where in the file.
    """

    path: Path
    source: str
    group: str
    label: str
    kind: str
    train_only: bool = False
    split: str = ""
    start_s: float = 0.0
    end_s: float = math.inf


def read_corpus(root: Path, layout: str = "auto") -> list[Clip]:
    """Every clip below `root` that a microphone in the air recorded, sorted by path and time.

    The labels are the room's; in the layout `folder`, the folders' own.

    Raises:
        UsageError: there is no such layout, or the folder looks like several.
        InputOutputError: it looks like none.
        BadInputError: something in it is wrong; says what and where.
    """
    layout = layout_of(root, layout)
    clip_of = _own_clip if layout == "folder" else _room_clip
    clips: dict[tuple[Path, float, float], Clip] = {}
    for row in read_rows(root, layout):
        if not row.body_site and (clip := clip_of(row)):
            place = row.path, row.start_s, row.end_s
            before = clips.setdefault(place, replace(clip, start_s=row.start_s, end_s=row.end_s))
            if before.label != clip.label:
                raise BadInputError(
                    f"{clip.path}, {row.start_s:g} to {row.end_s:g} s, is listed as "
                    f"{before.label} and as {clip.label}; leave one of them out"
                )
    return [clips[place] for place in sorted(clips)]


def split_corpus(root: Path, layout: str = "auto") -> list[Clip]:
    """The clips of a corpus as they are trained on: duplicates joined, small ones balanced.

    Raises:
        As `read_corpus`; BadInputError also when a folder has too few people to split.
    """
    layout = layout_of(root, layout)
    clips = read_corpus(root, layout)
    if layout == "folder":
        return balance(merge_duplicates(clips, same_sound))
    return merge_duplicates(clips)


def _room_clip(row: Row) -> Clip | None:
    kind = kind_of(row.label)
    label = room_label(kind)
    if not label:
        return None
    named = row.subject or row.session or _group_in(row.extra)
    nobody = not row.subject and row.source in TRAIN_ONLY_UNNAMED
    group = f"{row.source}/{named or row.name or row.path.name}"
    return Clip(
        path=row.path,
        source=row.source,
        group=group,
        label=label,
        kind=kind,
        train_only=nobody and not row.session,
    )


def _own_clip(row: Row) -> Clip:
    who = row.subject or f"{row.label}/{row.path.name}"
    label = own_label(row.label)
    # Without the folder's name: under another one, its people keep their splits.
    return Clip(row.path, row.source, f"own/{who}", label, row.label)


def _group_in(extra: str) -> str:
    return pairs_of(extra).get("group", "")


def load_pcm(path: Path, rate_hz: int) -> NDArray[np.int16]:
    """Mono int16 at `rate_hz`, through the device's own resampler.

    Raises:
        InputOutputError: there is no such file.
        BadInputError: the file can't be decoded, or its rate is out of range.
    """
    pcm, rate = decoded(path)
    try:
        return resampler(rate, rate_hz).push(mono(pcm, 1.0))
    except BadInputError as error:
        raise BadInputError(f"{path}: {error}") from error


def decoded(path: Path) -> tuple[NDArray[np.int16], int]:
    """All of a file in any format that libsndfile knows: int16 [samples, channels] and its rate.

    Raises:
        InputOutputError: there is no such file.
        BadInputError: the file can't be decoded, or a float sample is not a number or far
            beyond full scale.
    """
    rate, blocks = decoded_blocks(path, -1)
    return next(blocks, np.zeros((0, 1), np.int16)), rate


def decoded_blocks(path: Path, samples: int) -> tuple[int, Iterator[NDArray[np.int16]]]:
    """As `decoded`, but the rate first, and then so many samples at a time; -1 for all at once."""
    if not path.is_file():
        raise InputOutputError(f"{path} is no file; correct the path, or fetch the file")
    try:
        info = sf.info(path)
    except sf.LibsndfileError as error:
        raise _undecodable(path, error) from error
    return info.samplerate, _blocks(path, info.subtype, samples)


def _blocks(path: Path, subtype: str, samples: int) -> Iterator[NDArray[np.int16]]:
    integers = subtype.startswith("PCM_")
    dtype = "int16" if integers else "float64" if subtype == "DOUBLE" else "float32"
    at = 0
    try:
        with sf.SoundFile(path) as file:
            while len(values := file.read(samples, dtype=dtype, always_2d=True)):
                yield values if integers else _rounded(values, path, at)
                at += len(values)
    except sf.LibsndfileError as error:
        raise _undecodable(path, error) from error


def _rounded(values: NDArray[Any], path: Path, at: int) -> NDArray[np.int16]:
    """Floats whose full scale is 1 as int16; BadInputError where they are no samples."""
    if not np.isfinite(values).all():
        raise BadInputError(f"{path} holds samples that are no numbers; record it again")
    refuse_not_a_sample(values, path, at)
    # What a lossy codec gives may lie beyond full scale: as int16 it would wrap around.
    return np.clip(np.rint(values * 32768), -32768, 32767).astype(np.int16)


def _undecodable(path: Path, error: sf.LibsndfileError) -> BadInputError:
    return BadInputError(f"{path} can't be decoded: {error}")


def load_clip(clip: Clip, rate_hz: int) -> NDArray[np.int16]:
    """A clip's own stretch of its file, as `load_pcm` gives it.

    Sources round the length of a file: an end that is nearly the file's is the file's.

    Raises:
        BadInputError: the file holds nothing of it.
    """
    pcm = _last_decoded(clip.path, rate_hz)
    to_the_end = clip.end_s >= len(pcm) / rate_hz - NEARLY_S
    end = len(pcm) if to_the_end else round(clip.end_s * rate_hz)
    own = pcm[round(clip.start_s * rate_hz) : end]
    if not len(own):
        raise BadInputError(
            f"{clip.path} lasts {len(pcm) / rate_hz:.2f} s and holds nothing of a {clip.kind} from "
            f"{clip.start_s:g} to {clip.end_s:g} s; correct its row, in seconds of that file"
        )
    return own


@lru_cache(maxsize=1)
def _last_decoded(path: Path, rate_hz: int) -> NDArray[np.int16]:
    """The stretches of a long recording follow each other: it is decoded once."""
    pcm = load_pcm(path, rate_hz)
    pcm.setflags(write=False)
    return pcm


def same_file(path: Path) -> bytes:
    """Digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).digest()


def same_sound(path: Path) -> bytes:
    """Digest of a file's samples: a copy in another lossless container has the same.

    Raises:
        As `decoded`.
    """
    pcm, rate = decoded(path)
    return hashlib.sha256(f"{rate}:{pcm.shape[1]}:".encode() + pcm.tobytes()).digest()


def merge_duplicates(
    clips: list[Clip], content_of: Callable[[Path], bytes] = same_file
) -> list[Clip]:
    """Give clips of the same content the same group, across sources too.

    Where one of a group only trains, all of it does.
    """
    content = cache(content_of)  # a long recording may be hundreds of clips
    first_group: dict[bytes, str] = {}
    parent: dict[str, str] = {}

    def root(group: str) -> str:
        while parent.get(group, group) != group:
            group = parent[group]
        return group

    for clip in clips:
        kept = first_group.setdefault(content(clip.path), clip.group)
        parent[root(clip.group)] = root(kept)
    joined = [replace(clip, group=root(clip.group)) for clip in clips]
    unfit = {clip.group for clip in joined if clip.train_only}
    return [replace(clip, train_only=clip.group in unfit) for clip in joined]


def balance(clips: Sequence[Clip]) -> list[Clip]:
    """Decide the splits label by label, so that a small folder has each label in each.

    Every label gives 12 % of its groups to validation and 18 % to the test, at least one each;
    the rarest label chooses first. The order is that of a hash of the groups' names, and of
    another where people who make several sounds leave a label without one of the three.

    Raises:
        BadInputError: a label has fewer than three groups, or all draws leave one without;
            backgrounds may.
    """
    groups: dict[str, list[str]] = {}
    for clip in clips:
        if clip.label != "rir" and clip.group not in groups.setdefault(clip.label, []):
            groups[clip.label].append(clip.group)
    few = {label: members for label, members in groups.items() if len(members) < 3}
    for label, members in sorted(few.items()):
        if label != "background":
            raise BadInputError(
                f"label {label!r} has {len(members)} people or files of its own (those of the same "
                "content count as one); training, validation and test need at least 3: add "
                "recordings, or take the folder out"
            )
    for seed in range(_DRAWS):
        split = _dealt(groups, seed)
        lacking = [
            (label, name)
            for label, members in sorted(groups.items())
            for name in SPLITS
            if label not in few and not any(split[group] == name for group in members)
        ]
        if not lacking:
            return [replace(clip, split=split.get(clip.group, "train")) for clip in clips]
    label, name = lacking[0]
    raise BadInputError(
        f"label {label!r} has nobody left to {_PURPOSES[name]}: its people also make the other "
        "labels; add recordings of other people"
    )


def _dealt(groups: dict[str, list[str]], seed: int) -> dict[str, str]:
    """A split of each group, the rarest label first."""
    split: dict[str, str] = {}
    for _, members in sorted(groups.items(), key=lambda item: (len(item[1]), item[0])):
        free = sorted((group for group in members if group not in split), key=partial(_draw, seed))
        for name, share in (("val", 0.12), ("test", 0.18)):
            taken = sum(split.get(group) == name for group in members)
            wanted = max(1, round(share * len(members))) - taken if len(members) > 2 else 0
            split |= dict.fromkeys(free[: max(0, wanted)], name)
            free = free[max(0, wanted) :]
        split |= dict.fromkeys(free, "train")
    return split


def split_of(clip: Clip, seed: int = 0) -> str:
    """The split of a clip: 70 % of the groups train, 12 % validate, 18 % test.

    It hashes the group's name, so that a clip keeps its split when others come or go.
    """
    if clip.split or clip.train_only:
        return clip.split or "train"
    share = int.from_bytes(_draw(seed, clip.group)[:4], "big") / 2**32
    return "train" if share < 0.70 else "val" if share < 0.82 else "test"


def _draw(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}:{group}".encode()).digest()

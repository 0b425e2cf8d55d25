"""Recordings -> one row of summary features each, through the device's own frontend.

Feature selection looks at recordings, a device at frames: a row summarises the frames of one
sound, coefficient by coefficient.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import BadInputError
from edge.frontend import PRESETS, Frontend, FrontendSpec
from train_export.datasets import load_pcm, split_corpus, split_of
from train_export.readers import read_rows
from train_export.readers.icbhi import IN_BOTH_HALVES
from train_export.sounds import cut
from train_export.taxonomy import BEDS, chest_label, kind_of

# Level and gain tell the source, not the sound: each sound is brought to one level and then
# moved by a gain of its own, as rooms and microphones do.
PEAK = 0.5
GAIN_DB = (-30.0, 0.0)
ROOM_BEFORE_S, ROOM_AFTER_S = 0.1, 0.9  # a cough and its tail
LEAST_FRAMES = 8
STATISTICS = ("mean", "spread", "change")


@dataclass(frozen=True, slots=True)
class Segment:
    """A labelled stretch of a file, from `start_s` to `end_s`, and whose it is."""

    path: Path
    start_s: float
    end_s: float
    label: str
    group: str


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Summaries of sounds.

    Attributes:
        values: float64 [sounds, coefficients, statistics].
        labels: str [sounds].
        groups: str [sounds], whose each is.
    """

    values: NDArray[np.float64]
    labels: NDArray[np.str_]
    groups: NDArray[np.str_]

    @property
    def columns(self) -> NDArray[np.float64]:
        """float64 [sounds, coefficients * statistics]."""
        return self.values.reshape(len(self.values), -1)

    def kept(self, coefficients: Sequence[int]) -> "FeatureTable":
        """The same sounds with fewer coefficients."""
        return replace(self, values=self.values[:, list(coefficients)])


def candidates(profile: str) -> FrontendSpec:
    """The profile's frontend with everything that a model might want: cepstra, LPC, energy."""
    return replace(PRESETS[PRESET[profile]], output="mfcc", lpc_order=12, energy=True)


def coefficient_names(spec: FrontendSpec) -> list[str]:
    """A name for each value of a row, in order."""
    names = [f"{spec.output}{index}" for index in range(spec.mel_bands)]
    names += [f"lpc{index + 1}" for index in range(spec.lpc_order)]
    return names + (["log energy", "zero crossings"] if spec.energy else [])


def room_segments(corpus: Path, layout: str, most: int) -> list[Segment]:
    """The first sound of clips that are not for the test, at most so many a label."""
    clips = {
        (clip.path, clip.start_s, clip.end_s): clip
        for clip in split_corpus(corpus, layout)
        if clip.label not in BEDS and split_of(clip) != "test"
    }
    whole = [
        Segment(clip.path, clip.start_s, clip.end_s, clip.label, clip.group)
        for clip in clips.values()
    ]
    segments = []
    for segment in tqdm(subsample(whole, most), desc="finding sounds", unit="clip"):
        for sound in cut(clips[segment.path, segment.start_s, segment.end_s])[:1]:
            onset_s = segment.start_s + sound.spans[0][0]
            start_s = max(0.0, onset_s - ROOM_BEFORE_S)
            segments.append(replace(segment, start_s=start_s, end_s=onset_s + ROOM_AFTER_S))
    return segments


def chest_segments(corpus: Path, layout: str, most: int) -> list[Segment]:
    """Events and breathing cycles that are not for the test, at most so many a class of four."""
    segments = []
    for row in read_rows(corpus, layout):
        label = chest_label(kind_of(row.label)) if row.body_site else ""
        who = f"{row.source}/{row.subject or row.name or row.path.name}"
        if label and not row.split.startswith("test") and row.subject not in IN_BOTH_HALVES:
            segments.append(Segment(row.path, row.start_s, row.end_s, label, who))
    return subsample(segments, most)


PRESET = {"room": "room-16k", "chest": "chest-4k"}
SEGMENTS: dict[str, Callable[[Path, str, int], list[Segment]]] = {
    "room": room_segments,
    "chest": chest_segments,
}


def subsample(segments: Iterable[Segment], most: int) -> list[Segment]:
    """At most so many segments a label, people by turns; the same ones every time."""
    by_label: dict[str, dict[str, list[Segment]]] = {}
    for segment in segments:
        by_label.setdefault(segment.label, {}).setdefault(segment.group, []).append(segment)
    chosen = []
    for _, people in sorted(by_label.items()):
        turns = [
            (number, _draw(segment), segment)
            for members in people.values()
            for number, segment in enumerate(sorted(members, key=_draw))
        ]
        turns.sort(key=lambda turn: turn[:2])
        chosen += [segment for _, _, segment in turns[:most]]
    return chosen


def feature_table(segments: Sequence[Segment], spec: FrontendSpec) -> FeatureTable:
    """Summaries of the segments; those shorter than eight frames are left out.

    Raises:
        BadInputError: a file can't be decoded, or there are fewer than two labels.
    """
    rows, kept = [], []
    frontend = Frontend(spec)
    held: tuple[Path, NDArray[np.int16]] | None = None
    for segment in tqdm(
        sorted(segments, key=lambda segment: segment.path), desc="features", unit="sound"
    ):
        if held is None or held[0] != segment.path:
            held = segment.path, load_pcm(segment.path, spec.rate_hz)
        pcm = held[1][round(segment.start_s * spec.rate_hz) : round(segment.end_s * spec.rate_hz)]
        frontend.reset()
        frames = frontend.push(levelled(pcm, segment))
        if len(frames) >= LEAST_FRAMES:
            rows.append(summary(frames))
            kept.append(segment)
    labels = np.array([segment.label for segment in kept])
    if len(set(labels.tolist())) < 2:
        raise BadInputError("fewer than two labels with sounds to tell apart; give more data")
    return FeatureTable(np.stack(rows), labels, np.array([segment.group for segment in kept]))


def summary(frames: NDArray[np.int16]) -> NDArray[np.float64]:
    """int16 [frames, coefficients] -> float64 [coefficients, 3]: mean, spread and change.

    The change is the spread of the deltas, slopes over five frames (Furui, 1986).
    """
    x = frames.astype(np.float64)
    delta = (2 * (x[4:] - x[:-4]) + (x[3:-1] - x[1:-3])) / 10
    return np.stack([x.mean(axis=0), x.std(axis=0), delta.std(axis=0)], axis=1)


def levelled(pcm: NDArray[np.int16], segment: Segment) -> NDArray[np.int16]:
    """The samples at a level that says nothing of their source."""
    peak = max(int(np.abs(pcm.astype(np.int32)).max(initial=0)), 1)
    share = int.from_bytes(_draw(segment)[:4], "big") / 2**32
    gain_db = GAIN_DB[0] + share * (GAIN_DB[1] - GAIN_DB[0])
    scale = PEAK * 32768 / peak * 10 ** (gain_db / 20)
    return np.round(pcm * scale).astype(np.int16)


def _draw(segment: Segment) -> bytes:
    text = f"{segment.group}|{segment.path.name}|{segment.start_s}"
    return hashlib.sha256(text.encode()).digest()

"""Draws batches of patches from chest recordings, with what each of them is known to hold.

A batch mixes three kinds: annotated events cut out of their recording (as the device cuts
them), random stretches of whole recordings, whose label follows from the events in them, and
breathing cycles. Classes are drawn by the square root of their number, so that the rare ones
are seen without being learned by heart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.frontend import FrontendSpec
from train_export.chest.labels import CRACKLES, HEARD, KINDS, OUTPUTS, WHEEZES, columns
from train_export.chest.units import Unit, frame_at
from train_export.features import FEATURE_SCALE

Frames = NDArray[np.int16]
Floats = NDArray[np.float32]
# Rows of a batch.
SHARES = {"event": 35, "record": 19, "cycle": 10}
# A stretch holds an event when it shows this much of it: half, or what a listener needs.
SEEN_FRAMES = 30
# The middle that the heard sounds speak for, in frames: what the network pools there.
MIDDLE_FRAMES = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """Patches and what is known of them.

    Attributes:
        features: float32 [rows, patch_frames, bands, 1].
        targets: float32 [rows, outputs], probabilities.
        known: float32 [rows, outputs], 1 where the target is known.
    """

    features: Floats
    targets: Floats
    known: Floats


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit in frames of its recording: [first, last)."""

    unit: Unit
    frames: Frames
    first: int
    last: int


class Sampler:
    """Endless batches; batch n of a seed is always the same."""

    def __init__(
        self,
        units: Sequence[Unit],
        frames: dict[str, Frames],
        spec: FrontendSpec,
        patch_frames: int,
        seed: int,
    ) -> None:
        """Prepare.

        Args:
            units: of training people only.
            frames: of each recording, by source and name as `key` gives them.
            spec: the frontend.
            patch_frames: length of a patch.
            seed: of the draws.
        """
        self._patch_frames = patch_frames
        self._bands = spec.coefficients
        self._seed = seed
        self._pieces: dict[str, list[Piece]] = {kind: [] for kind in KINDS}
        self._events: dict[str, list[Piece]] = {}
        for unit in units:
            first, last = frame_at(unit.start_s, spec), frame_at(unit.end_s, spec)
            piece = Piece(unit, frames[key(unit)], first, last)
            self._pieces[unit.kind].append(piece)
            if unit.kind == "event":
                self._events.setdefault(key(unit), []).append(piece)
        self._odds = {kind: _odds(pieces) for kind, pieces in self._pieces.items()}

    def batch(self, number: int) -> Batch:
        """Draw batch `number`."""
        rng = np.random.default_rng([self._seed, number])
        rows = sum(share for kind, share in SHARES.items() if self._pieces[kind])
        features = np.zeros((rows, self._patch_frames, self._bands, 1), np.float32)
        targets = np.zeros((rows, len(OUTPUTS)), np.float32)
        known = np.zeros((rows, len(OUTPUTS)), np.float32)
        row = 0
        for kind, share in SHARES.items():
            begin = row
            if not self._pieces[kind]:
                continue
            for index in rng.choice(len(self._pieces[kind]), share, p=self._odds[kind]):
                piece = self._pieces[kind][index]
                draw = self._stretch if kind == "record" else self._whole
                cut = draw(rng, piece, targets[row], known[row])
                features[row, :, :, 0] = augment(rng, cut.astype(np.float32) * FEATURE_SCALE)
                row += 1
            if kind != "record":
                _mix(rng, features[begin:row], targets[begin:row])
        return Batch(features, targets, known)

    def _whole(
        self, rng: np.random.Generator, piece: Piece, target: Floats, known: Floats
    ) -> Frames:
        """An event or a cycle, about in the middle of silence, a little faster or slower."""
        place = columns(piece.unit.kind)
        known[place] = 1
        target[place.start + KINDS[piece.unit.kind].index(piece.unit.label)] = 1
        slack = rng.integers(-4, 5, 2)  # annotators differ by this much
        first = max(0, piece.first + slack[0])
        cut = piece.frames[first : max(first + 1, piece.last + slack[1])]
        length = max(1, round(len(cut) * rng.uniform(0.9, 1.1)))
        cut = cut[np.linspace(0, len(cut) - 1, length).round().astype(int)] if len(cut) else cut
        spare = self._patch_frames - len(cut)
        if spare <= 0:
            start = rng.integers(-spare + 1)
            return cut[start : start + self._patch_frames]
        before = int(np.clip(spare // 2 + rng.integers(-12, 13), 0, spare))
        return np.pad(cut, ((before, spare - before), (0, 0)))

    def _stretch(
        self, rng: np.random.Generator, piece: Piece, target: Floats, known: Floats
    ) -> Frames:
        """A random patch of a recording, labelled by the events in it."""
        events = self._events.get(key(piece.unit), [])
        total, length = len(piece.frames), self._patch_frames
        spare = max(0, total - length)
        loud = [event for event in events if event.unit.label != "Normal"]
        if loud and rng.random() < 0.6:  # most stretches of a sick recording are healthy
            around = loud[rng.integers(len(loud))]
            wanted = rng.integers(around.first, max(around.last, around.first + 1)) - length // 2
            start = int(np.clip(wanted, 0, spare))
        else:
            start = int(rng.integers(spare + 1))
        cut = piece.frames[start : start + length]
        before = (length - len(cut)) // 2
        if piece.unit.label == "record:Poor Quality":
            label = piece.unit.label
        else:
            label = stretch_label(events, start, start + length)
            middle = start + length // 2 - before
            known[-len(HEARD) :] = 1
            target[-len(HEARD) :] = heard(events, middle)
        place = columns("record")
        known[place] = 1
        target[place.start + KINDS["record"].index(label)] = 1
        return np.pad(cut, ((before, length - len(cut) - before), (0, 0)))


def key(unit: Unit) -> str:
    """Names a recording among those of several sources."""
    return f"{unit.source}/{unit.name}"


def stretch_label(events: Sequence[Piece], first: int, last: int) -> str:
    """The record label of frames [first, last): continuous or discontinuous sounds, or none."""
    labels = set()
    for event in events:
        seen = min(event.last, last) - max(event.first, first)
        if seen >= min(SEEN_FRAMES, (event.last - event.first) / 2):
            labels.add(event.unit.label)
    continuous, discontinuous = bool(labels & WHEEZES), bool(labels & CRACKLES)
    names = {
        (False, False): "record:Normal",
        (True, False): "record:CAS",
        (False, True): "record:DAS",
        (True, True): "record:CAS & DAS",
    }
    return names[continuous, discontinuous]


def heard(events: Sequence[Piece], middle: int) -> Floats:
    """Share of the frames around `middle` that crackles and wheezes fill, float32 [2]."""
    first, last = middle - MIDDLE_FRAMES // 2, middle + MIDDLE_FRAMES // 2
    filled = np.zeros(len(HEARD), np.float32)
    for event in events:
        share = max(0, min(event.last, last) - max(event.first, first)) / MIDDLE_FRAMES
        for column, family in enumerate((CRACKLES, WHEEZES)):
            filled[column] += share * (event.unit.label in family)
    return np.minimum(filled, 1)


def augment(rng: np.random.Generator, features: Floats) -> Floats:
    """Another pressure and place of the stethoscope; bands and moments that are missing.

    Masks after Park et al., SpecAugment, 2019.
    """
    frames, bands = features.shape
    if rng.random() < 0.3:  # a smaller or a larger chest: everything a band higher or lower
        moved = np.arange(bands) + rng.choice((-1, 1))
        features = features[:, np.clip(moved, 0, bands - 1)]  # the outermost band stands twice
    if rng.random() < 0.8:
        knots = rng.normal(0, 0.6 / 8, 5) + rng.normal(0, 1.0 / 8)  # log2 power / 8
        response = np.interp(np.arange(bands), np.linspace(0, bands - 1, 5), knots)
        features = np.maximum(features + (features > 0) * response.astype(np.float32), 0)
    if rng.random() < 0.5:
        features = features.copy()
        first = rng.integers(bands - 6)
        features[:, first : first + rng.integers(1, 7)] = 0
    if rng.random() < 0.4:
        features = features.copy()
        first = rng.integers(frames - 16)
        features[first : first + rng.integers(2, 17)] = 0
    return features


def _odds(pieces: Sequence[Piece]) -> NDArray[np.float64]:
    """Chance of each piece: its class by the square root of its number."""
    labels = [piece.unit.label for piece in pieces]
    counts = {label: labels.count(label) for label in set(labels)}
    odds = np.array([counts[label] ** -0.5 for label in labels])
    return odds / odds.sum() if len(odds) else odds


def _mix(rng: np.random.Generator, features: Floats, targets: Floats) -> None:
    """Blend half of the rows with others, in place (Zhang et al., mixup, 2018)."""
    partner = rng.permutation(len(features))
    own = rng.beta(0.3, 0.3, len(features)).astype(np.float32)
    own = np.where(rng.random(len(features)) < 0.5, np.maximum(own, 1 - own), 1)
    features[:] = (
        own[:, None, None, None] * features + (1 - own)[:, None, None, None] * features[partner]
    )
    targets[:] = own[:, None] * targets + (1 - own)[:, None] * targets[partner]

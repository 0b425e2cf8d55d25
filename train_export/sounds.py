"""Clips cut into sounds, and sounds drawn by label: what scenes are laid from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train_export.datasets import Clip, load_clip
from train_export.segment import SegmentRules, find_sounds
from train_export.taxonomy import BEDS, ROOM_LABELS, is_counted

RATE_HZ = 16_000
# Sounds that last: an event is a stretch of them, not a burst.
LONG_SOUNDS = {
    "speech": (1.0, 8.0),
    "breath": (1.5, 6.0),
    "snore": (1.0, 4.0),
    "background": (1.0, 8.0),  # music or a machine that begins and ends
}
OTHER_RULES = SegmentRules(dip_db=20, spacing_s=0.4, below_peak_db=25, max_s=5.0, tail_db=25)
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of a clip, ready to be laid into a scene.

    Attributes:
        pcm: float32 [samples], full scale 1.
        spans: onset and offset in seconds of each sound in it; for coughs one a cough.
        label, kind: of the clip it came from.
        group: whose it is.
    """

    pcm: Floats
    spans: tuple[tuple[float, float], ...]
    label: str
    kind: str
    group: str


class SoundBank:
    """Clips in memory, cut into sounds, by label.

    Attributes:
        sounds: of each label.
        others: the labels of events beside coughs, in the order of the room's labels; one's own
            behind them.
    """

    def __init__(self, clips: Iterable[Clip], also: Iterable[Sound] = ()) -> None:
        """Cut the clips; `also` are sounds that are ready."""
        self.sounds: dict[str, list[Sound]] = {}
        for sound in (*(sound for clip in clips for sound in cut(clip)), *also):
            self.sounds.setdefault(sound.label, []).append(sound)
        own = sorted(set(self.sounds) - {*ROOM_LABELS, *BEDS})
        self.others = [label for label in (*ROOM_LABELS[1:], *own) if label in self.sounds]
        # The same chance for every kind, then for every group in it: a source with many clips
        # of one person must not drown the others.
        self._tree: dict[str, dict[str, dict[str, list[Sound]]]] = {}
        for label, sounds in self.sounds.items():
            for sound in sounds:
                family = sound.group.partition("/")[0] if label == "cough" else sound.kind
                kinds = self._tree.setdefault(label, {})
                kinds.setdefault(family, {}).setdefault(sound.group, []).append(sound)

    def draw(self, rng: np.random.Generator, label: str) -> Sound:
        """A sound of a label: families by the square root of their size, then a group, then one."""
        kinds = self._tree[label]
        names = sorted(kinds)
        weight = np.sqrt([len(kinds[name]) for name in names])
        family = kinds[names[rng.choice(len(names), p=weight / weight.sum())]]
        group = family[sorted(family)[rng.integers(len(family))]]
        return group[rng.integers(len(group))]

    def __contains__(self, label: str) -> bool:
        return label in self._tree


def cut(clip: Clip) -> list[Sound]:
    """The usable sounds of a clip."""
    pcm = load_clip(clip, RATE_HZ)
    wave = pcm.astype(np.float32) / 32768
    if clip.label in ("background", "rir"):
        return [Sound(wave, ((0.0, len(wave) / RATE_HZ),), clip.label, clip.kind, clip.group)]
    if not np.abs(pcm).max(initial=0) > 100:
        return []
    if clip.label == "cough":
        spans = find_sounds(pcm, RATE_HZ)
    elif clip.label in LONG_SOUNDS or clip.label == "other":
        spans = _active(pcm)
    else:
        spans = find_sounds(pcm, RATE_HZ, OTHER_RULES)
    if not spans:
        if not is_counted(clip.label) or clip.label == "cough":
            return []
        return _pieces(wave, clip)
    return [Sound(wave, tuple(spans), clip.label, clip.kind, clip.group)]


def _pieces(wave: Floats, clip: Clip) -> list[Sound]:
    """A clip that never falls silent, in pieces: its owner says that all of it is the sound."""
    most = round(OTHER_RULES.max_s * RATE_HZ)
    parts = [wave[start : start + most] for start in range(0, len(wave), most)]
    return [
        Sound(part, ((0.0, len(part) / RATE_HZ),), clip.label, clip.kind, clip.group)
        for part in parts
    ]


def _active(pcm: NDArray[np.int16]) -> list[tuple[float, float]]:
    """The whole stretch between the first and the last loud moment."""
    spans = find_sounds(pcm, RATE_HZ, OTHER_RULES)
    return [(spans[0][0], max(end for _, end in spans))] if spans else []


def excerpt(rng: np.random.Generator, sound: Sound) -> Sound:
    """A run of one to five coughs, or a stretch of a longer sound, with soft edges."""
    spans = sound.spans
    if is_counted(sound.label):
        first = int(rng.integers(len(spans)))
        spans = spans[first : first + int(rng.choice([1, 2, 3, 5], p=[0.35, 0.25, 0.2, 0.2]))]
    if sound.label in LONG_SOUNDS and spans[-1][1] - spans[0][0] > 1.5:
        low, high = LONG_SOUNDS[sound.label]
        wanted = rng.uniform(low, high)
        start = rng.uniform(spans[0][0], max(spans[0][0], spans[-1][1] - wanted))
        spans = ((start, min(start + wanted, spans[-1][1])),)
    after = [on for on, _ in sound.spans if on >= spans[-1][1]]
    begin = max(0.0, spans[0][0] - 0.05)
    end = min(len(sound.pcm) / RATE_HZ, spans[-1][1] + 0.15, *(on - 0.02 for on in after[:1]))
    pcm = sound.pcm[round(begin * RATE_HZ) : round(end * RATE_HZ)].copy()
    fade = min(len(pcm) // 2, RATE_HZ // 100)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    pcm[:fade] *= ramp
    pcm[len(pcm) - fade :] *= ramp[::-1]
    moved = tuple((on - begin, min(off, end) - begin) for on, off in spans)
    return Sound(pcm, moved, sound.label, sound.kind, sound.group)


def hasten(sound: Sound, factor: float) -> Sound:
    """Another throat: a sound played faster and higher, or slower and deeper."""
    if factor == 1.0:
        return sound
    at = np.arange(0, len(sound.pcm) - 1, factor)
    pcm = np.interp(at, np.arange(len(sound.pcm)), sound.pcm).astype(np.float32)
    spans = tuple((on / factor, off / factor) for on, off in sound.spans)
    return Sound(pcm, spans, sound.label, sound.kind, sound.group)

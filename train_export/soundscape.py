"""Mixes labelled events of chosen people into backgrounds: audio with its ground truth.

There is no long public recording with annotated coughs, so streaming is trained and tested on
scenes spliced from clips. Every scene says what was laid where, at which signal-to-noise
ratio; a test on scenes says that they are scenes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from train_export.sounds import RATE_HZ, Floats, Sound, SoundBank, excerpt, hasten
from train_export.taxonomy import is_counted


@dataclass(frozen=True, slots=True)
class Truth:
    """What was laid into a scene: a label between two instants, in seconds."""

    label: str
    kind: str
    onset_s: float
    offset_s: float
    group: str
    snr_db: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A mixed recording, int16 [samples] at 16 kHz, and its ground truth in order."""

    pcm: NDArray[np.int16]
    truths: tuple[Truth, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How to mix a scene.

    Attributes:
        duration_s: length.
        bouts_per_hour: bouts of one to five coughs.
        others_per_hour: other sounds (speech, sneezes, laughter, doors, …).
        snr_db: range of the ratio between an event's and the background's power while it lasts.
        background_dbfs: range of the background's level.
        reverb: share of the events that meet a room's impulse response.
        narrow: share of the sounds that lose everything above 3.4 kHz, as on a telephone.
        music: how much music is favoured among the backgrounds; 0.5 leaves it its own share.
        speed: range of a factor on a cough's speed and pitch; 1 leaves it alone.
        other_speed: the same for the other events.
        bed_speed: the same for the background.
        second_bed: share of the backgrounds that another one is mixed into.
        tracks: of synthetic music among the backgrounds to draw from.
        quiet_dbfs: range, a scene, of the level that stands for the background where there is
            next to none: an event keeps the level of somebody in a room, not of the hiss.
        density_spread: each scene's densities are multiplied by factors of 1 - spread to
            1 + spread.
        interludes: share of the other sounds that are a stretch of music or ambience.
    """

    duration_s: float = 60.0
    bouts_per_hour: float = 60.0
    others_per_hour: float = 60.0
    snr_db: tuple[float, float] = (0.0, 20.0)
    background_dbfs: tuple[float, float] = (-70.0, -25.0)
    reverb: float = 0.6
    narrow: float = 0.25
    music: float = 0.25
    speed: tuple[float, float] = (1.0, 1.0)
    other_speed: tuple[float, float] = (1.0, 1.0)
    bed_speed: tuple[float, float] = (1.0, 1.0)
    second_bed: float = 0.0
    tracks: int = 0
    quiet_dbfs: tuple[float, float] = (-52.0, -52.0)
    density_spread: float = 0.0
    interludes: float = 0.0

    def drawn(self, rng: np.random.Generator) -> "Recipe":
        """One scene's own recipe; draws only what has a range."""
        bouts, others = self.bouts_per_hour, self.others_per_hour
        quiet_dbfs = self.quiet_dbfs[0]
        if self.density_spread:
            bouts *= rng.uniform(1 - self.density_spread, 1 + self.density_spread)
            others *= rng.uniform(1 - self.density_spread, 1 + self.density_spread)
        if self.quiet_dbfs[1] > quiet_dbfs:
            quiet_dbfs = rng.uniform(*self.quiet_dbfs)
        return replace(
            self,
            bouts_per_hour=bouts,
            others_per_hour=others,
            quiet_dbfs=(quiet_dbfs, quiet_dbfs),
        )


def mix_scene(rng: np.random.Generator, bank: SoundBank, recipe: Recipe) -> Scene:
    """Mix one scene; the same generator state gives the same scene."""
    recipe = recipe.drawn(rng)
    length = round(recipe.duration_s * RATE_HZ)
    background = _background(rng, bank, recipe, length)
    scene = background.copy()
    truths: list[Truth] = []
    labels = list(bank.others)
    share = np.array([{"speech": 3.0, "other": 3.0}.get(label, 1.0) for label in labels])
    share /= max(share.sum(), 1.0)
    if recipe.interludes and "background" in bank:
        often = recipe.interludes if labels else 1.0  # nothing else may be there
        labels.append("background")
        share = np.append(share * (1 - often), often)
    hours = recipe.duration_s / 3600
    bouts = rng.poisson(recipe.bouts_per_hour * hours)
    others = rng.poisson(recipe.others_per_hour * hours)
    plan = ["cough"] * bouts if "cough" in bank else []
    plan += list(rng.choice(labels, others, p=share)) if labels else []
    room = bank.draw(rng, "rir").pcm if "rir" in bank else None
    for label in rng.permutation(np.array(plan, dtype=object)):
        speed = recipe.speed if label == "cough" else recipe.other_speed
        sound = hasten(excerpt(rng, bank.draw(rng, label)), rng.uniform(*speed))
        at = rng.uniform(0.2, max(0.3, recipe.duration_s - len(sound.pcm) / RATE_HZ - 0.2))
        if is_counted(label) and _overlaps(sound, at, truths):
            continue  # two people's coughs at once have no single onset
        wave = _colour(rng, sound.pcm, recipe)
        if room is not None and rng.random() < recipe.reverb:
            wave = _reverberate(wave, room)
        snr_db = rng.uniform(*recipe.snr_db)
        start = round(at * RATE_HZ)
        wave = wave[: length - start]
        level_dbfs = _floor_dbfs(background[start : start + len(wave)], recipe) + snr_db
        wave = wave * _gain(wave, sound, level_dbfs)
        scene[start : start + len(wave)] += wave
        truths += [
            Truth(
                "other" if sound.label == "background" else sound.label,
                sound.kind,
                at + on,
                min(at + off, recipe.duration_s),
                sound.group,
                snr_db,
            )
            for on, off in sound.spans
            if at + on < recipe.duration_s
        ]
    peak = np.abs(scene).max()
    if peak > 0.99 and rng.random() < 0.8:
        scene *= 0.99 / peak  # the rest clips, as a cheap microphone does
    dither = rng.uniform(-0.5, 0.5, length).astype(np.float32)
    pcm = np.clip(np.round(scene * 32767 + dither), -32768, 32767).astype(np.int16)
    return Scene(pcm, tuple(sorted(truths, key=lambda truth: truth.onset_s)))


def _overlaps(sound: Sound, at: float, truths: Sequence[Truth]) -> bool:
    begin, end = at - 0.3, at + len(sound.pcm) / RATE_HZ + 0.3
    return any(t.label == sound.label and t.onset_s < end and begin < t.offset_s for t in truths)


def _background(rng: np.random.Generator, bank: SoundBank, recipe: Recipe, length: int) -> Floats:
    """A bed of ambience or music over the hiss of a microphone."""
    level_db = rng.uniform(*recipe.background_dbfs)
    hiss = rng.standard_normal(length, dtype=np.float32) * np.float32(
        10 ** (rng.uniform(-80, -60) / 20)
    )
    if rng.random() < 0.15 or "background" not in bank:
        return hiss  # a quiet room
    bed = _bed(rng, bank, recipe, length)
    if recipe.second_bed and rng.random() < recipe.second_bed:
        bed = bed + np.float32(10 ** (rng.uniform(-15, 0) / 20)) * _bed(rng, bank, recipe, length)
    rms = float(np.sqrt(np.mean(bed**2)) + 1e-9)
    return _colour(rng, bed, recipe) * np.float32(10 ** (level_db / 20) / rms) + hiss


def _bed(rng: np.random.Generator, bank: SoundBank, recipe: Recipe, length: int) -> Floats:
    """A stretch of ambience or music, again and again where it is short; power 1 as a whole."""
    for _ in range(50):
        source = bank.draw(rng, "background")
        if ("music" in source.kind) == (rng.random() < recipe.music):
            break
    if recipe.bed_speed != (1.0, 1.0):
        source = hasten(source, rng.uniform(*recipe.bed_speed))
    reps = -(-length // len(source.pcm)) + 1
    start = rng.integers(len(source.pcm))
    bed = np.tile(source.pcm, reps)[start : start + length]
    return bed / np.float32(np.sqrt(np.mean(bed**2)) + 1e-9)


def _colour(rng: np.random.Generator, wave: Floats, recipe: Recipe) -> Floats:
    """A random microphone: tilt, low cut, and now and then a telephone's band.

    Applied to every sound alike, so that bandwidth can't tell a cough from the rest.
    """
    if rng.random() < recipe.narrow:
        sections = butter(4, rng.uniform(3200, 4000), "low", fs=RATE_HZ, output="sos")
        wave = sosfilt(sections, wave)
    if rng.random() < 0.5:
        sections = butter(1, rng.uniform(60, 400), "high", fs=RATE_HZ, output="sos")
        wave = sosfilt(sections, wave)
    if rng.random() < 0.5:
        tilt = rng.uniform(-0.6, 0.6)
        wave = np.concatenate([wave[:1], wave[1:] + tilt * wave[:-1]])
    return np.asarray(wave, dtype=np.float32)


def _reverberate(wave: Floats, room: Floats) -> Floats:
    wet = fftconvolve(wave, room)
    direct = int(np.argmax(np.abs(room)))
    # The direct path stays in place, so that the onset does.
    return np.asarray(wet[direct : direct + len(wave) + RATE_HZ // 4], dtype=np.float32)


def _floor_dbfs(background: Floats, recipe: Recipe) -> float:
    """The level that an event's ratio counts from."""
    noise = float(np.sqrt(np.mean(background**2)) + 1e-9)
    return max(20 * math.log10(noise), recipe.quiet_dbfs[0])


def _gain(wave: Floats, sound: Sound, level_dbfs: float) -> np.float32:
    """Bring the event's active part to a level."""
    begin = round(sound.spans[0][0] * RATE_HZ)
    end = max(begin + 1, round(sound.spans[-1][1] * RATE_HZ))
    active = float(np.sqrt(np.mean(wave[begin:end] ** 2)) + 1e-9) if begin < len(wave) else 1.0
    return np.float32(10 ** (level_dbfs / 20) / active)

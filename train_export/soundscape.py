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

FULL_SCALE = 0.99
# Of the background: the loudest leaves as much room for what happens in front of it.
BED_PEAK = 0.5
# Places that are tried for a bout until each of its coughs is heard there.
PLACES = 20
HEARD_DB = -3.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What was laid into a scene: a label between two instants, in seconds.

    `snr_db` is the ratio of its power to the background's while it lasts.
    """

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
    """Mix one scene; the same generator state gives the same scene.

    Each cough stands at the recipe's least ratio or more over the background, and no further
    than 3 dB under whatever else sounds while it lasts: who is not heard is not in the truth.
    Full scale bounds the levels, so that a loud background leaves less room above it.
    """
    recipe = recipe.drawn(rng)
    length = round(recipe.duration_s * RATE_HZ)
    background = _background(rng, bank, recipe, length)
    room = bank.draw(rng, "rir").pcm if "rir" in bank else None
    # Some scenes clip, as a cheap microphone does.
    headroom = FULL_SCALE - float(np.abs(background).max()) if rng.random() < 0.8 else math.inf
    mix = _Mix(recipe, background, headroom, background.copy(), [])
    for label in _plan(rng, bank, recipe):
        speed = recipe.speed if label == "cough" else recipe.other_speed
        sound = hasten(excerpt(rng, bank.draw(rng, label)), rng.uniform(*speed))
        wave = _colour(rng, sound.pcm, recipe)
        if room is not None and rng.random() < recipe.reverb:
            wave = _reverberate(wave, room)
        over_db = _over(wave, sound, rng.uniform(*recipe.snr_db), recipe)
        last_s = max(0.3, recipe.duration_s - len(sound.pcm) / RATE_HZ - 0.2)
        for _ in range(PLACES):
            if mix.lay(sound, wave, over_db, rng.uniform(0.2, last_s)):
                break
    dither = rng.uniform(-0.5, 0.5, length).astype(np.float32)
    pcm = np.clip(np.round(mix.scene * 32767 + dither), -32768, 32767).astype(np.int16)
    return Scene(pcm, tuple(sorted(mix.truths, key=lambda truth: truth.onset_s)))


@dataclass(frozen=True, slots=True)
class _Mix:
    """A scene in the making; `headroom` is how far full scale is above the background."""

    recipe: Recipe
    background: Floats
    headroom: float
    scene: Floats
    truths: list[Truth]

    def lay(self, sound: Sound, wave: Floats, over_db: float, at_s: float) -> bool:
        """Lay a sound, unless it counts and would not be heard by itself; gives whether it lies."""
        start = round(at_s * RATE_HZ)
        wave = wave[: len(self.scene) - start]
        part = slice(start, start + len(wave))
        floor_dbfs = max(_dbfs(self.background[part]), self.recipe.quiet_dbfs[0])
        gain = min(10 ** ((floor_dbfs + over_db) / 20), self.headroom / (np.abs(wave).max() + 1e-9))
        wave = wave * np.float32(gain)
        levels_dbfs = _levels(wave, sound)
        least_dbfs = floor_dbfs + self.recipe.snr_db[0] - 0.1
        if is_counted(sound.label) and (
            min(levels_dbfs) < least_dbfs
            or not _heard(levels_dbfs, self.scene[part], sound)
            or _overlaps(sound, at_s, self.truths)  # two people's at once have no single onset
        ):
            return False
        self.scene[part] += wave
        label = "other" if sound.label == "background" else sound.label
        end_s = self.recipe.duration_s
        self.truths.extend(
            Truth(
                label, sound.kind, at_s + on, min(at_s + off, end_s), sound.group,
                level_dbfs - floor_dbfs,
            )
            for (on, off), level_dbfs in zip(sound.spans, levels_dbfs, strict=True)
            if at_s + on < end_s
        )  # fmt: skip
        return True


def _plan(rng: np.random.Generator, bank: SoundBank, recipe: Recipe) -> list[str]:
    """Labels of the sounds to lay; what is counted comes last, and goes where it can be heard."""
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
    plan = [str(label) for label in rng.choice(labels, others, p=share)] if labels else []
    plan += ["cough"] * bouts if "cough" in bank else []
    return sorted(plan, key=is_counted)


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
    bed = _colour(rng, bed, recipe) * np.float32(10 ** (level_db / 20) / rms)
    return bed * np.float32(min(1.0, BED_PEAK / max(np.abs(bed).max(), 1e-9))) + hiss


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


def _over(wave: Floats, sound: Sound, snr_db: float, recipe: Recipe) -> float:
    """Decibels to raise a sound by, over the level it lies on, for its ratio.

    The ratio is that of its spans together. Of coughs, which count one by one, the weakest must
    reach the recipe's least ratio.
    """
    levels_dbfs = _levels(wave, sound)
    power = sum(10 ** (dbfs / 10) for dbfs in levels_dbfs) / len(levels_dbfs)
    over_db = snr_db - 10 * math.log10(power)
    if not is_counted(sound.label):
        return over_db
    return max(over_db, recipe.snr_db[0] - min(levels_dbfs))


def _heard(levels_dbfs: Sequence[float], rest: Floats, sound: Sound) -> bool:
    """Whether each span stands out of all else that is there."""
    return all(
        level_dbfs >= rest_dbfs + HEARD_DB
        for level_dbfs, rest_dbfs in zip(levels_dbfs, _levels(rest, sound), strict=True)
    )


def _levels(wave: Floats, sound: Sound) -> list[float]:
    """Level in dBFS of each span of a sound in a wave that begins where it does."""
    return [_dbfs(wave[round(on * RATE_HZ) : round(off * RATE_HZ)]) for on, off in sound.spans]


def _dbfs(wave: Floats) -> float:
    return 20 * math.log10(math.sqrt(np.mean(wave**2)) + 1e-9) if len(wave) else -180.0

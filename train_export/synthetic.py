"""Beds, rooms and music by the code alone: noises by colour, echoes by decay, drums.

Beds and rooms are a stand-in: recordings of the place where a device will listen serve better.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train_export import rhythm
from train_export.datasets import Clip
from train_export.sounds import RATE_HZ, Sound, SoundBank

SEED = 11
BED_S = 10.0
# Power falls by so many decibels an octave: white, pink, brown; a fan lies between the last two.
SLOPES_DB = {"white": 0.0, "pink": 3.0, "fan": 4.5, "brown": 6.0}
# From a furnished bedroom to a bathroom.
REVERBERATION_S = (0.2, 0.3, 0.4, 0.6, 0.8)


def bank_of(clips: Sequence[Clip], tracks: int = 0) -> SoundBank:
    """The clips' sounds; beds and rooms are synthesised where the clips hold none.

    `tracks` of synthetic music come to the backgrounds.
    """
    rng = np.random.default_rng(SEED)
    labels = {clip.label for clip in clips}
    also = [] if "background" in labels else beds(rng)
    also += [] if "rir" in labels else rooms(rng)
    return SoundBank(clips, also + music(tracks))


def music(count: int) -> list[Sound]:
    """Tracks of drums and strings, each a group of its own."""
    waves = rhythm.tracks(np.random.default_rng(rhythm.SEED), count)
    return [
        Sound(
            wave, ((0.0, len(wave) / RATE_HZ),), "background", "synthetic_music",
            f"synthetic/music-{number}",
        )
        for number, wave in enumerate(waves)
    ]  # fmt: skip


def beds(rng: np.random.Generator) -> list[Sound]:
    """Steady noises of several colours, ten seconds each."""
    length = round(BED_S * RATE_HZ)
    hz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    sounds = []
    for name, slope_db in SLOPES_DB.items():
        spectrum = np.fft.rfft(rng.standard_normal(length))
        octaves = np.log2(np.maximum(hz, 40.0) / 40.0)
        wave = np.fft.irfft(spectrum * 10 ** (-slope_db * octaves / 20), length)
        sounds.append(_sound(wave / np.abs(wave).max(), "background", f"synthetic_{name}"))
    return sounds


def rooms(rng: np.random.Generator) -> list[Sound]:
    """Impulse responses: a direct path, then noise that decays exponentially.

    Source of the model: Polack, La transmission de l'énergie sonore dans les salles, 1988.
    """
    sounds = []
    for rt60_s in REVERBERATION_S:
        t = np.arange(round(rt60_s * RATE_HZ)) / RATE_HZ
        # 60 dB of power in rt60_s; the echoes together 6 dB below the direct path.
        tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60_s) * (t > 0.003)
        tail *= 10 ** (-6 / 20) / np.sqrt((tail * tail).sum())
        tail[0] = 1.0
        sounds.append(_sound(tail, "rir", f"synthetic_{rt60_s:g}s"))
    return sounds


def _sound(wave: NDArray[np.float64], label: str, kind: str) -> Sound:
    pcm = wave.astype(np.float32)
    return Sound(pcm, ((0.0, len(pcm) / RATE_HZ),), label, kind, f"synthetic/{kind}")

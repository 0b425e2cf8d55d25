"""A demonstration night: a synthetic bedroom, made of arithmetic alone.

No recording of anyone went into it. Room tone, a fan, a clock, a creaking bed, snores, murmured
speech, knocks on the door and coughs are synthesised from a seed and heard through the room:
the same seed gives the same samples, with a list of what happens when. It shows that an
installation hears, counts and publishes. It says nothing about accuracy, which only recordings
of people can tell.

    python -m edge.demo night.wav
"""

import itertools
from pathlib import Path

import numpy as np
import soundfile
from numpy.random import Generator

from edge.demo import sounds
from edge.demo.sounds import RATE_HZ, Mark, Signal, Sound
from edge.errors import InputOutputError, UsageError
from edge.records import Pcm

__all__ = ["RATE_HZ", "Mark", "demo_night", "write_demo"]


def _bout(rng: Generator) -> Sound:
    return sounds.coughs(rng, int(rng.integers(2, 5)))


def _single(rng: Generator) -> Sound:
    return sounds.coughs(rng, 1)


# What happens in a minute; every minute plays it in an order of its own. Together these
# sounds last 40 s at most.
_SCENE = (
    *(_bout, _bout, _single, _single, sounds.snores, sounds.snores),
    *(sounds.speech, sounds.knocks, sounds.creak),
)


def _background(rng: Generator, samples: int) -> Signal:
    """Room tone at -60 dBFS, the hum of a fan and a clock that ticks each second."""
    tone = sounds.pink(rng, samples)
    tone *= 10 ** (-60 / 20) / np.sqrt(np.mean(tone**2))
    t = np.arange(samples) / RATE_HZ
    for k in (1, 2, 3):
        tone += 10 ** (-(62 + 6 * k) / 20) * np.sin(2 * np.pi * 49.6 * k * t)
    n = sounds.samples_in(0.03)
    tick = sounds.tract(
        rng.standard_normal(n) * sounds.pulse(n, 0.0005, 0.001), (2300.0, 3900.0), (200, 300)
    )
    for start in range(sounds.samples_in(0.5), samples - n, RATE_HZ):
        tone[start : start + n] += sounds.at_peak(tick, -56)
    return tone


def _echo(rng: Generator) -> Signal:
    """The room's impulse response: direct sound, then noise that falls by 60 dB in 0.3 s."""
    n = sounds.samples_in(0.3)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail[: sounds.samples_in(0.002)] = 0.0
    tail *= 0.5 / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _scene(rng: Generator, echo: Signal, samples: int) -> Sound:
    """About a minute of the night: every sound of `_SCENE` once, in the room."""
    room, marks, at = _background(rng, samples), [], 0
    played = [_SCENE[k](rng) for k in rng.permutation(len(_SCENE))]
    quiet_s = samples / RATE_HZ - sum(len(sound.signal) for sound in played) / RATE_HZ
    # A second before each sound and after the last, and the rest of the quiet by lot.
    pauses_s = 1 + (quiet_s - len(played) - 1) * rng.dirichlet(np.full(len(played) + 1, 2.0))
    for sound, pause_s in zip(played, pauses_s[:-1], strict=True):
        at += sounds.samples_in(pause_s)
        size = len(sound.signal) + len(echo) - 1
        heard = np.fft.irfft(np.fft.rfft(sound.signal, size) * np.fft.rfft(echo, size), size)
        room[at : at + size] += heard
        marks += [(at / RATE_HZ + on, at / RATE_HZ + off, label) for on, off, label in sound.marks]
        at += len(sound.signal)
    return Sound(room, tuple(marks))


def demo_night(seed: int, minutes: float) -> tuple[Pcm, list[Mark]]:
    """Synthesise a night.

    Args:
        seed: decides everything; the same seed and length give the same samples.
        minutes: length, 1 to 120.

    Returns:
        pcm: int16 [samples], 16 kHz mono.
        marks: (onset_s, offset_s, label) in order of onset; the label is `cough`, `snore`,
            `speech` or `other`.

    Raises:
        UsageError: `minutes` is out of range.
    """
    if not 1 <= minutes <= 120:
        raise UsageError(f"A demonstration night has 1 to 120 minutes, not {minutes:g}.")
    rng = np.random.Generator(np.random.PCG64(seed))
    echo = _echo(rng)
    edges = np.linspace(0, sounds.samples_in(60 * minutes), int(minutes) + 1).round().astype(int)
    parts, marks = [], []
    for start, stop in itertools.pairwise(edges.tolist()):
        scene = _scene(rng, echo, stop - start)
        parts.append(np.clip(np.round(scene.signal * 32768), -32768, 32767).astype(np.int16))
        marks += [(start / RATE_HZ + on, start / RATE_HZ + off, x) for on, off, x in scene.marks]
    return np.concatenate(parts), marks


def write_demo(path: Path, seed: int = 1, minutes: float = 3.0) -> list[Mark]:
    """Write a night as a 16-bit WAV file and return its marks.

    Raises:
        InputOutputError: the file can't be written.
        UsageError: `minutes` is out of range.
    """
    pcm, marks = demo_night(seed, minutes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, pcm, RATE_HZ, subtype="PCM_16", format="WAV")
    except (OSError, soundfile.LibsndfileError) as error:
        raise InputOutputError(f"The demonstration can't be written to {path}: {error}") from error
    return marks

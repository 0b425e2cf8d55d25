"""Synthetic music: drums and plucked strings, for a model that must not take them for coughs.

Recorded music is scarce in a corpus of household sounds, and a snare is as short and as broad as
a cough. These tracks are made by this code alone and serve training only.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

Wave = NDArray[np.float64]
RATE_HZ = 16_000
SEED = 12
TRACK_S = 30.0
STEPS = 16  # of a bar
# Semitones above the key of a minor pentatonic, a major and a chromatic scale.
SCALES = ((0, 3, 5, 7, 10), (0, 2, 4, 5, 7, 9, 11), tuple(range(12)))


def tracks(rng: np.random.Generator, count: int) -> list[NDArray[np.float32]]:
    """Tracks of half a minute, float32 [samples] at 16 kHz, full scale 1."""
    return [_track(rng) for _ in range(count)]


def _track(rng: np.random.Generator) -> NDArray[np.float32]:
    """Bars of one tempo, kit and scale; the pattern changes every few of them."""
    length = round(TRACK_S * RATE_HZ)
    wave = np.zeros(length + RATE_HZ)
    step_s = 60 / rng.uniform(60, 170) / 4
    kit = [_voice(rng) for _ in range(rng.integers(2, 7))]
    scale = SCALES[rng.integers(len(SCALES))]
    key_hz = 110 * 2 ** (rng.integers(12) / 12)
    melodic, swing = rng.random() < 0.8, rng.uniform(0, 0.3)
    bars = int(TRACK_S / (STEPS * step_s)) + 1
    hits: NDArray[np.bool_] = np.zeros((len(kit), STEPS), bool)
    notes: NDArray[np.bool_] = np.zeros(STEPS, bool)
    for bar in range(bars):
        if bar % rng.integers(1, 5) == 0:
            hits = rng.random((len(kit), STEPS)) < rng.uniform(0.05, 0.5, (len(kit), 1))
            notes = rng.random(STEPS) < rng.uniform(0.1, 0.7)
        for step in range(STEPS):
            late = swing * (step % 2) + rng.normal(0, 0.03)
            at = max(0, round((bar * STEPS + step + late) * step_s * RATE_HZ))
            for voice, struck in zip(kit, hits[:, step], strict=True):
                if struck:
                    _add(wave, at, voice * rng.uniform(0.3, 1.0))
            if melodic and notes[step]:
                semitones = scale[rng.integers(len(scale))] + 12 * rng.integers(3)
                _add(wave, at, _note(rng, key_hz * 2 ** (semitones / 12)))
    wave = wave[:length]
    if rng.random() < 0.6:
        wave = wave + rng.uniform(0.1, 0.5) * _hall(rng, wave)
    return np.asarray(0.7 * wave / np.abs(wave).max(initial=1e-9), dtype=np.float32)


def _add(wave: Wave, at: int, sound: Wave) -> None:
    part = wave[at : at + len(sound)]
    part += sound[: len(part)]


def _decay(seconds: float, length_s: float) -> Wave:
    """A fall by 60 dB in so many seconds, after a rise of a millisecond."""
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    rise = np.minimum(t / 0.001, 1)
    return np.asarray(rise * 10 ** (-3 * t / seconds), dtype=np.float64)


def _voice(rng: np.random.Generator) -> Wave:
    """One instrument of a kit: drum, snare, cymbal, clap, wood block or shaker."""
    kind = rng.choice(["drum", "snare", "cymbal", "clap", "block", "shaker"])
    if kind == "drum":
        seconds = rng.uniform(0.15, 0.6)
        envelope = _decay(seconds, seconds)
        hz = rng.uniform(45, 160) * (1 + rng.uniform(0.5, 3) * envelope**4)
        return np.asarray(envelope * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ))
    if kind == "block":
        seconds = rng.uniform(0.04, 0.15)
        envelope = _decay(seconds, seconds)
        turns = np.arange(len(envelope)) * rng.uniform(500, 3000) / RATE_HZ
        return np.asarray(envelope * np.sin(2 * np.pi * turns))
    low, high = {
        "snare": (rng.uniform(200, 1500), rng.uniform(4000, 7900)),
        "cymbal": (rng.uniform(3000, 5500), 7900.0),
        "clap": (rng.uniform(600, 1200), rng.uniform(3000, 6000)),
        "shaker": (rng.uniform(2000, 4500), 7900.0),
    }[str(kind)]
    seconds = rng.uniform(0.05, 0.5)
    noise = rng.standard_normal(round(seconds * RATE_HZ))
    noise = sosfilt(butter(2, (low, high), "band", fs=RATE_HZ, output="sos"), noise)
    wave = np.asarray(noise / np.abs(noise).max() * _decay(seconds, seconds)[: len(noise)])
    if kind == "shaker":
        swell = rng.uniform(0.01, 0.05) * RATE_HZ
        wave *= np.minimum(np.arange(len(wave)) / swell, 1)
    if kind == "clap":  # several hands, a few milliseconds apart
        late = round(rng.uniform(0.006, 0.014) * RATE_HZ)
        hands = np.zeros(len(wave) + 3 * late)
        for hand in range(4):
            _add(hands, hand * late, 0.5 * wave)
        return hands
    if kind == "snare":
        turns = np.arange(len(wave)) * rng.uniform(150, 350) / RATE_HZ
        wave += rng.uniform(0, 0.8) * _decay(0.1, seconds)[: len(wave)] * np.sin(2 * np.pi * turns)
    return wave


def _note(rng: np.random.Generator, hz: float) -> Wave:
    """A plucked string (Karplus and Strong, 1983) or an organ's pipe, half a second and more."""
    seconds = rng.uniform(0.3, 1.2)
    count = round(seconds * RATE_HZ)
    if rng.random() < 0.6:
        period = max(2, round(RATE_HZ / hz))
        burst = np.zeros(count)
        burst[:period] = rng.uniform(-1, 1, min(period, count))
        loop = np.zeros(period + 2)
        loop[0], loop[period], loop[period + 1] = 1, -0.498, -0.498
        return np.asarray(0.5 * lfilter([1.0], loop, burst))
    turns = np.arange(count) * hz / RATE_HZ
    partials = [n for n in range(1, 9) if n * hz < RATE_HZ / 2]
    wave = sum(np.sin(2 * np.pi * n * turns) * rng.uniform(0, 1) / n for n in partials)
    envelope = np.minimum(1, np.minimum(np.arange(count), np.arange(count)[::-1]) / 400)
    return np.asarray(0.3 * wave * envelope)


def _hall(rng: np.random.Generator, wave: Wave) -> Wave:
    """Echoes that lose a little at each turn: four combs (Schroeder, 1962)."""
    wet = np.zeros(len(wave))
    for _ in range(4):
        delay, kept = int(rng.uniform(0.02, 0.06) * RATE_HZ), rng.uniform(0.5, 0.85)
        turns = np.zeros(-(-len(wave) // delay) * delay)
        turns[: len(wave)] = wave
        turns = turns.reshape(-1, delay)
        for turn in range(1, len(turns)):
            turns[turn] += kept * turns[turn - 1]
        wet += turns.reshape(-1)[: len(wave)] / 4
    return wet

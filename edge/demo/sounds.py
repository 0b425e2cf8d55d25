"""The sounds of the demonstration night: a source, resonances, an envelope.

A source is noise or the pulses of a glottis; resonances shape it, as in a formant synthesiser.
Every function takes its random generator and returns float64 [samples] at 16 kHz.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

RATE_HZ = 16_000
Signal = NDArray[np.float64]  # [samples], full scale 1.0
Gain = Signal | NDArray[np.complex128]
Numbers = Sequence[float] | Signal
Mark = tuple[float, float, str]  # onset_s, offset_s, label


@dataclass(frozen=True, slots=True)
class Sound:
    """Something that happens in the room, before the room's echo.

    Attributes:
        signal: float64 [samples], at its level in the room.
        marks: what a listener would write down, in seconds from the first sample.
    """

    signal: Signal
    marks: tuple[Mark, ...]


def samples_in(seconds: float) -> int:
    """The nearest number of samples to a time."""
    return round(seconds * RATE_HZ)


def at_peak(signal: Signal, dbfs: float) -> Signal:
    """Scaled to a peak in dB relative to full scale."""
    return signal * (10 ** (dbfs / 20) / max(float(np.abs(signal).max()), 1e-12))


def _shaped(signal: Signal, gain: Callable[[Signal], Gain]) -> Signal:
    """Filtered in the frequency domain; `gain` maps Hz to a linear gain."""
    size = len(signal) + 2048  # room for a resonance to ring out, instead of wrapping around
    spectrum = np.fft.rfft(signal, size) * gain(np.fft.rfftfreq(size, 1 / RATE_HZ))
    shaped: Signal = np.fft.irfft(spectrum, size)[: len(signal)]
    return shaped


def tract(signal: Signal, formants_hz: Numbers, widths_hz: Numbers) -> Signal:
    """Heard through a cascade of two-pole resonances, each with unit gain at 0 Hz."""

    def gain(hz: Signal) -> Gain:
        z = np.exp(-2j * np.pi * hz / RATE_HZ)
        total: Gain = np.ones_like(z)
        for centre, width in zip(formants_hz, widths_hz, strict=True):
            radius = np.exp(-np.pi * width / RATE_HZ)
            b = 2 * radius * np.cos(2 * np.pi * centre / RATE_HZ)
            total *= (1 - b + radius**2) / (1 - b * z + radius**2 * z**2)
        return total

    return _shaped(signal, gain)


def pink(rng: Generator, samples: int) -> Signal:
    """Noise with equal power in every octave above 30 Hz."""
    return _shaped(rng.standard_normal(samples), lambda hz: np.maximum(hz, 30.0) ** -0.5)


def pulse(samples: int, peak_s: float, fall_s: float) -> Signal:
    """An envelope that rises to 1 in `peak_s` and then falls by a factor e each `fall_s`."""
    t = np.arange(samples) / RATE_HZ
    rise = np.sin(0.5 * np.pi * np.minimum(t / peak_s, 1.0)) ** 2
    return np.asarray(rise * np.exp(-np.maximum(t - peak_s, 0.0) / fall_s))


def _glottis(rng: Generator, pitch_hz: Signal, jitter: float) -> Signal:
    """The derivative of glottal flow for a pitch in Hz at each sample (Rosenberg's pulse)."""
    wander = np.repeat(rng.standard_normal(len(pitch_hz) // 64 + 1), 64)[: len(pitch_hz)]
    phase = np.cumsum(pitch_hz * (1 + jitter * wander)) / RATE_HZ % 1.0
    opening = 0.5 * (1 - np.cos(np.pi * phase / 0.4))
    closing = np.cos(0.5 * np.pi * (phase - 0.4) / 0.16)
    flow = np.where(phase < 0.4, opening, np.where(phase < 0.56, closing, 0.0))
    return np.diff(flow, prepend=0.0)


def _cough(rng: Generator, size: float, pitch_hz: float) -> Signal:
    """One cough through a vocal tract of relative length `size`, with peak 1.

    An explosive phase as the glottis springs open, an intermediate phase of rough, noisy
    flow, and sometimes a voiced phase as the glottis closes again. The resonances, levels and
    times lie where recorded coughs have theirs: most energy at 300 to 700 Hz, a second band
    around 1.6 kHz, air up to 8 kHz, 240 to 430 ms.
    """
    burst_s, flow_s = rng.uniform(0.03, 0.06), rng.uniform(0.15, 0.28)
    n = samples_in(2 * burst_s + flow_s + 0.1)
    t = np.arange(n) / RATE_HZ
    formants = np.array([400.0, 1570.0, 2370.0, 3960.0]) / size * rng.uniform(0.94, 1.06, 4)
    widths = np.array([105.0, 140.0, 200.0, 270.0])

    attack = pulse(n, rng.uniform(0.002, 0.004), burst_s)
    burst = tract(rng.standard_normal(n), 1.4 * formants, 1.3 * widths)  # the jaw is wide open
    knots = np.arange(0, t[-1] + 0.02, 0.01)
    flutter = np.abs(np.interp(t, knots, 1 + 0.27 * rng.standard_normal(len(knots))))
    held = np.minimum(t / 0.03, 1.0) * np.exp(-np.maximum(t - flow_s, 0.0) / 0.03) * flutter
    flow = tract(rng.standard_normal(n), formants, widths)
    air = _shaped(rng.standard_normal(n), lambda hz: 1 / (1 + (1200 / np.maximum(hz, 1.0)) ** 2))
    cough = (
        at_peak(burst * attack, 0)
        + at_peak(flow * held, rng.uniform(-3, 0))
        + at_peak(air * np.maximum(held, 0.7 * attack), rng.uniform(-20, -17))
    )
    if rng.random() < 0.3:
        start = samples_in(0.7 * flow_s)
        voice = np.zeros(n)
        voice[start:] = _glottis(rng, np.linspace(1.15, 0.8, n - start) * pitch_hz, 0.05)
        voice[start:] *= pulse(n - start, 0.05, 0.06)
        cough += at_peak(tract(voice, formants, 0.5 * widths), rng.uniform(-12, -6))
    cough = _shaped(cough, lambda hz: 1 - 0.39 * np.exp(-2j * np.pi * hz / RATE_HZ))  # lips
    cough[-320:] *= np.linspace(1, 0, 320)
    return at_peak(cough, 0)


def coughs(rng: Generator, count: int) -> Sound:
    """A bout of one person: each cough a little weaker than the one before."""
    size, pitch_hz = rng.uniform(0.88, 1.15), rng.uniform(150, 320)
    level_dbfs = rng.uniform(-18, -8)
    onsets = np.cumsum(np.r_[0.0, rng.uniform(0.45, 0.65, count - 1)])
    signal = np.zeros(samples_in(onsets[-1] + 0.6))
    marks = []
    for onset in onsets:
        cough = at_peak(_cough(rng, size, pitch_hz), level_dbfs)
        start = samples_in(onset)
        signal[start : start + len(cough)] += cough
        end = start + int(np.flatnonzero(np.abs(cough) > 0.1 * np.abs(cough).max())[-1])
        marks.append((start / RATE_HZ, end / RATE_HZ, "cough"))  # down by 20 dB
        level_dbfs = max(level_dbfs - rng.uniform(0, 3), -25)
    return Sound(signal, tuple(marks))


def snores(rng: Generator) -> Sound:
    """Three breaths of a sleeper: a fluttering palate on the way in, quiet air on the way out."""
    period_s, signals, marks = rng.uniform(3.4, 4.2), [], []
    for k in range(3):
        n, breath = samples_in(rng.uniform(1.0, 1.4)), np.zeros(samples_in(period_s))
        t = np.linspace(0, 1, n)
        flutter = _glottis(rng, rng.uniform(60, 90) * (1 + 0.2 * np.sin(np.pi * t)), 0.08)
        gate = np.convolve(np.abs(flutter), np.hanning(120), "same")
        rasp = (0.15 + 0.85 * gate / gate.max()) * pink(rng, n)
        source = at_peak(flutter, 0) + at_peak(rasp, 6)
        snore = tract(source, (230.0, 620.0, 1300.0), (80, 160, 300)) * np.sin(np.pi * t) ** 0.7
        breath[:n] += at_peak(snore, rng.uniform(-26, -20))
        m = samples_in(1.2)
        out = tract(rng.standard_normal(m), (700.0, 1700.0), (600, 900))
        breath[-m:] += at_peak(out * np.hanning(m), -45)
        signals.append(breath)
        marks.append((k * len(breath) / RATE_HZ, (k * len(breath) + n) / RATE_HZ, "snore"))
    return Sound(np.concatenate(signals), tuple(marks))


def speech(rng: Generator) -> Sound:
    """A murmur without words: vowels that glide into each other, some fricatives, a pause."""
    vowels = ((700, 1150, 2500), (350, 2100, 2800), (420, 900, 2400), (550, 1750, 2500))
    pitch_hz, parts = rng.uniform(105, 210), []
    for k in range(14):
        n = samples_in(rng.uniform(0.12, 0.2))
        tune = pitch_hz * np.linspace(1.15, 0.95, n) * (1.1 - 0.02 * k) * rng.uniform(0.96, 1.04)
        voiced = tract(_glottis(rng, tune, 0.01), vowels[rng.integers(4)], (70, 100, 160))
        parts.append(at_peak(voiced * np.hanning(n) ** 0.5, rng.uniform(-4, 0)))
        if rng.random() < 0.4:
            m = samples_in(rng.uniform(0.05, 0.1))
            hiss = _shaped(rng.standard_normal(m), lambda hz: (hz / 4500) ** 2)
            parts.append(at_peak(hiss * np.hanning(m), -20))
        if k == 7:
            parts.append(np.zeros(samples_in(0.35)))
    signal = at_peak(np.concatenate(parts), rng.uniform(-30, -24))
    return Sound(signal, ((0.0, len(signal) / RATE_HZ, "speech"),))


def knocks(rng: Generator) -> Sound:
    """Three knocks on a wooden door."""
    gap_s, n = rng.uniform(0.22, 0.3), samples_in(0.2)
    signal = np.zeros(samples_in(3 * gap_s))
    modes = np.array([230.0, 520.0, 980.0]) * rng.uniform(0.9, 1.1, 3)
    for k in range(3):
        thump = tract(rng.standard_normal(n) * pulse(n, 0.0004, 0.001), modes, (40, 60, 90))
        signal[samples_in(k * gap_s) :][:n] += at_peak(thump, rng.uniform(-22, -18))
    return Sound(signal, ((0.0, 3 * gap_s, "other"),))


def creak(rng: Generator) -> Sound:
    """A bed: wood that sticks and slips, faster and faster."""
    n = samples_in(rng.uniform(0.5, 0.9))
    slips = _glottis(rng, np.linspace(25, 70, n) * rng.uniform(0.8, 1.2), 0.25)
    wood = tract(slips, (390.0, 840.0, 1480.0), (30, 45, 70)) * np.hanning(n)
    return Sound(at_peak(wood, rng.uniform(-36, -30)), ((0.0, n / RATE_HZ, "other"),))

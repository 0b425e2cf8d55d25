"""Specs, signals and block sizes that the frontend's tests share."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.frontend import PRESETS, FrontendSpec

Pcm = NDArray[np.int16]

SMALL = FrontendSpec(
    rate_hz=8_000, window_samples=51, hop_samples=17, fft_size=64, mel_bands=8, fmin_hz=100,
    fmax_hz=4_000, floor_dbfs=-120, kept=(0, 1, 7),
)  # fmt: skip
LARGE = FrontendSpec(
    rate_hz=48_000, window_samples=2_048, hop_samples=2_048, fft_size=2_048, mel_bands=80,
    fmin_hz=60, fmax_hz=24_000, floor_dbfs=-120,
)  # fmt: skip
# Every stage but the wavelet denoiser, and a room with that one; neither keeps all of a row.
EVERYTHING = dataclasses.replace(
    PRESETS["room-16k"], output="mfcc", low_cut_hz=60, high_cut_hz=7_000, denoise="spectral",
    lpc_order=16, energy=True, kept=(*range(13), *range(40, 58)),
)  # fmt: skip
WAVELET = dataclasses.replace(
    PRESETS["room-16k"], low_cut_hz=60, denoise="wavelet", lpc_order=10, energy=True,
    kept=(0, 39, 41, 49, 51),
)  # fmt: skip
SPECS = PRESETS | {"small": SMALL, "large": LARGE, "everything": EVERYTHING, "wavelet": WAVELET}
SPECS |= {
    f"{name} {denoise}": dataclasses.replace(spec, denoise=denoise, lpc_order=10, energy=True)
    for name, spec in PRESETS.items()
    for denoise in ("spectral", "wavelet")
}


def to_pcm(x: NDArray[np.float64]) -> Pcm:
    """-1 to 1 -> int16, rounded and clipped."""
    return np.clip(np.round(x * 32_768), -32_768, 32_767).astype(np.int16)


def speech_like(samples: int, rate_hz: int, seed: int = 0) -> NDArray[np.float64]:
    """A gliding voice with formants, in syllables, over weak noise; -1 to 1."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(samples) / rate_hz
    pitch_hz = 120 + 30 * np.sin(2 * np.pi * 0.7 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
    voice = np.zeros(samples)
    for harmonic in range(1, int(0.45 * rate_hz / 150)):
        hz = harmonic * 120
        formants = sum(1 / (1 + ((hz - centre) / 120) ** 2) for centre in (500, 1_500, 2_500))
        voice += (formants + 0.02) * np.sin(harmonic * phase)
    syllables = np.maximum(0, np.sin(2 * np.pi * 3 * time_s))
    return 0.2 * voice / np.abs(voice).max() * syllables + rng.normal(size=samples) * 1e-3


def hard_cases(samples: int, rate_hz: int) -> dict[str, Pcm]:
    """Signals at the edges of the arithmetic, by name."""
    index = np.arange(samples)
    rng = np.random.default_rng(7)
    single = np.zeros(samples, dtype=np.int16)
    single[samples // 3] = 1
    step = np.where(index < samples // 2, -32_768, 32_767).astype(np.int16)
    return {
        "silence": np.zeros(samples, dtype=np.int16),
        "one bit": single,
        "minus one": np.full(samples, -1, dtype=np.int16),
        "most negative": np.full(samples, -32_768, dtype=np.int16),
        "most positive": np.full(samples, 32_767, dtype=np.int16),
        "step": step,
        "square at the Nyquist rate": np.where(index % 2, 32_767, -32_768).astype(np.int16),
        "square": np.where(index // 16 % 2, 32_767, -32_768).astype(np.int16),
        "full-scale tone": to_pcm(np.sin(2 * np.pi * 0.11 * index)),
        "weak noise": rng.integers(-1, 2, samples).astype(np.int16),
        "random bits": rng.integers(-32_768, 32_768, samples).astype(np.int16),
        "speech": to_pcm(speech_like(samples, rate_hz)),
    }


@st.composite
def any_signal(draw: st.DrawFn, max_samples: int = 3_000) -> Pcm:
    """Stretches of silence, steps, squares, single bits, tones and noise, joined."""
    parts: list[Pcm] = []
    for _ in range(draw(st.integers(1, 4))):
        samples = draw(st.integers(0, max_samples // 4))
        kind = draw(st.sampled_from(("constant", "square", "bit", "tone", "noise")))
        level = draw(st.sampled_from((0, 1, -1, 7, 1_000, 32_767, -32_768)))
        index = np.arange(samples)
        if kind == "constant":
            part = np.full(samples, level)
        elif kind == "square":
            part = np.where(index // draw(st.integers(1, 50)) % 2, level, -level - 1)
        elif kind == "bit":
            part = np.where(index == draw(st.integers(0, 700)), level, 0)
        elif kind == "tone":
            part = np.round(level * np.sin(index * draw(st.floats(0.001, 3.1))))
        else:
            rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
            part = rng.integers(-abs(level) - 1, abs(level) + 1, samples)
        parts.append(np.clip(part, -32_768, 32_767).astype(np.int16))
    return np.concatenate(parts)


def block_sizes() -> st.SearchStrategy[list[int]]:
    """Sizes of the blocks a stream arrives in, none and one among them."""
    return st.lists(st.one_of(st.sampled_from((0, 1)), st.integers(0, 900)), max_size=20)


def in_blocks(pcm: Pcm, sizes: list[int]) -> Iterator[Pcm]:
    """`pcm` cut to the sizes, then what is left."""
    start = 0
    for size in sizes:
        yield pcm[start : start + size]
        start += size
    yield pcm[start:]

"""Synthetic lung sounds for the chest bundle's golden vectors."""

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 4_000
SECONDS = 8


def chest_pcm(seed: int = 4) -> NDArray[np.int16]:
    """Three breaths, the second with a wheeze and the third with crackles.

    Returns:
        int16 [samples] at 4 kHz.
    """
    rng = np.random.default_rng(seed)
    time_s = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    breathing = np.clip(np.sin(2 * np.pi * time_s / 2.6), 0, None)
    noise = np.convolve(rng.normal(0, 1, time_s.size), np.ones(6) / 6, "same")
    sound = 900 * breathing * noise + rng.normal(0, 15, time_s.size)
    wheezing = (time_s > 2.7) & (time_s < 3.6)
    sound += wheezing * 1200 * np.sin(2 * np.pi * (380 * time_s + 6 * np.sin(4 * time_s)))
    ring_s = np.arange(RATE_HZ // 50) / RATE_HZ
    for onset in rng.uniform(5.3, 6.2, 9):
        start = int(onset * RATE_HZ)
        ring = 3000 * np.exp(-ring_s / 0.004) * np.sin(2 * np.pi * 420 * ring_s)
        sound[start : start + ring.size] += ring
    return np.clip(np.round(sound), -32768, 32767).astype(np.int16)

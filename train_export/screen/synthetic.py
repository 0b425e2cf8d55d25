"""A made-up chest for the golden vectors: no one's recording ships."""

import numpy as np
from numpy.typing import NDArray

SECONDS = 8
BREATH_S = 4.0


def breathing(rate_hz: int) -> NDArray[np.int16]:
    """Low-pass noise that swells with two breaths, a wheeze in the second; int16 [samples]."""
    time_s = np.arange(SECONDS * rate_hz) / rate_hz
    noise = np.random.default_rng(7).normal(size=len(time_s))
    air = np.convolve(noise, np.hanning(9) / np.hanning(9).sum(), mode="same")
    flow = np.sin(np.pi * time_s / BREATH_S * 2) ** 2
    wheeze = np.sin(2 * np.pi * 320 * time_s) * ((time_s > 6.0) & (time_s < 6.8))
    return np.round(2_000 * (0.1 + flow) * air + 900 * wheeze).astype(np.int16)

"""Finds the sounds of a clip from its energy over the noise floor.

Few clips of the corpus say when a cough begins. On clean clips the energy does: a cough's
explosive phase rises by 10 dB and more within a few tens of milliseconds (Morice et al., ERS
guidelines on the assessment of cough, 2007), so onsets are where the energy leaves the
floor, and a bout is cut where it dips and rises again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

HOP_S = 0.01
# A clip whose loudest moment stands no further above its floor than this holds no sound.
FLAT_DB = 6.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentRules:
    """When energy counts as a sound; levels in decibels, times in seconds.

    Attributes:
        above_floor_db: how far a sound stands above the clip's noise floor.
        below_peak_db: how far below the clip's loudest moment a sound may peak.
        dip_db: how deep the energy falls between two sounds of a bout.
        spacing_s: the least time between two onsets.
        tail_db: a sound ends where it has fallen this far below its peak.
        min_s, max_s: shortest and longest sound.
    """

    above_floor_db: float = 12.0
    below_peak_db: float = 20.0
    dip_db: float = 12.0
    spacing_s: float = 0.25  # a second burst before that is the same cough
    tail_db: float = 22.0
    min_s: float = 0.04
    max_s: float = 0.8


def envelope_db(pcm: NDArray[np.int16], rate_hz: int) -> NDArray[np.float64]:
    """Energy of each 10 ms in dBFS, smoothed over 20 ms; float64 [hops]."""
    hop = round(rate_hz * HOP_S)
    hops = len(pcm) // hop
    x = pcm[: hops * hop].astype(np.float64) / 32768
    # First difference: a cough is broadband, hum and rumble are not.
    x = np.diff(x, prepend=0.0).reshape(hops, hop)
    power = gaussian_filter1d((x * x).mean(axis=1), 1.0)
    return 10 * np.log10(power + 1e-10)


def find_sounds(
    pcm: NDArray[np.int16], rate_hz: int, rules: SegmentRules | None = None
) -> list[tuple[float, float]]:
    """Onset and offset in seconds of each sound of a clip, in order.

    Args:
        pcm: int16 [samples] of one clip, foreground sounds over a steady background.
        rate_hz: sampling rate.
        rules: thresholds; the ones for coughs when not given.
    """
    rules = rules or SegmentRules()
    env = envelope_db(pcm, rate_hz)
    if len(env) < 3:
        return []
    floor = np.percentile(env, 10) if len(env) * HOP_S > 0.8 else env.min()
    if env.max() < floor + FLAT_DB:
        return []
    bar = max(env.max() - rules.below_peak_db, min(floor + rules.above_floor_db, env.max() - 6))
    padded = np.concatenate([[env.min() - 40], env, [env.min() - 40]])
    peaks, _ = find_peaks(
        padded, height=bar, prominence=rules.dip_db, distance=round(rules.spacing_s / HOP_S)
    )
    return _grow(env, peaks - 1, floor + 6, rules)


def _grow(
    env: NDArray[np.float64], peaks: NDArray[np.int64], quiet_db: float, rules: SegmentRules
) -> list[tuple[float, float]]:
    """From each peak back to its onset and on to its end, never into a neighbour.

    Two peaks may stand apart while their onsets do not: those are one sound.
    """
    sounds: list[tuple[int, int]] = []
    spacing, longest = round(rules.spacing_s / HOP_S), round(rules.max_s / HOP_S)
    left = 0
    bounds = [*peaks[1:], len(env)]
    for peak, right in zip(peaks, bounds, strict=True):
        if right < len(env):
            right = peak + int(np.argmin(env[peak:right]))  # the valley before the next sound
        bar = max(env[peak] - rules.tail_db, min(quiet_db, env[peak] - 6))
        start = end = int(peak)
        while start > left and env[start - 1] > bar:
            start -= 1
        while end < right and env[end] > bar:
            end += 1
        left = end
        if sounds and start - sounds[-1][0] < spacing:
            start = sounds.pop()[0]
        end = min(end, start + longest)
        if (end - start) * HOP_S >= rules.min_s:
            sounds.append((start, end))
    return [(start * HOP_S, end * HOP_S) for start, end in sounds]

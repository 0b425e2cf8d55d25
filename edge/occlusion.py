"""Which seconds and which bands spoke for a result: the int8 model is asked again without them.

What is hidden is set to its band's median over the recording. A second without any movement sounds
like nothing that the model knows and moves every score, wherever it stands; what one of them had to
say is how much more the score changes than in the mean over all of them. Source: Zeiler & Fergus,
Visualizing and Understanding Convolutional Networks, 2014.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.frontend import FrontendSpec, FrontendTables
from edge.patches import patch_logits, patches
from edge.screening import Screener, levelled

# A breath's sound lasts about a second.
HIDDEN_S = 1.0
BAND_PARTS = 8


@dataclass(frozen=True, slots=True)
class Share:
    """What a stretch of time or of frequency added to a label's score.

    Attributes:
        start, end: seconds of the recording, or hertz.
        logit: how much lower the label's score, over the mean of the others', is without it: of
            two labels, the change of its calibrated log-odds. The shares' mean is taken off.
    """

    start: float
    end: float
    logit: float


@dataclass(frozen=True, slots=True)
class Grounds:
    """What spoke for a label.

    Attributes:
        label: the label.
        seconds: a share for each second, in order.
        bands: a share for each part of the spectrum, from low to high.
    """

    label: str
    seconds: tuple[Share, ...]
    bands: tuple[Share, ...]


def occlude(screener: Screener, frames: NDArray[np.int16], label: str) -> Grounds:
    """Hide each second, then each part of the spectrum.

    Args:
        screener: whose model.
        frames: int16 [frames, bands], Q8.7, as `Screener.features` gives them.
        label: one of the screen's.

    Returns:
        The grounds; without frames there are none.
    """
    if not len(frames):
        return Grounds(label, (), ())
    spec = screener.bundle.spec
    level = levelled(frames, screener.rule.level_q7)
    asked = _Asked(screener, level, label)
    frame_s = spec.hop_samples / spec.rate_hz
    seconds = [
        Share(start * frame_s, end * frame_s, asked.lost(np.s_[start:end]))
        for start, end in _seconds(len(level), spec)
    ]
    edges = band_edges_hz(spec, screener.bundle.tables)
    bands = [
        Share(edges[part[0]][0], edges[part[-1]][1], asked.lost(np.s_[:, part]))
        for part in np.array_split(np.arange(level.shape[1]), BAND_PARTS)
    ]
    return Grounds(label, _compared(seconds), _compared(bands))


def _usual(level: NDArray[np.int16]) -> NDArray[np.int16]:
    """Each band's median, int16 [bands]; of an even number of frames the lower one, an integer."""
    middle = (len(level) - 1) // 2
    median: NDArray[np.int16] = np.partition(level, middle, axis=0)[middle]
    return median


def _compared(shares: Sequence[Share]) -> tuple[Share, ...]:
    """Shares with their mean taken off."""
    mean = sum(share.logit for share in shares) / len(shares)
    return tuple(replace(share, logit=share.logit - mean) for share in shares)


def _seconds(frames: int, spec: FrontendSpec) -> Iterator[tuple[int, int]]:
    """Consecutive stretches; what is left over at the end joins the last."""
    length = round(HIDDEN_S * spec.rate_hz / spec.hop_samples)
    count = max(1, frames // length)
    for number in range(count):
        yield number * length, frames if number == count - 1 else (number + 1) * length


class _Asked:
    """A label's score of a recording, and what it loses when parts are hidden."""

    def __init__(self, screener: Screener, level: NDArray[np.int16], label: str) -> None:
        self._screener = screener
        self._own = screener.rule.labels.index(label)
        self._level = level
        self._usual = np.broadcast_to(_usual(level), level.shape)
        self._cuts = patches(level, screener.bundle.layout)
        self._logits = patch_logits(screener.classifier, self._cuts)
        self._whole = self._score(self._logits)

    def lost(self, part: Any) -> float:
        """With a part hidden, an index of frames and bands; only what changed is scored again."""
        hidden = self._level.copy()
        hidden[part] = self._usual[part]
        cuts = patches(hidden, self._screener.bundle.layout)
        changed = (cuts != self._cuts).any(axis=(1, 2))
        logits = self._logits.copy()
        logits[changed] = patch_logits(self._screener.classifier, cuts[changed])
        return self._whole - self._score(logits)

    def _score(self, logits: NDArray[np.float64]) -> float:
        """The label's logit over the mean of the others', as the probabilities are made of them."""
        pooled = self._screener.pooled(logits) / self._screener.rule.temperature
        return float(pooled[self._own] - np.delete(pooled, self._own).mean())


def band_edges_hz(spec: FrontendSpec, tables: FrontendTables) -> list[tuple[float, float]]:
    """Where each mel band weighs at least half, in hertz, from low to high."""
    hertz = tables.mel_edges * (spec.rate_hz / spec.fft_size)
    middles = (hertz[:-1] + hertz[1:]) / 2
    return [(float(low), float(high)) for low, high in itertools.pairwise(middles)]

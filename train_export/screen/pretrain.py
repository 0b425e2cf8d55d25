"""Teaches the screen's network what wheezes and crackles are, on children and adults.

Few recordings name a disease, many name their sounds. The network learns the sounds here, and the
head learns the disease on top of them. No person of the disease data is heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge.frontend import FrontendSpec
from edge.screening import levelled
from train_export.features import FEATURE_SCALE
from train_export.models.config import ScreenConfig
from train_export.models.screen_cnn import build
from train_export.screen.corpus import (
    IN_BOTH_HALVES,
    Recorded,
    features,
    read_manifest,
    sound_frames,
)
from train_export.screen.run import FULL_FRAMES, POSITIVE_WEIGHT, PretrainConfig

SOURCES = ("sprsound", "icbhi2017_partial", "icbhi2017_cycles")


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording's levelled features, int16 [frames, bands], and its sounds, bool [frames, 2]."""

    frames: NDArray[np.int16]
    sounds: NDArray[np.bool_]


def sound_recordings(corpus: Path) -> list[Recorded]:
    """Recordings with annotated sounds that may be trained on: the sources' training splits."""
    recordings = [r for source in SOURCES for r in read_manifest(corpus / source / "manifest.csv")]
    return [r for r in recordings if r.split == "train" and r.subject not in IN_BOTH_HALVES]


def hear(recordings: Sequence[Recorded], spec: FrontendSpec) -> list[Heard]:
    """Features and sounds of recordings that hold at least a frame."""
    heard = []
    for recording in recordings:
        frames = features(recording, spec)
        if len(frames):
            heard.append(Heard(levelled(frames), sound_frames(recording, len(frames), spec)))
    return heard


class Crops(keras.utils.PyDataset):
    """Random crops, a recording as often as it is long; other ones each epoch."""

    def __init__(self, heard: Sequence[Heard], model: ScreenConfig, run: PretrainConfig) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._heard, self._model, self._run = heard, model, run
        lengths = np.array([len(one.frames) for one in heard], dtype=np.float64)
        self._share = lengths / lengths.sum()
        self._batches = int(lengths.sum()) // (model.frames * run.batch)
        self._epoch = 0

    def __len__(self) -> int:
        return self._batches

    def on_epoch_end(self) -> None:
        """Draw other crops next time."""
        self._epoch += 1

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rng = np.random.default_rng([self._run.seed, self._epoch, index])
        x = np.empty((self._run.batch, self._model.frames, self._model.bands, 1), np.float32)
        y = np.empty((self._run.batch, 1, 2), np.float32)
        for row, chosen in enumerate(rng.choice(len(self._heard), len(x), p=self._share)):
            frames, y[row, 0] = crop(rng, self._heard[chosen], self._model.frames)
            x[row, :, :, 0] = augment(rng, frames * np.float32(FEATURE_SCALE))
        return x, y


def crop(
    rng: np.random.Generator, heard: Heard, length: int
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """A random stretch, int16 [length, bands], and how surely it holds each sound, 0 to 1."""
    if len(heard.frames) <= length:
        before = int(rng.integers(length - len(heard.frames) + 1))
        frames = np.zeros((length, heard.frames.shape[1]), np.int16)
        frames[before : before + len(heard.frames)] = heard.frames
        sounds = heard.sounds
    else:
        start = int(rng.integers(len(heard.frames) - length + 1))
        frames = heard.frames[start : start + length]
        sounds = heard.sounds[start : start + length]
    return frames, np.minimum(1.0, sounds.sum(axis=0) / FULL_FRAMES).astype(np.float32)


def augment(rng: np.random.Generator, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Other loudness of the sounds, shifted bands, missing bands and times (SpecAugment)."""
    features = features * np.float32(rng.uniform(0.7, 1.3))
    features = np.roll(features, rng.integers(-2, 3), axis=1)
    if rng.random() < 0.5:
        first = rng.integers(features.shape[1] - 8)
        features[:, first : first + rng.integers(2, 9)] = 0
    if rng.random() < 0.3:  # the device hears less above some edge, as many stethoscopes do
        features[:, rng.integers(20, features.shape[1]) :] = 0
    if rng.random() < 0.3:
        first = rng.integers(len(features) - 40)
        features[first : first + rng.integers(5, 40)] = 0
    noise = rng.normal(0, rng.uniform(0, 0.05), features.shape)
    return features + noise.astype(np.float32)


def sound_loss(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Binary cross-entropy of logits; a sound that is there weighs more than one that is not."""
    zero = keras.ops.zeros_like(y_pred)
    there = keras.ops.log1p(keras.ops.exp(-keras.ops.abs(y_pred)))
    positive = there + keras.ops.maximum(-y_pred, zero)
    negative = there + keras.ops.maximum(y_pred, zero)
    return keras.ops.mean(POSITIVE_WEIGHT * y_true * positive + (1 - y_true) * negative)


def pretrain(
    corpus: Path, spec: FrontendSpec, model: ScreenConfig, run: PretrainConfig
) -> list[NDArray[np.float32]]:
    """Fit on the sounds; gives the weights after the last epoch."""
    keras.utils.set_random_seed(run.seed)
    data = Crops(hear(sound_recordings(corpus), spec), model, run)
    network = build(model, model.frames)
    warmup = len(data) // 2
    schedule = keras.optimizers.schedules.CosineDecay(
        run.rate / 20,
        len(data) * run.epochs - warmup,
        alpha=0.01,
        warmup_target=run.rate,
        warmup_steps=warmup,
    )
    network.compile(keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=1.0), sound_loss)
    network.fit(data, epochs=run.epochs, verbose=2)
    return network.get_weights()

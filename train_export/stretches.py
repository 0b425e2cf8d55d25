"""What a training sees: random stretches of scenes, each as another microphone would hear it."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from train_export.features import BEFORE_FRAMES, FEATURE_SCALE, STEP_FRAMES, SceneSet
from train_export.models.config import StepConfig
from train_export.teacher import CLASSES, HOP_STEPS, WINDOW_STEPS

BEFORE_STEPS = BEFORE_FRAMES // STEP_FRAMES


class Stretches(keras.utils.PyDataset):
    """Random stretches of scenes with random colours, one epoch's worth a pass.

    Where the scenes have hints, a stretch begins where one of the teacher's windows does, and
    its targets are two: the labels of each step, and the teacher's scores of each window.
    """

    def __init__(self, scenes: SceneSet, model: StepConfig, batch_steps: int, seed: int) -> None:
        """Cut scenes for a network, so many scores a batch."""
        super().__init__(workers=1, use_multiprocessing=False)
        self._scenes = scenes
        self._steps = model.stretch_steps()
        self._frames = model.patch_frames(self._steps)
        self._batch = batch_steps // self._steps
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        """Batches of an epoch.

        Raises:
            BadInputError: there is none.
        """
        count, length, _ = self._scenes.targets.shape
        scores, batch = count * length, self._steps * self._batch
        if scores < batch:
            raise BadInputError(
                f"the training scenes hold {scores} scores, fewer than the {batch} of a batch; "
                "mix more of them"
            )
        return scores // batch

    def on_epoch_end(self) -> None:
        """Draw other stretches next time."""
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], Any]:
        rng = np.random.default_rng([self._seed, self.epoch, index])
        hints = self._scenes.hints
        last = (self._scenes.features.shape[1] - self._frames) // STEP_FRAMES
        windows = (self._steps - WINDOW_STEPS) // HOP_STEPS + 1
        h = np.empty((self._batch, windows, CLASSES), np.float32)
        x = np.empty((self._batch, self._frames, self._scenes.features.shape[2], 1), np.float32)
        y = np.empty((self._batch, self._steps, len(self._scenes.labels)), np.float32)
        for row in range(self._batch):
            scene = rng.integers(len(self._scenes.features))
            if hints is None:
                step = int(rng.integers(last + 1))
            else:
                first = rng.integers(
                    -(-BEFORE_STEPS // HOP_STEPS),
                    (last + BEFORE_STEPS) // HOP_STEPS,
                    endpoint=True,
                )
                step = int(first) * HOP_STEPS - BEFORE_STEPS
                h[row] = hints[scene, first : first + windows] / np.float32(255)
            frames = self._scenes.features[scene, step * STEP_FRAMES :][: self._frames]
            x[row, :, :, 0] = augment(rng, frames.astype(np.float32) * FEATURE_SCALE)
            own = step + BEFORE_STEPS
            if rng.random() < 0.05:  # a recording begins: silence, then all at once the room
                x[row, : rng.integers(1, BEFORE_FRAMES)] = 0
            y[row] = self._scenes.targets[scene, own : own + self._steps] / np.float32(255)
        return (x, y) if hints is None else (x, (y, h))


def augment(rng: np.random.Generator, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Another microphone's response, and bands that are missing (SpecAugment, Park 2019)."""
    bands = features.shape[1]
    if rng.random() < 0.7:
        knots = rng.normal(0, 1.2 / 8, 5)  # log2 power / 8: about 3.6 dB
        response = np.interp(np.arange(bands), np.linspace(0, bands - 1, 5), knots)
        level = rng.normal(0, 1.5 / 8)
        heard = features > 0
        features = np.maximum(features + heard * (response + level).astype(np.float32), 0)
    if rng.random() < 0.3:
        first = rng.integers(bands - 6)
        features = features.copy()
        features[:, first : first + rng.integers(1, 7)] = 0
    return features

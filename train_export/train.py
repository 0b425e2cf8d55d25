"""Trains the room model on mixed scenes; one command, fixed seeds.

Scenes of the training people are cut into stretches at random places each epoch; scenes of
the validation people choose the epoch and the operating point. Test scenes are not opened
here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge.card import EventRule
from edge.frontend import PRESETS
from train_export.features import (
    BEFORE_FRAMES,
    FEATURE_SCALE,
    STEP_FRAMES,
    SceneSet,
)
from train_export.metrics import EventScore
from train_export.models.cnn import build
from train_export.models.config import CnnConfig
from train_export.scoring import evaluate_rule
from train_export.taxonomy import ROOM_LABELS, events_of

STRETCH_STEPS = 128
# Coughs are what the product counts; speech and the rest are there to be told from them, and
# their labels cover whole clips, pauses included.
LABEL_WEIGHTS = {
    "cough": 2.0,
    "sneeze": 0.6,
    "snore": 0.6,
    "breath": 0.4,
    "speech": 0.3,
    "other": 0.2,
}
OWN_WEIGHT = 2.0  # labels of one's own are there to be found
Loss = Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """A training run.

    Attributes:
        epochs: most passes over the training scenes.
        batch: stretches a step.
        rate: peak learning rate of a cosine schedule with a warm-up of half an epoch.
        seed: of the weights and the stretches.
    """

    epochs: int = 15
    batch: int = 16
    rate: float = 2e-3
    seed: int = 0


class Stretches(keras.utils.PyDataset):
    """Random stretches of scenes with random colours, one epoch's worth a pass."""

    def __init__(self, scenes: SceneSet, model: CnnConfig, config: TrainConfig) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._scenes = scenes
        self._frames = model.patch_frames(STRETCH_STEPS)
        self._batch = config.batch
        self._seed = config.seed
        self._epoch = 0
        steps = scenes.targets.shape[0] * scenes.targets.shape[1]
        self._batches = steps // (STRETCH_STEPS * config.batch)

    def __len__(self) -> int:
        return self._batches

    def on_epoch_end(self) -> None:
        """Draw other stretches next time."""
        self._epoch += 1

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rng = np.random.default_rng([self._seed, self._epoch, index])
        last = (self._scenes.features.shape[1] - self._frames) // STEP_FRAMES
        x = np.empty((self._batch, self._frames, self._scenes.features.shape[2], 1), np.float32)
        y = np.empty((self._batch, STRETCH_STEPS, len(self._scenes.labels)), np.float32)
        for row in range(self._batch):
            scene = rng.integers(len(self._scenes.features))
            step = int(rng.integers(last + 1))
            frames = self._scenes.features[scene, step * STEP_FRAMES :][: self._frames]
            x[row, :, :, 0] = augment(rng, frames.astype(np.float32) * FEATURE_SCALE)
            own = step + BEFORE_FRAMES // STEP_FRAMES
            if rng.random() < 0.05:  # a recording begins: silence, then all at once the room
                x[row, : rng.integers(1, BEFORE_FRAMES)] = 0
            y[row] = self._scenes.targets[scene, own : own + STRETCH_STEPS] / np.float32(255)
        return x, y


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


def weighted_loss(labels: tuple[str, ...]) -> Loss:
    """Binary cross-entropy of logits, a weight a label."""
    known = ("other",) if labels != ROOM_LABELS else ROOM_LABELS
    weights = [LABEL_WEIGHTS[label] if label in known else OWN_WEIGHT for label in labels]

    def loss(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        zero = keras.ops.zeros_like(y_pred)
        entropy = keras.ops.maximum(y_pred, zero) - y_pred * y_true
        entropy += keras.ops.log1p(keras.ops.exp(-keras.ops.abs(y_pred)))
        return keras.ops.mean(entropy * keras.ops.convert_to_tensor(weights))

    return loss


def score_scenes(model: keras.Model, config: CnnConfig, scenes: SceneSet) -> NDArray[np.float32]:
    """Logits of every step of every scene, float32 [scenes, steps, labels].

    The scenes begin and end in silence, as on the device.
    """
    count, frames, bands = scenes.features.shape
    steps = scenes.targets.shape[1]
    whole = build(config, config.patch_frames(steps))
    whole.set_weights(model.get_weights())
    after = config.patch_frames(steps) - BEFORE_FRAMES - frames
    padded = np.zeros((1, BEFORE_FRAMES + frames + after, bands, 1), np.float32)
    out = np.empty((count, steps, len(scenes.labels)), np.float32)
    for number in range(count):
        padded[0, BEFORE_FRAMES : BEFORE_FRAMES + frames, :, 0] = scenes.features[number]
        out[number] = whole(padded * FEATURE_SCALE, training=False)[0]
    return out


class BestByEvents(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the best event F1 on the validation scenes.

    The mean over the labels that are told as events.
    """

    def __init__(self, config: CnnConfig, scenes: SceneSet, path: Path) -> None:
        super().__init__()
        self._config, self._scenes, self._path = config, scenes, path
        self.best = -1.0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score the validation scenes over a few thresholds."""
        floats = score_scenes(self.model, self._config, self._scenes)
        logits = np.clip(np.round(floats * 10), -128, 127).astype(np.int8)  # tenths of a logit
        found = [self._best_level(epoch, label, logits) for label in events_of(self._scenes.labels)]
        f1 = float(np.mean([score.f1 for score in found]))
        if f1 > self.best:
            self.best = f1
            self.model.save_weights(self._path)

    def _best_level(self, epoch: int, label: str, logits: NDArray[np.int8]) -> EventScore:
        scores = {
            level: evaluate_rule(
                logits,
                self._scenes,
                EventRule(label=label, open=level, close=level - 10),
                PRESETS["room-16k"],
            )
            for level in range(-10, 31, 5)
        }
        level, best = max(scores.items(), key=lambda item: item[1].f1)
        print(
            f"\nepoch {epoch + 1}: {label}: validation F1 {best.f1:.3f} at logit "
            f"{level / 10:+.1f}, sensitivity {best.sensitivity:.3f}, precision "
            f"{best.precision:.3f}, {best.false_alarms_per_hour:.1f} false alarms an hour",
            flush=True,
        )
        return best


def train(
    training: SceneSet, validation: SceneSet, config: CnnConfig, run: TrainConfig, folder: Path
) -> keras.Model:
    """Fit, and return the model with the best epoch's weights."""
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(run.seed)
    model = build(config, config.patch_frames(STRETCH_STEPS))
    data = Stretches(training, config, run)
    steps = len(data) * run.epochs
    warmup = len(data) // 2
    schedule = keras.optimizers.schedules.CosineDecay(
        run.rate / 20, steps - warmup, alpha=0.01, warmup_target=run.rate, warmup_steps=warmup
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=1.0),
        weighted_loss(training.labels),
    )
    best = BestByEvents(config, validation, folder / "best.weights.h5")
    model.fit(data, epochs=run.epochs, callbacks=[best], verbose=1)
    model.load_weights(folder / "best.weights.h5")
    return model

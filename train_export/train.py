"""Trains the room model on mixed scenes; one command, fixed seeds.

Scenes of the training people are cut into stretches at random places each epoch; scenes of
the validation people choose the epoch and the operating point. Test scenes are not opened
here.
"""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from edge.card import EventRule
from edge.errors import UsageError
from edge.frontend import PRESETS
from train_export.features import (
    BEFORE_FRAMES,
    FEATURE_SCALE,
    STEP_FRAMES,
    SceneSet,
)
from train_export.metrics import EventScore
from train_export.models.config import NETWORK_FILE, StepConfig
from train_export.models.network import build
from train_export.resume import Progress, ProgressFile
from train_export.scoring import evaluate_rule, mean_f1
from train_export.taxonomy import ROOM_LABELS, events_of
from train_export.teacher import CLASSES, HOP_STEPS, WINDOW_STEPS

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
BEFORE_STEPS = BEFORE_FRAMES // STEP_FRAMES
OWN_WEIGHT = 2.0  # labels of one's own are there to be found
# Of the teacher's classes, summed, at the beginning: about a third of what the labels' loss is.
# It falls to nothing at the end, so that the labels have the last word.
TEACHER_WEIGHT = 0.01
Loss = Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """A training run.

    Attributes:
        epochs: most passes over the training scenes.
        batch_steps: scores of a batch; how many stretches that are depends on the network.
        rate: peak learning rate of a cosine schedule with a warm-up of half an epoch.
        seed: of the weights and the stretches.
        patience: epochs without a better one, on validation people, that end the training.
        loss: cross-entropy of logits where targets are classes, squared error where the
            outputs themselves are to be the targets.
    """

    epochs: int = 15
    batch_steps: int = 2048
    rate: float = 2e-3
    seed: int = 0
    patience: int = 8
    loss: Literal["cross-entropy", "squared-error"] = "cross-entropy"


class Stretches(keras.utils.PyDataset):
    """Random stretches of scenes with random colours, one epoch's worth a pass.

    Where the scenes have hints, a stretch begins where one of the teacher's windows does, and
    its targets are two: the labels of each step, and the teacher's scores of each window.
    """

    def __init__(self, scenes: SceneSet, model: StepConfig, config: TrainConfig) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._scenes = scenes
        self._steps = model.stretch_steps()
        self._frames = model.patch_frames(self._steps)
        self._batch = config.batch_steps // self._steps
        self._seed = config.seed
        self.epoch = 0
        steps = scenes.targets.shape[0] * scenes.targets.shape[1]
        self._batches = steps // (self._steps * self._batch)

    def __len__(self) -> int:
        return self._batches

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
                    -(-BEFORE_STEPS // HOP_STEPS), (last + BEFORE_STEPS) // HOP_STEPS
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


class TeacherLoss(keras.callbacks.Callback):
    """Binary cross-entropy with a teacher's scores, and the callback that lets it fade."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs
        self._weight = keras.Variable(TEACHER_WEIGHT, trainable=False)

    def __call__(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Weighted sum over the classes of logits and soft targets, [batch, windows, classes]."""
        entropy = keras.ops.binary_crossentropy(y_true, y_pred, from_logits=True)
        return self._weight * keras.ops.mean(keras.ops.sum(entropy, axis=-1))

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Weigh it less; a resumed training finds the same weight by its epoch."""
        self._weight.assign(TEACHER_WEIGHT * (1 - epoch / self._epochs))


def with_teacher(student: keras.Model) -> keras.Model:
    """The student with a second output: logits of the teacher's classes, a window each.

    They are read from the mean and the maximum, over the steps of a window, of what the
    student's own logits are read from; none of it ships.
    """
    trunk = student.get_layer("logits").input  # [batch, steps, 1, channels]
    window = {"pool_size": (WINDOW_STEPS, 1), "strides": (HOP_STEPS, 1)}
    pooled = [
        keras.layers.AveragePooling2D(**window)(trunk),
        keras.layers.MaxPooling2D(**window)(trunk),
    ]
    heard = keras.layers.Conv2D(CLASSES, 1, bias_initializer=keras.initializers.Constant(-5.0))(
        keras.layers.Concatenate()(pooled)
    )
    hints = keras.layers.Reshape((heard.shape[1], CLASSES))(heard)
    return keras.Model(student.inputs, [student.outputs[0], hints])


def squared_error(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Mean squared error, for targets that are quantities."""
    return keras.ops.mean(keras.ops.square(y_pred - y_true))


# Name -> the loss for a model's labels.
LOSSES: dict[str, Callable[[tuple[str, ...]], Loss]] = {
    "cross-entropy": weighted_loss,
    "squared-error": lambda labels: squared_error,
}


def score_scenes(model: keras.Model, config: StepConfig, scenes: SceneSet) -> NDArray[np.float32]:
    """Logits of every step of every scene, float32 [scenes, steps, labels].

    The scenes begin and end in silence, as on the device, and are scored in the pieces that the
    network is made for.
    """
    count, frames, bands = scenes.features.shape
    steps = scenes.targets.shape[1]
    piece_steps = config.piece_steps(steps)
    pieces = -(-steps // piece_steps)
    length, hop = config.patch_frames(piece_steps), piece_steps * config.step_frames
    network = build(config, length)
    network.set_weights(model.get_weights())
    padded = np.zeros(((pieces - 1) * hop + length, bands, 1), np.float32)
    out = np.empty((count, steps, len(scenes.labels)), np.float32)
    for number in range(count):
        padded[BEFORE_FRAMES : BEFORE_FRAMES + frames, :, 0] = scenes.features[number]
        batch = np.stack([padded[piece * hop :][:length] for piece in range(pieces)])
        logits = np.asarray(network(batch * FEATURE_SCALE, training=False))
        out[number] = logits.reshape(-1, len(scenes.labels))[:steps]
    return out


class BestByEvents(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the best event F1 on the validation scenes.

    Where several labels are told as events it is the mean of theirs. Ends the training when no
    epoch was better for as long as its patience lasts.
    """

    def __init__(
        self,
        student: keras.Model,
        config: StepConfig,
        scenes: SceneSet,
        path: Path,
        patience: int,
        seen: Progress,
    ) -> None:
        super().__init__()
        self._student, self._config, self._scenes, self._path = student, config, scenes, path
        self._patience, self._progress = patience, seen

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score the validation scenes over a few thresholds."""
        floats = score_scenes(self._student, self._config, self._scenes)
        logits = np.clip(np.round(floats * 10), -128, 127).astype(np.int8)  # tenths of a logit
        found = [self._best_level(epoch, label, logits) for label in events_of(self._scenes.labels)]
        f1 = mean_f1(found)
        if logs is not None:
            logs["val_event_f1"] = f1
        if f1 > self._progress.best:
            self._progress.best, self._progress.stale = f1, 0
            self._student.save_weights(self._path)
        else:
            self._progress.stale += 1
        if self._progress.stale >= self._patience:
            print(f"no better epoch for {self._patience}: the training ends", flush=True)
            self.model.stop_training = True

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
    training: SceneSet,
    validation: SceneSet,
    config: StepConfig,
    run: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    strategy: Any = None,
) -> keras.Model:
    """Fit, and return the model with the best epoch's weights.

    Args:
        training: scenes of training people.
        validation: scenes of validation people.
        config: shape of the network.
        run: length, rate and seed.
        folder: for the best epoch's weights, the state to resume from, and TensorBoard's log.
        resume: go on after the last whole epoch of an interrupted run in `folder`; the weights
            become those of a run without the interruption.
        strategy: a `tf.distribute.Strategy` to train on several devices of this machine.

    Raises:
        UsageError: the interrupted run was another one, or the network has no room for a teacher.
    """
    taught = training.hints is not None
    if taught and config.stretch_steps() < WINDOW_STEPS:
        raise UsageError(
            f"a {config.architecture} trains on {config.stretch_steps()} steps at a time, and a "
            f"teacher's window is {WINDOW_STEPS}; leave --teacher out"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETWORK_FILE).write_text(json.dumps(config.to_dict(), indent=2) + "\n")
    keras.utils.set_random_seed(run.seed)
    data = Stretches(training, config, run)
    steps = len(data) * run.epochs
    warmup = len(data) // 2
    schedule = keras.optimizers.schedules.CosineDecay(
        run.rate / 20, steps - warmup, alpha=0.01, warmup_target=run.rate, warmup_steps=warmup
    )
    with strategy.scope() if strategy else nullcontext():
        student = build(config, config.patch_frames(config.stretch_steps()))
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=1.0)
        losses: list[Any] = [LOSSES[run.loss](training.labels)]
        fading = [TeacherLoss(run.epochs)] if taught else []
        model = with_teacher(student) if taught else student
        model.compile(optimizer, losses + fading)
    purpose = {"network": config.to_dict(), "run": asdict(run), "scenes": training.digest()}
    file = ProgressFile(folder / "resume.npz", purpose)
    progress = file.read(model) if resume else Progress()
    data.epoch = progress.epochs
    best_path = folder / "best.weights.h5"
    callbacks = [
        *fading,
        BestByEvents(student, config, validation, best_path, run.patience, progress),
        file.writer(progress),  # after the score, which belongs to the state
        keras.callbacks.TensorBoard(folder / "log", write_graph=False),
    ]
    if not progress.over(run.epochs, run.patience):
        model.fit(
            data, epochs=run.epochs, initial_epoch=progress.epochs, callbacks=callbacks, verbose=1
        )
    student.load_weights(best_path)
    return student

"""Trains the room model on mixed scenes; one command, fixed seeds.

Scenes of the training people are cut into stretches at random places each epoch; scenes of
the validation people choose the epoch and the operating point. Test scenes are not opened
here.
"""

import json
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from edge.card import EventRule
from edge.frontend import PRESETS
from train_export.features import (
    BEFORE_FRAMES,
    FEATURE_SCALE,
    SceneSet,
)
from train_export.losses import LOSSES, TeacherLoss, with_teacher
from train_export.metrics import EventScore
from train_export.models.config import BATCH_STEPS, NETWORK_FILE, StepConfig
from train_export.models.network import build
from train_export.resume import Progress, ProgressFile
from train_export.scoring import evaluate_rule, mean_f1
from train_export.stretches import Stretches
from train_export.taxonomy import events_of


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
    batch_steps: int = BATCH_STEPS
    rate: float = 2e-3
    seed: int = 0
    patience: int = 8
    loss: Literal["cross-entropy", "squared-error"] = "cross-entropy"


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
        logits = network.predict_on_batch(batch * np.float32(FEATURE_SCALE))
        out[number] = logits.reshape(-1, len(scenes.labels))[:steps]
    return out


def by_events(floats: NDArray[np.float32], scenes: SceneSet) -> float:
    """Event F1 at the best of a few levels; the mean where several labels are told as events."""
    logits = np.clip(np.round(floats * 10), -128, 127).astype(np.int8)  # tenths of a logit
    return mean_f1([_best_level(label, logits, scenes) for label in events_of(scenes.labels)])


def _best_level(label: str, logits: NDArray[np.int8], scenes: SceneSet) -> EventScore:
    spec = PRESETS["room-16k"]
    scores = {
        level: evaluate_rule(
            logits, scenes, EventRule(label=label, open=level, close=level - 10), spec
        )
        for level in range(-10, 31, 5)
    }
    level, best = max(scores.items(), key=lambda item: item[1].f1)
    print(
        f"\n{label}: validation F1 {best.f1:.3f} at logit {level / 10:+.1f}, sensitivity "
        f"{best.sensitivity:.3f}, precision {best.precision:.3f}, "
        f"{best.false_alarms_per_hour:.1f} false alarms an hour",
        flush=True,
    )
    return best


def by_error(floats: NDArray[np.float32], scenes: SceneSet) -> float:
    """Mean squared error of the outputs, negative: less is better."""
    return -float(np.mean((floats - scenes.targets / np.float32(255)) ** 2))


# Name of a loss -> how good an epoch's outputs for the validation scenes are; more is better.
JUDGES = {"cross-entropy": by_events, "squared-error": by_error}


class BestEpoch(keras.callbacks.Callback):
    """Keeps the weights of the epoch that was best on the validation scenes.

    Ends the training when no epoch was better for as long as its patience lasts.
    """

    def __init__(
        self,
        student: keras.Model,
        config: StepConfig,
        scenes: SceneSet,
        run: TrainConfig,
        path: Path,
        seen: Progress,
    ) -> None:
        super().__init__()
        self._student, self._config, self._scenes, self._path = student, config, scenes, path
        self._judge, self._patience, self._progress = JUDGES[run.loss], run.patience, seen

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judge the outputs for the validation scenes."""
        score = self._judge(score_scenes(self._student, self._config, self._scenes), self._scenes)
        if logs is not None:
            logs["val_score"] = score
        if score > self._progress.best:
            self._progress.best, self._progress.stale = score, 0
            self._student.save_weights(self._path)
        else:
            self._progress.stale += 1
        if self._progress.stale >= self._patience:
            print(f"no better epoch for {self._patience}: the training ends", flush=True)
            self.model.stop_training = True


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
        UsageError: the interrupted run was another one.
        BadInputError: the training scenes do not fill a batch.
    """
    taught = training.hints is not None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETWORK_FILE).write_text(json.dumps(config.to_dict(), indent=2) + "\n")
    keras.utils.set_random_seed(run.seed)
    data = Stretches(training, config, run.batch_steps, run.seed)
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
        BestEpoch(student, config, validation, run, best_path, progress),
        file.writer(progress),  # after the score, which belongs to the state
        keras.callbacks.TensorBoard(folder / "log", write_graph=False),
    ]
    if not progress.over(run.epochs, run.patience):
        # Not shuffled: the stretches are random already, and the order that Keras would draw is of
        # a generator whose state a resumed run has not.
        model.fit(
            data, epochs=run.epochs, initial_epoch=progress.epochs, callbacks=callbacks,
            shuffle=False, verbose=1,
        )  # fmt: skip
    student.load_weights(best_path)
    return student

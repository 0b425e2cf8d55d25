"""Trains the chest network: one optimiser, three kinds of loss, averaged weights.

The number of steps is fixed beforehand and the weights are an exponential average of the last
ones (Polyak and Juditsky, 1992), so no epoch is chosen and validation people stay unseen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from train_export.chest.labels import HEARD, KINDS, columns
from train_export.chest.sampling import Sampler
from train_export.models.config import WholeConfig
from train_export.models.network import build
from train_export.models.stem_cnn import start_from

# Events are the task that most is known about; the others share its trunk.
LOSS_WEIGHTS = {"event": 1.0, "record": 0.6, "cycle": 0.4}
HEARD_WEIGHT = 0.4
# A label of a listener is no certainty (Szegedy et al., label smoothing, 2016).
SMOOTHING = 0.05
AVERAGE = 0.998


@dataclass(frozen=True, kw_only=True, slots=True)
class FitConfig:
    """A training run.

    Attributes:
        steps: batches.
        rate: peak learning rate of a cosine schedule with a warm-up of a twentieth.
        decay: weight decay.
        seed: of the weights.
    """

    steps: int = 3_600
    rate: float = 3e-3
    decay: float = 2e-3
    seed: int = 0


def loss_of(logits: tf.Tensor, targets: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of each kind over its own rows, and of the heard sounds; a scalar.

    All are [rows, outputs].
    """
    total = tf.constant(0.0)
    for kind, weight in LOSS_WEIGHTS.items():
        place = columns(kind)
        truth = targets[:, place] * (1 - SMOOTHING) + SMOOTHING / len(KINDS[kind])
        losses = tf.nn.softmax_cross_entropy_with_logits(truth, logits[:, place])
        rows = known[:, place.start]
        total += weight * tf.reduce_sum(losses * rows) / tf.maximum(tf.reduce_sum(rows), 1.0)
    last = slice(-len(HEARD), None)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(targets[:, last], logits[:, last])
    cells = known[:, last]
    losses = tf.reduce_sum(losses * cells) / tf.maximum(tf.reduce_sum(cells), 1.0)
    return total + HEARD_WEIGHT * losses


def fit(
    sampler: Sampler,
    config: WholeConfig,
    run: FitConfig,
    stem: Sequence[NDArray[np.float32]] = (),
) -> list[NDArray[np.float32]]:
    """Train; gives the averaged weights. A StemConfig's network starts from `stem`."""
    keras.utils.set_random_seed(run.seed)
    model = build(config, config.frames)
    start_from(model, stem)
    warmup = run.steps // 20
    schedule = keras.optimizers.schedules.CosineDecay(
        run.rate / 20, run.steps - warmup, alpha=0.01, warmup_target=run.rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=run.decay, clipnorm=2.0)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(features: tf.Tensor, targets: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(model(features, training=True)[:, 0], targets, known)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    average = model.get_weights()
    recent = 0.0
    for number in range(run.steps):
        batch = sampler.batch(number)
        loss = step(batch.features, batch.targets, batch.known)
        if number % 4 == 0:  # four steps at once: reading the weights costs time, too
            keep = min(AVERAGE**4, (1 + number / 4) / (10 + number / 4))
            average = [
                keep * old + (1 - keep) * new
                for old, new in zip(average, model.get_weights(), strict=True)
            ]
        recent = float(loss) if number == 0 else 0.99 * recent + 0.01 * float(loss)
        if (number + 1) % 200 == 0:
            print(f"step {number + 1} of {run.steps}: loss {recent:.3f}", flush=True)
    return [array.astype(np.float32) for array in average]


def scores_of(
    weights: list[NDArray[np.float32]], config: WholeConfig, features: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Logits of many patches; float32 [patches, frames, bands, 1] -> [patches, labels]."""
    model = build(config, config.frames)
    model.set_weights(weights)
    parts = [
        model(features[start : start + 256], training=False)[:, 0].numpy()
        for start in range(0, len(features), 256)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, config.labels), np.float32)

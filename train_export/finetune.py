"""Quantization-aware fine-tuning of the CNN: for when int8 loses what float had.

The trained network goes on for a short while with its kernels and activations rounded as int8
rounds them, over ranges measured on training scenes. What comes back are weights of the plain
network, which is quantized as always. From random weights the same rounding does not converge,
so it is a fine-tuning only.
"""

from dataclasses import replace

import keras
import numpy as np
from numpy.typing import NDArray

from train_export.features import SceneSet
from train_export.losses import weighted_loss
from train_export.models.cnn import build_from
from train_export.models.config import CnnConfig
from train_export.models.fake_quant import FakeQuantBlocks, Range, RecordingBlocks
from train_export.quantize import Weights
from train_export.stretches import Stretches
from train_export.train import TrainConfig

# A tenth of the training's peak: it only has to move weights by a step of the grid.
FINE_TUNING = TrainConfig(epochs=2, rate=2e-4)


def finetune(
    weights: Weights,
    config: CnnConfig,
    training: SceneSet,
    representative: NDArray[np.float32],
    run: TrainConfig = FINE_TUNING,
) -> list[NDArray[np.float32]]:
    """Settle a trained network's weights on the int8 grid.

    Args:
        weights: of the trained network, as `keras.Model.get_weights` gives them.
        config: its shape.
        training: scenes of training people.
        representative: float32 [patches, frames, bands, 1], the same that quantize it later.
        run: length and rate of the fine-tuning.

    Returns:
        The new weights, in the same order.
    """
    keras.utils.set_random_seed(run.seed)
    blocks = FakeQuantBlocks(activation_ranges(weights, config, representative))
    model = build_from(blocks, config, config.patch_frames(config.stretch_steps()))
    model.set_weights(weights)
    data = Stretches(replace(training, hints=None), config, run.batch_steps, run.seed)
    schedule = keras.optimizers.schedules.CosineDecay(run.rate, len(data) * run.epochs, alpha=0.01)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=1.0)
    model.compile(optimizer, weighted_loss(training.labels))
    model.fit(data, epochs=run.epochs, verbose=1)
    tuned: list[NDArray[np.float32]] = model.get_weights()
    return tuned


def activation_ranges(
    weights: Weights, config: CnnConfig, patches: NDArray[np.float32]
) -> list[Range]:
    """Least and greatest value of each tensor that the int8 network holds, over patches."""
    blocks = RecordingBlocks()
    model = build_from(blocks, config, patches.shape[1])
    model.set_weights(weights)
    probe = keras.Model(model.inputs, blocks.tensors)
    seen = probe.predict(patches, batch_size=16, verbose=0)
    return [(float(values.min()), float(values.max())) for values in seen]

"""Shape -> network: the one way in, whatever the architecture."""

from collections.abc import Callable

import keras

from train_export.models import clip_cnn, cnn, rnn, stem_cnn, transformer
from train_export.models.config import NetworkConfig

# What builds the network of a shape: (shape, frames, batch) -> network.
BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "cnn": cnn.build,
    "gru": rnn.build,
    "lstm": rnn.build,
    "transformer": transformer.build,
    "clip_cnn": clip_cnn.build,
    "stem_cnn": stem_cnn.build,
}


def build(config: NetworkConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network of a shape.

    Input shape: float32 [batch, frames, bands, 1], features / 1024.
    Output shape: float32 [batch, steps, labels], logits; `frames` is `patch_frames(steps)`.
    """
    return BUILDERS[config.architecture](config, frames, batch)

"""Shape -> network: the one way in, whatever the architecture."""

import keras

from train_export.models import cnn, rnn, transformer
from train_export.models.config import CnnConfig, NetworkConfig, RnnConfig, TransformerConfig


def build(config: NetworkConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network of a shape.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, steps, labels], logits; `frames` is `patch_frames(steps)`.
    """
    match config:
        case CnnConfig():
            return cnn.build(config, frames, batch)
        case RnnConfig():
            return rnn.build(config, frames, batch)
        case TransformerConfig():
            return transformer.build(config, frames, batch)
    raise TypeError(f"no network for {type(config).__name__}")

"""A network that trains and converts in seconds, and weights that keep a signal awake."""

import numpy as np

from train_export.models.config import CnnConfig, TransformerConfig

# As far-sighted as every network that scores steps: the scenes' targets count on it. Sixteen
# channels: TensorFlow 2.21 corrupts its heap in the gradient of eight.
SMALL = CnnConfig(stem=16, blocks=((16, 1, 1), (16, 2, 2), (16, 1, 2), (16, 1, 1)), trunk=16)
ATTENTIVE = TransformerConfig(blocks=SMALL.blocks, trunk=16, feed_forward=16, reach_steps=6)


def lively(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """He's initialisation of a convolution kernel (rows, columns, inputs, outputs)."""
    inputs = shape[0] * shape[1] * (1 if shape[3] == 1 else shape[2])
    return rng.normal(0, (2 / inputs) ** 0.5, shape)

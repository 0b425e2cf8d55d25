"""A small Transformer encoder behind the common front, of operators that stay int8.

Written out where Keras' own layers leave a float island behind the converter: the layer norm
without a negation, the attention of dense layers, matrix products and softmax. Source: Vaswani
et al., 2017, with the norm before each block (Xiong et al., 2020).
"""

import keras
from keras import layers, ops

from train_export.models.blocks import PlainBlocks, rare
from train_export.models.config import TransformerConfig
from train_export.models.front import features_input, front


def build(config: TransformerConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network; its weights belong to patches of this length.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, steps, labels], logits.
    """
    inputs = features_input(config, frames, batch)
    x = front(inputs, config, PlainBlocks())
    x = layers.Reshape((x.shape[1], config.trunk))(x)  # [batch, positions, trunk]
    x = Positions(name="positions")(x)
    for number in range(config.layers):
        y = Norm(name=f"norm_attention{number}")(x)
        x = layers.Add()([x, _drop(_attend(y, config, number), config)])
        y = Norm(name=f"norm_forward{number}")(x)
        y = layers.Dense(config.feed_forward, activation="relu", name=f"forward{number}")(y)
        y = layers.Dense(config.trunk, name=f"back{number}")(y)
        x = layers.Add()([x, _drop(y, config)])
    # Every position attended to every other; only the last ones are scored.
    x = layers.Cropping1D((config.reach_steps, 0))(x)  # [batch, steps, trunk]
    outputs = layers.Dense(config.labels, bias_initializer=rare(), name="logits")(
        Norm(name="norm")(x)
    )
    return keras.Model(inputs, outputs, name="transformer")


def _attend(x: keras.KerasTensor, config: TransformerConfig, number: int) -> keras.KerasTensor:
    """Multi-head self-attention; float32 [batch, positions, trunk] in and out."""
    positions, size = x.shape[1], config.trunk // config.heads

    def heads(name: str) -> keras.KerasTensor:
        y = layers.Dense(config.trunk, name=f"{name}{number}")(x)
        y = layers.Reshape((positions, config.heads, size))(y)
        return ops.transpose(y, (0, 2, 1, 3))  # [batch, heads, positions, size]

    query, key, value = heads("query"), heads("key"), heads("value")
    weights = ops.matmul(query * size**-0.5, ops.transpose(key, (0, 1, 3, 2)))
    weights = layers.Softmax()(weights)  # [batch, heads, positions, positions]
    y = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
    y = layers.Reshape((positions, config.trunk))(y)
    return layers.Dense(config.trunk, name=f"merge{number}")(y)


def _drop(x: keras.KerasTensor, config: TransformerConfig) -> keras.KerasTensor:
    return layers.Dropout(config.dropout)(x) if config.dropout else x


@keras.saving.register_keras_serializable("airway")
class Norm(layers.Layer):
    """Layer normalisation over the last axis (Ba et al., 2016)."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the gain and the offset, float32 [channels]."""
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")
        self.offset = self.add_weight(shape=(shape[-1],), initializer="zeros", name="offset")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Normalise float32 [..., channels]."""
        # x - mean first: mean((x - mean)^2) needs no negation, which has no int8 kernel.
        distance = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(distance), axis=-1, keepdims=True)
        return distance * ops.rsqrt(variance + 1e-3) * self.gain + self.offset


@keras.saving.register_keras_serializable("airway")
class Positions(layers.Layer):
    """Adds a learned vector to each position of a patch."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the vectors, float32 [positions, channels]."""
        start = keras.initializers.RandomNormal(stddev=0.02)
        self.vectors = self.add_weight(shape=shape[1:], initializer=start, name="vectors")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Add them to float32 [batch, positions, channels]."""
        return x + self.vectors

"""A small Transformer encoder behind the common front, of operators that int8 hardly harms.

Queries, keys and values, and the layers behind the attention, are 1x1 convolutions with a batch
normalisation, which the converter folds into their kernels: a layer norm's mean, square and
reciprocal root each round anew on the device. Source: Vaswani et al., 2017; the normalisation
after Graham et al., LeViT, 2021.
"""

import keras
from keras import layers, ops

from train_export.models.blocks import PlainBlocks
from train_export.models.config import TransformerConfig
from train_export.models.front import features_input, front


def build(config: TransformerConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network; its weights belong to patches of this length.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, steps, labels], logits.
    """
    blocks = PlainBlocks()
    inputs = features_input(config, frames, batch)
    x = front(inputs, config, blocks)  # [batch, positions, 1, trunk]
    x = Positions(name="positions")(x)
    for number in range(config.layers):
        y = _drop(_attend(x, config, blocks, number), config)
        x = _add(blocks.project(y, config.trunk, f"merge{number}"), x, blocks)
        y = _drop(blocks.conv(x, config.feed_forward, 1, f"forward{number}"), config)
        x = _add(blocks.project(y, config.trunk, f"back{number}"), x, blocks)
    # Every position attended to every other; only the last ones are scored.
    x = layers.Cropping2D(((config.reach_steps, 0), (0, 0)))(x)  # [batch, steps, 1, trunk]
    x = blocks.logits(x, config.labels)
    outputs = layers.Reshape((x.shape[1], config.labels))(x)
    return keras.Model(inputs, outputs, name="transformer")


def _attend(
    x: keras.KerasTensor, config: TransformerConfig, blocks: PlainBlocks, number: int
) -> keras.KerasTensor:
    """Multi-head self-attention; float32 [batch, positions, 1, trunk] in and out."""
    positions, size = x.shape[1], config.trunk // config.heads

    def heads(name: str) -> keras.KerasTensor:
        y = blocks.project(x, config.trunk, f"{name}{number}")
        y = layers.Reshape((positions, config.heads, size))(y)
        return ops.transpose(y, (0, 2, 1, 3))  # [batch, heads, positions, size]

    query, key, value = heads("query"), heads("key"), heads("value")
    weights = ops.matmul(query * size**-0.5, ops.transpose(key, (0, 1, 3, 2)))
    weights = layers.Softmax()(weights)  # [batch, heads, positions, positions]
    y = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
    return layers.Reshape((positions, 1, config.trunk))(y)


def _add(y: keras.KerasTensor, x: keras.KerasTensor, blocks: PlainBlocks) -> keras.KerasTensor:
    """The sum, bounded: what sums up over the layers would leave int8 a coarse grid."""
    return blocks.seen(layers.ReLU(max_value=6.0)(layers.Add()([y, x])))


def _drop(x: keras.KerasTensor, config: TransformerConfig) -> keras.KerasTensor:
    return layers.Dropout(config.dropout)(x) if config.dropout else x


@keras.saving.register_keras_serializable("airway")
class Positions(layers.Layer):
    """Adds a learned vector to each position of a patch."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the vectors, float32 [positions, 1, channels]."""
        start = keras.initializers.RandomNormal(stddev=0.02)
        self.vectors = self.add_weight(shape=shape[1:], initializer=start, name="vectors")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Add them to float32 [batch, positions, 1, channels]."""
        return x + self.vectors

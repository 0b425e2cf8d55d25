"""A recurrent network behind the common front: for a patch at once, or for one step at a time.

For a patch the recurrence is unrolled: the converter knows no int8 loop. It begins with an
empty state at the patch's first position, and what it says at the last ones are the scores, so
that each follows the past by as much as a CNN's score does. For a stream, the step network
takes the state and gives it back. Sources of the cells: Cho et al., 2014 (GRU); Hochreiter and
Schmidhuber, 1997 (LSTM).
"""

import keras
from keras import layers

from train_export.models.blocks import PlainBlocks, rare
from train_export.models.config import RnnConfig
from train_export.models.front import features_input, front

LAYERS = {"gru": layers.GRU, "lstm": layers.LSTM}
CELLS = {"gru": layers.GRUCell, "lstm": layers.LSTMCell}
STATES = {"gru": 1, "lstm": 2}


def build(config: RnnConfig, frames: int, batch: int | None = None) -> keras.Model:
    """Build the network for patches.

    Input shape: float32 [batch, frames, bands, 1], log2 power above the floor / 8.
    Output shape: float32 [batch, steps, labels], logits.
    """
    inputs = features_input(config, frames, batch)
    x = front(inputs, config, PlainBlocks())
    x = layers.Reshape((x.shape[1], config.trunk))(x)  # [batch, positions, trunk]
    if config.dropout:
        x = layers.SpatialDropout1D(config.dropout)(x)
    recurrent = LAYERS[config.cell]
    x = recurrent(config.units, return_sequences=True, unroll=True, name="recurrent")(x)
    x = layers.Cropping1D((config.reach_steps, 0))(x)  # [batch, steps, units]
    outputs = layers.Dense(config.labels, bias_initializer=rare(), name="logits")(x)
    return keras.Model(inputs, outputs, name=config.cell)


def build_step(config: RnnConfig, batch: int | None = None) -> keras.Model:
    """Build the network for one step of a stream; it takes the weights of `build`'s.

    Called with the frames of one position after another and the state that it gave before (at
    first zeros), it gives what `build`'s says at that position.

    Input shape: float32 [batch, front_frames, bands, 1], and float32 [batch, units] for each
        part of the state (two of an LSTM).
    Output shape: float32 [batch, labels], logits; and the state.
    """
    inputs = features_input(config, config.front_frames, batch)
    names = [f"state{number}" for number in range(STATES[config.cell])]
    states = [layers.Input(batch_shape=(batch, config.units), name=name) for name in names]
    x = front(inputs, config, PlainBlocks())
    x = layers.Reshape((config.trunk,))(x)  # [batch, trunk]
    x, states_after = CELLS[config.cell](config.units, name="recurrent")(x, states)
    outputs = layers.Dense(config.labels, bias_initializer=rare(), name="logits")(x)
    return keras.Model([inputs, *states], [outputs, *states_after], name=f"{config.cell}_step")

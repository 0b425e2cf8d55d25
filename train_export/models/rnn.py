"""A recurrent network behind the common front: for a patch at once, or for one step at a time.

For a patch the recurrence is unrolled: the converter knows no int8 loop. It begins with an
empty state at the patch's first position, and what it says at the last ones are the scores, so
that each follows the past by as much as a CNN's score does. For a stream, the step network
takes the state and gives it back. Sources of the cells: Cho et al., 2014 (GRU); Hochreiter and
Schmidhuber, 1997 (LSTM), with coupled gates (Greff et al., 2017).
"""

from typing import Any

import keras
from keras import layers, ops

from train_export.models.blocks import PlainBlocks, rare
from train_export.models.config import RnnConfig
from train_export.models.front import features_input, front


@keras.saving.register_keras_serializable("airway")
class CoupledLSTMCell(layers.Layer):
    """One step of an LSTM that lets in as much as it forgets.

    The memory of an LSTM with gates of their own has no bound, so that int8 holds it in coarse
    steps whose errors add up over a patch. Here it is a mean of values within -1 and 1, and
    stays there.
    """

    def __init__(self, units: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.units = self.output_size = units
        self.state_size = [units, units]

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights of the forget gate, the candidate and the output gate, side by side."""
        width = 3 * self.units
        self.kernel = self.add_weight(shape=(shape[-1], width), name="kernel")
        self.recurrent = self.add_weight(
            shape=(self.units, width), initializer="orthogonal", name="recurrent"
        )
        self.bias = self.add_weight(shape=(width,), initializer=_remember, name="bias")

    def call(
        self, x: keras.KerasTensor, states: list[keras.KerasTensor], training: bool = False
    ) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
        """From float32 [batch, channels] and the state, output and memory of the step before.

        Output and each part of the state: float32 [batch, units].
        """
        output, memory = states
        heard = ops.matmul(x, self.kernel) + (ops.matmul(output, self.recurrent) + self.bias)
        forget, candidate, tell = ops.split(heard, 3, axis=-1)
        kept = ops.sigmoid(forget)
        memory = kept * memory + (1.0 - kept) * ops.tanh(candidate)
        output = ops.sigmoid(tell) * ops.tanh(memory)
        return output, [output, memory]

    def get_config(self) -> dict[str, Any]:
        """What it is made with."""
        return {"units": self.units, "name": self.name}


def _remember(shape: tuple[int, ...], dtype: str | None = None) -> keras.KerasTensor:
    """Biases that begin with a gate which forgets little (Jozefowicz et al., 2015)."""
    units = shape[0] // 3
    return ops.concatenate([ops.ones(units, dtype), ops.zeros(2 * units, dtype)])


CELLS = {"gru": layers.GRUCell, "lstm": CoupledLSTMCell}
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
    cell = CELLS[config.cell](config.units)
    x = layers.RNN(cell, return_sequences=True, unroll=True, name="recurrent")(x)
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

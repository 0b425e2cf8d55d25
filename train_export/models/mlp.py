"""A small multilayer perceptron for tables of features."""

import numpy as np
from numpy.typing import NDArray

from train_export.quantize import converted

HIDDEN = (32, 16)
PATIENCE = 20
MOST_EPOCHS = 200


def fit_and_convert(
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    validation: tuple[NDArray[np.float32], NDArray[np.int64]],
    test: NDArray[np.float32],
    seed: int,
) -> tuple[bytes, NDArray[np.float32]]:
    """Train on standardised samples until the validation samples stop to gain; convert to int8.

    Rare labels weigh as much as frequent ones.

    Args:
        train: float32 [samples, features] and the number of each one's label.
        validation: likewise.
        test: float32 [samples, features].
        seed: of the weights and the order.

    Returns:
        The int8 flatbuffer, and the float network's logits of the test samples.
    """
    import keras

    keras.utils.set_random_seed(seed)
    x, y = train
    labels = int(max(y.max(), validation[1].max())) + 1
    inputs = keras.layers.Input(batch_shape=(None, x.shape[1]), name="features")
    h = inputs
    for width in HIDDEN:
        h = keras.layers.Dense(width, activation="relu")(h)  # [batch, width]
    model = keras.Model(inputs, keras.layers.Dense(labels, name="logits")(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(3e-3, weight_decay=1e-3), loss, weighted_metrics=[])
    counts = np.bincount(y, minlength=labels)
    weights = (len(y) / (labels * np.maximum(counts, 1))).astype(np.float32)
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    model.fit(
        x, y, sample_weight=weights[y], batch_size=32, epochs=MOST_EPOCHS, verbose=0,
        validation_data=(*validation, weights[validation[1]]), callbacks=[stop],
    )  # fmt: skip
    # A fixed batch of one: a free batch puts shape arithmetic into the graph.
    one = keras.layers.Input(batch_shape=(1, x.shape[1]), name="features")
    flatbuffer = converted(
        keras.Model(one, model(one)), lambda: ({"features": row[None]} for row in x[:1000])
    )
    return flatbuffer, np.asarray(model(test, training=False))

"""Rounding of kernels: on the converter's grid, and better for what comes out than the nearest."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import SMALL, lively

from train_export.room import in_own_process
from train_export.rounding import round_column

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)


def correlated(rng: np.random.Generator, inputs: int) -> np.ndarray:
    """Inputs that go up and down together, float64 [2000, inputs]."""
    return rng.normal(size=(2_000, 3)) @ rng.normal(size=(3, inputs)) + 0.1 * rng.normal(
        size=(2_000, inputs)
    )


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_a_column_stays_on_its_grid_and_costs_no_more(seed, inputs):
    """Multiples of the largest weight's 127th, that weight as it was, and never a worse output."""
    rng = np.random.default_rng(seed)
    column = rng.normal(size=inputs)
    covariance = np.atleast_2d(np.cov(correlated(rng, inputs), rowvar=False))
    rounded = round_column(column, covariance)
    step = np.abs(column).max() / 127
    steps = rounded / step
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    largest = np.abs(column).argmax()
    assert np.abs(steps).max() < 127.5
    assert rounded[largest] == pytest.approx(column[largest], rel=1e-12)
    nearest = np.round(column / step) * step
    damped = covariance + np.eye(inputs) * (0.01 * covariance.trace() / inputs + 1e-9)

    def cost(found):
        return (found - column) @ damped @ (found - column)

    assert cost(rounded) <= cost(nearest) * (1 + 1e-9)


def test_a_column_of_nothing_stays():
    """No weight, no grid."""
    np.testing.assert_array_equal(round_column(np.zeros(5), np.eye(5)), np.zeros(5))


def lively_errors() -> tuple[float, float]:
    """How far logits move when kernels are rounded to the nearest value, and with compensation."""
    import keras

    from train_export.kernels import round_kernels
    from train_export.models.cnn import build

    rng = np.random.default_rng(0)
    model = build(SMALL, SMALL.patch_frames(12), batch=1)
    steady = correlated(rng, SMALL.bands)[: model.input_shape[1]]
    patches = np.maximum(steady + rng.normal(size=(30, *steady.shape)), 0)[..., None]
    patches = patches.astype(np.float32)
    model.set_weights([w if w.ndim < 3 else lively(rng, w.shape) for w in model.get_weights()])
    floats = model.predict(patches, batch_size=1, verbose=0)
    trained = model.get_weights()
    kinds = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    for layer in (layer for layer in model.layers if isinstance(layer, kinds)):
        layer.kernel.assign(nearest(np.asarray(layer.kernel)))
    apart = model.predict(patches, batch_size=1, verbose=0) - floats
    model.set_weights(trained)
    round_kernels(model, patches)
    settled = model.predict(patches, batch_size=1, verbose=0) - floats
    return tuple(float(np.sqrt(np.mean(error**2))) for error in (apart, settled))


def nearest(kernel: np.ndarray) -> np.ndarray:
    """A kernel on its grid, each weight by itself; an untrained norm has the same gain for all."""
    axes = (0, 1) if kernel.shape[3] == 1 else (0, 1, 2)
    step = np.abs(kernel).max(axis=axes, keepdims=True) / 127
    return np.round(kernel / step) * step


def test_a_network_moves_less():
    """Over all its layers, logits move by a tenth less than nearest rounding moves them."""
    apart, settled = in_own_process(lively_errors)
    assert 0 < settled < 0.9 * apart

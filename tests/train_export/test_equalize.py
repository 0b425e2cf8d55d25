"""Equal channels: the network computes what it did, and int8 holds more of it."""

import importlib.util

import numpy as np
import pytest
from small_network import SMALL, lively

from train_export.room import in_own_process

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)


@pytest.fixture(scope="module")
def probed() -> dict[str, np.ndarray]:
    """The results of `probe`."""
    return in_own_process(probe)


def probe() -> dict[str, np.ndarray]:
    """A small network with loud and soft channels, in float and int8, before and after."""
    import keras

    from train_export.bias import tensorflow_outputs
    from train_export.equalize import equalize_channels
    from train_export.kernels import round_kernels
    from train_export.models.cnn import build
    from train_export.quantize import converted

    rng = np.random.default_rng(0)
    model = build(SMALL, SMALL.patch_frames(12), batch=1)
    patches = rng.uniform(0, 3, (30, *model.input_shape[1:])).astype("f4")
    model.set_weights([w if w.ndim < 3 else lively(rng, w.shape) for w in model.get_weights()])
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(10 ** rng.uniform(-0.9, 0.3, layer.gamma.shape))
    logits = model.get_layer("logits")
    logits.bias.assign(np.zeros(SMALL.labels))  # their offset would take the outputs' range
    logits.kernel.assign(logits.kernel * 10)
    relus = [layer for layer in model.layers if isinstance(layer, keras.layers.ReLU)]
    bounded = [layer.output for layer in relus if layer.max_value == 6.0]
    heard = keras.Model(model.inputs, bounded)

    def loudest() -> np.ndarray:
        """Of each channel behind each ReLU6, over all patches."""
        maxima = [[np.max(x, (0, 1, 2)) for x in heard(patch[None])] for patch in patches]
        return np.concatenate(np.max(maxima, axis=0))

    def as_int8() -> np.ndarray:
        """Rounded as an export is."""
        weights = model.get_weights()
        round_kernels(model, patches)
        feed = [{"features": patch[None]} for patch in patches]
        outputs = tensorflow_outputs(converted(model, lambda: iter(feed)), patches)
        model.set_weights(weights)
        return outputs

    found = {"before": model.predict(patches, batch_size=1, verbose=0), "soft": loudest()}
    found["int8_before"] = as_int8()
    equalize_channels(model, patches)
    found |= {"after": model.predict(patches, batch_size=1, verbose=0), "loud": loudest()}
    return found | {"int8_after": as_int8()}


def test_the_network_computes_what_it_did(probed):
    """Gains and the kernels behind them cancel: the logits are the same within float32."""
    spread = np.ptp(probed["before"])
    np.testing.assert_allclose(probed["after"], probed["before"], atol=1e-5 * spread)


def test_channels_grow_to_the_top_and_none_beyond(probed):
    """Each channel is as it was, four times as loud at most, or at a ReLU6's maximum."""
    soft, loud = probed["soft"], probed["loud"]
    grown = soft > 0
    gains = loud[grown] / soft[grown]
    assert gains.min() > 1 - 1e-5
    assert gains.max() < 4.0 + 1e-4
    between = (gains > 1.001) & (gains < 4.0 - 0.001)
    np.testing.assert_allclose(loud[grown][between], 6.0, rtol=1e-4)
    assert (gains > 2).mean() > 0.5


def test_int8_holds_more_of_it(probed):
    """The error of int8, kernels rounded as in an export, falls by more than a twentieth.

    Here it falls by a seventh; this network's trunk, which is not equalized, keeps its own.
    """
    before, after = (
        np.sqrt(np.mean((probed[f"int8_{when}"] - probed[when]) ** 2))
        for when in ("before", "after")
    )
    assert after < 0.95 * before

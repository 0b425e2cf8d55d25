"""The bias of the logits after quantization: what int8 is off in the mean is taken back."""

import importlib
import importlib.util

import numpy as np
import pytest
from small_network import ATTENTIVE, SMALL

from edge.classifier import MODULES, installed_runtimes
from train_export.quantize import int8_outputs, quantization
from train_export.room import in_own_process

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)

OFF, SURE = 0.5, 30.0


def off_and_settled() -> tuple[np.ndarray, np.ndarray]:
    """The logits' bias of a small network whose int8 model says `OFF` too little; then settled."""
    from train_export.bias import settle_bias
    from train_export.models.cnn import build
    from train_export.quantize import converted

    model = build(SMALL, SMALL.patch_frames(12), batch=1)
    patches = np.random.default_rng(0).uniform(0, 3, (40, *model.input_shape[1:])).astype("f4")
    layer = model.get_layer("logits")
    before = np.zeros(SMALL.labels, np.float32)
    before[-1] = -SURE
    layer.bias.assign(before)
    flatbuffer = converted(model, lambda: ({"features": patch[None]} for patch in patches))
    layer.bias.assign(before + OFF)
    settle_bias(model, model.predict(patches, batch_size=1, verbose=0), flatbuffer, patches)
    return before + OFF, np.asarray(layer.bias)


def test_a_mean_error_is_taken_back():
    """What int8 says too little is added to the bias; a label that is never in doubt stays."""
    before, after = in_own_process(off_and_settled)
    # An output's step is 30 / 255 here: rounding leaves less than one of them in a mean.
    np.testing.assert_allclose(after[:-1] - before[:-1], OFF, atol=SURE / 255)
    assert after[-1] == before[-1]


def said_by_tensorflow() -> tuple[bytes, np.ndarray, np.ndarray]:
    """A small network with an attention in int8, patches, and what it says of them."""
    import keras

    from train_export.bias import tensorflow_outputs
    from train_export.models.transformer import build
    from train_export.quantize import converted

    keras.utils.set_random_seed(1)
    model = build(ATTENTIVE, ATTENTIVE.patch_frames(12), batch=1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(layer.beta + 0.5)  # a zero point that is none
    patches = np.random.default_rng(0).uniform(0, 3, (20, *model.input_shape[1:])).astype("f4")
    flatbuffer = converted(model, lambda: ({"features": patch[None]} for patch in patches))
    return flatbuffer, patches, tensorflow_outputs(flatbuffer, patches)


def test_int8_says_what_the_device_says():
    """TensorFlow's int8 outputs are in the mean those of the device's runtimes, within a step.

    Its delegate's are not, where matrices are multiplied: a bias settled by them goes astray.
    """
    flatbuffer, patches, expected = in_own_process(said_by_tensorflow)
    _, (unit, _) = quantization(flatbuffer)
    for runtime in installed_runtimes():
        said = in_own_process(said_by_runtime, runtime, flatbuffer, patches)
        steps_off = np.abs((said - expected).mean(axis=(0, 1))) / unit  # of each label
        assert steps_off.max() < 1.0, runtime


def said_by_runtime(runtime: str, flatbuffer: bytes, patches: np.ndarray) -> np.ndarray:
    """The same of a runtime as it is on a device."""
    net = importlib.import_module(MODULES[runtime]).Interpreter(model_content=flatbuffer)
    net.allocate_tensors()
    return int8_outputs(net, patches)

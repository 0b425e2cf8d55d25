"""What is read from YAMNet's file is YAMNet, and a network starts from it."""

import importlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import load_bundle
from edge.classifier import MODULES, installed_runtimes
from edge.errors import BadInputError, InputOutputError
from train_export.models.config import StemConfig
from train_export.pretrained import OFFSET, SCALE, first_layers
from train_export.room import in_own_process

FRAMES, BANDS, LAYERS = 96, 64, 5

needs_keras = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)


def own_answer(model: Path) -> tuple[np.ndarray, np.ndarray]:
    """YAMNet's log-mel spectrogram of a sound, and what its fifth layer makes of it."""
    module = importlib.import_module(MODULES[installed_runtimes()[0]])
    net = module.Interpreter(
        str(model), experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )  # fmt: skip
    net.allocate_tensors()
    rng = np.random.default_rng(0)
    chirp = np.sin(np.cumsum(np.linspace(0.05, 1.5, 15_600)))
    asked = net.get_input_details()[0]
    sound = (0.3 * chirp + rng.normal(0, 0.02, 15_600)).astype(np.float32)
    net.set_tensor(asked["index"], sound.reshape(asked["shape"]))
    net.invoke()
    steps = net._get_ops_details()
    spectrogram = next(int(op["outputs"][0]) for op in steps if op["op_name"] == "LOG")
    points = [int(op["outputs"][0]) for op in steps if op["op_name"] == "CONV_2D"]
    return net.get_tensor(spectrogram), net.get_tensor(points[LAYERS - 1])[0]


def our_answer(stem: list[np.ndarray], features: np.ndarray) -> np.ndarray:
    """What the stem of a network of ours makes of features."""
    import keras

    from train_export.models.stem_cnn import build, start_from

    model = build(StemConfig(bands=BANDS, frames=FRAMES, layers=LAYERS), FRAMES)
    start_from(model, stem)
    last = model.get_layer(f"stem{LAYERS - 1}_point")
    heard = keras.Model(model.inputs, last.output)
    return np.maximum(heard.predict(features[None, :, :, None], verbose=0)[0], 0)


@needs_keras
def test_the_stem_hears_what_yamnet_hears(yamnet):
    """Five layers on features of ours answer as YAMNet's on its own spectrogram, away from edges.

    At the lower and the right edge the first convolution pads with silence of ours. The file's own
    kernels round what they hear to eight bits as they go, hence a correlation of 0.99 only.
    """
    spectrogram, theirs = own_answer(yamnet)
    features = ((spectrogram - OFFSET) / SCALE).astype(np.float32)
    ours = in_own_process(our_answer, first_layers(yamnet, LAYERS), features)
    assert ours.shape == theirs.shape == (FRAMES // 8, BANDS // 8, 256)
    inner = np.s_[:9, :5]
    assert np.corrcoef(ours[inner].ravel(), theirs[inner].ravel())[0, 1] > 0.99
    assert np.abs(ours[inner] - theirs[inner]).mean() < 0.1 * np.abs(theirs[inner]).mean()


def test_what_is_not_yamnet_is_refused(tmp_path):
    """A missing file, text and another model are told from YAMNet."""
    with pytest.raises(InputOutputError, match="give YAMNet's TFLite file"):
        first_layers(tmp_path / "none.tflite", LAYERS)
    text = tmp_path / "text.tflite"
    text.write_text("no model")
    with pytest.raises(BadInputError, match="no TFLite model"):
        first_layers(text, LAYERS)
    room = tmp_path / "room.tflite"
    room.write_bytes(load_bundle("room").model)
    with pytest.raises(BadInputError, match="YAMNet has 27"):
        first_layers(room, LAYERS)

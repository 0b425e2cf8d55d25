"""Keras -> full int8 TFLite, in a process of its own.

The converter can end the process on a graph it does not like, so it never runs in ours. What
comes back is checked: int8 in and out, and no float tensor anywhere in between, which the
converter would not mention.
"""

import importlib
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classifier import MODULES, installed_runtimes
from edge.errors import BadInputError
from train_export.models.config import ClipConfig, CnnConfig, ScreenConfig

REPRESENTATIVE_PATCHES = 400


def quantize(
    weights: list[NDArray[np.float32]],
    config: CnnConfig | ClipConfig | ScreenConfig,
    patch_steps: int,
    representative: NDArray[np.float32],
) -> bytes:
    """Convert a network for patches of `patch_steps` scores.

    Args:
        weights: as `keras.Model.get_weights` gives them.
        config: the network's shape.
        patch_steps: scores a patch.
        representative: float32 [patches, frames, bands, 1] from training subjects; they set
            the ranges of the activations.

    Returns:
        The flatbuffer.

    Raises:
        BadInputError: the conversion failed, or the result is not int8 throughout.
    """
    with tempfile.TemporaryDirectory(prefix="airway-quantize-") as name:
        folder = Path(name)
        np.savez(folder / "weights.npz", *weights)
        np.save(folder / "representative.npy", representative)
        np.save(folder / "config.npy", np.array([_recipe(config, patch_steps)]))
        command = [sys.executable, "-m", "train_export.quantize", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BadInputError(
                f"the converter ended with code {done.returncode}: {done.stderr[-800:].strip()}"
            )
        model = (folder / "model.tflite").read_bytes()
    islands = float_tensors(model)
    if islands:
        raise BadInputError(
            f"{len(islands)} tensors of the converted model are not integers "
            f"({', '.join(islands[:3])}); replace the operators that made them"
        )
    return model


def float_tensors(model: bytes) -> list[str]:
    """Names of the tensors that are not integers."""
    interpreter = interpreter_of(model)
    return [
        tensor["name"]
        for tensor in interpreter.get_tensor_details()
        if not np.issubdtype(tensor["dtype"], np.integer)
    ]


def operators(model: bytes) -> list[str]:
    """Names of the operators that a model uses, sorted."""
    details = interpreter_of(model)._get_ops_details()
    return sorted({op["op_name"] for op in details if op["op_name"] != "DELEGATE"})


def quantization(model: bytes) -> tuple[tuple[float, int], tuple[float, int]]:
    """(scale, zero point) of the input and of the output."""
    interpreter = interpreter_of(model)
    ends = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    (in_scale, in_zero), (out_scale, out_zero) = (end["quantization"] for end in ends)
    return (float(in_scale), int(in_zero)), (float(out_scale), int(out_zero))


def interpreter_of(model: bytes) -> Any:
    """The model on an installed runtime, ready to be asked."""
    module = importlib.import_module(MODULES[installed_runtimes()[0]])
    # The plain kernels: a delegate would hide the operators that it takes over.
    plain = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = module.Interpreter(model_content=model, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    return interpreter


def _recipe(config: CnnConfig | ClipConfig | ScreenConfig, patch_steps: int) -> dict[str, Any]:
    return asdict(config) | {"architecture": type(config).__name__, "steps": patch_steps}


def _network(recipe: dict[str, Any]):  # noqa: ANN202 - a keras.Model, which only loads here
    from train_export.models import clip_cnn, cnn, screen_cnn

    architecture, steps = recipe.pop("architecture"), recipe.pop("steps")
    # A fixed batch of one: a free batch puts shape arithmetic into the graph.
    if architecture == ClipConfig.__name__:
        return clip_cnn.build(ClipConfig(**recipe), batch=1)
    if architecture == ScreenConfig.__name__:
        return screen_cnn.build(ScreenConfig(**recipe), batch=1)
    config = CnnConfig(**recipe)
    return cnn.build(config, config.patch_frames(steps), batch=1)


def _convert(folder: Path) -> None:
    import tensorflow as tf

    with np.load(folder / "weights.npz") as arrays:
        weights = [arrays[name] for name in arrays.files]
    model = _network(np.load(folder / "config.npy", allow_pickle=True)[0])
    model.set_weights(weights)
    representative = np.load(folder / "representative.npy")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([patch[None]] for patch in representative)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # Per-channel dense weights give wrong results on tflite-runtime's reference kernels.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    (folder / "model.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    _convert(Path(sys.argv[1]))

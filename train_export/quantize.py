"""Keras -> full int8 TFLite, in a process of its own.

The converter can end the process on a graph it does not like, so it never runs in ours. What
comes back is checked: int8 in and out, and no float tensor anywhere in between, which the
converter would not mention.
"""

import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.classifier import MODULES, installed_runtimes
from edge.errors import BadInputError
from train_export.compact import compact
from train_export.models.config import NetworkConfig, RnnConfig, StepConfig, config_from_dict

REPRESENTATIVE_PATCHES = 400
Weights = Sequence[NDArray[np.float32]]
Inputs = dict[str, NDArray[np.float32]]


def quantize(
    weights: Weights,
    config: NetworkConfig,
    patch_steps: int,
    representative: NDArray[np.float32],
) -> bytes:
    """Convert a network for patches of `patch_steps` scores.

    Args:
        weights: as `keras.Model.get_weights` gives them.
        config: the network's shape.
        patch_steps: scores a patch; 1 of a network that scores a patch as a whole.
        representative: float32 [patches, frames, bands, 1] from training subjects; they set
            the ranges of the activations.

    Returns:
        The flatbuffer.

    Raises:
        BadInputError: the conversion failed, or the result is not int8 throughout.
    """
    return _convert_apart("patch", {"steps": patch_steps}, weights, config, representative)


def quantize_step(
    weights: Weights, config: RnnConfig, representative: NDArray[np.float32]
) -> bytes:
    """Convert a recurrent network for one step of a stream, its state int8 in and out.

    Args:
        weights: as `keras.Model.get_weights` gives them, of the network for patches.
        config: the network's shape.
        representative: float32 [stretches, frames, bands, 1] from training subjects; the float
            network walks along them, and its states set the state's range.

    Returns:
        The flatbuffer.

    Raises:
        BadInputError: the conversion failed, or the result is not int8 throughout.
    """
    return _convert_apart("step", {}, weights, config, representative)


def _convert_apart(
    kind: str,
    job: dict[str, Any],
    weights: Weights,
    config: NetworkConfig,
    representative: NDArray[np.float32],
) -> bytes:
    with tempfile.TemporaryDirectory(prefix="airway-quantize-") as name:
        folder = Path(name)
        np.savez(folder / "weights.npz", *weights)
        np.save(folder / "representative.npy", representative)
        (folder / "job.json").write_text(json.dumps(job | {"network": config.to_dict()}))
        command = [sys.executable, "-m", "train_export.quantize", kind, name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BadInputError(
                f"the converter ended with code {done.returncode}: {done.stderr[-800:].strip()}"
            )
        model = (folder / "model.tflite").read_bytes()
    if islands := float_tensors(model):
        raise BadInputError(
            f"{len(islands)} tensors of the converted model are not integers "
            f"({', '.join(islands[:3])}); replace the operators that made them"
        )
    return compact(model)


def float_tensors(model: bytes) -> list[str]:
    """Names of the tensors that are not integers."""
    interpreter = plain_interpreter(model)
    return [
        tensor["name"]
        for tensor in interpreter.get_tensor_details()
        if not np.issubdtype(tensor["dtype"], np.integer)
    ]


def operators(model: bytes) -> list[str]:
    """Names of the operators that a model uses, sorted."""
    details = plain_interpreter(model)._get_ops_details()
    return sorted({op["op_name"] for op in details if op["op_name"] != "DELEGATE"})


def quantization(model: bytes) -> tuple[tuple[float, int], tuple[float, int]]:
    """(scale, zero point) of the input and of the output."""
    interpreter = plain_interpreter(model)
    ends = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    (in_scale, in_zero), (out_scale, out_zero) = (end["quantization"] for end in ends)
    return (float(in_scale), int(in_zero)), (float(out_scale), int(out_zero))


def plain_interpreter(model: bytes) -> Any:
    """A model in the runtime's plain kernels, ready to run and to be asked what it is."""
    module = importlib.import_module(MODULES[installed_runtimes()[0]])
    # The plain kernels: a delegate would hide the operators that it takes over.
    plain = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = module.Interpreter(model_content=model, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    return interpreter


def int8_outputs(interpreter: Any, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """What an int8 model says of patches, as numbers.

    Args:
        interpreter: any runtime's, ready to run, with one input and one output.
        patches: float32 [patches, ...]; each is rounded to the input's grid.

    Returns:
        float32 [patches, ...].
    """
    (heard,), (said,) = interpreter.get_input_details(), interpreter.get_output_details()
    (scale, zero), (unit, origin) = heard["quantization"], said["quantization"]
    outputs = []
    for patch in patches:
        rounded = np.clip(np.round(patch[None] / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(heard["index"], rounded)
        interpreter.invoke()
        integers = interpreter.get_tensor(said["index"])[0].astype(np.float32)
        outputs.append((integers - origin) * unit)
    return np.stack(outputs)


def _convert_patch(folder: Path, job: dict[str, Any]) -> bytes:
    from train_export.bias import settle_bias
    from train_export.equalize import equalize_channels
    from train_export.kernels import round_kernels
    from train_export.models.network import build

    config = config_from_dict(job["network"])
    # A fixed batch of one: a free batch puts shape arithmetic into the graph.
    model = build(config, config.patch_frames(job["steps"]), batch=1)
    model.set_weights(_weights(folder))
    representative = np.load(folder / "representative.npy")

    def convert() -> bytes:
        return converted(model, lambda: ({"features": patch[None]} for patch in representative))

    if not isinstance(config, StepConfig):
        return convert()
    floats = model.predict(representative, batch_size=1, verbose=0)
    equalize_channels(model, representative)
    round_kernels(model, representative)
    settle_bias(model, floats, convert(), representative)
    return convert()


def _convert_step(folder: Path, job: dict[str, Any]) -> bytes:
    from train_export.models.rnn import build_step

    config = config_from_dict(job["network"])
    assert isinstance(config, RnnConfig), "only a recurrent network has a step"
    model = build_step(config, batch=1)
    model.set_weights(_weights(folder))
    stretches = np.load(folder / "representative.npy")
    return converted(model, lambda: _walk(model, config, stretches))


def _walk(model: Any, config: RnnConfig, stretches: NDArray[np.float32]) -> Iterator[Inputs]:
    """What the step network meets along stretches: frames of one position, and the state."""
    names = [tensor.name for tensor in model.inputs[1:]]
    for stretch in stretches:
        states = {name: np.zeros((1, config.units), np.float32) for name in names}
        for start in range(0, len(stretch) - config.front_frames + 1, config.step_frames):
            frames = stretch[None, start : start + config.front_frames]
            yield {"features": frames} | states
            _, *after = model([frames, *states.values()], training=False)
            states = dict(zip(names, map(np.asarray, after), strict=True))


def _weights(folder: Path) -> list[NDArray[np.float32]]:
    with np.load(folder / "weights.npz") as arrays:
        return [arrays[name] for name in arrays.files]


def converted(model: Any, representative: Callable[[], Iterator[Inputs]]) -> bytes:
    """Convert a Keras model to int8; TensorFlow's process only.

    Args:
        model: a `keras.Model` with a fixed batch of one.
        representative: gives inputs by name, which set the ranges of the activations.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # Per-channel dense weights give wrong results on tflite-runtime's reference kernels.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    flatbuffer: bytes = converter.convert()
    return flatbuffer


def _main(kind: str, folder: Path) -> None:
    convert = {"patch": _convert_patch, "step": _convert_step}[kind]
    model = convert(folder, json.loads((folder / "job.json").read_text()))
    (folder / "model.tflite").write_bytes(model)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))

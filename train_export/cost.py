"""What a TFLite model costs: multiplications, time and memory."""

import importlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.errors import BadInputError
from train_export.quantize import plain_interpreter

# Grown until the model fits, so that what it really takes can be read.
ARENA_BYTES = 1 << 22


def multiplications(model: bytes) -> int:
    """Multiply-accumulates of one invocation: of convolutions, dense layers, matrix products."""
    interpreter = plain_interpreter(model)
    shapes = {tensor["index"]: tensor["shape"] for tensor in interpreter.get_tensor_details()}
    total = 0
    for operator in interpreter._get_ops_details():
        inputs = [shapes[index] for index in operator["inputs"] if index >= 0]
        outputs = int(np.prod(shapes[operator["outputs"][0]]))
        match operator["op_name"]:
            case "CONV_2D":
                total += outputs * int(np.prod(inputs[1][1:]))  # kernel [out, rows, columns, in]
            case "DEPTHWISE_CONV_2D":
                total += outputs * int(np.prod(inputs[1][1:3]))  # kernel [1, rows, columns, out]
            case "FULLY_CONNECTED":
                total += outputs * int(inputs[1][-1])  # weights [out, in]
            case "BATCH_MATMUL":
                total += outputs * int(inputs[0][-1])
    return total


def patch_times_s(bundles: dict[str, Bundle], runtime: str, rounds: int = 40) -> dict[str, float]:
    """Median time of one invocation of each bundle's model, in seconds.

    The models take turns, so that what else the machine does hits all of them alike.
    """
    classifiers = {name: Classifier(bundle, runtime) for name, bundle in bundles.items()}
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in bundles}
    for _ in range(rounds):
        for name, bundle in bundles.items():
            shape = bundle.layout.patch_frames, bundle.spec.coefficients
            patch = rng.integers(0, 2000, shape).astype(np.int16)
            began = time.process_time()
            classifiers[name].score(patch)
            times[name].append(time.process_time() - began)
    return {name: float(np.median(values)) for name, values in times.items()}


def arena_bytes(model: bytes) -> int | None:
    """Working memory that TFLite Micro needs; None when its package is not installed.

    Raises:
        BadInputError: it can't run the model; its own words are in the error.
    """
    if importlib.util.find_spec("tflite_micro") is None:
        return None
    with tempfile.TemporaryDirectory(prefix="airway-arena-") as name:
        path = Path(name) / "model.tflite"
        path.write_bytes(model)
        command = [sys.executable, "-m", "train_export.cost", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Its allocator tells the figures on standard error, one line a kind.
    lines = [line for line in done.stderr.splitlines() if "Arena allocation total" in line]
    if done.returncode != 0 or not lines:
        raise BadInputError(
            f"TFLite Micro ended with code {done.returncode}: {done.stderr[-400:].strip()}"
        )
    return int(lines[0].split()[-2])


def _print_allocations(path: Path) -> None:
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path), arena_size=ARENA_BYTES)
    interpreter.set_input(np.zeros(interpreter.get_input_details(0)["shape"], np.int8), 0)
    interpreter.invoke()
    interpreter.print_allocations()


if __name__ == "__main__":
    _print_allocations(Path(sys.argv[1]))

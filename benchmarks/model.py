"""What the shipped models cost, on every kernel that is installed: `python -m benchmarks.model`.

Prints a line for each bundle and engine: processor time of one call, in one thread, the median of
many, and what that makes for a second of sound. Each engine runs in a process of its own. Beside
them, where they are there: TensorFlow Lite Micro's interpreter on the same model, and YAMNet
(`--yamnet yamnet.tflite`), which is what one would pick today for the same job.
"""

import argparse
import importlib
import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import Row, add_option, write
from edge.bundle import Bundle, load_bundle, shipped_bundles
from edge.classifier import MODULES, installed_runtimes, load_runtime
from train_export.cost import ARENA_BYTES, arena_bytes, multiplications
from train_export.teacher import HOP_SAMPLES, RATE_HZ

ROUNDS = 60
MICRO = "TFLite Micro"
YAMNET_HOP_S = HOP_SAMPLES / RATE_HZ  # its authors' hop


def call_s(engine: str, model: bytes) -> float | None:
    """Median processor time of one call, in seconds; in a process of its own.

    None where XNNPACK is asked for and takes nothing of the model.

    Args:
        engine: a runtime and its kernels, such as "litert, XNNPACK", or MICRO.
        model: with one input.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_call_s, engine, model).result()


def _call_s(engine: str, model: bytes) -> float | None:
    invoke = _micro(model) if engine == MICRO else _lite(engine, model)
    if invoke is None:
        return None
    invoke()  # the first call prepares the kernels
    times_s = []
    for _ in range(ROUNDS):
        begin_s = time.process_time()
        invoke()
        times_s.append(time.process_time() - begin_s)
    return statistics.median(times_s)


def _lite(engine: str, model: bytes) -> Callable[[], object] | None:
    runtime, kernels = engine.split(", ")
    module = load_runtime(runtime)
    resolvers = module.OpResolverType
    resolver = (
        resolvers.AUTO if kernels == "XNNPACK" else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter = module.Interpreter(
        model_content=model, num_threads=1, experimental_op_resolver_type=resolver
    )
    interpreter.allocate_tensors()
    if kernels == "XNNPACK" and not _delegates(interpreter):
        return None
    source = interpreter.get_input_details()[0]
    interpreter.set_tensor(source["index"], _input(source["shape"], source["dtype"]))
    invoke: Callable[[], object] = interpreter.invoke
    return invoke


def _delegates(interpreter: Any) -> bool:
    """Whether a part of the graph was handed over; else the built-in kernels would be timed."""
    return any(step["op_name"] == "DELEGATE" for step in interpreter._get_ops_details())


def _micro(model: bytes) -> Callable[[], object]:
    from tflite_micro.python.tflite_micro import runtime

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.tflite"
        path.write_bytes(model)
        interpreter = runtime.Interpreter.from_file(str(path), arena_size=ARENA_BYTES)
    shape = interpreter.get_input_details(0)["shape"]
    interpreter.set_input(_input(shape, np.int8), 0)
    invoke: Callable[[], object] = interpreter.invoke
    return invoke


def _input(shape: object, kind: type[np.generic]) -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 40 if np.issubdtype(kind, np.integer) else 0.1, tuple(shape))
    return values.astype(kind)


def engines() -> list[str]:
    """The device's own kernels first, then what else is installed."""
    found = [f"{name}, built-in" for name in installed_runtimes()]
    found += [f"{name}, XNNPACK" for name in installed_runtimes()]
    return found + ([MICRO] if importlib.util.find_spec("tflite_micro") else [])


def bundle_rows(bundle: Bundle) -> list[Row]:
    """A row for each engine, and one for the size."""
    spec, layout = bundle.spec, bundle.layout
    every_s = layout.patch_steps * layout.step_frames * spec.hop_samples / spec.rate_hz
    name = f"{bundle.name} {bundle.version}"
    macs = multiplications(bundle.model)
    size = f"{len(bundle.model) / 1000:,.1f} kB, {macs / 1e6:,.2f} M multiplications a patch"
    rows = [Row("Model", f"{name}, size", size, "counted")]
    own = f"{installed_runtimes()[0]}, built-in"
    for engine in engines():
        taken_s = call_s(engine, bundle.model)
        if taken_s is None:  # tflite-runtime's XNNPACK takes no int8 model
            continue
        share = 100 * taken_s / every_s
        figure = f"{1e3 * taken_s:.3f} ms a patch of {every_s:g} s: {share:.2f} % of a core"
        note = " (the device's)" if engine == own else ""
        peer = engine not in [f"{runtime}, built-in" for runtime in MODULES]
        rows.append(Row("Model", f"{name} on {engine}{note}", figure, "measured", peer))
    arena = arena_bytes(bundle.model)
    if arena is not None:
        what = f"{name}, working memory of TFLite Micro on x86"
        rows.append(Row("Memory", what, f"{arena / 1024:,.1f} KiB", "counted", peer=True))
    return rows


def yamnet_row(model: Path) -> Row:
    """YAMNet on the device's runtime."""
    taken_s = call_s(f"{installed_runtimes()[0]}, XNNPACK", model.read_bytes())
    if taken_s is None:
        raise RuntimeError("XNNPACK takes nothing of YAMNet: its built-in kernels would be timed")
    share = 100 * taken_s / YAMNET_HOP_S
    figure = f"{1e3 * taken_s:.3f} ms a window of {YAMNET_HOP_S:g} s: {share:.2f} % of a core"
    what = f"YAMNet, float, on {installed_runtimes()[0]}, XNNPACK; its own frontend included"
    return Row("Model", what, figure, "measured", peer=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--yamnet", type=Path, help="yamnet.tflite, for that peer")
    add_option(parser)
    arguments = parser.parse_args()
    rows = [row for name in shipped_bundles() for row in bundle_rows(load_bundle(name))]
    if arguments.yamnet:
        rows.append(yamnet_row(arguments.yamnet))
    else:
        print("left out: YAMNet (give --yamnet)", file=sys.stderr)
    if MICRO not in engines():
        print("left out: TFLite Micro (not installed)", file=sys.stderr)
    write(arguments.rows, rows)
    for row in rows:
        print(f"{row.what:60} {row.figure} ({row.how})")


if __name__ == "__main__":
    main()

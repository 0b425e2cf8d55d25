"""Features and scores of synthetic audio, to be compared between two machines.

    arm_figures.py compute OUT.npz [BUNDLE…]  on each machine
    arm_figures.py compare A.npz B.npz        exit code 0 only when they agree

Every shipped bundle hears the same coughs, at its own rate and at those of common microphones, and
every other bundle that is named at its own rate, through the C frontend and through the reference;
its model runs on TensorFlow Lite's reference kernels and on the faster ones that the daemon uses.
Features, events and the scores of the reference kernels have to be the same bits. The fast kernels
round a product that lies halfway between two integers otherwise than the reference does, those of
x86 more often than those of ARM, and a recurrent network carries such a unit on: where scores
differ, that is printed, and those of ARM may lie as far from the reference as those of this
machine, or one unit of int8, and no further.
"""

import importlib
import json
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import Bundle, load_bundle, shipped_bundles
from edge.classifier import MODULES, Classifier
from edge.demo import demo_night
from edge.frontend import Frontend
from edge.pipeline import Pipeline, step_logits
from edge.records import AudioBlock

SECONDS = 8
FAST_UNITS = 1  # of int8
REFERENCE, FAST = "scores of the reference kernels", "scores of the fast kernels"
DEMO_RATE_HZ = 16_000
MICROPHONES_HZ = (16_000, 44_100, 48_000)  # what the same samples are taken to be recorded at


class ReferenceKernels(Classifier):
    """The same model on the kernels that define what every other one should give."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        module = importlib.import_module(MODULES[self.runtime_name])
        self._interpreter = module.Interpreter(
            model_content=bundle.model,
            experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
        )
        self._interpreter.allocate_tensors()


def compute(out: Path, others: list[str]) -> None:
    """Write everything that this machine makes of the audio; others are folders of bundles."""
    night, marks = demo_night(11, 1.0)
    start = max(0, int((marks[0][0] - 2.0) * DEMO_RATE_HZ))
    pcm = np.asarray(night[start : start + SECONDS * DEMO_RATE_HZ], dtype=np.int16)
    arrays = {}
    about = {"machine": platform.machine(), "numpy": np.__version__}
    for path in [*shipped_bundles(), *others]:
        bundle = load_bundle(path)
        name, rates_hz = bundle.name, {bundle.spec.rate_hz}
        if path not in others:
            rates_hz |= {*MICROPHONES_HZ}
        fast, reference = Classifier(bundle), ReferenceKernels(bundle)
        about["runtime"] = fast.runtime_name
        for rate_hz in sorted(rates_hz):
            for backend in ("native", "reference"):
                features = features_of(bundle, pcm, rate_hz, backend)
                arrays[f"{name}, {rate_hz} Hz, {backend}: features"] = features
            arrays[f"{name}, {rate_hz} Hz: {REFERENCE}"] = step_logits(bundle, reference, features)
            arrays[f"{name}, {rate_hz} Hz: {FAST}"] = step_logits(bundle, fast, features)
        if bundle.rules:
            arrays[f"{name}: events"] = events(bundle, reference, pcm)
    np.savez_compressed(out, about=np.array(json.dumps(about)), **arrays)


def features_of(bundle: Bundle, pcm: np.ndarray, rate_hz: int, backend: str) -> np.ndarray:
    """Features int16 [frames, coefficients]."""
    frontend = Frontend(bundle.spec, bundle.tables, rate_hz, backend)
    # Odd blocks: the state between them is a part of what is compared.
    blocks = np.split(pcm, range(4_999, len(pcm), 4_999))
    return np.concatenate([frontend.push(block) for block in blocks])


def events(bundle: Bundle, classifier: Classifier, pcm: np.ndarray) -> np.ndarray:
    """Onset, offset, score and probability of each event, float64 [events, 4]."""
    pipeline = Pipeline(bundle, classifier, DEMO_RATE_HZ)
    found = pipeline.push(AudioBlock(pcm, DEMO_RATE_HZ, 0, 0)) + pipeline.finish()
    return np.array([(e.onset_s, e.offset_s, e.score, e.p) for e in found]).reshape(-1, 4)


def compare(first: Path, second: Path) -> int:
    """Print a line for each array; the exit code.

    The device's fast kernels are held to the reference kernels of this machine, to the distance
    of this machine's fast kernels or to one unit.
    """
    with np.load(first) as here, np.load(second) as there:
        for side in (here, there):
            print(json.loads(str(side["about"])))
        names = sorted({*here.files, *there.files} - {"about"})
        wrong = [name for name in names if not _equal(here, there, name, name)]
        fast = [name for name in names if name.endswith(FAST)]
        faults = [name for name in wrong if name not in fast]
        off, scores, furthest = 0, 0, 0
        for name in fast:
            reference = name.replace(FAST, REFERENCE)
            _equal(here, there, reference, name)
            steps, own = _steps(here, there, reference, name), _steps(here, here, reference, name)
            if steps is None or own is None:
                faults.append(name)
                continue
            off, scores = off + np.count_nonzero(steps), scores + steps.size
            furthest = max(furthest, int(steps.max(initial=0)))
            if steps.max(initial=0) > own.max(initial=FAST_UNITS):
                faults.append(name)
    bad = len([name for name in faults if name in fast])
    exact = len(names) - len(fast)
    equal = exact - len(faults) + bad
    print(
        f"{equal} of {exact} arrays of features, reference scores and events are equal, to the bit"
    )
    print(
        f"{len(fast) - bad} of {len(fast)} arrays of the device's fast kernels are as near to the "
        f"reference as those here; {off} of {scores} scores are off it, by at most {furthest}"
    )
    return 1 if faults or not names else 0


def _steps(here: Any, there: Any, name: str, other: str) -> np.ndarray | None:
    """Distances between an array here and another one there; None when they can't be compared."""
    if name not in here.files or other not in there.files:
        return None
    a, b = here[name], there[other]
    return np.abs(a.astype(np.float64) - b) if (a.shape, a.dtype) == (b.shape, b.dtype) else None


def _equal(here: Any, there: Any, name: str, other: str) -> bool:
    """Whether an array here is another one there, which is printed."""
    if name not in here.files or other not in there.files:
        print(f"MISSING    {name}")
        return False
    a, b = here[name], there[other]
    same = a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    pair = name if name == other else f"{name} here, the fast ones there"
    steps = _steps(here, there, name, other)
    note = ""
    if not same and steps is not None:
        note = f", {np.count_nonzero(steps)} values by at most {steps.max():g}"
    print(f"{'equal' if same else 'DIFFERENT':<10} {pair}, {a.dtype} {_shape(a)}{note}")
    return same


def _shape(array: np.ndarray) -> str:
    return " x ".join(map(str, array.shape))


if __name__ == "__main__":
    if sys.argv[1:2] == ["compute"] and len(sys.argv) >= 3:
        compute(Path(sys.argv[2]), sys.argv[3:])
    elif sys.argv[1:2] == ["compare"] and len(sys.argv) == 4:
        sys.exit(compare(Path(sys.argv[2]), Path(sys.argv[3])))
    else:
        sys.exit((__doc__ or "").strip())

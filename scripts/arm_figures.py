"""Features and scores of synthetic audio, to be compared between two machines.

    arm_figures.py compute OUT.npz      on each machine
    arm_figures.py compare A.npz B.npz  exit code 0 only when every array is equal

Every shipped bundle hears the same coughs, at its own rate and at those of common microphones,
through the C frontend and through the reference.
"""

import json
import platform
import sys
from pathlib import Path

import numpy as np

from edge.bundle import Bundle, load_bundle, shipped_bundles
from edge.classifier import Classifier
from edge.demo import demo_night
from edge.frontend import Frontend
from edge.pipeline import Pipeline, Scorer
from edge.records import AudioBlock

SECONDS = 20
DEMO_RATE_HZ = 16_000
MICROPHONES_HZ = (16_000, 44_100, 48_000)  # what the same samples are taken to be recorded at


def compute(out: Path) -> None:
    """Write everything that this machine makes of the audio."""
    night, marks = demo_night(11, 1.0)
    start = max(0, int((marks[0][0] - 2.0) * DEMO_RATE_HZ))
    pcm = np.asarray(night[start : start + SECONDS * DEMO_RATE_HZ], dtype=np.int16)
    arrays = {}
    about = {"machine": platform.machine(), "numpy": np.__version__}
    for name in shipped_bundles():
        bundle = load_bundle(name)
        classifier = Classifier(bundle)
        about["runtime"] = classifier.runtime_name
        for rate_hz in sorted({bundle.spec.rate_hz, *MICROPHONES_HZ}):
            for backend in ("native", "reference"):
                key = f"{name}, {rate_hz} Hz, {backend}"
                features, logits = scores(bundle, classifier, pcm, rate_hz, backend)
                arrays[f"{key}: features"] = features
                arrays[f"{key}: scores"] = logits
        arrays[f"{name}: golden scores"] = logits_of(bundle, classifier, bundle.golden["features"])
        arrays[f"{name}: events"] = events(bundle, classifier, pcm)
    np.savez_compressed(out, about=np.array(json.dumps(about)), **arrays)


def scores(
    bundle: Bundle, classifier: Classifier, pcm: np.ndarray, rate_hz: int, backend: str
) -> tuple[np.ndarray, np.ndarray]:
    """Features int16 [frames, coefficients] and logits int8 [steps, labels]."""
    frontend = Frontend(bundle.spec, bundle.tables, rate_hz, backend)
    # Odd blocks: the state between them is a part of what is compared.
    blocks = np.split(pcm, range(4_999, len(pcm), 4_999))
    features = np.concatenate([frontend.push(block).frames for block in blocks])
    return features, logits_of(bundle, classifier, features)


def logits_of(bundle: Bundle, classifier: Classifier, features: np.ndarray) -> np.ndarray:
    """Logits int8 [steps, labels] of a whole recording's features."""
    scorer = Scorer(bundle, classifier)
    return np.concatenate([scorer.push(features).logits, scorer.finish().logits])


def events(bundle: Bundle, classifier: Classifier, pcm: np.ndarray) -> np.ndarray:
    """Onset, offset, score and probability of each event, float64 [events, 4]."""
    pipeline = Pipeline(bundle, classifier, DEMO_RATE_HZ)
    found = pipeline.push(AudioBlock(pcm, DEMO_RATE_HZ, 0, 0)) + pipeline.finish()
    return np.array([(e.onset_s, e.offset_s, e.score, e.p) for e in found]).reshape(-1, 4)


def compare(first: Path, second: Path) -> int:
    """Print a line for each array; the exit code."""
    with np.load(first) as here, np.load(second) as there:
        for name, side in ((first.stem, here), (second.stem, there)):
            print(f"{name}: {json.loads(str(side['about']))}")
        names = sorted({*here.files, *there.files} - {"about"})
        equal = 0
        for name in names:
            a, b = (side[name] if name in side.files else None for side in (here, there))
            if a is None or b is None or a.shape != b.shape:
                print(f"{name}: only on one side, or of another shape")
                continue
            same = a.dtype == b.dtype and a.tobytes() == b.tobytes()
            equal += same
            differing = "" if same else f" in {np.count_nonzero(a != b)} of {a.size} values"
            shape = " x ".join(map(str, a.shape))
            print(f"{'equal' if same else 'DIFFERENT'}: {name}, {a.dtype} {shape}{differing}")
    print(f"{equal} of {len(names)} arrays are equal bit for bit, under emulation")
    return 0 if equal == len(names) > 0 else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["compute"] and len(sys.argv) == 3:
        compute(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["compare"] and len(sys.argv) == 4:
        sys.exit(compare(Path(sys.argv[2]), Path(sys.argv[3])))
    else:
        sys.exit((__doc__ or "").strip())

"""Bundles of the architectures that no shipped bundle has, for the comparison of two machines.

    arm_networks.py FOLDER    makes FOLDER/cnn, FOLDER/gru and FOLDER/lstm

The networks have the shapes that training starts from and weights that were drawn, not trained:
whether two machines compute the same bits does not depend on what a network knows. Needs
TensorFlow, so the machine that compares makes them and the device only reads them.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, load_bundle
from edge.classifier import Classifier
from edge.demo import demo_night
from edge.frontend import Frontend
from train_export.export import begin, model_of
from train_export.features import BEFORE_FRAMES, FEATURE_SCALE
from train_export.models.config import PATCH_STEPS, StepConfig, default_config
from train_export.quantize import Weights, quantize
from train_export.room import in_own_process

ARCHITECTURES = ("cnn", "gru", "lstm")
SEED, MINUTES = 7, 1.0
FEWEST_SCORES = 30  # of the 256 that there are
PATCHES = 40  # set the ranges of the activations; a network that nobody trained needs no more
TRAIN = Path(__file__).resolve().parents[1] / "train_export"


def make(folder: Path) -> list[Path]:
    """The bundles' folders; made anew only when the code that makes them has changed."""
    sources = [*TRAIN.glob("models/*.py"), TRAIN / "quantize.py", Path(__file__)]
    content = b"".join(path.read_bytes() for path in sorted(sources))
    stamp, want = folder / "made", hashlib.sha256(content).hexdigest()
    if not stamp.exists() or stamp.read_text("ascii") != want:
        for architecture in ARCHITECTURES:
            make_one(folder / architecture, default_config(architecture))
        stamp.write_text(want, "ascii")
    return [folder / architecture for architecture in ARCHITECTURES]


def make_one(folder: Path, config: StepConfig) -> None:
    """Draw a network, quantize it and write its bundle."""
    room = load_bundle("room")
    features = _features(room)
    frames = config.patch_frames(PATCH_STEPS)
    starts = np.linspace(0, len(features) - frames, PATCHES).astype(int)
    patches = np.stack([features[start : start + frames] for start in starts])
    scaled = (patches[..., None] * FEATURE_SCALE).astype(np.float32)
    weights = in_own_process(drawn_weights, config)
    flatbuffer = quantize(weights, config, PATCH_STEPS, scaled)
    place = {
        "patch_frames": frames,
        "patch_steps": PATCH_STEPS,
        "step_frames": config.step_frames,
        "before_frames": BEFORE_FRAMES,
    }
    name = f"{config.architecture} of drawn weights"
    card = {"name": name, "version": "0", "labels": list(room.labels)}
    bundle = begin(flatbuffer, room.spec, folder, card, place, model_of(config, weights))
    classifier = Classifier(bundle)
    found = np.unique([classifier.score(patch) for patch in patches])
    if len(found) < FEWEST_SCORES:
        sys.exit(f"{name} gives {len(found)} different scores, and would prove nothing")


def drawn_weights(config: StepConfig) -> Weights:
    """Weights by He's rule, always the same ones; TensorFlow's process only.

    The network's own beginning won't do: it scores everything alike.
    """
    from train_export.models.network import build

    rng = np.random.default_rng(SEED)

    def drawn(own: NDArray[np.float32]) -> NDArray[np.float32]:
        if own.ndim < 2:  # what a normalization begins with
            return own
        depthwise = own.ndim == 4 and own.shape[3] == 1  # [rows, columns, channels, 1]
        fan_in = np.prod(own.shape[:2] if depthwise else own.shape[:-1])
        return rng.normal(0, (2 / fan_in) ** 0.5, own.shape).astype(np.float32)

    model = build(config, config.patch_frames(PATCH_STEPS))
    return [drawn(own) for own in model.get_weights()]


def _features(room: Bundle) -> NDArray[np.int16]:
    """Of a synthetic night, int16 [frames, coefficients]."""
    pcm = np.asarray(demo_night(SEED, MINUTES)[0])
    return Frontend(room.spec, room.tables).push(pcm)


if __name__ == "__main__":
    make(Path(sys.argv[1]))

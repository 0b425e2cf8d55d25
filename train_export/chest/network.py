"""A chest network from corpus to weights, and what it says of the people it never saw."""

import hashlib
import json
import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.card import Layout
from edge.errors import InputOutputError
from edge.frontend import PRESETS, FrontendSpec, build_tables
from edge.patches import patches
from train_export.chest.folds import fold_of_subject, training_units
from train_export.chest.rules import Stream
from train_export.chest.sampling import MIDDLE_FRAMES, Sampler, key
from train_export.chest.start import Start
from train_export.chest.units import Unit, frames_of, read_units, stretch
from train_export.features import FEATURE_SCALE, code_digest
from train_export.models.config import WholeConfig
from train_export.readers.rows import fingerprint

SPEC: FrontendSpec = PRESETS["chest-4k"]
SOURCES = ("sprsound", "icbhi2017_partial", "icbhi2017_cycles")
# The modules that decide what a network learns.
LEARNING = (
    "chest/fit", "chest/folds", "chest/labels", "chest/network", "chest/sampling", "chest/units",
    "models/clip_cnn", "models/stem_cnn",
)  # fmt: skip
# Every fourth event patch or so is enough to choose a threshold by, and a stream is long.
STREAMED_RECORDS = 240
Frames = dict[str, NDArray[np.int16]]
Logits = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Network:
    """A trained network and what it says of the people it never saw.

    Attributes:
        weights: as `keras.Model.get_weights` gives them.
        own: logits of each held-out unit's patches, float64 [patches, outputs].
        streams: what it hears in held-out records, step by step.
    """

    weights: list[NDArray[np.float32]]
    own: dict[Unit, Logits]
    streams: list[Stream]


def corpus_units(corpus: Path) -> list[Unit]:
    """Units of all chest sources below a corpus.

    Raises:
        InputOutputError: there is none.
    """
    manifests = [corpus / source / "manifest.csv" for source in SOURCES]
    units = [unit for path in manifests if path.is_file() for unit in read_units(path)]
    if not units:
        raise InputOutputError(f"{corpus} has none of the folders {', '.join(SOURCES)}")
    return units


def corpus_frames(units: Sequence[Unit]) -> Frames:
    """Feature frames of each recording, by `key`."""
    tables = build_tables(SPEC)
    paths = {key(unit): unit.path for unit in units}
    return {name: frames_of(path, SPEC, tables) for name, path in paths.items()}


def train_network(
    corpus: Path,
    work: Path,
    start: Start,
    part: tuple[int | None, int],
    steps: int,
    seed: int,
) -> Network:
    """Train on everybody outside a part of the people; from the working folder if it is there.

    `part` is the fold that is held out, None for nobody, and the number of folds.

    It needs a process of its own: TensorFlow and tflite-runtime can't share one.
    """
    fold, folds = part
    units = training_units(corpus_units(corpus))
    settings = {
        "start": start.purpose(), "fold": fold, "of": folds, "steps": steps, "seed": seed,
        "units": fingerprint(units), "frontend": asdict(SPEC), "code": code_digest(*LEARNING),
    }  # fmt: skip
    name = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    kept = work / "chest" / f"{fold}-{name}.pickle"
    if kept.is_file():
        return pickle.loads(kept.read_bytes())  # our own file
    import tensorflow as tf

    from train_export.chest.fit import FitConfig, fit

    tf.config.threading.set_intra_op_parallelism_threads(1)
    config = start.config
    frames = corpus_frames(units)
    fold_of = fold_of_subject(units, folds)
    known = [unit for unit in units if fold_of[unit.subject] != fold]
    held = [unit for unit in units if fold_of[unit.subject] == fold]
    sampler = Sampler(known, frames, SPEC, config.frames, seed)
    run = FitConfig(steps=steps, rate=start.rate, seed=seed)
    weights = fit(sampler, config, run, start.stem)
    own = own_logits(weights, config, held, frames)
    network = Network(weights, own, streams_of(weights, config, held, frames))
    kept.parent.mkdir(parents=True, exist_ok=True)
    whole = kept.with_suffix(".part")  # one that was cut off must not be taken for a network
    whole.write_bytes(pickle.dumps(network))
    whole.replace(kept)
    return network


def own_logits(
    weights: list[NDArray[np.float32]], config: WholeConfig, units: Sequence[Unit], frames: Frames
) -> dict[Unit, Logits]:
    """Logits of each unit's patches, cut as the device cuts them."""
    if not units:
        return {}
    cuts = []
    for unit in units:
        whole = frames[key(unit)]
        part = whole if unit.kind == "record" else stretch(whole, unit.start_s, unit.end_s, SPEC)
        cuts.append(patches(part, layout_of(config)))
    scores = _scores(weights, config, np.concatenate(cuts))
    ends = np.cumsum([len(cut) for cut in cuts])
    return dict(zip(units, np.split(scores, ends[:-1]), strict=True))


def streams_of(
    weights: list[NDArray[np.float32]], config: WholeConfig, units: Sequence[Unit], frames: Frames
) -> list[Stream]:
    """What the network hears in some records at each step of the device's stream."""
    events: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.kind == "event":
            events.setdefault(key(unit), []).append(unit)
    records = [unit for unit in units if unit.kind == "record"]
    streams = []
    for unit in records[:: max(1, len(records) // STREAMED_RECORDS)]:
        whole = frames[key(unit)]
        count = len(whole) // MIDDLE_FRAMES
        before = (config.frames - MIDDLE_FRAMES) // 2
        padded = np.pad(whole, ((before, config.frames), (0, 0)))
        cuts = [padded[step * MIDDLE_FRAMES :][: config.frames] for step in range(count)]
        if cuts:
            scores = _scores(weights, config, np.stack(cuts))
            streams.append(Stream(scores, tuple(events.get(key(unit), ()))))
    return streams


def layout_of(config: WholeConfig) -> Layout:
    """Of a patch's cutting only: its scales come with the quantizer."""
    return Layout(config.frames, 1, MIDDLE_FRAMES, 0, 0, 0, 1.0, 0)


def _scores(weights: list[NDArray[np.float32]], config: WholeConfig, cuts: NDArray[Any]) -> Logits:
    from train_export.chest.fit import scores_of

    features = (cuts[..., None] * FEATURE_SCALE).astype(np.float32)
    return scores_of(weights, config, features).astype(np.float64)

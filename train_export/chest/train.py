"""The chest profile from corpus to bundle: train, hold people out, read out, quantize, write.

Each of FOLDS networks leaves a part of the people out; what it says of them fits the readouts,
chooses the event rules and gives the cross-validated figures. The network that ships trains on
everybody. The test halves are opened at the end: SPRSound's intra-subject one settles the
readout of records, and both give figures.
"""

import hashlib
import json
import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import __version__
from edge.bundle import Bundle
from edge.card import Layout
from edge.errors import InputOutputError
from edge.frontend import PRESETS, FrontendSpec, build_tables
from edge.patches import patches
from train_export.chest import about
from train_export.chest.folds import fold_of_subject, training_units
from train_export.chest.golden import chest_pcm
from train_export.chest.inputs import inputs_of
from train_export.chest.labels import KINDS, OUTPUTS
from train_export.chest.readouts import Heard, fit_readout
from train_export.chest.rules import Stream, choose_rules
from train_export.chest.sampling import MIDDLE_FRAMES, Sampler, key
from train_export.chest.scores import ICBHI, NORMAL, SPRSOUND, TASKS, counts, rated, unmerged
from train_export.chest.settle import settle
from train_export.chest.start import Start, start_of
from train_export.chest.units import Unit, frames_of, read_units, stretch
from train_export.export import begin, model_of, seal
from train_export.features import FEATURE_SCALE, code_digest
from train_export.models.config import StemConfig, WholeConfig
from train_export.quantize import REPRESENTATIVE_PATCHES, quantize
from train_export.readers.rows import fingerprint
from train_export.teacher import digest

SPEC: FrontendSpec = PRESETS["chest-4k"]
SOURCES = ("sprsound", "icbhi2017_partial", "icbhi2017_cycles")
FOLDS = 3
# The modules that decide what a network learns.
LEARNING = (
    "chest/fit", "chest/folds", "chest/labels", "chest/sampling", "chest/train", "chest/units",
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


def train_chest(
    corpus: Path,
    out: Path,
    work: Path,
    *,
    steps: int,
    seed: int,
    folds: int = FOLDS,
    pretrained: Path | None = None,
) -> Bundle:
    """Train and write the chest bundle; the same arguments give the same bundle.

    Args:
        corpus: with a folder for each of SOURCES, at least one.
        out: the bundle's folder.
        work: keeps trained networks under the digest of their settings, of what they heard and of
            the code that taught them.
        steps: of each network's training.
        seed: of the weights and the batches.
        folds: parts that the people are dealt into, each held out once.
        pretrained: YAMNet's TFLite file, whose first layers each network starts from; None: a
            smaller network starts from nothing.
    """
    start = start_of(pretrained)
    parts = (*((fold, folds) for fold in range(folds)), (None, folds))
    jobs = [(corpus, work, start, part, steps, seed) for part in parts]
    with ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1) as pool:
        *siblings, shipped = pool.map(train_network, *zip(*jobs, strict=True))
    protocol = about.PROTOCOL | {"folds": folds, "steps": steps, "seed": seed}
    protocol |= {"pretrained": f"YAMNet, SHA-256 {digest(pretrained)}" if pretrained else "none"}
    bundle = assemble(corpus, out, start.config, siblings, shipped, protocol)
    return settle(bundle, out, corpus_units(corpus))


def assemble(
    corpus: Path,
    out: Path,
    config: WholeConfig,
    folds: Sequence[Network],
    shipped: Network,
    protocol: dict[str, Any],
) -> Bundle:
    """Quantize the network that ships, and write it with what its siblings held out."""
    units = training_units(corpus_units(corpus))
    chosen = np.random.default_rng(0).permutation(len(units))[:REPRESENTATIVE_PATCHES]
    patches_seen = representative([units[index] for index in chosen], config)
    flatbuffer = quantize(shipped.weights, config, 1, patches_seen)
    card = about.ABOUT | {"name": "chest", "version": __version__, "labels": list(OUTPUTS)}
    if isinstance(config, StemConfig):
        card["data"] = [*about.ABOUT["data"], about.AUDIOSET]
    place = {
        "patch_frames": config.frames,
        "patch_steps": 1,
        "step_frames": MIDDLE_FRAMES,
        "before_frames": (config.frames - MIDDLE_FRAMES) // 2,
    }
    bundle = begin(flatbuffer, SPEC, out, card, place, model_of(config, shipped.weights))
    readouts, figures = read_out(folds)
    streams = [stream for fold in folds for stream in fold.streams]
    rules, odds, event_figures = choose_rules(streams, bundle.layout, SPEC)
    own = bundle.card | {
        "readouts": readouts,
        "events": [rule.to_dict() for rule in rules],
        "calibration": {label: asdict(numbers) for label, numbers in odds.items()},
        "figures": {"cross_validation": figures, "events_cross_validation": event_figures},
        "protocol": protocol,
    }
    print(json.dumps(own["figures"], indent=1))
    return seal(bundle, out, own, chest_pcm())


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
    network = Network(weights, own_logits(weights, config, held, frames), [])
    network.streams.extend(streams_of(weights, config, held, frames))
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
        cuts.append(patches(part, _layout(config)))
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


def read_out(folds: Sequence[Network]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit the readouts on what was held out; gives them and the cross-validated scores."""
    own = {unit: logits for fold in folds for unit, logits in fold.own.items()}
    recordings = {key(unit): logits for unit, logits in own.items() if unit.kind == "record"}
    readouts, figures = {}, {}
    for kind in KINDS:
        units = [unit for unit in own if unit.kind == kind]
        if not units:
            continue
        heard = [
            Heard(
                kind, unit.label, unit.subject,
                inputs_of(kind, own[unit], recordings.get(key(unit), own[unit])),
            )
            for unit in units
        ]  # fmt: skip
        readout, chances = fit_readout(kind, heard)
        readouts[kind] = readout.to_dict()
        predicted = {unit: readout.decide(row) for unit, row in zip(units, chances, strict=True)}
        wanted = {name: merge for name, (of, merge) in TASKS.items() if of == kind}
        for name, merge in (wanted or {"icbhi": unmerged}).items():
            people: dict[str, NDArray[np.float64]] = {}
            for unit in units:
                one = counts([unit.label], [predicted[unit]], NORMAL[kind], merge)
                people[unit.subject] = people.get(unit.subject, np.zeros(4)) + one
            figures[name] = rated(people, ICBHI if kind == "cycle" else SPRSOUND)
    return readouts, figures


def representative(units: Sequence[Unit], config: WholeConfig) -> NDArray[np.float32]:
    """Patches of training people that set the quantizer's ranges, one a unit."""
    frames = corpus_frames(units)
    rng = np.random.default_rng(0)
    cuts = []
    for unit in units:
        part = stretch(frames[key(unit)], unit.start_s, unit.end_s, SPEC)
        cuts.append(rng.choice(patches(part, _layout(config))))
    return (np.stack(cuts)[..., None] * FEATURE_SCALE).astype(np.float32)


def _layout(config: WholeConfig) -> Layout:
    """Of a patch's cutting only: its scales come with the quantizer."""
    return Layout(config.frames, 1, MIDDLE_FRAMES, 0, 0, 0, 1.0, 0)


def _scores(weights: list[NDArray[np.float32]], config: WholeConfig, cuts: NDArray[Any]) -> Logits:
    from train_export.chest.fit import scores_of

    features = (cuts[..., None] * FEATURE_SCALE).astype(np.float32)
    return scores_of(weights, config, features).astype(np.float64)

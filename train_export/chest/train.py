"""The chest profile from corpus to bundle: train, hold people out, read out, quantize, write.

Each of FOLDS networks leaves a part of the people out; what it says of them fits the readouts,
chooses the event rules and gives the cross-validated figures. The network that ships trains on
everybody. The test halves are opened at the end: SPRSound's intra-subject one tells how common
each class of records is, and both give figures.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import __version__
from edge.bundle import Bundle
from edge.patches import patches
from train_export.chest import about
from train_export.chest.folds import training_units
from train_export.chest.inputs import inputs_of
from train_export.chest.labels import KINDS, OUTPUTS
from train_export.chest.network import (
    SPEC,
    Network,
    corpus_frames,
    corpus_units,
    layout_of,
    train_network,
)
from train_export.chest.readouts import Heard, HeldOut, fit_readout
from train_export.chest.rules import choose_rules
from train_export.chest.sampling import MIDDLE_FRAMES, key
from train_export.chest.scores import ICBHI, NORMAL, SPRSOUND, TASKS, counts, rated, unmerged
from train_export.chest.settle import settle
from train_export.chest.start import start_of
from train_export.chest.units import Unit, stretch
from train_export.export import begin, model_of
from train_export.features import FEATURE_SCALE
from train_export.models.config import StemConfig, WholeConfig
from train_export.quantize import REPRESENTATIVE_PATCHES, quantize
from train_export.teacher import digest

FOLDS = 3


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
        corpus: with a folder for each of `network.SOURCES`, at least one.
        out: the bundle's folder.
        work: keeps trained networks under the digest of their settings, of what they heard and of
            the code that taught them.
        steps: of each network's training.
        seed: of the weights and the batches.
        folds: parts that the people are dealt into, each held out once.
        pretrained: YAMNet's TFLite file, whose first layers each network starts from; None: a
            smaller network starts from nothing.
    """
    trained = train_networks(
        corpus, work, steps=steps, seed=seed, folds=folds, pretrained=pretrained
    )
    return assemble(corpus, out, trained)


@dataclass(frozen=True, slots=True)
class Trained:
    """The networks of one training.

    Attributes:
        config: their shape.
        folds: those that left people out, in order.
        shipped: the one that heard everybody.
        protocol: what a card says of how they were trained; plain JSON values.
    """

    config: WholeConfig
    folds: Sequence[Network]
    shipped: Network
    protocol: dict[str, Any]


def train_networks(
    corpus: Path, work: Path, *, steps: int, seed: int, folds: int, pretrained: Path | None
) -> Trained:
    """Train a network on everybody and one without each part of the people; as `train_chest`."""
    start = start_of(pretrained)
    parts = (*((fold, folds) for fold in range(folds)), (None, folds))
    jobs = [(corpus, work, start, part, steps, seed) for part in parts]
    with ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1) as pool:
        *siblings, shipped = pool.map(train_network, *zip(*jobs, strict=True))
    protocol = {"folds": folds, "steps": steps, "seed": seed}
    protocol |= {"pretrained": f"YAMNet, SHA-256 {digest(pretrained)}" if pretrained else "none"}
    return Trained(start.config, siblings, shipped, protocol)


def assemble(corpus: Path, out: Path, trained: Trained) -> Bundle:
    """Quantize the network that ships, write it with what its siblings held out, and settle it."""
    config, weights = trained.config, trained.shipped.weights
    every = corpus_units(corpus)
    units = training_units(every)
    chosen = np.random.default_rng(0).permutation(len(units))[:REPRESENTATIVE_PATCHES]
    patches_seen = representative([units[index] for index in chosen], config)
    flatbuffer = quantize(weights, config, 1, patches_seen)
    card = about.ABOUT | {"name": "chest", "version": __version__, "labels": list(OUTPUTS)}
    if isinstance(config, StemConfig):
        card["data"] = [*about.ABOUT["data"], about.AUDIOSET]
    place = {
        "patch_frames": config.frames,
        "patch_steps": 1,
        "step_frames": MIDDLE_FRAMES,
        "before_frames": (config.frames - MIDDLE_FRAMES) // 2,
    }
    bundle = begin(flatbuffer, SPEC, out, card, place, model_of(config, weights))
    readouts, figures, unseen = read_out(trained.folds)
    streams = [stream for fold in trained.folds for stream in fold.streams]
    rules, odds, event_figures = choose_rules(streams, bundle.layout, SPEC)
    own = bundle.card | {
        "readouts": readouts,
        "events": [rule.to_dict() for rule in rules],
        "calibration": {label: asdict(numbers) for label, numbers in odds.items()},
        "figures": {"cross_validation": figures, "events_cross_validation": event_figures},
        "protocol": about.PROTOCOL | trained.protocol,
    }
    print(json.dumps(own["figures"], indent=1))
    return settle(replace(bundle, card=own), out, every, unseen.get("record"))


def read_out(
    folds: Sequence[Network],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, HeldOut]]:
    """Fit the readouts on what was held out.

    Returns:
        By kind, the readouts; by task, the cross-validated scores; and by kind, the out-of-fold
        probabilities behind them.
    """
    own = {unit: logits for fold in folds for unit, logits in fold.own.items()}
    recordings = {key(unit): logits for unit, logits in own.items() if unit.kind == "record"}
    readouts, figures, unseen = {}, {}, {}
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
        unseen[kind] = HeldOut([unit.label for unit in units], chances)
        predicted = {unit: readout.decide(row) for unit, row in zip(units, chances, strict=True)}
        wanted = {name: merge for name, (of, merge) in TASKS.items() if of == kind}
        for name, merge in (wanted or {"icbhi": unmerged}).items():
            people: dict[str, NDArray[np.float64]] = {}
            for unit in units:
                one = counts([unit.label], [predicted[unit]], NORMAL[kind], merge)
                people[unit.subject] = people.get(unit.subject, np.zeros(4)) + one
            figures[name] = rated(people, ICBHI if kind == "cycle" else SPRSOUND)
    return readouts, figures, unseen


def representative(units: Sequence[Unit], config: WholeConfig) -> NDArray[np.float32]:
    """Patches of training people that set the quantizer's ranges, one a unit."""
    frames = corpus_frames(units)
    rng = np.random.default_rng(0)
    cuts = []
    for unit in units:
        part = stretch(frames[key(unit)], unit.start_s, unit.end_s, SPEC)
        cuts.append(rng.choice(patches(part, layout_of(config))))
    return (np.stack(cuts)[..., None] * FEATURE_SCALE).astype(np.float32)

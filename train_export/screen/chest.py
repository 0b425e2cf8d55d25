"""The screen of lung sounds from corpus to bundle: embed, choose, measure, write.

It is the network of the chest profile with another last layer: few recordings name a disease,
many name their sounds, so the network learned the sounds, and a head learns the disease on top of
them. No person of the disease data is heard by the network.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import __version__
from edge.bundle import Bundle
from edge.errors import InputOutputError
from edge.frontend import Frontend
from edge.patches import patches
from edge.screening import level_of, levelled
from train_export.chest import about as chest_about
from train_export.chest.folds import training_units
from train_export.chest.network import SPEC, corpus_frames, corpus_units, layout_of
from train_export.chest.train import FOLDS as CHEST_FOLDS
from train_export.chest.train import Trained, train_networks
from train_export.export import begin, model_of, seal
from train_export.features import FEATURE_SCALE
from train_export.models.config import StemConfig, WholeConfig
from train_export.quantize import REPRESENTATIVE_PATCHES, Weights, quantize
from train_export.room import in_own_process
from train_export.screen import calibration, protocol
from train_export.screen.about import ABOUT
from train_export.screen.corpus import features, read_manifest
from train_export.screen.embed import embed, means
from train_export.screen.figures import compared, int8_figures, measure
from train_export.screen.head import (
    FOLDS,
    PENALTIES,
    Classes,
    Head,
    Matrix,
    People,
    choose_penalty,
    fit,
    log_odds,
    out_of_fold,
)
from train_export.screen.known import (
    STRANGERS,
    cross_fitted,
    fit_novelty,
    made_up,
    strangers,
    table,
    told_apart,
)
from train_export.screen.labels import CLASSES, GROUPS, OUTPUTS, POSITIVE, REST, class_of
from train_export.screen.sounds import SOUNDS, SoundHead, heard_in, sound_head
from train_export.screen.synthetic import breathing

# Share of conformal sets that may miss the truth; so that about four in five get a decision.
ALPHA = 0.30
Recordings = Sequence[NDArray[np.int16]]


def train_screen_chest(
    corpus: Path, out: Path, work: Path, *, steps: int, seed: int, pretrained: Path | None
) -> Bundle:
    """Train, measure and write the bundle; the same arguments give the same bundle.

    Args:
        corpus: with the folders that the chest profile trains on, KAUH's, and those of STRANGERS.
        out: the bundle's folder.
        work: keeps trained networks; those of a chest profile of the same arguments are used.
        steps: of each network's training.
        seed: of the weights, the batches and the folds.
        pretrained: YAMNet's TFLite file, whose first layers each network starts from; None: a
            smaller network starts from nothing.

    Raises:
        InputOutputError: the corpus lacks a folder.
    """
    for folder in ("kauh", *STRANGERS):  # told now, not after the training
        if not (corpus / folder / "manifest.csv").is_file():
            raise InputOutputError(f"{corpus} has no {folder}/manifest.csv, which a screen needs")
    trained = train_networks(
        corpus, work, steps=steps, seed=seed, folds=CHEST_FOLDS, pretrained=pretrained
    )
    return build_bundle(corpus, out, trained, seed)


def build_bundle(corpus: Path, out: Path, trained: Trained, seed: int) -> Bundle:
    """From the chest's networks to the bundle."""
    heard = corpus_frames(training_units(corpus_units(corpus)))
    level_q7 = int(np.median([level_of(one) for one in heard.values() if len(one)]))
    recordings = read_manifest(corpus / "kauh" / "manifest.csv")
    raw = [features(recording, SPEC) for recording in recordings]
    frames = [levelled(recording, level_q7) for recording in raw]
    classes = np.array([class_of(r.disease) for r in recordings])
    people = np.array([r.subject for r in recordings])
    stretches = in_own_process(embed, trained.shipped.weights, trained.config, frames)
    embeddings = means(stretches)

    penalty = choose_penalty(embeddings, classes, people, seed)
    head = fit(embeddings, classes, people, penalty)
    scaling, quantile = odds(embeddings, classes, people, penalty, seed)
    figures = measure(embeddings, classes, people, recordings)
    others = [
        in_own_process(embed, network.weights, trained.config, frames) for network in trained.folds
    ]
    figures["other_networks"] = [compared(means(own), classes, people) for own in others]
    sounds = {
        name: sound_head(stretches, [heard_in(r, name) for r in recordings], people, seed)
        for name in SOUNDS
    }
    figures["sounds"] = {name: sound.figures for name, sound in sounds.items()}
    known = table(raw)
    novelty = fit_novelty(known, people)
    strange = strangers(corpus, SPEC) | {
        kind: table([Frontend(SPEC).push(pcm) for pcm in made])
        for kind, made in made_up(SPEC).items()
    }
    figures["novelty"] = told_apart(cross_fitted(known, people), strange, novelty)

    weights = with_heads(trained.shipped.weights, head, sounds.values())
    bundle = write(frames, trained, weights, out, penalty)
    floats = log_odds(head.logits(embeddings))
    figures["int8"] = int8_figures(bundle, frames, floats, classes)
    scaling = scaling.of_biased(figures["int8"]["log_odds_bias"])
    limits = {name: sound.limit for name, sound in sounds.items()}
    rule = Rule(scaling, quantile, limits, novelty, level_q7)
    card = bundle.card | {"screening": section(rule, figures), "figures": figures}
    return seal(bundle, out, card, breathing(SPEC.rate_hz))


def odds(
    embeddings: Matrix, classes: Classes, people: People, penalty: float, seed: int
) -> tuple[calibration.Scaling, float]:
    """Calibration and conformal quantile from scores of people that each head never heard."""
    repeats = range(seed, seed + protocol.REPEATS)
    unseen = np.mean(
        [out_of_fold(embeddings, classes, people, penalty, repeat) for repeat in repeats], axis=0
    )
    truth = (classes == 0).astype(np.int64)
    scaling = calibration.fit_scaling(unseen, truth)
    quantile = calibration.conformal_quantile(scaling.probabilities(unseen), truth, ALPHA)
    return scaling, quantile


def with_heads(weights: Weights, head: Head, sounds: Iterable[SoundHead]) -> Weights:
    """The network's weights with other outputs: the head's classes, then the sounds."""
    *body, _, _ = weights  # the last layer's: [1, 1, values, outputs] and [outputs]
    kernel = np.column_stack([head.weights, *(sound.weights for sound in sounds)])
    bias = np.array([*head.offsets, *(sound.offset for sound in sounds)])
    return [*body, kernel[None, None].astype(np.float32), bias.astype(np.float32)]


def write(
    frames: Recordings, trained: Trained, weights: Weights, out: Path, penalty: float
) -> Bundle:
    """Quantize and write a bundle without its rule."""
    labels = (*CLASSES, *SOUNDS)
    config = replace(trained.config, labels=len(labels))
    flatbuffer = quantize(weights, config, 1, representative(frames, config))
    sources = [*ABOUT["data"], *(f"{source}: the network" for source in chest_about.ABOUT["data"])]
    if isinstance(config, StemConfig):
        sources.append(chest_about.AUDIOSET)
    card = ABOUT | {
        "name": "screen-chest",
        "version": __version__,
        "labels": list(labels),
        "data": sources,
        "protocol": {
            "network": {
                "profile": "chest, trained on everybody in its training halves",
                **trained.protocol,
            },
            "head": "multinomial logistic regression on mean embeddings, all development people",
            "inverse_penalty": penalty,
            "inverse_penalties_tried": list(PENALTIES),
            "figures": f"nested {FOLDS}-fold cross-validation by person, "
            f"{protocol.REPEATS} repeats, intervals over people",
            "sounds": "logistic regressions alike, on recordings in which each was heard",
        },
    }
    place = {
        "patch_frames": config.frames,
        "patch_steps": 1,
        "step_frames": config.frames // 2,
        "before_frames": 0,
    }
    return begin(flatbuffer, SPEC, out, card, place, model_of(config, weights))


def representative(frames: Recordings, config: WholeConfig) -> NDArray[np.float32]:
    """Patches of the development people, float32 [patches, frames, bands, 1]."""
    every = np.concatenate([patches(recording, layout_of(config)) for recording in frames])
    count = min(len(every), REPRESENTATIVE_PATCHES)
    chosen = np.random.default_rng(0).choice(len(every), count, replace=False)
    return every[np.sort(chosen), :, :, None].astype(np.float32) * np.float32(FEATURE_SCALE)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the model's outputs are read.

    Attributes:
        scaling, quantile: of the int8 model's disease logits.
        limits: by sound, the logit from which a patch holds it.
        novelty: a card's numbers.
        level_q7: where the level of a recording's features goes.
    """

    scaling: calibration.Scaling
    quantile: float
    limits: dict[str, float]
    novelty: dict[str, Any]
    level_q7: int


def section(rule: Rule, figures: dict[str, Any]) -> dict[str, Any]:
    """The card's rule; the claim follows from the figures."""
    own = figures[POSITIVE]
    low, high = own["auroc"]["interval_95"]
    best = max(numbers["auroc"] for numbers in figures["baselines"].values())
    claim = low > max(0.5, best)
    return {
        "labels": list(GROUPS),
        "outputs": OUTPUTS,
        "groups": GROUPS,
        "sounds": {name: round(limit, 4) for name, limit in rule.limits.items()},
        "level_q7": rule.level_q7,
        "temperature": round(rule.scaling.temperature, 5),
        "offsets": {POSITIVE: round(rule.scaling.offset, 5), REST: 0.0},
        "conformal": {"alpha": ALPHA, "quantile": round(rule.quantile, 5)},
        "claim": claim,
        "evidence": f"AUROC {own['auroc']['value']:.3f} [{low:.3f}, {high:.3f}] against "
        f"{best:.3f} of the best baseline and 0.5 of chance: "
        + ("a claim" if claim else "no evidence"),
        "measured": {
            "auroc": own["auroc"]["value"],
            "low": low,
            "high": high,
            "people": own["people"],
        },
        "novelty": rule.novelty,
    }

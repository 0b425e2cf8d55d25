"""The screen of lung sounds from corpus to bundle: pretrain, embed, choose, measure, write."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from edge import __version__
from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.frontend import PRESETS, Frontend
from edge.patches import patches, recording_logits
from edge.screening import levelled
from train_export.export import begin, model_of, seal
from train_export.features import FEATURE_SCALE
from train_export.models.config import ScreenConfig
from train_export.quantize import REPRESENTATIVE_PATCHES, quantize
from train_export.room import in_own_process
from train_export.screen import calibration, protocol
from train_export.screen.corpus import Recorded, features, read_manifest
from train_export.screen.embed import embed, placeholder
from train_export.screen.head import (
    FOLDS,
    PENALTIES,
    Head,
    Matrix,
    People,
    Truth,
    choose_penalty,
    fit,
    out_of_fold,
)
from train_export.screen.known import (
    cross_fitted,
    fit_novelty,
    made_up,
    strangers,
    table,
    told_apart,
)
from train_export.screen.labels import GROUPS, POSITIVE, REST, labels_of, obstructive
from train_export.screen.run import POSITIVE_WEIGHT, PretrainConfig, pretrained
from train_export.screen.synthetic import breathing

SPEC = PRESETS["chest-4k"]
SOUNDS = ("wheeze", "crackle")
# Below it a conformal set misses the truth; chosen so that about four in five get a decision.
ALPHA = 0.30
# Standard deviation of the disease logits before quantization, so that their steps are fine
# beside those of the sounds, which share the output's scale.
LOGIT_SPREAD = 2.0
ABOUT: dict[str, Any] = {
    "profile": "screen-chest",
    "purpose": "Tells whether a lung-sound recording resembles those of people with asthma or COPD "
    "or those of others. A screening aid, not a diagnosis.",
    "data": [
        "KAUH lung sounds (Mendeley Data), CC BY 4.0: the disease",
        "SPRSound, BioCAS 2022 and 2023, GPL-3.0, training split: the sounds",
        "ICBHI 2017, free for research, training split: the sounds",
    ],
    "licence": "Apache-2.0; the training data's licences are listed in docs/data.md",
    "limits": [
        "Adults, one hospital, one stethoscope (3M Littmann 3200); nothing was measured on others, "
        "and not all of their recordings are refused.",
        "The rest holds healthy people and people with heart failure, pneumonia, bronchiectasis, "
        "lung fibrosis and pleural effusion; other illnesses were never heard.",
        "Asthma and COPD are not told from each other, and the figure is carried by asthma: the "
        "six people with COPD alone against the rest give no evidence.",
        "Healthy, pneumonia, bronchiectasis, bronchiolitis, upper and lower respiratory "
        "infection, heart failure and lung cancer: not claimed, no result.",
    ],
}


def train_screen_chest(corpus: Path, out: Path, *, epochs: int, seed: int) -> Bundle:
    """Train, measure and write the bundle; the same arguments give the same bundle."""
    config = ScreenConfig()
    run = PretrainConfig(epochs=epochs, seed=seed)
    weights = in_own_process(pretrained, corpus, SPEC, config, run)
    return build_bundle(corpus, out, config, weights, run)


def build_bundle(
    corpus: Path,
    out: Path,
    config: ScreenConfig,
    weights: list[NDArray[np.float32]],
    run: PretrainConfig,
) -> Bundle:
    """From the pretrained network to the bundle."""
    recordings = read_manifest(corpus / "kauh" / "manifest.csv")
    frames = [features(recording, SPEC) for recording in recordings]
    truth = np.array([int(obstructive(r.disease)) for r in recordings])
    people = np.array([r.subject for r in recordings])
    embeddings = in_own_process(embed, weights, config, frames)

    penalty = choose_penalty(embeddings, truth, people, run.seed)
    head = spread(fit(embeddings, truth, people, penalty), embeddings)
    scaling, quantile = odds(embeddings, truth, people, penalty, run.seed)
    figures = measure(embeddings, truth, people, recordings)
    known = table(frames)
    novelty = fit_novelty(known, people)
    strange = strangers(corpus, SPEC) | {
        kind: table([Frontend(SPEC).push(pcm).frames for pcm in sounds])
        for kind, sounds in made_up(SPEC).items()
    }
    figures["novelty"] = told_apart(cross_fitted(known, people), strange, novelty)

    bundle = write(frames, config, with_head(weights, head), out, run, penalty)
    figures["int8"] = int8_figures(bundle, frames, head.logits(embeddings), truth)
    card = bundle.card | {
        "screening": section(scaling, quantile, novelty, figures),
        "figures": figures,
    }
    return seal(bundle, out, card, breathing(SPEC.rate_hz))


def spread(head: Head, embeddings: Matrix) -> Head:
    """The head with logits of a standard deviation that suits the int8 output."""
    gain = LOGIT_SPREAD / float(head.logits(embeddings).std())
    return Head(head.weights * gain, head.offset * gain)


def odds(
    embeddings: Matrix, truth: Truth, people: People, penalty: float, seed: int
) -> tuple[calibration.Scaling, float]:
    """Calibration and conformal quantile from scores of people that each head never heard."""
    logits = np.mean(
        [
            _spread_out_of_fold(embeddings, truth, people, penalty, seed + repeat)
            for repeat in range(protocol.REPEATS)
        ],
        axis=0,
    )
    scaling = calibration.fit_scaling(logits, truth)
    quantile = calibration.conformal_quantile(scaling.probabilities(logits), truth, ALPHA)
    return scaling, quantile


def _spread_out_of_fold(
    embeddings: Matrix, truth: Truth, people: People, penalty: float, seed: int
) -> Matrix:
    logits = out_of_fold(embeddings, truth, people, penalty, seed)
    whole = fit(embeddings, truth, people, penalty).logits(embeddings)
    return logits * (LOGIT_SPREAD / float(whole.std()))


def measure(
    embeddings: Matrix, truth: Truth, people: People, recordings: Sequence[Recorded]
) -> dict[str, Any]:
    """The claimed question with its controls, and every other question the data could ask."""
    scores = protocol.nested(embeddings, truth, people)
    mean, deviation = protocol.shuffled(embeddings, truth, people)
    baselines = {
        "metadata_age_sex": _age_sex(recordings),
        "device_filter_mode": _one_hot([r.recorder for r in recordings]),
    }
    return {
        POSITIVE: protocol.report(scores),
        "shuffled_labels": {"auroc_mean": round(mean, 4), "auroc_deviation": round(deviation, 4)},
        "baselines": {
            name: _short(protocol.nested(values, truth, people, protocol.FEWER_REPEATS))
            for name, values in baselines.items()
        },
        "other_questions": {
            label: _short(protocol.nested(embeddings, asked, people, protocol.FEWER_REPEATS))
            for label, asked in _questions(recordings).items()
        },
    }


def _short(scores: protocol.Scores) -> dict[str, Any]:
    low, high = protocol.over_people(scores, protocol.auroc)
    return {
        "auroc": round(protocol.auroc(scores), 4),
        "interval_95": [round(low, 4), round(high, 4)],
        "people_positive": int(protocol.by_person(scores).truth.sum()),
    }


# Fewer people than folds leave a fold without one.
LEAST_PEOPLE = FOLDS


def _questions(recordings: Sequence[Recorded]) -> dict[str, Truth]:
    """Each label against the rest, where enough people have it."""
    asked = {}
    for label in ("healthy", "asthma", "COPD", "heart failure", "pneumonia", "bronchiectasis"):
        truth = np.array([int(label in labels_of(r.disease)) for r in recordings])
        people = {r.subject for r, own in zip(recordings, truth, strict=True) if own}
        if len(people) >= LEAST_PEOPLE:
            asked[label] = truth
    return asked


def _age_sex(recordings: Sequence[Recorded]) -> Matrix:
    rows = [(float(r.extra["age"]), float(r.extra["sex"] == "M")) for r in recordings]
    return np.array(rows)


def _one_hot(values: Sequence[str]) -> Matrix:
    names = sorted(set(values))
    return np.array([[float(value == name) for name in names] for value in values])


def with_head(weights: list[NDArray[np.float32]], head: Head) -> list[NDArray[np.float32]]:
    """The network's weights with four outputs: the two groups, then the two sounds."""
    half = (head.weights / 2).astype(np.float32)[None, None, :, None]
    kernel = np.concatenate([half, -half, weights[-2]], axis=-1)
    offset = np.float32(head.offset / 2)
    bias = np.concatenate([[offset, -offset], weights[-1]]).astype(np.float32)
    return [*weights[:-2], kernel, bias]


def write(
    frames: Sequence[NDArray[np.int16]],
    config: ScreenConfig,
    weights: list[NDArray[np.float32]],
    out: Path,
    run: PretrainConfig,
    penalty: float,
) -> Bundle:
    """Quantize and write a bundle without its rule."""
    labels = (*GROUPS, *SOUNDS)
    final = ScreenConfig(
        frames=config.frames, bands=config.bands, labels=len(labels), blocks=config.blocks
    )
    flatbuffer = quantize(weights, final, 1, representative(frames, config))
    about = ABOUT | {
        "name": "screen-chest",
        "version": __version__,
        "labels": list(labels),
        "protocol": {
            "pretraining": "wheezes and crackles, training splits of SPRSound and ICBHI, "
            "ICBHI patients 156 and 218 left out",
            "epochs": run.epochs,
            "seed": run.seed,
            "head": "logistic regression on mean embeddings, all development people",
            "penalty": penalty,
            "penalties_tried": list(PENALTIES),
            "figures": f"nested {FOLDS}-fold cross-validation by person, "
            f"{protocol.REPEATS} repeats, intervals over people",
        },
    }
    place = {
        "patch_frames": config.frames,
        "patch_steps": 1,
        "step_frames": config.frames // 2,
        "before_frames": 0,
    }
    return begin(flatbuffer, SPEC, out, about, place, model_of(final, weights))


def representative(
    frames: Sequence[NDArray[np.int16]], config: ScreenConfig
) -> NDArray[np.float32]:
    """Patches of the development people, float32 [patches, frames, bands, 1]."""
    layout = placeholder(config)
    every = np.concatenate([patches(levelled(recording), layout) for recording in frames])
    chosen = np.random.default_rng(0).choice(len(every), REPRESENTATIVE_PATCHES, replace=False)
    return every[np.sort(chosen), :, :, None].astype(np.float32) * np.float32(FEATURE_SCALE)


def int8_figures(
    bundle: Bundle, frames: Sequence[NDArray[np.int16]], floats: Matrix, truth: Truth
) -> dict[str, float]:
    """What quantization changes, on the development people."""
    classifier = Classifier(bundle)
    means = np.stack([recording_logits(classifier, levelled(one)).mean(axis=0) for one in frames])
    integers = means[:, 0] - means[:, 1]
    return {
        "auroc_difference": round(
            float(roc_auc_score(truth, integers) - roc_auc_score(truth, floats)), 4
        ),
        "logit_difference_mean": round(float(np.abs(integers - floats).mean()), 4),
        "same_sign": round(float(((integers > 0) == (floats > 0)).mean()), 4),
    }


def section(
    scaling: calibration.Scaling, quantile: float, novelty: dict[str, Any], figures: dict[str, Any]
) -> dict[str, Any]:
    """The card's rule; the claim follows from the figures."""
    own = figures[POSITIVE]
    low, high = own["auroc"]["interval_95"]
    bar = max(0.5, *(numbers["auroc"] for numbers in figures["baselines"].values()))
    sound_logit = round(float(np.log(POSITIVE_WEIGHT)), 4)  # even odds, as the loss was weighted
    return {
        "labels": list(GROUPS),
        "groups": GROUPS,
        "sounds": dict.fromkeys(SOUNDS, sound_logit),
        "temperature": round(scaling.temperature, 5),
        "offsets": {POSITIVE: round(scaling.offset, 5), REST: 0.0},
        "conformal": {"alpha": ALPHA, "quantile": round(quantile, 5)},
        "claim": low > bar,
        "evidence": f"AUROC {own['auroc']['value']:.3f} [{low:.3f}, {high:.3f}] against "
        f"{bar:.3f} of the best baseline: " + ("a claim" if low > bar else "no evidence"),
        "measured": {
            "auroc": own["auroc"]["value"],
            "low": low,
            "high": high,
            "people": own["people"],
        },
        "novelty": novelty,
    }

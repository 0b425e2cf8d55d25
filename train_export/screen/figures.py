"""The figures on a screen's card: the claimed question, its controls, and what int8 changes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.patches import recording_logits
from train_export.intervals import rounded_bounds
from train_export.screen import protocol
from train_export.screen.corpus import Recorded
from train_export.screen.head import FOLDS, Classes, Matrix, People, log_odds
from train_export.screen.labels import CLASSES, POSITIVE, class_of


def measure(
    embeddings: Matrix, classes: Classes, people: People, recordings: Sequence[Recorded]
) -> dict[str, Any]:
    """The claimed question with its controls, and every other question the data could ask."""
    scores = protocol.nested(embeddings, classes, people, protocol.REPEATS)
    mean, deviation = protocol.shuffled(embeddings, classes, people)
    baselines = {
        "metadata_age_sex": _age_sex(recordings),
        "device_filter_mode": _one_hot([r.recorder for r in recordings]),
    }
    return {
        POSITIVE: protocol.report(scores),
        "shuffled_labels": {"auroc_mean": round(mean, 4), "auroc_deviation": round(deviation, 4)},
        "baselines": {
            name: compared(values, classes, people) for name, values in baselines.items()
        },
        "other_questions": {
            label: compared(embeddings, asked, people)
            | {"metadata_age_sex": compared(_age_sex(recordings), asked, people)}
            for label, asked in _questions(recordings).items()
        },
    }


def compared(embeddings: Matrix, classes: Classes, people: People) -> dict[str, Any]:
    """The AUROC of what is only compared with: fewer repeats, and its interval."""
    scores = protocol.nested(embeddings, classes, people, protocol.FEWER_REPEATS)
    return {
        "auroc": round(protocol.auroc(scores), 4),
        "interval_95": rounded_bounds(protocol.over_people(scores, protocol.auroc)),
        "people_positive": int(protocol.by_person(scores).truth.sum()),
    }


# Fewer people than folds leave a fold without one.
LEAST_PEOPLE = FOLDS


def _questions(recordings: Sequence[Recorded]) -> dict[str, Classes]:
    """Each label against the rest, where enough people have it."""
    asked = {}
    for label in ("healthy", "asthma", "COPD", "heart failure", "pneumonia", "bronchiectasis"):
        found = [class_of(r.disease, frozenset({label})) for r in recordings]
        people = {r.subject for r, own in zip(recordings, found, strict=True) if own == 0}
        if len(people) >= LEAST_PEOPLE:
            asked[label] = np.array(found)
    return asked


def _age_sex(recordings: Sequence[Recorded]) -> Matrix:
    rows = [(float(r.extra["age"]), float(r.extra["sex"] == "M")) for r in recordings]
    return np.array(rows)


def _one_hot(values: Sequence[str]) -> Matrix:
    names = sorted(set(values))
    return np.array([[float(value == name) for name in names] for value in values])


def int8_figures(
    bundle: Bundle, frames: Sequence[NDArray[np.int16]], floats: Matrix, classes: Classes
) -> dict[str, float]:
    """What quantization changes, on the development people; all but the bias without the bias.

    Args:
        bundle: whose model.
        frames: int16 [frames, bands] of each recording, levelled.
        floats: log-odds of the float head, float64 [recordings].
        classes: of each recording.
    """
    classifier = Classifier(bundle)
    means = np.stack([recording_logits(classifier, one).mean(axis=0) for one in frames])
    integers = log_odds(means[:, : len(CLASSES)])
    bias = float((integers - floats).mean())
    unbiased = integers - bias
    return {
        "auroc_difference": round(
            float(roc_auc_score(classes == 0, integers) - roc_auc_score(classes == 0, floats)), 4
        ),
        "log_odds_bias": round(bias, 4),
        "log_odds_difference_mean": round(float(np.abs(unbiased - floats).mean()), 4),
        "same_sign": round(float(((unbiased > 0) == (floats > 0)).mean()), 4),
    }

"""What a screen takes for known, and how surely it tells the rest: speech, music, other devices."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from edge.frontend import FrontendSpec
from edge.novelty import statistics
from edge.screening import LEAST_S
from train_export.screen.corpus import Recorded, features, read_manifest
from train_export.screen.head import FOLDS, Matrix, People

# Share of the known recordings that may be refused.
REFUSED = 0.03
# Recordings a kind at most: more would only take time.
MOST = 120
SPEECH = ("negatives/librispeech_resemblyzer", "negatives/ami_pyannote", "negatives/misc_speech")
MUSIC = (
    "negatives/librosa_music",
    "negatives/tsc_music",
    "negatives/ultrastar_songs",
    "negatives/unknown_horizons_music",
)
AMBIENCE = (
    "negatives/blanket",
    "negatives/moodist",
    "negatives/muges_ambient",
    "negatives/noice",
)
# All folders that recordings are taken from which a lung screen must refuse.
STRANGERS = (*SPEECH, *MUSIC, *AMBIENCE, "coswara_subset", "icbhi2017_partial", "sprsound")


def table(frames: Sequence[NDArray[np.int16]]) -> Matrix:
    """Statistics of recordings, float64 [recordings, STATISTICS]."""
    return np.stack([statistics(recording) for recording in frames])


def fit_novelty(known: Matrix, people: People) -> dict[str, Any]:
    """A card's numbers; the limit is chosen on people whom the distance was not fitted on."""
    model = LedoitWolf().fit(known)
    return {
        "mean": [round(value, 5) for value in model.location_.tolist()],
        "precision": [[round(value, 5) for value in row] for row in model.precision_.tolist()],
        "limit": round(float(np.quantile(cross_fitted(known, people), 1 - REFUSED)), 4),
    }


def cross_fitted(known: Matrix, people: People) -> Matrix:
    """Squared distance of each recording from other people's; float64 [recordings]."""
    distances = np.empty(len(known))
    for train, test in GroupKFold(FOLDS).split(known, groups=people):
        distances[test] = LedoitWolf().fit(known[train]).mahalanobis(known[test])
    return distances


def strangers(corpus: Path, spec: FrontendSpec) -> dict[str, Matrix]:
    """Statistics of recordings that a lung screen must refuse, by kind."""
    kinds = {"speech": SPEECH, "music": MUSIC, "ambience": AMBIENCE}
    found = {kind: _gather(corpus, folders, spec) for kind, folders in kinds.items()}
    for event in ("cough", "breath", "speech", "vowel"):
        found[f"{event} by telephone"] = _gather(corpus, ("coswara_subset",), spec, event)
    for recorder in ("AKGC417L/multichannel", "Meditron", "LittC2SE/multichannel", "Litt3200"):
        found[f"chest by {recorder}"] = _gather(
            corpus, ("icbhi2017_partial",), spec, recorder=recorder
        )
    found["chest by Yunting model II"] = _gather(corpus, ("sprsound",), spec)
    return {kind: table(frames) for kind, frames in found.items() if frames}


def _gather(
    corpus: Path,
    folders: Sequence[str],
    spec: FrontendSpec,
    event: str | None = None,
    recorder: str | None = None,
) -> list[NDArray[np.int16]]:
    recordings = [r for name in folders for r in read_manifest(corpus / name / "manifest.csv")]
    chosen = [
        r for r in recordings if _is(r, event) and (recorder is None or r.recorder == recorder)
    ]
    step = max(1, len(chosen) // MOST)
    frames = [features(recording, spec) for recording in chosen[::step]]
    least = LEAST_S * spec.rate_hz / spec.hop_samples
    return [recording for recording in frames if len(recording) >= least]


def _is(recorded: Recorded, event: str | None) -> bool:
    return event is None or event in recorded.sounds


def made_up(spec: FrontendSpec, count: int = 20) -> dict[str, list[NDArray[np.int16]]]:
    """Silence and noise that no microphone at a chest delivers, int16 [samples] at the rate."""
    samples = round(10 * spec.rate_hz)
    rng = np.random.default_rng(0)
    return {
        "digital silence": [np.zeros(samples, np.int16)],
        "converter noise": [rng.integers(-1, 2, samples).astype(np.int16) for _ in range(count)],
        "white noise": [rng.normal(0, 1000, samples).astype(np.int16) for _ in range(count)],
    }


def told_apart(known: Matrix, strange: dict[str, Matrix], limits: dict[str, Any]) -> dict[str, Any]:
    """AUROC of the distance and the share refused, by kind.

    Args:
        known: cross-fitted distances of the known recordings.
        strange: statistics of the others.
        limits: the card's numbers.
    """
    mean, precision = np.array(limits["mean"]), np.array(limits["precision"])
    report = {}
    for kind, rows in strange.items():
        away = rows - mean
        distances = np.einsum("ri,ij,rj->r", away, precision, away)
        truth = np.concatenate([np.zeros(len(known)), np.ones(len(rows))])
        report[kind] = {
            "recordings": len(rows),
            "auroc": round(float(roc_auc_score(truth, np.concatenate([known, distances]))), 4),
            "refused": round(float((distances > limits["limit"]).mean()), 4),
        }
    return report

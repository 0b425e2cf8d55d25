"""Scores a screening bundle on recordings with a `label_disease`, as the device would."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.records import Screening
from edge.screening import ABSTAIN, MOST_S, UNFAMILIAR, Screener
from train_export.intervals import in_figures
from train_export.recordings import blocks_of
from train_export.screen import calibration, protocol
from train_export.screen.corpus import Recorded, read_manifest
from train_export.screen.labels import labels_of

_TOO_LONG = f"longer than {MOST_S:g} s"


def evaluate(
    bundle: Bundle, manifest: Path, runtime: str = "auto"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Screen every recording of a manifest that names a disease.

    Returns:
        The report, by recording and by person, with 95 % intervals over people; and a row for
        each recording, in the columns of the predictions file. `truth` is the group that the
        disease belongs to: the first one when any of its members is named, else the last.
        `predicted` is the likelier group; `decision` may be to abstain. Recordings of a disease
        that is neither known to the taxonomy nor to be none are left out, and counted; so are those
        that are longer than the device takes.

    Raises:
        InputOutputError: the manifest or a file can't be read.
        BadInputError: no recording names a known disease, or a file is damaged.
    """
    classifier = Classifier(bundle, runtime)
    screener = Screener(bundle, classifier)
    recordings, left_out = known(manifest)
    rows = []
    people = []
    for recorded in tqdm(recordings, desc="screening", unit="file"):
        result = _screened(recorded, screener)
        if result is None:
            left_out[_TOO_LONG] = left_out.get(_TOO_LONG, 0) + 1
            continue
        rows.append(_row(recorded, truth_of(recorded.disease, screener), result))
        people.append(recorded.subject)
    if not rows:
        raise BadInputError(f"{manifest}: every recording is {_TOO_LONG}; cut them")
    report = {
        "type": "screening_evaluation",
        "bundle": bundle.name,
        "digest": bundle.digest,
        "commit": bundle.card.get("commit", ""),
        "runtime": classifier.runtime_name,
        "positive": screener.rule.labels[0],
        "left_out": left_out,
        **figures(rows, np.array(people), screener.rule.labels[0]),
    }
    return report, rows


def known(manifest: Path) -> tuple[list[Recorded], dict[str, int]]:
    """Recordings whose disease is known, and how many there are of each that is not.

    Raises:
        As `evaluate`.
    """
    named = [recorded for recorded in read_manifest(manifest) if recorded.disease]
    if not named:
        raise BadInputError(f"{manifest} names no disease; fill its column label_disease")
    found, strange = [], Counter[str]()
    fault: BadInputError | None = None
    for recorded in named:
        try:
            labels_of(recorded.disease)
        except BadInputError as error:
            strange[recorded.disease] += 1
            fault = error
        else:
            found.append(recorded)
    if fault and not found:
        raise fault
    return found, dict(strange)


def in_words(report: dict[str, Any]) -> list[str]:
    """The report's main figures, a line each."""
    said = [f"{report['recordings']} recordings, positive is {report['positive']}"]
    said += [f"{count} of {name!r} left out" for name, count in report["left_out"].items()]
    for name in ("auroc", "auroc_by_person", "ece", "error_100", "error_80"):
        if name in report:
            figure = in_figures(report[name]["value"], report[name]["interval_95"])
            said.append(f"{name.replace('_', ' ')} {figure}")
    decisions = report["decisions"]
    wrong = decisions["wrong_among_decided"]
    of_them = "" if wrong is None else f", {wrong:.1%} of these wrong"
    said.append(f"decided {decisions['coverage']:.0%}{of_them}")
    return said


def truth_of(disease: str, screener: Screener) -> str:
    """The group of a source's words."""
    first, *_, last = screener.rule.labels
    return first if labels_of(disease) & set(screener.rule.members[first]) else last


def _screened(recorded: Recorded, screener: Screener) -> Screening | None:
    """What the device would say; None of what is too long for it."""
    rate_hz, recording = blocks_of(recorded.path)
    pcm = np.concatenate([np.zeros(0, np.int16), *recording])
    return screener.screen(pcm, rate_hz) if len(pcm) <= MOST_S * rate_hz else None


def _row(recorded: Recorded, truth: str, result: Screening) -> dict[str, Any]:
    chances = result.probabilities
    return {
        "path": recorded.name,
        "start_s": 0.0,
        "end_s": round(result.duration_s, 4),
        "truth": truth,
        "predicted": max(chances, key=lambda label: chances[label]),
        **{f"p_{label}": round(p, 4) for label, p in chances.items()},
        "decision": result.decision,
        "reasons": " ".join(result.reasons),
        "novelty": round(result.novelty, 4),
        "subject": recorded.subject,
        "label_disease": recorded.disease,
        "recorder": recorded.recorder,
    }


def figures(rows: list[dict[str, Any]], people: protocol.People, positive: str) -> dict[str, Any]:
    """Figures by recording, by person and by recorder."""
    truth = np.array([int(row["truth"] == positive) for row in rows])
    p = np.array([row[f"p_{positive}"] for row in rows])
    decided = np.array([row["decision"] != ABSTAIN for row in rows])
    right = np.array([row["decision"] == row["truth"] for row in rows])
    scores = protocol.Scores(p[None], truth, people)
    both = 0 < truth.mean() < 1
    return {
        **(protocol.report(scores) if both else {"recordings": len(rows)}),
        "decisions": {
            "coverage": round(float(decided.mean()), 4),
            "wrong_among_decided": (
                round(float(1 - right[decided].mean()), 4) if decided.any() else None
            ),
            "refused_as_unfamiliar": round(
                float(np.mean([UNFAMILIAR in row["reasons"].split() for row in rows])), 4
            ),
        },
        "by_recorder": _by_recorder(rows, truth, p),
        "risk_coverage": [
            {"coverage": share, "error": round(calibration.error_at(p, truth, share), 4)}
            for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
        ],
    }


def _by_recorder(
    rows: list[dict[str, Any]], truth: protocol.Truth, p: protocol.Matrix
) -> dict[str, Any]:
    names = np.array([row["recorder"] for row in rows])
    return {
        str(name): {
            "recordings": int((names == name).sum()),
            "positive": int(truth[names == name].sum()),
            "auroc": (
                round(float(roc_auc_score(truth[names == name], p[names == name])), 4)
                if 0 < truth[names == name].mean() < 1
                else None
            ),
        }
        for name in np.unique(names)
    }

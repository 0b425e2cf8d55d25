"""Scores a bundle on annotated recordings, through the device's own pipeline."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edge.bundle import Bundle
from edge.capture import open_wav_or_flac
from edge.classifier import Classifier
from edge.errors import BadInputError, InputOutputError
from edge.pipeline import Pipeline
from edge.records import Event
from train_export.metrics import EventScore, match_onsets, score_events


@dataclass(frozen=True, slots=True)
class Annotation:
    """A recording and its annotated events: (label, onset_s, offset_s), by onset."""

    path: Path
    source: str
    events: tuple[tuple[str, float, float], ...]


def read_manifest(manifest: Path, labels: tuple[str, ...]) -> list[Annotation]:
    """Recordings of a manifest with the events whose label is among `labels`.

    Raises:
        InputOutputError: it can't be read.
        BadInputError: a column is missing or a time is no number.
    """
    files: dict[Path, tuple[str, list[tuple[str, float, float]]]] = {}
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            for row in reader:
                path = manifest.parent / row["path"]
                _, events = files.setdefault(path, (row.get("source", ""), []))
                if row["label_event"] in labels:
                    events.append((row["label_event"], float(row["start_s"]), float(row["end_s"])))
    except OSError as error:
        raise InputOutputError(f"{manifest} can't be read ({error.strerror})") from error
    except KeyError as error:
        raise BadInputError(f"{manifest} has no column {error}") from error
    except ValueError as error:
        raise BadInputError(f"{manifest}, line {reader.line_num}: {error}") from error
    return [
        Annotation(path, source, tuple(sorted(events, key=lambda event: event[1])))
        for path, (source, events) in files.items()
    ]


def evaluate(
    bundle: Bundle, manifest: Path, runtime: str = "auto"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compare a bundle's events with a manifest's.

    Returns:
        The report: for each label that the bundle detects, counts and rates over all files and
        by file; and a row for each true or found event.
    """
    labels = tuple(rule.label for rule in bundle.rules)
    classifier = Classifier(bundle, runtime)
    totals = {label: EventScore(0, 0, 0, 0.0) for label in labels}
    by_file: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for annotation in tqdm(read_manifest(manifest, labels), desc="evaluating", unit="file"):
        found, hours = _listen(bundle, classifier, annotation.path)
        by_file[annotation.path.name] = {"hours": round(hours, 4)}
        for label in labels:
            truth = [event for event in annotation.events if event[0] == label]
            events = [event for event in found if event.label == label]
            score = score_events(
                [event[1] for event in truth], [event.onset_s for event in events], hours
            )
            totals[label] += score
            by_file[annotation.path.name][label] = _counts(score)
            rows += _rows(annotation.path, label, truth, events, labels)
    report = {
        "type": "evaluation",
        "bundle": bundle.name,
        "digest": bundle.digest,
        "runtime": classifier.runtime_name,
        "matching": "one to one, onsets within 0.25 s",
        "labels": {label: _counts(score) | _rates(score) for label, score in totals.items()},
        "files": by_file,
    }
    return report, rows


def _listen(bundle: Bundle, classifier: Classifier, path: Path) -> tuple[list[Event], float]:
    recording = open_wav_or_flac(path)
    pipeline = Pipeline(bundle, classifier, recording.rate_hz)
    events = [
        event for block in recording.blocks(recording.rate_hz) for event in pipeline.push(block)
    ]
    events += pipeline.finish()
    return events, pipeline.coverage.processed_s / 3600


def _counts(score: EventScore) -> dict[str, Any]:
    return {
        "true": score.matched + score.missed,
        "found": score.matched + score.extra,
        "matched": score.matched,
        "hours": round(score.hours, 4),
    }


def _rates(score: EventScore) -> dict[str, float]:
    return {
        "sensitivity": round(score.sensitivity, 4),
        "precision": round(score.precision, 4),
        "f1": round(score.f1, 4),
        "false_alarms_per_hour": round(score.false_alarms_per_hour, 3),
    }


def _rows(
    path: Path,
    label: str,
    truth: list[tuple[str, float, float]],
    events: list[Event],
    labels: tuple[str, ...],
) -> Iterator[dict[str, Any]]:
    """One row a matched, missed or extra event, in the columns of the predictions file."""
    pairs = match_onsets([event[1] for event in truth], [event.onset_s for event in events])
    partner = dict(pairs)
    for number, (_, onset, offset) in enumerate(truth):
        hit = events[partner[number]] if number in partner else None
        yield _row(path, onset, offset, label, label if hit else "", label, hit, labels)
    taken = {j for _, j in pairs}
    for number, event in enumerate(events):
        if number not in taken:
            yield _row(path, event.onset_s, event.offset_s, "", label, label, event, labels)


def _row(
    path: Path,
    start_s: float,
    end_s: float,
    truth: str,
    predicted: str,
    label: str,
    event: Event | None,
    labels: tuple[str, ...],
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": str(path), "start_s": round(start_s, 4), "end_s": round(end_s, 4),
        "truth": truth, "predicted": predicted,
    }  # fmt: skip
    chances = {label: round(event.p, 4) if event else 0.0}
    return row | {f"p_{name}": chances.get(name, 0.0) for name in labels}

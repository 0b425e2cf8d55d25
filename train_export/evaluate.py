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
from train_export.intervals import bootstrap, ratio
from train_export.metrics import EventScore, concordance, match_onsets

MATCHING = "one to one, onsets within 0.25 s"


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """An annotated event of someone, in seconds."""

    label: str
    onset_s: float
    offset_s: float
    subject: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """A recording and its annotated events, by onset."""

    path: Path
    events: tuple[TrueEvent, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of one label in one recording; the pairs index the two tuples."""

    path: Path
    label: str
    truth: tuple[TrueEvent, ...]
    found: tuple[Event, ...]
    pairs: tuple[tuple[int, int], ...]
    hours: float

    @property
    def score(self) -> EventScore:
        """The counts."""
        matched = len(self.pairs)
        return EventScore(matched, len(self.truth) - matched, len(self.found) - matched, self.hours)


def read_manifest(manifest: Path, labels: tuple[str, ...]) -> list[Annotation]:
    """Recordings of a manifest with the events whose label is among `labels`.

    Raises:
        InputOutputError: it can't be read.
        BadInputError: a column is missing or a time is no number.
    """
    files: dict[Path, list[TrueEvent]] = {}
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            for row in reader:
                events = files.setdefault(manifest.parent / row["path"], [])
                if row["label_event"] in labels:
                    events.append(
                        TrueEvent(
                            row["label_event"],
                            float(row["start_s"]),
                            float(row["end_s"]),
                            row.get("subject") or row["path"],
                        )
                    )
    except OSError as error:
        raise InputOutputError(f"{manifest} can't be read ({error.strerror})") from error
    except KeyError as error:
        raise BadInputError(f"{manifest} has no column {error}") from error
    except ValueError as error:
        raise BadInputError(f"{manifest}, line {reader.line_num}: {error}") from error
    return [
        Annotation(path, tuple(sorted(events, key=lambda event: event.onset_s)))
        for path, events in files.items()
    ]


def evaluate(
    bundle: Bundle, manifest: Path, runtime: str = "auto"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compare a bundle's events with a manifest's.

    Returns:
        The report: for each label that the bundle detects, counts, rates and their intervals
        over all files, and counts by file; and a row for each true or found event.
    """
    labels = tuple(rule.label for rule in bundle.rules)
    classifier = Classifier(bundle, runtime)
    outcomes = [
        outcome
        for annotation in tqdm(read_manifest(manifest, labels), desc="evaluating", unit="file")
        for outcome in _outcomes(bundle, classifier, annotation, labels)
    ]
    report = {
        "type": "evaluation",
        "bundle": bundle.name,
        "digest": bundle.digest,
        "commit": bundle.card.get("commit", ""),
        "runtime": classifier.runtime_name,
        "matching": MATCHING,
        "labels": {
            label: summarise([outcome for outcome in outcomes if outcome.label == label])
            for label in labels
        },
        "files": [
            {"file": outcome.path.name, "label": outcome.label} | _counts(outcome.score)
            for outcome in outcomes
        ],
    }
    return report, [row for outcome in outcomes for row in _rows(outcome, labels)]


def _outcomes(
    bundle: Bundle, classifier: Classifier, annotation: Annotation, labels: tuple[str, ...]
) -> Iterator[Outcome]:
    recording = open_wav_or_flac(annotation.path)
    pipeline = Pipeline(bundle, classifier, recording.rate_hz)
    heard = [
        event for block in recording.blocks(recording.rate_hz) for event in pipeline.push(block)
    ]
    heard = sorted(heard + pipeline.finish(), key=lambda event: event.onset_s)
    hours = pipeline.coverage.processed_s / 3600
    for label in labels:
        truth = tuple(event for event in annotation.events if event.label == label)
        found = tuple(event for event in heard if event.label == label)
        pairs = match_onsets([event.onset_s for event in truth], [event.onset_s for event in found])
        yield Outcome(annotation.path, label, truth, found, tuple(pairs), hours)


def summarise(outcomes: list[Outcome]) -> dict[str, Any]:
    """Counts, rates and intervals of one label.

    Sensitivity is resampled over people; what depends on false alarms, over recordings.
    """
    total = sum((outcome.score for outcome in outcomes), EventScore(0, 0, 0, 0.0))
    people: dict[str, list[float]] = {}
    for outcome in outcomes:
        hits = {i for i, _ in outcome.pairs}
        for number, event in enumerate(outcome.truth):
            counts = people.setdefault(event.subject, [0.0, 0.0])
            counts[0] += number in hits
            counts[1] += 1
    recordings = [
        (score.matched, score.missed, score.extra, score.hours)
        for score in (outcome.score for outcome in outcomes)
    ]
    intervals = {
        "sensitivity": bootstrap(list(people.values()), lambda s: ratio(s[0], s[1])),
        "precision": bootstrap(recordings, lambda s: ratio(s[0], s[0] + s[2])),
        "f1": bootstrap(recordings, lambda s: ratio(2 * s[0], 2 * s[0] + s[1] + s[2])),
        "false_alarms_per_hour": bootstrap(recordings, lambda s: ratio(s[2], s[3])),
    }
    rates = {
        "sensitivity": total.sensitivity,
        "precision": total.precision,
        "f1": total.f1,
        "false_alarms_per_hour": total.false_alarms_per_hour,
    }
    return _counts(total) | {
        "people": len(people),
        "recordings": len(outcomes),
        **{name: round(value, 4) for name, value in rates.items()},
        "count_concordance": round(
            concordance(
                [len(outcome.truth) for outcome in outcomes],
                [len(outcome.found) for outcome in outcomes],
            ),
            4,
        ),
        "interval_95": {
            name: None if bounds[0] != bounds[0] else [round(bound, 4) for bound in bounds]
            for name, bounds in intervals.items()
        },
    }


def _counts(score: EventScore) -> dict[str, Any]:
    return {
        "true": score.matched + score.missed,
        "found": score.matched + score.extra,
        "matched": score.matched,
        "hours": round(score.hours, 4),
    }


def _rows(outcome: Outcome, labels: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """One row a matched, missed or extra event, in the columns of the predictions file."""
    partner = dict(outcome.pairs)
    for number, event in enumerate(outcome.truth):
        hit = outcome.found[partner[number]] if number in partner else None
        predicted = outcome.label if hit else ""
        yield _row(outcome, event.onset_s, event.offset_s, outcome.label, predicted, hit, labels)
    taken = {j for _, j in outcome.pairs}
    for number, found in enumerate(outcome.found):
        if number not in taken:
            times = found.onset_s, found.offset_s
            yield _row(outcome, *times, "", outcome.label, found, labels)


def _row(
    outcome: Outcome,
    start_s: float,
    end_s: float,
    truth: str,
    predicted: str,
    event: Event | None,
    labels: tuple[str, ...],
) -> dict[str, Any]:
    chances = {outcome.label: round(event.p, 4) if event else 0.0}
    return {
        "path": str(outcome.path),
        "start_s": round(start_s, 4),
        "end_s": round(end_s, 4),
        "truth": truth,
        "predicted": predicted,
    } | {f"p_{label}": chances.get(label, 0.0) for label in labels}

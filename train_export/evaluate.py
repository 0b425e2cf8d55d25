"""Scores a bundle on annotated recordings, through the device's own pipeline."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from edge.bundle import Bundle
from edge.card import EventRule
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.pipeline import EventFinder, ScoreStream
from edge.records import Event
from train_export.annotations import Annotation, TrueEvent, read_manifest
from train_export.closer_look import closer_look
from train_export.datasets import NEARLY_S
from train_export.intervals import (
    bootstrap,
    in_figures,
    of_all,
    ratio,
    rounded,
    rounded_bounds,
)
from train_export.metrics import EventScore, concordance, match_onsets, total
from train_export.outcome import Outcome
from train_export.recordings import blocks_of
from train_export.taxonomy import ROOM_LABELS, kind_of, room_label

MATCHING = "one to one, onsets within 0.25 s"


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
    annotations = read_manifest(manifest)
    with tqdm(annotations, desc="evaluating", unit="file") as progress:
        outcomes = [
            outcome
            for annotation in progress
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
            rule.label: _of_label(bundle, rule, [o for o in outcomes if o.label == rule.label])
            for rule in bundle.rules
        },
        "files": [
            {"file": outcome.name, "label": outcome.label} | _counts(outcome.score)
            for outcome in outcomes
            if not outcome.clip
        ],
    }
    _warn_of_unknown(manifest, labels, outcomes)
    return report, [row for outcome in outcomes for row in _rows(outcome, labels)]


def _warn_of_unknown(manifest: Path, labels: tuple[str, ...], outcomes: list[Outcome]) -> None:
    """Say so where nothing that the bundle finds is in the manifest, but much else."""
    others = {event.label for outcome in outcomes for event in outcome.others}
    if others and not any(outcome.truth for outcome in outcomes):
        print(
            f"{manifest}: no row is labelled {' or '.join(labels)}, which the bundle finds; there "
            f"are {', '.join(sorted(others)[:8])}",
            file=sys.stderr,
        )


def _of_label(bundle: Bundle, rule: EventRule, outcomes: list[Outcome]) -> dict[str, Any]:
    """What is told of one label: its events, and the clips it is heard in."""
    timed = [outcome for outcome in outcomes if not outcome.clip]
    clips = [bool(outcome.found) for outcome in outcomes if outcome.clip]
    told = summarise(timed) | closer_look(bundle, rule, timed)
    if clips:
        heard = {"true": len(clips), "heard": sum(clips)}
        told["clips"] = heard | {"sensitivity": round(sum(clips) / len(clips), 4)}
    return told


def in_words(report: dict[str, Any]) -> list[str]:
    """The report's main figures, a line a label."""
    return [_in_words(label, numbers) for label, numbers in report["labels"].items()]


def _in_words(label: str, numbers: dict[str, Any]) -> str:
    """What was found, with its intervals where there are enough recordings."""
    words = [
        f"{label}: {numbers['matched']} of {numbers['true']} found in {numbers['hours']:.2f} h"
    ]
    for name in ("sensitivity", "precision", "f1", "false_alarms_per_hour"):
        figure = in_figures(numbers[name], numbers["interval_95"][name])
        words.append(f"{name.replace('_', ' ')} {figure}")
    if "clips" in numbers:
        clips = numbers["clips"]
        words.append(f"heard in {clips['heard']} of {clips['true']} clips without times")
    return ", ".join(words)


def _outcomes(
    bundle: Bundle, classifier: Classifier, annotation: Annotation, labels: tuple[str, ...]
) -> Iterator[Outcome]:
    rate_hz, recording = blocks_of(annotation.path)
    stream = ScoreStream(bundle, classifier, rate_hz)
    blocks, samples = [], 0
    for pcm in recording:
        blocks.append(stream.push(pcm))
        samples += len(pcm)
    blocks.append(stream.finish())
    finder = EventFinder(bundle)
    heard = [event for block in blocks for event in finder.push(block)] + finder.finish()
    heard.sort(key=lambda event: event.onset_s)
    logits = np.concatenate(blocks)
    _refuse_beyond(annotation, samples / rate_hz)
    for label in labels:
        truth, others = [], []
        for event in annotation.events:
            (truth if _means(event.label, label, bundle) else others).append(event)
        found = tuple(event for event in heard if event.label == label)
        duration_s = samples / rate_hz
        # A row over the whole file beside timed ones says nothing that they do not.
        timed = [event for event in truth if not _is_whole(event, duration_s)]
        clip = bool(truth) and not timed
        truth = timed or truth
        yield Outcome(
            annotation.name,
            label,
            tuple(truth),
            found,
            tuple(match_onsets([e.onset_s for e in truth], [e.onset_s for e in found])),
            duration_s / 3600,
            tuple(others),
            logits,
            clip=clip,
        )


def _refuse_beyond(annotation: Annotation, duration_s: float) -> None:
    """A sound after the recording's end is one of another file, or told in other units."""
    late = next((e for e in annotation.events if e.onset_s > duration_s + NEARLY_S), None)
    if late:
        raise BadInputError(
            f"{annotation.name} lasts {duration_s:.2f} s, but a {late.label} is to begin at "
            f"{late.onset_s:g} s; give seconds of that file"
        )


def _is_whole(event: TrueEvent, duration_s: float) -> bool:
    return event.onset_s <= NEARLY_S and event.offset_s >= duration_s - NEARLY_S


def _means(spelled: str, label: str, bundle: Bundle) -> bool:
    """Whether a manifest's label is one of the bundle's: for the room, as its sources spell it."""
    if spelled.lower() == label.lower():
        return True
    return bundle.labels == ROOM_LABELS and room_label(kind_of(spelled)) == label


def summarise(outcomes: list[Outcome]) -> dict[str, Any]:
    """Counts, rates and intervals of one label.

    Sensitivity is resampled over people; what depends on false alarms, over recordings. A share
    of nothing is None.
    """
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
    rates: dict[str, tuple[Sequence[Sequence[float]], Callable[[Any], float]]] = {
        "sensitivity": (list(people.values()), lambda s: ratio(s[0], s[1])),
        "precision": (recordings, lambda s: ratio(s[0], s[0] + s[2])),
        "f1": (recordings, lambda s: ratio(2 * s[0], 2 * s[0] + s[1] + s[2])),
        "false_alarms_per_hour": (recordings, lambda s: ratio(s[2], s[3])),
    }
    return _counts(total(outcome.score for outcome in outcomes)) | {
        "people": len(people),
        "recordings": len(outcomes),
        **{name: rounded(of_all(*rate)) for name, rate in rates.items()},
        "count_concordance": _concordance(outcomes),
        "interval_95": {name: rounded_bounds(bootstrap(*rate)) for name, rate in rates.items()},
    }


def _concordance(outcomes: list[Outcome]) -> float | None:
    """Of the counts of each recording; None where the true ones do not differ."""
    true = [len(outcome.truth) for outcome in outcomes]
    if len(set(true)) < 2:
        return None
    found = [len(outcome.found) for outcome in outcomes]
    return round(concordance(true, found), 4)


def _counts(score: EventScore) -> dict[str, Any]:
    return {
        "true": score.matched + score.missed,
        "found": score.matched + score.extra,
        "matched": score.matched,
        "hours": round(score.hours, 4),
    }


def _rows(outcome: Outcome, labels: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """One row a matched, missed or extra event, in the columns of the predictions file.

    A clip has one row: whether the label was heard in it.
    """
    if outcome.clip:
        best = max(outcome.found, key=lambda event: event.p, default=None)
        times = outcome.truth[0].onset_s, outcome.truth[-1].offset_s
        yield _row(outcome, *times, outcome.label, outcome.label if best else "", best, labels)
        return
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
        "path": outcome.name,
        "start_s": round(start_s, 4),
        "end_s": round(end_s, 4),
        "truth": truth,
        "predicted": predicted,
    } | {f"p_{label}": chances.get(label, 0.0) for label in labels}

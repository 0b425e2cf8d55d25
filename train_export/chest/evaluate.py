"""Scores a chest bundle on the units of a manifest, by the official rules.

Every event, record and cycle row is a unit. A unit is read from audio alone: an event with its
whole recording, a record without its events.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.frontend import FrontendSpec
from edge.patches import recording_logits
from edge.readout import Readout, readouts_of
from train_export.chest.inputs import inputs_of
from train_export.chest.scores import (
    ICBHI,
    NORMAL,
    SPRSOUND,
    TASKS,
    Merge,
    counts,
    rated,
    unmerged,
)
from train_export.chest.units import Unit, frames_of, sorted_out, stretch
from train_export.datasets import NEARLY_S
from train_export.intervals import in_figures

Logits = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the bundle says of a unit.

    Attributes:
        unit: with its truth.
        predicted: in the model's words.
        probabilities: by label.
    """

    unit: Unit
    predicted: str
    probabilities: dict[str, float]


def evaluate(
    bundle: Bundle, manifest: Path, runtime: str = "auto"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compare a chest bundle with a manifest.

    Returns:
        The report, with the scores of each SPRSound task and of ICBHI that the manifest has
        units for; and a row for each unit, in the manifest's order.
    """
    classifier = Classifier(bundle, runtime)
    units, left_out = sorted_out(manifest)
    if not units:
        raise BadInputError(f"{manifest} has no event, record or cycle of the chest profile")
    places = {id(unit): place for place, unit in enumerate(units)}  # a row may be there twice
    readings = sorted(read_all(bundle, classifier, units), key=lambda one: places[id(one.unit)])
    report = {
        "type": "evaluation",
        "bundle": bundle.name,
        "digest": bundle.digest,
        "commit": bundle.card.get("commit", ""),
        "runtime": classifier.runtime_name,
        "note": "A screening aid, not a diagnosis.",
        "rows_left_out": left_out,
        "tasks": tasks(readings),
        "icbhi": icbhi(readings),
    }
    labels = [label for readout in readouts_of(bundle.card).values() for label in readout.labels]
    words = {unit.label: unit.spelled for unit in reversed(units)}
    return report, [_row(reading, labels, words) for reading in readings]


def unit_logits(
    bundle: Bundle, classifier: Classifier, units: Sequence[Unit]
) -> Iterator[tuple[Unit, Logits, Logits]]:
    """Each unit with its own patches' logits and its recording's, float64 [patches, outputs]."""
    spec, tables = bundle.spec, bundle.tables
    recordings: dict[Path, list[Unit]] = {}
    for unit in units:
        recordings.setdefault(unit.path, []).append(unit)
    for path, members in tqdm(recordings.items(), desc="scoring", unit="file"):
        frames = frames_of(path, spec, tables)
        if not len(frames):
            raise BadInputError(f"{path} holds no frame of sound; fetch the recording again")
        recording = recording_logits(classifier, frames)
        for unit in members:
            _refuse_beyond(unit, len(frames), spec)
            own = recording
            if unit.kind != "record":
                part = stretch(frames, unit.start_s, unit.end_s, spec)
                own = recording_logits(classifier, part)
            yield unit, own, recording


def _refuse_beyond(unit: Unit, frames: int, spec: FrontendSpec) -> None:
    """A unit that its recording does not hold is of another file, or told in other units."""
    end_s = (frames * spec.hop_samples + spec.window_samples) / spec.rate_hz
    if unit.end_s > end_s + NEARLY_S:
        beyond_s = unit.end_s
    elif unit.start_s >= end_s:
        beyond_s = unit.start_s
    else:
        return
    raise BadInputError(
        f"{unit.name} ends before {beyond_s:g} s; correct the times, or fetch the recording again"
    )


def read_all(bundle: Bundle, classifier: Classifier, units: Sequence[Unit]) -> Iterator[Reading]:
    """What the bundle says of each unit."""
    readouts = readouts_of(bundle.card)
    for kind in {unit.kind for unit in units} - set(readouts):
        raise BadInputError(f"bundle {bundle.name} has no readout of a {kind}; export it again")
    for unit, own, recording in unit_logits(bundle, classifier, units):
        yield reading(readouts[unit.kind], unit, inputs_of(unit.kind, own, recording))


def reading(readout: Readout, unit: Unit, inputs: Logits) -> Reading:
    """What a readout makes of a unit's inputs, float64 [inputs]."""
    chances = readout.probabilities(inputs)
    named = dict(zip(readout.labels, chances.tolist(), strict=True))
    return Reading(unit, readout.decide(chances), named)


def tasks(readings: Sequence[Reading]) -> dict[str, Any]:
    """SPRSound's scores of each task that there are units for."""
    return {
        name: rated(_by_person(chosen, merge), SPRSOUND)
        for name, (kind, merge) in TASKS.items()
        if (chosen := [reading for reading in readings if reading.unit.kind == kind])
    }


def icbhi(readings: Sequence[Reading]) -> dict[str, Any]:
    """ICBHI's score of all cycles and of each device's; empty without cycles."""
    cycles = [reading for reading in readings if reading.unit.kind == "cycle"]
    if not cycles:
        return {}
    devices = sorted({reading.unit.recorder for reading in cycles})
    return {
        "all": rated(_by_person(cycles), ICBHI),
        "devices": {
            device: rated(
                _by_person([reading for reading in cycles if reading.unit.recorder == device]),
                ICBHI,
            )
            for device in devices
        },
    }


def _by_person(
    readings: Sequence[Reading], merge: Merge = unmerged
) -> dict[str, NDArray[np.float64]]:
    people: dict[str, NDArray[np.float64]] = {}
    for reading in readings:
        unit = reading.unit
        one = counts([unit.label], [reading.predicted], NORMAL[unit.kind], merge)
        people[unit.subject] = people.get(unit.subject, np.zeros(4)) + one
    return people


def _row(reading: Reading, labels: Sequence[str], words: Mapping[str, str]) -> dict[str, Any]:
    """A unit in the manifest's words, where it has some for what was predicted."""
    unit, predicted = reading.unit, reading.predicted
    right = predicted == unit.label
    return {
        "path": unit.name,
        "start_s": unit.start_s,
        "end_s": unit.end_s,
        "truth": unit.spelled,
        "predicted": unit.spelled if right else words.get(predicted, predicted),
    } | {f"p_{label}": round(reading.probabilities.get(label, 0.0), 4) for label in labels}


def in_words(report: dict[str, Any]) -> list[str]:
    """The report's main figures, a line each."""
    said = []
    if left_out := report["rows_left_out"]:
        said.append(
            f"{sum(left_out.values())} rows name no sound of the chest, left out: "
            f"{', '.join(sorted(left_out)[:8])}"
        )
    said += [
        f"SPRSound task {name}: {_words(numbers, SPRSOUND)}"
        for name, numbers in report["tasks"].items()
    ]
    groups = report["icbhi"]
    if groups:
        said.append(f"cycles, by ICBHI's rule: {_words(groups['all'], ICBHI)}")
        said += [
            f"  {device or '(no recorder named)'}: {_words(numbers, ICBHI)}"
            for device, numbers in groups["devices"].items()
        ]
    return said


def _words(numbers: dict[str, Any], measures: dict[str, Any]) -> str:
    words = [f"{numbers['units']} units of {numbers['people']} people"]
    words += [f"{name} {in_figures(numbers[name], numbers[f'{name}_95'])}" for name in measures]
    return ", ".join(words)

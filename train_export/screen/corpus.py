"""Lung-sound recordings of a corpus, with who, what and when; features by the device's frontend."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError, InputOutputError
from edge.frontend import Frontend, FrontendSpec
from train_export.datasets import load_pcm

# The two kinds of added sounds, as each source names them.
WHEEZES = frozenset({"Wheeze", "Rhonchi", "Stridor", "Wheeze+Crackle", "wheeze", "crackle+wheeze"})
CRACKLES = frozenset(
    {"Fine Crackle", "Coarse Crackle", "Wheeze+Crackle", "crackle", "crackle+wheeze"}
)
# They stand in both halves of ICBHI's official split.
IN_BOTH_HALVES = frozenset({"ICBHI-156", "ICBHI-218"})


@dataclass(frozen=True, slots=True)
class Sound:
    """An annotated stretch, in seconds."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recording of a person.

    Attributes:
        path: the file.
        source, subject, disease, recorder, split: as the manifest says; may be empty.
        extra: the manifest's own `key=value` pairs, such as age and sex.
        sounds: annotated stretches.
    """

    path: Path
    source: str
    subject: str
    disease: str
    recorder: str
    split: str
    extra: dict[str, str]
    sounds: tuple[Sound, ...]


def read_manifest(manifest: Path) -> list[Recorded]:
    """The recordings of a manifest, by path.

    Raises:
        InputOutputError: it can't be read.
        BadInputError: a column is missing or a time is no number.
    """
    rows: dict[str, list[dict[str, str]]] = {}
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["path"], []).append(row)
        return [_recorded(manifest.parent, rows[path]) for path in sorted(rows)]
    except OSError as error:
        raise InputOutputError(f"{manifest} can't be read ({error.strerror})") from error
    except KeyError as error:
        raise BadInputError(f"{manifest} has no column {error}; add it") from error
    except ValueError as error:
        raise BadInputError(f"{manifest}: {error}; correct that time") from error


def _recorded(folder: Path, rows: list[dict[str, str]]) -> Recorded:
    first = rows[0]
    pairs = (part.strip().partition("=") for part in first.get("extra", "").split(";"))
    return Recorded(
        path=folder / first["path"],
        source=first.get("source", ""),
        subject=first["subject"] or first["path"],
        disease=first["label_disease"],
        recorder=first.get("recorder", ""),
        split=first.get("split", ""),
        extra={name: value for name, equals, value in pairs if equals},
        sounds=tuple(_sounds(rows)),
    )


def _sounds(rows: Iterable[dict[str, str]]) -> Iterator[Sound]:
    for row in rows:
        label = row.get("label_event", "")
        if row.get("start_s") and row.get("end_s") and not label.startswith("record:"):
            yield Sound(label, float(row["start_s"]), float(row["end_s"]))


def features(recorded: Recorded, spec: FrontendSpec) -> NDArray[np.int16]:
    """Feature frames of a recording, int16 [frames, coefficients]."""
    return Frontend(spec).push(load_pcm(recorded.path, spec.rate_hz)).frames


def sound_frames(recorded: Recorded, frames: int, spec: FrontendSpec) -> NDArray[np.bool_]:
    """Where a wheeze (column 0) or a crackle (column 1) is annotated; bool [frames, 2]."""
    marks = np.zeros((frames, 2), dtype=np.bool_)
    per_s = spec.rate_hz / spec.hop_samples
    for sound in recorded.sounds:
        span = slice(round(sound.start_s * per_s), round(sound.end_s * per_s))
        marks[span, 0] |= sound.label in WHEEZES
        marks[span, 1] |= sound.label in CRACKLES
    return marks

"""Lung-sound recordings of a corpus, with who, what and when; features by the device's frontend."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import Frontend, FrontendSpec
from train_export.datasets import load_pcm
from train_export.readers.rows import read_table, span

Placed = tuple[str, dict[str, str]]  # where a row stands, and the row


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
        name: its path as the manifest spells it.
        source, subject, disease, recorder, split: as the manifest says; may be empty.
        extra: the manifest's own `key=value` pairs, such as age and sex.
        sounds: annotated stretches.
    """

    path: Path
    name: str
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
        BadInputError: a column is missing, a time is no number, or a file has two diseases.
    """
    rows: dict[str, list[Placed]] = {}
    for where, row in read_table(manifest, ("path", "label_disease")):
        rows.setdefault(row["path"], []).append((where, row))
    return [_recorded(manifest.parent, rows[path]) for path in sorted(rows)]


def _recorded(folder: Path, rows: list[Placed]) -> Recorded:
    first = rows[0][1]
    diseases = {row["label_disease"]: where for where, row in rows if row["label_disease"]}
    if len(diseases) > 1:
        raise BadInputError(
            f"{list(diseases.values())[-1]}: {first['path']} is {' and '.join(diseases)}; a "
            "recording has one label_disease"
        )
    pairs = (part.strip().partition("=") for part in first.get("extra", "").split(";"))
    return Recorded(
        path=folder / first["path"],
        name=first["path"],
        source=first.get("source", ""),
        subject=first.get("subject") or first["path"],
        disease=next(iter(diseases), ""),
        recorder=first.get("recorder", ""),
        split=first.get("split", ""),
        extra={name: value for name, equals, value in pairs if equals},
        sounds=tuple(_sounds(rows)),
    )


def _sounds(rows: Iterable[Placed]) -> Iterator[Sound]:
    for where, row in rows:
        label = row.get("label_event", "")
        if row.get("start_s") and row.get("end_s") and not label.startswith("record:"):
            yield Sound(label, *span(row["start_s"], row["end_s"], where))


def features(recorded: Recorded, spec: FrontendSpec) -> NDArray[np.int16]:
    """Feature frames of a recording, int16 [frames, coefficients]."""
    return Frontend(spec).push(load_pcm(recorded.path, spec.rate_hz)).frames

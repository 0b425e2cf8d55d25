"""Lung-sound recordings of a corpus, with who, what and when; features by the device's frontend."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import Frontend, FrontendSpec
from train_export.datasets import load_pcm
from train_export.readers.rows import pairs_of, read_table

Placed = tuple[str, dict[str, str]]  # where a row stands, and the row


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recording of a person.

    Attributes:
        path: the file.
        name: its path as the manifest spells it.
        source, subject, disease, recorder: as the manifest says; may be empty.
        extra: the manifest's own `key=value` pairs, such as age and sex.
        sounds: labels of what is in it.
    """

    path: Path
    name: str
    source: str
    subject: str
    disease: str
    recorder: str
    extra: dict[str, str]
    sounds: frozenset[str]


def read_manifest(manifest: Path) -> list[Recorded]:
    """The recordings of a manifest, by path.

    Raises:
        InputOutputError: it can't be read.
        BadInputError: a column is missing, or a file has two diseases.
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
    return Recorded(
        path=folder / first["path"],
        name=first["path"],
        source=first.get("source", ""),
        subject=first.get("subject") or first["path"],
        disease=next(iter(diseases), ""),
        recorder=first.get("recorder", ""),
        extra=pairs_of(first.get("extra")),
        sounds=frozenset(_sounds(rows)),
    )


def _sounds(rows: Iterable[Placed]) -> Iterator[str]:
    for _, row in rows:
        label = row.get("label_event", "")
        if label and not label.startswith("record:"):
            yield label


def features(recorded: Recorded, spec: FrontendSpec) -> NDArray[np.int16]:
    """Feature frames of a recording, int16 [frames, coefficients]."""
    return Frontend(spec).push(load_pcm(recorded.path, spec.rate_hz))

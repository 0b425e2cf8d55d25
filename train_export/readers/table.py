"""A table of features in CSV: a header, one sample a row, the label last."""

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from train_export.readers.rows import read_text

# A column of such a name says whose a sample is, and is no feature: patient, Subject_ID, ...
GROUP_NAME = re.compile(
    "(group|subject|patient|participant|person|speaker|user)(id|no|nr|number|name|code)?"
)
LEAST_GROUPS = 3  # to train, validate and test


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Samples with their labels.

    Attributes:
        features: float64 [samples, features], finite.
        labels: str [samples].
        groups: str [samples], whose each is; its line where the table does not say.
        names: of the features, in order.
        grouped: whether the table says whose each sample is.
    """

    features: NDArray[np.float64]
    labels: NDArray[np.str_]
    groups: NDArray[np.str_]
    names: tuple[str, ...]
    grouped: bool


def read_features(path: Path) -> Table:
    """Read a table; see `GROUP_NAME` for the one column that may be no number.

    Raises:
        InputOutputError: it can't be read.
        BadInputError: a cell is no number, a row has another width, a label has fewer than
            three people or rows, or there is one label only; names the line and the column.
    """
    rows = _lines(path)
    _, header = next(rows, ("", []))
    header = [name.strip() for name in header]
    if len(header) < 2 or all(_is_number(name) for name in header[:-1]):
        raise BadInputError(
            f"{path}, line 1: give a header with a name for each feature and, last, the label"
        )
    group = _group_column(path, header)
    columns = [at for at in range(len(header) - 1) if at != group]
    if not columns:
        raise BadInputError(f"{path}, line 1: no column of a feature; add one beside the label")
    features, labels, groups = [], [], []
    for where, row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise BadInputError(f"{where}: {len(row)} values, the header has {len(header)}")
        if not row[-1].strip():
            raise BadInputError(f"{where}, column {header[-1]!r}: no label")
        features.append([_cell(row[at], f"{where}, column {header[at]!r}") for at in columns])
        labels.append(row[-1].strip())
        groups.append(row[group].strip() if group is not None else where)
    _check_labels(path, labels, groups)
    return Table(
        np.array(features),
        np.array(labels),
        np.array(groups),
        tuple(header[at] for at in columns),
        group is not None,
    )


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Rows of a CSV file, each with where it stands."""
    rows = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        for row in rows:
            yield f"{path}, line {rows.line_num}", row
    except csv.Error as error:
        raise BadInputError(f"{path}, line {rows.line_num}: {error}") from error


def _group_column(path: Path, header: list[str]) -> int | None:
    """Which column says whose a sample is; None when none does."""
    plain = [re.sub("[^a-z0-9]", "", name.lower()) for name in header]
    if "id" in plain[:-1]:
        raise BadInputError(
            f"{path}, line 1: the column {header[plain.index('id')]!r} is no feature; call it "
            "subject where it says whose a sample is, or take it out"
        )
    found = [at for at, name in enumerate(plain[:-1]) if GROUP_NAME.fullmatch(name)]
    if len(found) > 1:
        names = " and ".join(repr(header[at]) for at in found)
        raise BadInputError(f"{path}, line 1: {names} say whose a sample is; leave one")
    if not found and GROUP_NAME.fullmatch(plain[-1]):
        raise BadInputError(f"{path}, line 1: the last column is {header[-1]!r}, not the label")
    return found[0] if found else None


def _check_labels(path: Path, labels: list[str], groups: list[str]) -> None:
    if len(set(labels)) < 2:
        raise BadInputError(f"{path}: {len(set(labels))} labels in the last column; needs 2")
    for label in sorted(set(labels)):
        people = {who for who, what in zip(groups, labels, strict=True) if what == label}
        if len(people) < LEAST_GROUPS:
            raise BadInputError(
                f"{path}: label {label!r} has {len(people)} people or rows; training, validation "
                f"and test need {LEAST_GROUPS}: add samples, or take the label out"
            )


def _cell(text: str, where: str) -> float:
    if not _is_number(text) or not math.isfinite(float(text)):
        raise BadInputError(f"{where}: {text!r} is no finite number")
    return float(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

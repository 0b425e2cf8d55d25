"""COUGHVID: files named by a UUID, with a JSON file each or `metadata_compiled.csv`.

`cough_detected` is the authors' own detector's certainty; they advise 0.8 and more. A file
below it is not certainly a cough, nor certainly free of one. Source: Orlandic et al.,
Scientific Data 8, 2021.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge.errors import BadInputError
from train_export.readers.rows import (
    AUDIO_SUFFIXES,
    FOREIGN_SUFFIXES,
    Row,
    number,
    read_object,
    read_table,
    seconds_of,
)

CERTAIN = 0.8
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TABLE = "metadata_compiled.csv"


def claims(root: Path, files: Sequence[Path]) -> bool:
    """Whether its table is there, or annotations named by a UUID."""
    return any(
        path.name == _TABLE or (path.suffix == ".json" and _UUID.fullmatch(path.stem))
        for path in files
    )


def read(root: Path, files: Sequence[Path]) -> list[Row]:
    """A row a recording; `unknown_noise` where no cough is certain.

    Raises:
        BadInputError: an annotation makes no sense, or a recording is missing or of a format
            that has to be converted.
    """
    audio: dict[str, Path] = {}
    for path in files:
        readable = path.suffix.lower() in AUDIO_SUFFIXES
        if readable or (path.suffix.lower() in FOREIGN_SUFFIXES and path.stem not in audio):
            audio[path.stem] = path
    rows = []
    for where, uuid, about in _annotations(files):
        if uuid not in audio:
            raise BadInputError(f"{where}: no recording {uuid} below {root}")
        certain = number(about.get("cough_detected", ""), "cough_detected", where) >= CERTAIN
        rows.append(
            Row(
                path=audio[uuid], source="coughvid", label="cough" if certain else "unknown_noise",
                start_s=0.0, end_s=seconds_of(audio[uuid]), subject=f"CV-{uuid}",
                disease=str(about.get("status") or ""), recorder="web browser, own device",
                extra=f"age={about.get('age') or ''};gender={about.get('gender') or ''}",
            )
        )  # fmt: skip
    return rows


def _annotations(files: Sequence[Path]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where an annotation stands, its UUID and its fields; the table where there is one."""
    tables = [path for path in files if path.name == _TABLE]
    for table in tables:
        for where, row in read_table(table, ("uuid", "cough_detected")):
            yield where, row["uuid"], row
    if tables:
        return
    for path in files:
        if path.suffix != ".json" or not _UUID.fullmatch(path.stem):
            continue
        yield str(path), path.stem, read_object(path)

"""A folder a label, recordings in it: the simplest way in.

`my_folder/wheeze/*.wav`; a folder inside a label's folder stands for a person, so that nobody
is in training and in the test. Folders inside a person's are the person's.
"""

import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from edge.errors import BadInputError
from train_export.readers.rows import AUDIO_SUFFIXES, FOREIGN_SUFFIXES, Row, seconds_of


def claims(root: Path, files: Sequence[Path]) -> bool:
    """Whether a folder below the root holds audio."""
    return any(_is_labelled(path, root) for path in files)


def read(root: Path, files: Sequence[Path]) -> list[Row]:
    """A row a file.

    Raises:
        BadInputError: a file is no audio, or of a format that has to be converted, or two
            labels or people differ in case only.
    """
    rows: list[Row] = []
    stray = [path for path in files if _is_audio(path) and not _is_labelled(path, root)]
    if stray:
        print(f"{root}: not read, since in no label's folder: {stray[0]}, …", file=sys.stderr)
    for path in files:
        if not _is_labelled(path, root):
            continue
        label, *people = path.relative_to(root).parts[:-1]
        rows.append(
            Row(
                path=path, source=root.resolve().name, label=label, start_s=0.0,
                end_s=seconds_of(path), subject=people[0] if people else "",
            )
        )  # fmt: skip
    _refuse_twins(root, "labels", {row.label for row in rows})
    _refuse_twins(root, "people", {row.subject for row in rows})
    return rows


def _refuse_twins(root: Path, what: str, names: set[str]) -> None:
    """Names that look alike are one label, or one person, spelt in two ways.

    Some systems write an accent as a character of its own, others with its letter (UAX #15).
    """
    known: dict[str, str] = {}
    for name in sorted(names):
        seen = unicodedata.normalize("NFC", name.casefold())
        if (twin := known.setdefault(seen, name)) != name:
            raise BadInputError(
                f"{root}: the {what} {twin!r} and {name!r} differ in case or in the spelling of an "
                "accent only; give them one name"
            )


def _is_labelled(path: Path, root: Path) -> bool:
    return _is_audio(path) and len(path.relative_to(root).parts) > 1


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES)

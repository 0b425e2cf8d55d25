"""A folder a label, recordings in it: the simplest way in.

`my_folder/wheeze/*.wav`; a folder inside a label's folder stands for a person, so that nobody
is in training and in the test.
"""

from collections.abc import Sequence
from pathlib import Path

from train_export.readers.rows import AUDIO_SUFFIXES, FOREIGN_SUFFIXES, Row, seconds_of


def claims(root: Path, files: Sequence[Path]) -> bool:
    """Whether a folder below the root holds audio."""
    return any(_is_labelled(path, root) for path in files)


def read(root: Path, files: Sequence[Path]) -> list[Row]:
    """A row a file.

    Raises:
        BadInputError: a file is no audio, or of a format that has to be converted.
    """
    rows = []
    for path in files:
        if not _is_labelled(path, root):
            continue
        label, *people = path.relative_to(root).parts[:-1]
        rows.append(
            Row(
                path=path, source=root.resolve().name, label=label, start_s=0.0,
                end_s=seconds_of(path), subject="/".join(people),
            )
        )  # fmt: skip
    return rows


def _is_labelled(path: Path, root: Path) -> bool:
    audio = path.suffix.lower() in (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES)
    return audio and len(path.relative_to(root).parts) > 1

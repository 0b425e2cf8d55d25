"""ESC-50: `esc50.csv`, in `meta/` or not, and its clips in some folder.

Source: Piczak, ACM Multimedia, 2015.
"""

from collections.abc import Sequence
from pathlib import Path

from edge.errors import BadInputError
from train_export.readers.rows import AUDIO_SUFFIXES, Row, read_table, seconds_of

COLUMNS = ("filename", "fold", "category")


def claims(root: Path, files: Sequence[Path]) -> bool:
    """Whether its table is there."""
    return any(path.name == "esc50.csv" for path in files)


def read(root: Path, files: Sequence[Path]) -> list[Row]:
    """A row a clip; clips of one upload share a session.

    Raises:
        BadInputError: a clip of the table is not there or is no audio.
    """
    rows = []
    clips: dict[str, list[Path]] = {}
    for path in files:
        if path.suffix.lower() in AUDIO_SUFFIXES:
            clips.setdefault(path.name, []).append(path)
    for table in files:
        if table.name != "esc50.csv":
            continue
        for where, values in read_table(table, COLUMNS):
            path = _one(clips.get(values["filename"], []), table, where, root, values["filename"])
            # 1-100032-A-0.wav: fold, upload, take, class.
            upload = values.get("src_file") or path.stem.split("-")[1 if "-" in path.stem else 0]
            rows.append(
                Row(
                    path=path, source="esc50", label=values["category"], start_s=0.0,
                    end_s=seconds_of(path), session=f"freesound-{upload}",
                    split=f"fold{values['fold']}",
                )
            )  # fmt: skip
    return rows


def _one(found: list[Path], table: Path, where: str, root: Path, name: str) -> Path:
    """The clip of a name; where there are several, the one in the archive's own place."""
    usual = table.parent.parent / "audio" / name
    if usual in found:
        return usual
    if not found:
        raise BadInputError(f"{where}: no file {name} below {root}")
    if len(found) > 1:
        raise BadInputError(f"{where}: {found[0]} and {found[1]}; take one out")
    return found[0]

"""Coswara: a folder a day, in it a folder a participant, in it a file a task.

Beside the tasks lies `metadata.json`, or a table `combined_data.csv` names every participant.
Source: Sharma et al., Interspeech, 2020.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train_export.readers.rows import AUDIO_SUFFIXES, Row, read_object, read_table, seconds_of

TASKS = {
    "cough-heavy": "cough", "cough-shallow": "cough",
    "breathing-deep": "breath", "breathing-shallow": "breath",
    "counting-fast": "speech", "counting-normal": "speech",
    "vowel-a": "vowel", "vowel-e": "vowel", "vowel-o": "vowel",
}  # fmt: skip


def claims(root: Path, files: Sequence[Path]) -> bool:
    """Whether a file is a task, and something names its participant.

    A recording of one's own may have such a name.
    """
    about = {path.parent for path in files if path.name == "metadata.json"}
    table = any(path.name == "combined_data.csv" for path in files)
    return any(_is_task(path) and (table or path.parent in about) for path in files)


def read(root: Path, files: Sequence[Path]) -> list[Row]:
    """A row a task.

    Raises:
        BadInputError: a participant's metadata is no JSON object, or a task is no audio.
    """
    table = _participants(files)
    found: dict[Path, dict[str, Any]] = {}
    rows = []
    for path in files:
        if not _is_task(path):
            continue
        folder = path.parent
        if folder not in found:
            note = folder / "metadata.json"
            found[folder] = read_object(note) if note.is_file() else table.get(folder.name, {})
        about = found[folder]
        rows.append(
            Row(
                path=path, source="coswara", label=TASKS[path.stem], start_s=0.0,
                end_s=seconds_of(path), subject=f"COS-{folder.name}",
                session=folder.parent.name, disease=str(about.get("covid_status", "")),
                recorder="web browser, own device",
                extra=f"task={path.stem};a={about.get('a', '')};g={about.get('g', '')}",
            )
        )  # fmt: skip
    return rows


def _is_task(path: Path) -> bool:
    return path.stem in TASKS and path.suffix.lower() in AUDIO_SUFFIXES


def _participants(files: Sequence[Path]) -> dict[str, dict[str, str]]:
    tables = [path for path in files if path.name == "combined_data.csv"]
    return {row["id"]: row for table in tables for _, row in read_table(table, ("id",))}

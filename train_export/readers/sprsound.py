"""SPRSound, the releases of 2022 to 2024: WAV files, and JSON files of the same name.

A file is called `patient_age_sex_site_record.wav`, sex 0 for male and 1 for female, site p1 to
p4, in 2024 to p8. Its JSON holds a label of the whole record, but not in 2024, and events with
times in milliseconds. Source:
Zhang et al., IEEE Transactions on Biomedical Circuits and Systems 16, 2022.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.errors import BadInputError
from train_export.readers.rows import Row, read_object, seconds_of, span

_NAME = re.compile(r"(\d+)_(\d+(?:\.\d+)?)_([01])_(p[1-8])_(\d+)")
SITES = {
    "p1": "left posterior", "p2": "left lateral", "p3": "right posterior", "p4": "right lateral",
}  # fmt: skip
EVENTS = (
    "Normal", "Rhonchi", "Wheeze", "Stridor", "Coarse Crackle", "Fine Crackle", "Wheeze+Crackle",
)  # fmt: skip
RECORDS = ("Normal", "CAS", "DAS", "CAS & DAS", "Poor Quality")
# "No Event" stands for a record of poor quality in the release of 2023.
_NO_EVENT = "No Event"


def claims(root: Path, files: Sequence[Path]) -> bool:
    """Whether an annotation has a name of this data set."""
    return any(path.suffix == ".json" and _NAME.fullmatch(path.stem) for path in files)


def read(root: Path, files: Sequence[Path]) -> list[Row]:
    """A row a record, labelled `record:…`, and a row an event.

    Raises:
        BadInputError: a recording or its annotation is missing, or the annotation makes no
            sense.
    """
    audio = {path.stem: path for path in files if path.suffix.lower() == ".wav"}
    notes = {
        path.stem: path for path in files if path.suffix == ".json" and _NAME.fullmatch(path.stem)
    }
    for stem, path in audio.items():
        if _NAME.fullmatch(stem) and stem not in notes:
            raise BadInputError(f"{path}: no annotation {stem}.json below {root}")
    rows = []
    for stem, note in notes.items():
        if stem not in audio:
            raise BadInputError(f"{note}: no recording {stem}.wav below {root}")
        rows += _record(audio[stem], note, root)
    return rows


def _record(path: Path, note: Path, root: Path) -> list[Row]:
    name = _NAME.fullmatch(path.stem)
    assert name is not None, "only names of the data set come here"
    patient, age, sex, site, record = name.groups()
    says = _parse(note)

    def row(label: str, start_s: float, end_s: float) -> Row:
        return Row(
            path=path, source="sprsound", label=label, start_s=start_s, end_s=end_s,
            subject=f"SPR-{patient}", session=record, body_site=SITES.get(site, "chest"),
            recorder="Yunting model II stethoscope", split=_split(note.relative_to(root)),
            extra=f"age={age};sex={'MF'[int(sex)]}",
        )  # fmt: skip

    whole = says.get("record_annotation")
    rows = [row(f"record:{whole}", 0.0, seconds_of(path))] if whole else []
    for number, event in enumerate(says["event_annotation"], start=1):
        where = f"{note}, event {number}"
        if not isinstance(event, dict) or not {"start", "end", "type"} <= set(event):
            raise BadInputError(f"{where}: needs start, end and type")
        if event["type"] == _NO_EVENT:
            continue
        if event["type"] not in EVENTS:
            raise BadInputError(
                f"{where}: type {event['type']!r} is not one of {', '.join(EVENTS)}"
            )
        rows.append(row(event["type"], *span(event["start"], event["end"], where, 1e-3)))
    return rows


def _parse(note: Path) -> dict[str, Any]:
    says = read_object(note)
    if (
        not isinstance(says.get("event_annotation"), list)
        or says.get("record_annotation", RECORDS[0]) not in RECORDS
    ):
        raise BadInputError(
            f"{note}: needs a list event_annotation, and record_annotation, if any, as one of "
            f"{', '.join(RECORDS)}"
        )
    return says


def _split(note: Path) -> str:
    """The half that the folders name: train, test_intra or test_inter."""
    folders = "/".join(note.parts[:-1]).lower()
    for mark, split in (("intra", "test_intra"), ("inter", "test_inter"), ("train", "train")):
        if mark in folders:
            return split
    return "test" if "test" in folders else ""

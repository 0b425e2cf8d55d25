"""ICBHI 2017, the Respiratory Sound Database: WAV files with breathing cycles beside them.

Beside each `101_1b1_Al_sc_Meditron.wav` lies a text file of the same name, a cycle a line:
start and end in seconds, crackles 0 or 1, wheezes 0 or 1. The diagnoses and the official
halves are optional lists. Source: Rocha et al., Physiological Measurement 40, 2019.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from edge.errors import BadInputError
from train_export.readers.rows import Row, read_text, span

_NAME = re.compile(r"(\d{3})_(\w+?)_(Tc|Al|Ar|Pl|Pr|Ll|Lr)_(sc|mc)_(\w+)\.wav", re.IGNORECASE)
SITES = {
    "tc": "trachea", "al": "anterior left", "ar": "anterior right", "pl": "posterior left",
    "pr": "posterior right", "ll": "lateral left", "lr": "lateral right",
}  # fmt: skip
LABELS = {"00": "normal_cycle", "10": "crackle", "01": "wheeze", "11": "crackle+wheeze"}
_DIAGNOSES = ("patient_diagnosis.csv", "icbhi_challenge_diagnosis.txt")
_SPLITS = ("icbhi_challenge_train_test.txt", "icbhi_challenge_train_test.csv")


# People who stand in both halves of the official split.
IN_BOTH_HALVES = ("ICBHI-156", "ICBHI-218")


def claims(root: Path, files: Sequence[Path]) -> bool:
    """Whether a recording has a name of this data set."""
    return any(_NAME.fullmatch(path.name) for path in files)


def read(root: Path, files: Sequence[Path]) -> list[Row]:
    """A row a breathing cycle.

    Raises:
        BadInputError: a recording has no cycles, or a line of a list makes no sense.
    """
    diseases = {row[0]: row[1] for row in _list(files, _DIAGNOSES) if row[0].isdigit()}
    splits = {row[0].removesuffix(".wav"): row[1] for row in _list(files, _SPLITS)}
    texts = {path.stem: path for path in files if path.suffix.lower() == ".txt"}
    rows = []
    for path in files:
        name = _NAME.fullmatch(path.name)
        if not name:
            continue
        if path.stem not in texts:
            raise BadInputError(f"{path}: no {path.stem}.txt with its breathing cycles")
        patient, session, site, mode, device = name.groups()
        for start_s, end_s, label in _cycles(texts[path.stem]):
            rows.append(
                Row(
                    path=path, source="icbhi2017", label=label, start_s=start_s, end_s=end_s,
                    subject=f"ICBHI-{patient}", session=session,
                    disease=diseases.get(patient, ""), body_site=SITES[site.lower()],
                    recorder=device + ("/multichannel" if mode == "mc" else ""),
                    split=splits.get(path.stem, ""),
                )
            )  # fmt: skip
    return rows


def _cycles(text: Path) -> list[tuple[float, float, str]]:
    cycles = []
    for line, content in enumerate(read_text(text).splitlines(), start=1):
        where = f"{text}, line {line}"
        values = content.split()
        if not values:
            continue
        flags = "".join(values[2:])
        if len(values) != 4 or flags not in LABELS:
            raise BadInputError(
                f"{where}: {content!r} is not a start, an end, crackles 0 or 1, wheezes 0 or 1"
            )
        cycles.append((*span(values[0], values[1], where), LABELS[flags]))
    return cycles


def _list(files: Sequence[Path], names: tuple[str, ...]) -> list[list[str]]:
    """The lines of an optional list, split at commas, tabs or spaces: two values each."""
    rows = []
    for path in files:
        if path.name.lower() not in names:
            continue
        for line, content in enumerate(read_text(path).splitlines(), start=1):
            values = re.split(r"[,;\s]+", content.strip())
            if values == [""]:
                continue
            if len(values) != 2:
                raise BadInputError(f"{path}, line {line}: {content!r} is not two values")
            rows.append(values)
    return rows

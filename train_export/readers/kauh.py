"""KAUH lung sounds: everything stands in the file names.

`BP1_Asthma,I E W,P L L,70,M.wav`: the stethoscope's filter (bell, diaphragm, extended) and the
patient, the disease, the sound, the site, age and sex. Source: Fraiwan et al., Data in Brief
35, 2021.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from edge.errors import BadInputError
from train_export.readers.rows import Row, seconds_of

_FAMILY = re.compile(r"[BDE]P\d+_.*\.wav", re.IGNORECASE)
_NAME = re.compile(r"([BDE])P(\d+)_([^,]*),([^,]*),([^,]*),([^,]*),([^,]*)\.wav", re.IGNORECASE)
FILTERS = {"B": "bell", "D": "diaphragm", "E": "extended"}
# The letters name the breathing phase (I, E), then the sound.
SOUNDS = {
    "N": "normal",
    "C": "crackle",
    "Crep": "crackle",
    "I C": "crackle(inspiratory)",
    "E W": "wheeze(expiratory)",
    "I E W": "wheeze",
    "I C E W": "crackle+wheeze",
    "I C B": "crackle+bronchial",
    "Bronchial": "bronchial",
}
_SITE = {"P": "posterior", "A": "anterior", "L": "left", "R": "right", "U": "upper", "M": "middle"}


def claims(root: Path, files: Sequence[Path]) -> bool:
    """Whether a file has a name of this data set."""
    return any(_NAME.fullmatch(path.name) for path in files)


def read(root: Path, files: Sequence[Path]) -> list[Row]:
    """A row a recording.

    Raises:
        BadInputError: a name lacks a part or holds an unknown sound, or a file is no audio.
    """
    rows = []
    for path in files:
        if not _FAMILY.fullmatch(path.name):
            continue
        name = _NAME.fullmatch(path.name)
        if not name:
            raise BadInputError(
                f"{path}: the name is not FILTER PATIENT _ disease,sound,site,age,sex"
            )
        letter, patient, disease, sound, site, age, sex = (part.strip() for part in name.groups())
        if sound not in SOUNDS:
            raise BadInputError(f"{path}: sound {sound!r} is not one of {', '.join(SOUNDS)}")
        kind = FILTERS[letter.upper()]
        rows.append(
            Row(
                path=path, source="kauh", label=SOUNDS[sound], start_s=0.0, end_s=seconds_of(path),
                subject=f"KAUH-P{patient}", session=kind, disease=disease,
                body_site=_site(site), recorder=f"3M Littmann 3200 {kind} filter",
                extra=f"age={age};sex={sex}",
            )
        )  # fmt: skip
    return rows


def _site(letters: str) -> str:
    """`P L L` -> posterior left lower: a third L means the level, not the side."""
    words = [_SITE.get(letter, letter) for letter in letters.split()]
    if len(words) > 2 and words[2] == "left":
        words[2] = "lower"
    return " ".join(words) or "chest"

"""What the sources call a disease -> labels of the taxonomy, and the groups that a screen tells."""

import re

from edge.errors import BadInputError
from edge.screening import TAXONOMY

# Compared without case. What a source names but the taxonomy does not is "": a disease of its
# own, neither healthy nor one of the labels.
NAMES = {
    "normal": "healthy",
    "healthy": "healthy",
    "n": "healthy",
    "bron": "bronchiectasis",
    "bronchitis": "",
    "hf": "heart failure",
    "chf": "heart failure",
    "uri": "upper respiratory infection",
    "urti": "upper respiratory infection",
    "lrti": "lower respiratory infection",
    "lung fibrosis": "",
    "plueral effusion": "",
    "pleural effusion": "",
}
GROUPS = {
    "obstructive": ["asthma", "COPD"],
    "other": ["healthy", "pneumonia", "bronchiectasis", "heart failure"],
}
POSITIVE, REST = GROUPS
OBSTRUCTIVE = frozenset(GROUPS[POSITIVE])
# What a head tells apart: who is healthy and who is ill otherwise sound too unlike to be one.
CLASSES = (POSITIVE, "healthy", "other illness")
OUTPUTS = {POSITIVE: [CLASSES[0]], REST: list(CLASSES[1:])}


def labels_of(disease: str) -> frozenset[str]:
    """Labels of the taxonomy in a source's words, such as "Heart Failure + COPD" or "asthma/COPD".

    Returns:
        The labels, without what the taxonomy does not name; may be empty.

    Raises:
        BadInputError: a word is neither a label nor known to be none.
    """
    known = {label.lower(): label for label in TAXONOMY} | NAMES
    found = set()
    for part in re.split(r"\s+and\s+|\s*[+/&,;]\s*", disease.strip().lower()):
        if part not in known:
            raise BadInputError(
                f"label_disease {disease!r} is unknown; use one of: {', '.join(TAXONOMY)}, or "
                "several joined by +"
            )
        found.add(known[part])
    return frozenset(found - {""})


def class_of(disease: str, asked: frozenset[str] = OBSTRUCTIVE) -> int:
    """0 where a source names one of the labels asked about, 1 of the healthy, 2 of all others."""
    labels = labels_of(disease)
    if labels & asked:
        return 0
    return 1 if "healthy" in labels else 2

"""What the chest model says, and how the corpora spell it.

Events are SPRSound's annotated sounds and records its whole recordings (Zhang et al., SPRSound,
IEEE TBioCAS 2022); cycles are ICBHI's breathing cycles (Rocha et al., 2019).
"""

from train_export import taxonomy

EVENTS = (
    "Normal",
    "Rhonchi",
    "Wheeze",
    "Stridor",
    "Coarse Crackle",
    "Fine Crackle",
    "Wheeze+Crackle",
)
RECORDS = (
    "record:Normal",
    "record:CAS",
    "record:DAS",
    "record:CAS & DAS",
    "record:Poor Quality",
)
CYCLES = ("normal_cycle", "crackle", "wheeze", "crackle+wheeze")
# Heard around the middle of a patch: what a stream of patches turns into events.
HEARD = ("crackle", "wheeze")

# A cycle's label is also a heard sound's, so the model's outputs carry its kind.
CYCLE_OUTPUTS = tuple(f"cycle:{label}" for label in CYCLES)
OUTPUTS = (*EVENTS, *RECORDS, *CYCLE_OUTPUTS, *HEARD)

CRACKLES = frozenset({"Coarse Crackle", "Fine Crackle", "Wheeze+Crackle", "crackle+wheeze"})
WHEEZES = frozenset({"Wheeze", "Rhonchi", "Stridor", "Wheeze+Crackle", "crackle+wheeze"})

KINDS = {"event": EVENTS, "record": RECORDS, "cycle": CYCLES}
# How others spell a cycle's class: the project's own four, and KAUH.
SPELLINGS = {"normal": "normal_cycle", "both": "crackle+wheeze", "I E W": "wheeze"}
# Large and small letters tell SPRSound's words from a cycle's where both have the word.
_ANY_CASE = {
    label.casefold(): label
    for label in (*EVENTS, *RECORDS, *CYCLES)
    if label.casefold() not in {"normal", "wheeze"}
}


def canonical(label: str) -> str:
    """The model's word for a manifest's label, a remark in brackets left out."""
    if kind_of(label):
        return label
    plain = taxonomy.kind_of(label)
    return SPELLINGS.get(plain) or _ANY_CASE.get(plain.casefold(), plain)


def kind_of(label: str) -> str | None:
    """The kind of unit that a label names; None for a label of another profile."""
    return next((kind for kind, labels in KINDS.items() if label in labels), None)


def columns(kind: str) -> slice:
    """Where a kind's outputs stand among the model's."""
    first = {"event": 0, "record": len(EVENTS), "cycle": len(EVENTS) + len(RECORDS)}[kind]
    return slice(first, first + len(KINDS[kind]))

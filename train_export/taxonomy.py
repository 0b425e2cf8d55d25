"""The one place where the labels of data sets become the project's own."""

# What a room hears. Everything that is not a respiratory sound or speech is `other`: it is
# there so that the model learns what a cough is not.
ROOM = {
    "cough": "cough",
    "coughs": "cough",
    "coughing": "cough",
    "sneeze": "sneeze",
    "sneezing": "sneeze",
    "snore": "snore",
    "snoring": "snore",
    "breath": "breath",
    "breathing": "breath",
    "speech": "speech",
    "vowel": "speech",
    "room_impulse_response": "rir",
    # Not certainly free of coughs, so neither a positive nor a negative.
    "unknown_noise": "",
    # Rows that list a recording, not a sound.
    "scene": "",
    "": "",
}

# What sources call their coughs: `dry cough`, and never `no cough`.
COUGHS = ("dry", "wet", "heavy", "shallow", "productive", "barking", "whooping")

# The outputs of the room's model, in order.
ROOM_LABELS = ("cough", "sneeze", "snore", "breath", "speech", "other")
# What a scene is made of, beside its events.
BEDS = ("background", "rir")

# What a contact microphone hears of a chest, in the four classes of ICBHI 2017. A rhonchus is a
# low-pitched continuous sound and stridor one of the upper airway; the official binary and
# ternary tasks of SPRSound group both with the wheezes. Labels of whole records and bronchial
# breathing fit none.
CHEST = {
    "Normal": "normal",
    "normal": "normal",
    "normal_cycle": "normal",
    "crackle": "crackle",
    "Fine Crackle": "crackle",
    "Coarse Crackle": "crackle",
    "wheeze": "wheeze",
    "Wheeze": "wheeze",
    "Rhonchi": "wheeze",
    "Stridor": "wheeze",
    "I E W": "wheeze",
    "crackle+wheeze": "both",
    "Wheeze+Crackle": "both",
}

# Folders of one's own sounds that are no sound to find.
OWN = {
    "background": "background",
    "noise": "background",
    "silence": "background",
    "ambience": "background",
    "rir": "rir",
    "other": "other",
    "unknown": "other",
    "coughs": "cough",
    "coughing": "cough",
}


def kind_of(label: str) -> str:
    """A source's label without its remark: `wheeze(expiratory)` -> `wheeze`."""
    return label.partition("(")[0].strip()


def room_label(kind: str) -> str:
    """A source's kind of sound among the room's labels; empty where it must not be used."""
    small = kind.lower()
    if small.startswith("background:") or small == "music":
        return "background"
    first, _, second = small.replace("_", " ").replace("-", " ").partition(" ")
    if first in COUGHS and second == "cough":
        return "cough"
    return ROOM.get(small, "other")


def chest_label(kind: str) -> str:
    """A source's kind of sound among the chest's four; empty where it fits none."""
    return CHEST.get(kind, "")


def is_counted(label: str) -> bool:
    """Whether the sounds of a label never overlap in a scene: coughs, and labels of one's own."""
    return label == "cough" or label not in (*ROOM_LABELS, *BEDS)


def events_of(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Which of a model's labels are told as events.

    The room's other labels are scored so that coughs are told from them; on their own they are
    not found well enough yet to be published. Of one's own labels all but `other` are.
    """
    if labels == ROOM_LABELS:
        return ("cough",)
    return tuple(label for label in labels if label != "other")


def own_label(folder: str) -> str:
    """The label that a folder of one's own stands for: mostly its name."""
    small = folder.lower()
    return OWN.get(small, small if small in ROOM_LABELS else folder)

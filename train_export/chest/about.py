"""What the chest bundle's card tells."""

from typing import Any

ABOUT: dict[str, Any] = {
    "task": "chest",
    "profile": "chest",
    "purpose": "Hears crackles and wheezes in lung sounds. A screening aid, not a diagnosis.",
    "data": [
        "SPRSound, releases of BioCAS 2022 and 2023, training half, GPL-3.0",
        "ICBHI 2017, a part, training half without patients 156 and 218, free for research",
    ],
    "licence": "Apache-2.0; ICBHI 2017 is free for research and has no formal licence",
    "limits": [
        "Events and records are those of children under one model of stethoscope: no claim for "
        "adults.",
        "On ICBHI's official test half it is not surely better than always saying normal: no claim "
        "for cycles.",
        "Nothing above 1.8 kHz is heard.",
        "Stridor, rhonchi, coarse crackles and mixed events were rare in training.",
    ],
}
# What a network that starts from YAMNet's first layers has learned from besides.
AUDIOSET = "YAMNet's first layers, of the TensorFlow model garden, taught by AudioSet, Apache-2.0"
PROTOCOL: dict[str, Any] = {
    "split": "folds by person inside the training halves",
    "chosen_on": "out-of-fold scores of the training halves",
    "network": "trained on everybody in the training halves",
}

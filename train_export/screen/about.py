"""What the card of the screen of lung sounds tells."""

from typing import Any

ABOUT: dict[str, Any] = {
    "profile": "screen-chest",
    "purpose": "Tells whether a lung-sound recording resembles those of people with asthma or COPD "
    "or those of others. A screening aid, not a diagnosis.",
    "data": ["KAUH lung sounds (Mendeley Data), CC BY 4.0: the diseases and the sounds"],
    "licence": "Apache-2.0; the training data's licences are listed in docs/data.md",
    "limits": [
        "Adults, one hospital, one stethoscope (3M Littmann 3200); nothing was measured on others, "
        "and not all of their recordings are refused.",
        "The rest holds healthy people and people with heart failure, pneumonia, bronchiectasis, "
        "lung fibrosis and pleural effusion; other illnesses were never heard.",
        "Asthma and COPD are not told from each other, and the figure is carried by asthma: the "
        "six people with COPD alone against the rest give no evidence.",
        "The only test at another hospital is of 8 people with COPD under the same stethoscope "
        "(ICBHI 2017): most of their recordings are called obstructive. Nobody without it was "
        "recorded there, so how often others would be called so is not known.",
        "The network, the classes of the head and the level were chosen looking at these figures: "
        "those of new people may be lower.",
        "Healthy, pneumonia, bronchiectasis, bronchiolitis, upper and lower respiratory "
        "infection, heart failure and lung cancer: not claimed, no result.",
    ],
}

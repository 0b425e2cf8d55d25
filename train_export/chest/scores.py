"""The official scores of SPRSound and ICBHI, from counts that can be summed over people.

SPRSound (Zhang et al., 2022; BioCAS 2022 challenge): SE is the share of abnormal units that get
their very class, SP the share of normal ones that are called normal; AS = (SE + SP) / 2,
HS = 2 SE SP / (SE + SP), Score = (AS + HS) / 2. ICBHI (Rocha et al., 2019): Score =
(Se + Sp) / 2, with Se and Sp alike.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from train_export.intervals import bootstrap, of_all, ratio, rounded, rounded_bounds

NORMAL = {"event": "Normal", "record": "record:Normal", "cycle": "normal_cycle"}
Merge = Callable[[str], str]


def unmerged(label: str) -> str:
    """Every class for itself: tasks 1-2 and 2-2, ICBHI's four classes."""
    return label


def normal_or_not(label: str) -> str:
    """Task 1-1: normal against adventitious."""
    return "Normal" if label == NORMAL["event"] else "Adventitious"


def ternary(label: str) -> str:
    """Task 2-1: normal, adventitious, or too poor to say."""
    kept = label in (NORMAL["record"], "record:Poor Quality")
    return label if kept else "record:Adventitious"


# Task -> kind of unit, classes.
TASKS: dict[str, tuple[str, Merge]] = {
    "1-1": ("event", normal_or_not),
    "1-2": ("event", unmerged),
    "2-1": ("record", ternary),
    "2-2": ("record", unmerged),
}


def counts(
    truth: Sequence[str], predicted: Sequence[str], normal: str, merge: Merge = unmerged
) -> NDArray[np.float64]:
    """Right abnormal, all abnormal, right normal, all normal; float64 [4]."""
    total = np.zeros(4)
    for true, found in zip(truth, predicted, strict=True):
        first = 2 if true == normal else 0
        total[first] += merge(true) == merge(found)
        total[first + 1] += 1
    return total


def sensitivity(sums: NDArray[np.float64]) -> float:
    """SE: right abnormal of all abnormal; NaN of none."""
    return ratio(sums[0], sums[1])


def specificity(sums: NDArray[np.float64]) -> float:
    """SP: right normal of all normal; NaN of none."""
    return ratio(sums[2], sums[3])


def average(sums: NDArray[np.float64]) -> float:
    """AS, which is ICBHI's score."""
    return (sensitivity(sums) + specificity(sums)) / 2


def harmonic(sums: NDArray[np.float64]) -> float:
    """HS; 0 where both are 0."""
    se, sp = sensitivity(sums), specificity(sums)
    return 0.0 if se + sp == 0 else 2 * se * sp / (se + sp)


def sprsound_score(sums: NDArray[np.float64]) -> float:
    """SPRSound's Score."""
    return (average(sums) + harmonic(sums)) / 2


SPRSOUND = {
    "SE": sensitivity,
    "SP": specificity,
    "AS": average,
    "HS": harmonic,
    "Score": sprsound_score,
}
ICBHI = {"Sp": specificity, "Se": sensitivity, "Score": average}


def rated(
    people: dict[str, NDArray[np.float64]],
    measures: dict[str, Callable[[NDArray[np.float64]], float]],
) -> dict[str, float | int | list[float] | None]:
    """Measures with their 95 % intervals, resampled over people.

    Args:
        people: the `counts` of each person.
        measures: by name.

    Returns:
        Of each measure its value, and under `NAME_95` its interval; None where the units hold
        no normal or no abnormal one, or too few people. `units` and `people` say how many there
        were.
    """
    rows = list(people.values())
    result: dict[str, float | int | list[float] | None] = {
        "units": int(sum(row[1] + row[3] for row in rows)),
        "people": len(rows),
    }
    for name, measure in measures.items():
        result[name] = rounded(of_all(rows, measure))
        result[f"{name}_95"] = rounded_bounds(bootstrap(rows, measure))
    return result

"""Which people train and which are held out."""

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from train_export.chest.units import Unit
from train_export.readers.icbhi import IN_BOTH_HALVES


def training_units(units: Sequence[Unit]) -> list[Unit]:
    """Units that may train: the sources' own training halves, less who stands in both."""
    return [unit for unit in units if unit.split == "train" and unit.subject not in IN_BOTH_HALVES]


def fold_of_subject(units: Sequence[Unit], folds: int, seed: int = 0) -> dict[str, int]:
    """Deal people into folds that are alike in source and label."""
    ordered = sorted(units, key=lambda unit: (unit.source, unit.name, unit.start_s, unit.label))
    strata = [f"{unit.kind}:{unit.label}" for unit in ordered]
    people = [unit.subject for unit in ordered]
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold_of = {}
    for fold, (_, held) in enumerate(dealer.split(np.zeros(len(people)), strata, people)):
        fold_of |= {people[index]: fold for index in held}
    return fold_of

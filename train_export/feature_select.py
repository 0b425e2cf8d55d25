"""Which coefficients a model needs: information about the label, without repetition.

Inside each training fold alone, the columns are ranked by their mutual information with the
label (Kraskov et al., 2004, as in scikit-learn), and one that repeats a better one is dropped.
A frontend keeps or drops a coefficient with all its statistics, so a coefficient's rank is
that of its best column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge.errors import BadInputError
from train_export.feature_table import FeatureTable
from train_export.intervals import bootstrap

REPEATS = 0.95  # a column that correlates more than this with a better one says nothing new


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate and its 95 % interval over people."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What the folds found.

    Attributes:
        ranking: every coefficient, best first, from all the data.
        information: nats, float64 [coefficients, statistics], from all the data.
        pruned: columns that repeat a better one, bool [coefficients, statistics].
        fold_rankings: the same of each training fold alone.
        accuracy: balanced accuracy on the held-out people by number of coefficients kept.
        gain: how much better the chosen number is than all of them.
    """

    ranking: tuple[int, ...]
    information: NDArray[np.float64]
    pruned: NDArray[np.bool_]
    fold_rankings: tuple[tuple[int, ...], ...]
    accuracy: dict[int, Figure]
    gain: Figure

    def kept(self, keep: int) -> tuple[int, ...]:
        """The best coefficients, ascending, as a spec wants them."""
        return tuple(sorted(self.ranking[:keep]))

    def stability(self, keep: int) -> float:
        """Mean Jaccard index of the sets that two folds keep: 1 when all agree."""
        sets = [set(ranking[:keep]) for ranking in self.fold_rankings]
        return float(np.mean([len(a & b) / len(a | b) for a, b in combinations(sets, 2)]))


def select(table: FeatureTable, keep: int, folds: int = 5, seed: int = 0) -> Selection:
    """Rank the coefficients, and measure what keeping fewer of them costs.

    Args:
        table: of sounds that are not for the test.
        keep: number of coefficients that the smaller frontend keeps.
        folds: people are divided into so many.
        seed: of the folds and the estimator of information.

    Raises:
        BadInputError: `keep` is out of range, or a label has too few people for the folds.
    """
    count = table.values.shape[1]
    if not 1 <= keep < count:
        raise BadInputError(f"keep={keep} must be from 1 to {count - 1}")
    sizes = sorted({keep, *(size for size in (5, 10, 20, 30) if size < count), count})
    truth, hits = table.labels, {size: np.zeros(len(table.labels), bool) for size in sizes}
    rankings = []
    for inside, outside in _folds(table, folds, seed):
        ranking, _, _ = rank(table.values[inside], truth[inside], seed)
        rankings.append(ranking)
        for size in sizes:
            some = table.kept(sorted(ranking[:size])).columns
            model = classifier().fit(some[inside], truth[inside])
            hits[size][outside] = model.predict(some[outside]) == truth[outside]
    ranking, information, pruned = rank(table.values, truth, seed)
    return Selection(
        ranking=ranking,
        information=information,
        pruned=pruned,
        fold_rankings=tuple(rankings),
        accuracy={size: balanced_accuracy(table, hits[size]) for size in sizes},
        gain=_difference(table, hits[keep], hits[count]),
    )


def cross_validated(table: FeatureTable, folds: int = 5, seed: int = 0) -> Figure:
    """Balanced accuracy on held-out people with every coefficient of a table."""
    hits = np.zeros(len(table.labels), bool)
    for inside, outside in _folds(table, folds, seed):
        model = classifier().fit(table.columns[inside], table.labels[inside])
        hits[outside] = model.predict(table.columns[outside]) == table.labels[outside]
    return balanced_accuracy(table, hits)


def classifier():  # noqa: ANN201 - scikit-learn's pipelines have no types
    """The same light classifier everywhere, so that only the features differ."""
    return make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    )


def rank(
    values: NDArray[np.float64], labels: NDArray[np.str_], seed: int
) -> tuple[tuple[int, ...], NDArray[np.float64], NDArray[np.bool_]]:
    """Order the coefficients.

    Args:
        values: float64 [sounds, coefficients, statistics].
        labels: str [sounds].
        seed: of the estimator's tie-breaking noise.

    Returns:
        The coefficients, best first; the information of each column; which ones were pruned.
    """
    count, statistics = values.shape[1:]
    columns = values.reshape(len(values), -1)
    information = mutual_info_classif(columns, labels, random_state=seed)
    with np.errstate(invalid="ignore"):  # a constant column correlates with nothing
        repeats = np.abs(np.nan_to_num(np.corrcoef(columns, rowvar=False))) > REPEATS
    pruned = np.zeros(columns.shape[1], dtype=bool)
    order = np.argsort(-information, kind="stable")
    for place, column in enumerate(order):
        better = [other for other in order[:place] if not pruned[other]]
        pruned[column] = bool(repeats[column, better].any())
    best = np.where(pruned, -1.0, information).reshape(count, statistics).max(axis=1)
    ranking = tuple(int(index) for index in np.argsort(-best, kind="stable"))
    shape = (count, statistics)
    return ranking, information.reshape(shape), pruned.reshape(shape)


def balanced_accuracy(table: FeatureTable, hits: NDArray[np.bool_]) -> Figure:
    """Mean over the labels of the share that is right, resampled over people."""
    counts = _counts(table, hits)
    return _figure(counts, _mean_recall)


def _difference(table: FeatureTable, some: NDArray[np.bool_], every: NDArray[np.bool_]) -> Figure:
    """Balanced accuracy of one set of hits less that of another, on the same resamples."""
    counts = np.concatenate([_counts(table, some), _counts(table, every)], axis=1)
    half = counts.shape[1] // 2
    return _figure(counts, lambda sums: _mean_recall(sums[:half]) - _mean_recall(sums[half:]))


def _counts(table: FeatureTable, hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64 [people, labels * 2]: of each label, right ones and all."""
    names = sorted(set(table.labels.tolist()))
    people = sorted(set(table.groups.tolist()))
    counts = np.zeros((len(people), len(names), 2))
    index = {who: row for row, who in enumerate(people)}
    for who, label, hit in zip(table.groups, table.labels, hits, strict=True):
        counts[index[who], names.index(label)] += (hit, 1)
    return counts.reshape(len(people), -1)


def _mean_recall(sums: NDArray[np.float64]) -> float:
    right, every = sums.reshape(-1, 2).T
    with np.errstate(invalid="ignore"):
        return float(np.nanmean(right / every))


def _figure(counts: NDArray[np.float64], statistic) -> Figure:  # noqa: ANN001 - a local helper
    return Figure(statistic(counts.sum(axis=0)), *bootstrap(counts.tolist(), statistic))


def _folds(
    table: FeatureTable, folds: int, seed: int
) -> Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Training and held-out rows; nobody is in both."""
    for label in sorted(set(table.labels.tolist())):
        people = len(set(table.groups[table.labels == label].tolist()))
        if people < folds:
            raise BadInputError(
                f"label {label!r} has {people} people for {folds} folds; "
                f"give more data, or --folds {max(2, people)}"
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(table.columns, table.labels, table.groups))

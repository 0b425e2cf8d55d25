"""From a table of features to an int8 model: the simplest way in.

The standardisation is part of the model's input conversion: a device multiplies each feature
with a number of its own and adds another, and has the int8 input. A single scale for features
of different sizes would leave the small ones a few steps.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from edge.errors import BadInputError
from train_export.compact import compact
from train_export.intervals import bootstrap
from train_export.models.mlp import fit_and_convert
from train_export.quantize import float_tensors, plain_interpreter, quantization
from train_export.readers.table import Table, read_features
from train_export.room import in_own_process

# Standard deviations; what lies beyond is as extreme as this. It bounds the int8 scale.
FAR = 5.0
# Of every six people or rows one validates and one tests.
PARTS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """How a device makes the int8 input: `clip(round(x * multiplier + offset), -128, 127)`.

    Attributes:
        multiplier, offset: float64 [features].
    """

    multiplier: NDArray[np.float64]
    offset: NDArray[np.float64]

    def quantize(self, features: NDArray[np.float64]) -> NDArray[np.int8]:
        """float64 [samples, features] -> int8 [samples, features]."""
        return np.clip(np.round(features * self.multiplier + self.offset), -128, 127).astype(
            np.int8
        )


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A model and what it did on the test samples.

    Attributes:
        model: the int8 flatbuffer.
        labels: of its outputs.
        input: the way to its input.
        confusion: int [true label, predicted label], of the int8 model.
        agreement: share of the test samples with the float network's label.
        interval: 95 % of the balanced accuracy, over people or rows.
        counts: samples to train, to validate and to test.
    """

    model: bytes
    labels: tuple[str, ...]
    input: Input
    confusion: NDArray[np.int64]
    agreement: float
    interval: tuple[float, float]
    counts: tuple[int, int, int]


def train_table(path: Path, out: Path, seed: int = 0) -> str:
    """Train on a table; write `model.tflite`, `labels.json` and `report.md`.

    Returns:
        The report.

    Raises:
        BadInputError: the table is wrong; says the line and the column.
    """
    table = read_features(path)
    result = fit(table, seed)
    report = describe(path.name, table, result)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.tflite").write_bytes(result.model)
    (out / "labels.json").write_text(json.dumps(card(table, result), indent=2) + "\n")
    (out / "report.md").write_text(report, encoding="utf-8")
    return report


def fit(table: Table, seed: int = 0) -> Result:
    """Train, convert, and score the int8 model on samples of people it did not see."""
    labels = tuple(sorted(set(table.labels.tolist())))
    truth = np.array([labels.index(label) for label in table.labels.tolist()])
    train, validation, test = split(table, seed)
    mean = table.features[train].mean(axis=0)
    spread = table.features[train].std(axis=0)
    spread[spread < 1e-12] = 1.0  # a constant feature says nothing; it stays 0
    z = np.clip((table.features - mean) / spread, -FAR, FAR).astype(np.float32)
    model, floats = in_own_process(
        fit_and_convert, (z[train], truth[train]), (z[validation], truth[validation]), z[test], seed
    )
    if islands := float_tensors(model):
        raise BadInputError(f"the converted model is not int8 throughout: {', '.join(islands)}")
    model = compact(model)
    (scale, zero), _ = quantization(model)
    way = Input(1 / (spread * scale), zero - mean / (spread * scale))
    found = predict(model, way.quantize(table.features[test]))
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (truth[test], found), 1)
    return Result(
        model, labels, way, confusion,
        agreement=float(np.mean(found == floats.argmax(axis=1))),
        interval=_interval(table.groups[test], truth[test], found, len(labels)),
        counts=(len(train), len(validation), len(test)),
    )  # fmt: skip


def split(
    table: Table, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train, to validate and to test: nobody twice, every label in about its share."""
    fewest = min(
        len(set(table.groups[table.labels == label].tolist())) for label in set(table.labels)
    )
    folds = StratifiedGroupKFold(min(PARTS, fewest), shuffle=True, random_state=seed)
    parts = [part for _, part in folds.split(table.features, table.labels, table.groups)]
    train = np.concatenate(parts[2:])
    for name, part in (("test", parts[0]), ("validate", parts[1]), ("train", train)):
        lacking = set(table.labels.tolist()) - set(table.labels[part].tolist())
        if lacking:
            raise BadInputError(
                f"no sample of {', '.join(sorted(lacking))} is left to {name} on: too few people "
                "have it; add some, or try another --seed"
            )
    return train, parts[1], parts[0]


def predict(model: bytes, samples: NDArray[np.int8]) -> NDArray[np.int64]:
    """The label's number for each int8 sample, on the device's runtime."""
    interpreter = plain_interpreter(model)
    entry = interpreter.get_input_details()[0]["index"]
    end = interpreter.get_output_details()[0]["index"]
    found = []
    for sample in samples:
        interpreter.set_tensor(entry, sample[None])
        interpreter.invoke()
        found.append(int(interpreter.get_tensor(end)[0].argmax()))
    return np.array(found)


def card(table: Table, result: Result) -> dict[str, Any]:
    """What a device needs beside the model, as plain JSON."""
    return {
        "purpose": "A screening aid, not a diagnosis.",
        "labels": list(result.labels),
        "features": list(table.names),
        "input": {
            "formula": "int8 = clip(round(feature * multiplier + offset), -128, 127)",
            "multiplier": result.input.multiplier.tolist(),
            "offset": result.input.offset.tolist(),
        },
        "output": "int8 logits, one a label; the largest wins",
        "test": {"confusion": result.confusion.tolist(), "agreement_with_float": result.agreement},
    }


def describe(name: str, table: Table, result: Result) -> str:
    """The report: rates a label, the confusion matrix, and how they came about."""
    matrix = result.confusion
    train, validation, test = result.counts
    whose = "people kept apart" if table.grouped else "rows, which may be of the same people"
    recalls = np.diag(matrix) / np.maximum(matrix.sum(axis=1), 1)
    low, high = result.interval
    lines = [
        f"# {name}",
        "",
        f"{len(table.names)} features, {len(table.labels)} samples: {train} to train, "
        f"{validation} to stop the training, {test} to test; {whose}. The figures are of the int8 "
        f"model ({len(result.model):,} bytes) on the test samples; it gives the float network's "
        f"label for {result.agreement:.1%} of them.",
        "",
        f"Balanced accuracy {recalls.mean():.3f} [{low:.3f}, {high:.3f}].",
        "",
        "| label | precision | recall | F1 | samples |",
        "|---|---|---|---|---|",
    ]
    for number, label in enumerate(result.labels):
        right = matrix[number, number]
        called, true = matrix[:, number].sum(), matrix[number].sum()
        lines.append(
            f"| {label} | {right / max(called, 1):.3f} | {right / max(true, 1):.3f} | "
            f"{2 * right / max(called + true, 1):.3f} | {true} |"
        )
    lines += ["", f"| true, then predicted: | {' | '.join(result.labels)} |"]
    lines.append("|---" * (len(result.labels) + 1) + "|")
    lines += [
        f"| {label} | {' | '.join(map(str, row))} |"
        for label, row in zip(result.labels, matrix.tolist(), strict=True)
    ]
    return "\n".join([*lines, "", "A screening aid, not a diagnosis.", ""])


def _interval(
    groups: NDArray[np.str_], truth: NDArray[np.int64], found: NDArray[np.int64], labels: int
) -> tuple[float, float]:
    """95 % of the balanced accuracy, resampled over people."""
    people: dict[str, NDArray[np.float64]] = {}
    for who, true, label in zip(groups.tolist(), truth, found, strict=True):
        counts = people.setdefault(who, np.zeros((labels, 2)))
        counts[true] += (true == label, 1)

    def balanced(sums: NDArray[np.float64]) -> float:
        right, every = sums.reshape(labels, 2).T
        return float(np.mean(right[every > 0] / every[every > 0]))

    return bootstrap([counts.ravel() for counts in people.values()], balanced)

r"""The room bundle beside YAMNet on the same soundscapes; prints a table.

    airway-train prepare --corpus CORPUS --split test --kind home --hours 4 --out home
    python benchmarks/peers.py --yamnet yamnet.tflite --classes yamnet_class_map.csv \
        home/manifest.csv stress/manifest.csv

YAMNet (AudioSet, 3.7 M parameters) is what one would pick today. It hears windows of 0.975 s
each 0.24 s; neighbouring windows above a threshold are one event, from the middle of the first
to the middle of the last. Its threshold is the best one on these very soundscapes: a favour.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tflite_runtime.interpreter import Interpreter
from tqdm import tqdm

from edge.bundle import load_bundle
from train_export.annotations import read_manifest
from train_export.datasets import load_pcm
from train_export.evaluate import evaluate
from train_export.metrics import EventScore, score_events

RATE_HZ, WINDOW, HOP = 16_000, 15_600, 3_840
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LABEL = "Cough"


class Yamnet:
    """Scores of one class, window by window."""

    def __init__(self, model: Path, classes: Path) -> None:
        with classes.open(newline="", encoding="utf-8") as file:
            names = [row["display_name"] for row in csv.DictReader(file)]
        self._column = names.index(LABEL)
        self._net = Interpreter(str(model), num_threads=2)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._output = self._net.get_output_details()[0]["index"]

    def scores(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """Float32 [windows], 0 to 1."""
        wave = pcm.astype(np.float32) / 32768
        starts = range(0, len(wave) - WINDOW + 1, HOP)
        out = np.empty(len(starts), np.float32)
        for number, start in enumerate(starts):
            self._net.set_tensor(self._input, wave[start : start + WINDOW])
            self._net.invoke()
            out[number] = self._net.get_tensor(self._output).reshape(-1)[self._column]
        return out


def onsets_s(scores: NDArray[np.float32], threshold: float) -> list[float]:
    """Onset of each run of windows above the threshold: the middle of its first window."""
    above = scores >= threshold
    first = np.flatnonzero(above & ~np.concatenate([[False], above[:-1]]))
    return [float((number * HOP + WINDOW / 2) / RATE_HZ) for number in first]


def yamnet_row(net: Yamnet, manifest: Path) -> list[str]:
    """Cells of the table: the figures of the best threshold and of the better onset.

    A cough begins somewhere in the window that first knows it: at its middle, or before.
    """
    recordings = [
        (
            net.scores(pcm),
            [event.onset_s for event in annotation.events if event.label == "cough"],
            len(pcm) / RATE_HZ / 3600,
        )
        for annotation in tqdm(read_manifest(manifest), desc="YAMNet", unit="file")
        for pcm in [load_pcm(annotation.path, RATE_HZ)]
    ]
    best = max(
        (
            sum(
                (
                    score_events(true, [at - early_s for at in onsets_s(row, level)], hours)
                    for row, true, hours in recordings
                ),
                EventScore(0, 0, 0, 0.0),
            )
            for level in THRESHOLDS
            for early_s in (0.0, 0.25)
        ),
        key=lambda score: score.f1,
    )
    return _cells(best.sensitivity, best.precision, best.f1, best.false_alarms_per_hour)


def room_row(manifest: Path) -> list[str]:
    """Cells of the table: the shipped bundle's."""
    numbers = evaluate(load_bundle("room"), manifest)[0]["labels"]["cough"]
    names = ("sensitivity", "precision", "f1", "false_alarms_per_hour")
    return _cells(*(numbers[name] for name in names))


def _cells(*numbers: float) -> list[str]:
    return [f"{number:.3f}" for number in numbers]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("manifests", nargs="+", type=Path)
    parser.add_argument("--yamnet", type=Path, required=True)
    parser.add_argument("--classes", type=Path, required=True)
    arguments = parser.parse_args(argv)
    net = Yamnet(arguments.yamnet, arguments.classes)
    print("| soundscapes | detector | sensitivity | precision | F1 | false alarms an hour |")
    print("|---|---|---|---|---|---|")
    for manifest in arguments.manifests:
        name = manifest.parent.name
        rows = {"room, int8": room_row(manifest), "YAMNet, float": yamnet_row(net, manifest)}
        for who, cells in rows.items():
            print(f"| {name} | {who} | " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

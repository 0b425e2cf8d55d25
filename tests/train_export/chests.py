"""A corpus of made-up chests, annotated as SPRSound, ICBHI and KAUH are."""

import csv
from pathlib import Path
from typing import Any

import soundfile as sf

from train_export.chest.golden import RATE_HZ, chest_pcm

FIELDS = (
    "path", "source", "subject", "label_event", "label_disease", "start_s", "end_s", "recorder",
    "split", "extra",
)  # fmt: skip
# Of each recording of a child and of an adult; they last 8 s.
EVENTS = (
    ("record:CAS & DAS", 0, 8),
    ("Normal", 0.1, 1.3),
    ("Wheeze", 2.7, 3.6),
    ("Fine Crackle", 5.3, 6.3),
)
CYCLES = (("normal_cycle", 0, 1.3), ("wheeze", 2.6, 3.9), ("crackle", 5.2, 6.5))
DISEASES = ("Asthma", "Normal", "Heart Failure")
TESTS = {"sprsound": "test_intra", "icbhi2017_partial": "test"}


def write_chests(root: Path) -> None:
    """Twelve children and twelve adults with a recording each; ten of each train."""
    for source, units in (("sprsound", EVENTS), ("icbhi2017_partial", CYCLES)):
        rows = [
            {
                "path": f"{person}.wav", "source": source, "subject": f"{source}-{person}",
                "label_event": label, "start_s": start_s, "end_s": end_s, "recorder": "scope",
                "split": "train" if person < 10 else TESTS[source],
            }
            for person in range(12)
            for label, start_s, end_s in units
        ]  # fmt: skip
        _write(root / source, rows, first_seed=0)


def write_patients(root: Path) -> None:
    """Fifteen more adults: asthma, healthy and a failing heart by turns; two recordings each."""
    rows = [
        {
            "path": f"{number}.wav", "source": "kauh", "subject": f"kauh-{number // 2}",
            "label_disease": DISEASES[number // 2 % 3],
            "label_event": ("crackle+wheeze", "normal", "normal")[number // 2 % 3],
            "start_s": 0, "end_s": 8,
            "recorder": ("bell", "diaphragm")[number % 2],
            "extra": f"age={30 + number};sex={'MF'[number % 3 % 2]}",
        }
        for number in range(30)
    ]  # fmt: skip
    _write(root / "kauh", rows, first_seed=100)


def _write(folder: Path, rows: list[dict[str, Any]], first_seed: int) -> None:
    folder.mkdir()
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    for number, name in enumerate(dict.fromkeys(row["path"] for row in rows)):
        sf.write(folder / name, chest_pcm(first_seed + number), RATE_HZ, "PCM_16")

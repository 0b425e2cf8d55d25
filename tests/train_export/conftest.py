"""The corpus, where there is one, and a small synthetic one where there is not."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from chests import write_chests

from edge.demo import demo_night

RATE_HZ = 16_000


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The real corpus, from the environment; skips where it is absent."""
    root = os.environ.get("AIRWAY_CORPUS")
    if not root or not Path(root).is_dir():
        pytest.skip("set AIRWAY_CORPUS to a corpus folder to run this test")
    return Path(root)


@pytest.fixture(scope="session")
def yamnet() -> Path:
    """YAMNet's file, which lies beside the corpus where there is one."""
    path = Path(os.environ.get("AIRWAY_CORPUS", "/nowhere")).parent / "teacher" / "yamnet.tflite"
    if not path.is_file():
        pytest.skip("no yamnet.tflite in a folder `teacher` beside AIRWAY_CORPUS")
    return path


@pytest.fixture(scope="session")
def toy_corpus(tmp_path_factory) -> Path:
    """Sixty synthetic clips of twenty people, with a manifest like the corpus's own."""
    root = tmp_path_factory.mktemp("corpus") / "toy"
    root.mkdir()
    rng = np.random.default_rng(3)
    night, marks = demo_night(7, 6.0)
    night = np.asarray(night)
    rows = []

    def add(label: str, pcm: np.ndarray, person: int) -> None:
        path = f"{label.replace(':', '_')}-{len(rows):03}.wav"
        sf.write(root / path, pcm, RATE_HZ, "PCM_16")
        rows.append(
            {
                "path": path, "source": "toy", "subject": f"P{person:02}", "session": "",
                "label_event": label, "start_s": 0, "end_s": len(pcm) / RATE_HZ,
                "body_site": "", "extra": "",
            }
        )  # fmt: skip

    coughs = [mark for mark in marks if mark[2] == "cough"]
    for number, (onset, offset, _) in enumerate(coughs[:24]):
        start = max(0, round((onset - 0.1) * RATE_HZ))
        add("cough", night[start : round((offset + 0.2) * RATE_HZ)], number % 20)
    for number in range(24):
        tone = 3000 * np.sin(np.arange(16_000) * rng.uniform(0.05, 1.0))
        envelope = np.interp(np.arange(16_000), [0, 4000, 12_000, 16_000], [0, 1, 1, 0])
        label = ("speech", "laugh", "sneeze")[number % 3]
        add(label, (tone * envelope).astype(np.int16), number % 20)
    for number in range(12):
        add("background:fan", rng.normal(0, 300, 48_000).astype(np.int16), number + 20)
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root.parent


@pytest.fixture(scope="session")
def toy_chests(tmp_path_factory) -> Path:
    """A corpus of made-up children and adults with annotated lung sounds."""
    root = tmp_path_factory.mktemp("chests")
    write_chests(root)
    return root

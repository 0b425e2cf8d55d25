"""ICBHI's official score over several seeds, a row a device; writes benchmarks/icbhi.md.

    python -m benchmarks.icbhi --corpus CORPUS --pretrained yamnet.tflite [--seeds 5] [--work work]

One network a seed, of the shipped shape and length, learns from all training people. Its answer
to a breathing cycle goes through the readout of the shipped bundle, which people of the training
half chose: the test half chooses nothing. Networks are float; what int8 changes is in the last row,
the shipped bundle itself.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import load_bundle
from edge.readout import Readout, readouts_of
from train_export.chest.evaluate import icbhi, reading
from train_export.chest.inputs import inputs_of
from train_export.chest.network import (
    Logits,
    Unit,
    corpus_frames,
    corpus_units,
    own_logits,
    train_network,
)
from train_export.chest.start import Start, start_of


def main() -> int:
    """Train, score and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpus", type=Path, default=os.environ.get("AIRWAY_CORPUS"))
    parser.add_argument("--seeds", type=int, default=5, help="1, 2, … (5)")
    parser.add_argument("--work", type=Path, default=Path("work"), help="keeps trained networks")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    parser.add_argument("--pretrained", type=Path, metavar="F.tflite", help="as to airway-train")
    arguments = parser.parse_args()
    if arguments.corpus is None:
        parser.error("give --corpus, or set AIRWAY_CORPUS")
    bundle = load_bundle("chest")
    protocol, readout = bundle.card["protocol"], readouts_of(bundle.card)["cycle"]
    start = start_of(arguments.pretrained)
    made = bundle.card["model"]["architecture"]
    if start.config.architecture != made:
        parser.error(f"the bundle is a {made}: give --pretrained as its training had it")
    seeds = range(1, arguments.seeds + 1)
    jobs = [(Path(arguments.corpus), arguments.work, start, seed, protocol) for seed in seeds]
    with ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1) as pool:
        found = list(pool.map(heard, *zip(*jobs, strict=True)))
    scores = [scored(readout, logits) for logits in found]
    shipped = bundle.card["figures"]["icbhi_test"]
    words = f"--seeds {arguments.seeds}"
    if arguments.pretrained:
        words += f" --pretrained {arguments.pretrained.name}"
    about = f"chest ({bundle.digest[:12]}), {protocol['steps']} steps each"
    text = page(scores, shipped, f"python -m benchmarks.icbhi {words}", about)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


def heard(
    corpus: Path, work: Path, start: Start, seed: int, protocol: dict[str, Any]
) -> list[tuple[Unit, Logits]]:
    """What a seed's network says of each test cycle's patches. TensorFlow's process only."""
    part = None, int(protocol["folds"])
    network = train_network(corpus, work, start, part, int(protocol["steps"]), seed)
    units = [unit for unit in corpus_units(corpus) if unit.kind == "cycle" and unit.split == "test"]
    return list(own_logits(network.weights, start.config, units, corpus_frames(units)).items())


def scored(readout: Readout, logits: list[tuple[Unit, Logits]]) -> dict[str, Any]:
    """The official scores, of all and by device."""
    return icbhi([reading(readout, unit, inputs_of("cycle", own, own)) for unit, own in logits])


def page(scores: list[dict[str, Any]], shipped: dict[str, Any], command: str, about: str) -> str:
    """The page; `about` names the bundle whose shape the networks have, and their length."""
    devices = sorted(shipped["devices"])
    lines = [
        "# ICBHI's official score, seed by seed",
        "",
        f"`{command}`: networks of the shape of bundle {about}, on the training half without "
        "patients 156 and 218; the official test half, as much of it as the corpus has; four "
        "classes, Score = (Se + Sp) / 2. The readout is the bundle's, chosen on people of the "
        'training half. Always saying "normal" scores 0.5.',
        "",
        f"| seed | Sp | Se | Score | {' | '.join(devices)} |",
        f"|---|---|---|---|{'---|' * len(devices)}",
    ]
    for seed, score in enumerate(scores, 1):
        lines.append(_row(str(seed), score, devices))
    values = np.array([_values(score, devices) for score in scores])
    spread = values.std(axis=0, ddof=1) if len(scores) > 1 else np.zeros(values.shape[1])
    cells = " | ".join(
        f"{mean:.3f} ± {deviation:.3f}"
        for mean, deviation in zip(values.mean(axis=0), spread, strict=True)
    )
    lines += [f"| mean ± standard deviation | {cells} |", _row("shipped, int8", shipped, devices)]
    return "\n".join(lines) + "\n"


def _row(name: str, score: dict[str, Any], devices: list[str]) -> str:
    return f"| {name} | {' | '.join(f'{value:.3f}' for value in _values(score, devices))} |"


def _values(score: dict[str, Any], devices: list[str]) -> list[float]:
    whole = [score["all"][name] for name in ("Sp", "Se", "Score")]
    return whole + [score["devices"][device]["Score"] for device in devices]


if __name__ == "__main__":
    sys.exit(main())

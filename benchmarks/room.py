r"""How well the room bundle counts coughs, beside YAMNet on the same soundscapes; writes room.md.

    python benchmarks/room.py --corpus CORPUS --yamnet yamnet.tflite --classes yamnet_class_map.csv

The soundscapes are mixed from test people and test clips, whom neither training nor validation
heard. YAMNet (AudioSet, 3.7 M parameters) is what one would pick today. It hears windows of
0.975 s each 0.24 s; neighbouring windows above a threshold are one event, from the middle of the
first to the middle of the last. Its threshold, and how far from that middle a cough begins, are the
best ones on these very soundscapes: a favour.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.bundle import Bundle, load_bundle
from train_export.annotations import read_manifest
from train_export.datasets import load_pcm
from train_export.evaluate import evaluate
from train_export.metrics import score_events, total
from train_export.prepare import KINDS, prepare
from train_export.teacher import RATE_HZ, WINDOW_SAMPLES, Teacher

PAGE = Path(__file__).with_suffix(".md")
HOURS, SEED = 12.0, 0
HOP_SAMPLES = 3_840
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# From the middle of the first window that knows a cough to the cough.
SHIFTS_S = (-0.25, -0.125, 0.0, 0.125, 0.25, 0.375)
RATES = ("sensitivity", "precision", "f1", "false_alarms_per_hour")
HEADS = ("sensitivity", "precision", "F1", "false alarms an hour")


def onsets_s(scores: NDArray[np.float32], threshold: float) -> list[float]:
    """Onset of each run of windows above the threshold: the middle of its first window."""
    above = scores >= threshold
    first = np.flatnonzero(above & ~np.concatenate([[False], above[:-1]]))
    return [float((number * HOP_SAMPLES + WINDOW_SAMPLES / 2) / RATE_HZ) for number in first]


def yamnet_cells(net: Teacher, column: int, manifest: Path) -> list[str]:
    """YAMNet's figures at its best threshold and its best place in the window for an onset."""
    recordings = [
        (
            net.scores(pcm, HOP_SAMPLES)[:, column] / np.float32(255),
            [event.onset_s for event in annotation.events if event.label == "cough"],
            len(pcm) / RATE_HZ / 3600,
        )
        for annotation in tqdm(read_manifest(manifest), desc="YAMNet", unit="file")
        for pcm in [load_pcm(annotation.path, RATE_HZ)]
    ]
    totals = (
        total(
            score_events(true, [at + shift_s for at in onsets_s(row, level)], hours)
            for row, true, hours in recordings
        )
        for level in THRESHOLDS
        for shift_s in SHIFTS_S
    )
    best = max(totals, key=lambda score: (score.f1, -score.false_alarms_per_hour))
    return [
        f"{value:.2f}"
        for value in (best.sensitivity, best.precision, best.f1, best.false_alarms_per_hour)
    ]


def page(bundle: Bundle, found: dict[str, dict[str, Any]], peer: dict[str, list[str]]) -> str:
    """The page, from the evaluations of each kind of soundscape and YAMNet's cells, if any."""
    protocol = bundle.card["protocol"]
    by = protocol.get("tuned_by")
    tuned = f", the last two by commit `{by[:12]}`" if by else ""
    lines = [
        "# How well the room bundle counts coughs",
        "",
        f"Written by `python benchmarks/room.py`. Bundle {bundle.name} {bundle.version}, digest "
        f"`{bundle.digest[:12]}`, {len(bundle.model):,} bytes, trained by commit "
        f"`{bundle.card.get('commit', '')[:12]}` on {protocol['training_hours']:g} h of scenes in "
        f"{protocol['epochs']} epochs, seed {protocol['seed']}; epoch, rules and odds chosen on "
        f"scenes of validation people{tuned}. Test people and test clips were heard by neither.",
        "",
        "Soundscapes are spliced from clips: no long public recording with annotated coughs is "
        f"known. {HOURS:g} h each, seed {SEED}; coughs at 0 to 20 dB over the background. Matching "
        "is one to one, onsets within 0.25 s. Brackets: 95 % by bootstrap, over people for "
        "sensitivity and over recordings for the rest.",
        "",
        "| soundscapes | detector | coughs (people) | " + " | ".join(HEADS) + " |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, numbers in found.items():
        if not numbers["true"]:
            continue
        cells = [_with_interval(numbers, rate) for rate in RATES]
        who = f"{numbers['true']} ({numbers['people']})"
        lines.append(f"| {kind} | room, int8 | {who} | " + " | ".join(cells) + " |")
        if kind in peer:
            lines.append(f"| {kind} | YAMNet, float | the same | " + " | ".join(peer[kind]) + " |")
    lines += [
        "",
        "| soundscapes | count concordance (CCC) | ECE | false alarms on a thousand other sounds | "
        "sensitivity at so many false alarms an hour |",
        "|---|---|---|---|---|",
    ]
    for kind, numbers in found.items():
        if numbers["true"]:
            at = ", ".join(
                f"{rate}: {value:.2f}"
                for rate, value in numbers["sensitivity_at"].items()
                if value is not None  # the hours are too few to tell
            )
            lines.append(
                f"| {kind} | {numbers['count_concordance']:.3f} | {numbers['ece']:.3f} | "
                f"{numbers['false_alarms_per_1000_others']:g} | {at} |"
            )
    for kind, numbers in found.items():
        false = numbers["found"] - numbers["matched"]
        blamed = ", ".join(f"{name} {n}" for name, n in numbers["false_alarms_by_sound"].items())
        lines += ["", f"## {kind}", "", f"{false} false alarms in {numbers['hours']:.2f} h"]
        if numbers["true"]:
            lines[-1] += f": {blamed or 'none'}."
            lines += ["", "| source of the coughs | coughs | sensitivity |", "|---|---|---|"]
            lines += [
                f"| {source} | {part['true']} | {part['sensitivity']:.2f} |"
                for source, part in numbers["slices"]["source"].items()
            ]
        else:
            lines[-1] += ", a file for each kind of sound, end to end without a pause:"
            lines += ["", "| sound | minutes | false alarms |", "|---|---|---|"]
            lines += [
                f"| {name} | {minutes:.1f} | {count} |" for name, minutes, count in numbers["kinds"]
            ]
    return "\n".join(lines) + "\n"


def _with_interval(numbers: dict[str, Any], rate: str) -> str:
    low, high = numbers["interval_95"][rate]
    return f"{numbers[rate]:.2f} [{low:.2f}, {high:.2f}]"


def _by_kind(report: dict[str, Any]) -> list[tuple[str, float, int]]:
    """Kind of sound, minutes and false alarms of each file of the household."""
    rows = [
        (
            part["file"].removeprefix("household-").removesuffix(".wav").replace("_", " ").strip(),
            part["hours"] * 60,
            part["found"] - part["matched"],
        )
        for part in report["files"]
    ]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def main(argv: Sequence[str] | None = None) -> int:
    """Mix, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--bundle", default="room")
    parser.add_argument("--yamnet", type=Path, help="YAMNet's TFLite file, to stand beside it")
    parser.add_argument("--classes", type=Path, help="its class map")
    parser.add_argument("--work", type=Path, default=Path(".cache/room"), help="the soundscapes")
    parser.add_argument("--out", type=Path, default=PAGE)
    arguments = parser.parse_args(argv)
    if (arguments.yamnet is None) != (arguments.classes is None):
        parser.error("--yamnet and --classes go together")
    bundle = load_bundle(arguments.bundle)
    found: dict[str, dict[str, Any]] = {}
    peer: dict[str, list[str]] = {}
    for kind in KINDS:
        manifest = prepare(arguments.corpus, "test", kind, HOURS, SEED, arguments.work / kind)
        report, _ = evaluate(bundle, manifest)
        found[kind] = report["labels"]["cough"] | {"kinds": _by_kind(report)}
        if arguments.yamnet and found[kind]["true"]:
            with arguments.classes.open(newline="", encoding="utf-8") as file:
                column = [row["display_name"] for row in csv.DictReader(file)].index("Cough")
            peer[kind] = yamnet_cells(Teacher(arguments.yamnet), column, manifest)
    text = page(bundle, found, peer)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The `airway-train` command: from a corpus to a bundle that a device can run."""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from edge import __version__
from edge.bundle import load_bundle
from edge.errors import AirwayError, UsageError
from train_export.commands import compare, quantize
from train_export.evaluate import evaluate
from train_export.prepare import KINDS, prepare


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    try:
        arguments = _parser().parse_args(argv)
        command: Callable[[argparse.Namespace], int] = arguments.command
        return command(arguments)
    except AirwayError as error:
        print(f"airway-train: {error}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="airway-train", description="Train, evaluate and export Airway's models.")
    parser.add_argument("--version", action="version", version=f"airway-train {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, parser_class=_Parser)

    mix = commands.add_parser("prepare", help="mix soundscapes with their ground truth")
    mix.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    mix.add_argument("--split", default="test", choices=("train", "val", "test"))
    mix.add_argument("--kind", default="home", choices=KINDS)
    mix.add_argument("--hours", type=float, default=1.0)
    mix.add_argument("--seed", type=int, default=0)
    mix.add_argument("--out", type=Path, required=True, metavar="DIR")
    mix.set_defaults(command=_prepare)

    fit = commands.add_parser("train", help="train a profile and write its bundle")
    fit.add_argument("--profile", default="room", choices=("room",))
    fit.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    fit.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle's folder")
    fit.add_argument(
        "--work", type=Path, default=Path(".cache/train"), help="scenes and checkpoints"
    )
    fit.add_argument("--hours", type=float, default=48.0, help="of training scenes")
    fit.add_argument("--epochs", type=int, default=14)
    fit.add_argument("--seed", type=int, default=1)
    fit.set_defaults(command=_train)

    score = commands.add_parser("evaluate", help="score a bundle on annotated recordings")
    score.add_argument("--bundle", default="room", help="a folder, or a shipped bundle's name")
    score.add_argument("--manifest", type=Path, required=True, metavar="CSV")
    score.add_argument("--runtime", default="auto")
    score.add_argument("--json", action="store_true", help="one JSON object")
    score.add_argument("--predictions", type=Path, metavar="F.csv", help="a row an event")
    score.set_defaults(command=_evaluate)
    quantize.add(commands)
    compare.add(commands)
    return parser


def _prepare(arguments: argparse.Namespace) -> int:
    manifest = prepare(
        arguments.corpus,
        arguments.split,
        arguments.kind,
        arguments.hours,
        arguments.seed,
        arguments.out,
    )
    print(manifest)
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from train_export.room import train_room  # TensorFlow takes seconds to import

    bundle = train_room(
        arguments.corpus,
        arguments.out,
        arguments.work,
        hours=arguments.hours,
        epochs=arguments.epochs,
        seed=arguments.seed,
    )
    print(f"{arguments.out}: {bundle.name} {bundle.version}, {len(bundle.model)} bytes")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    report, rows = evaluate(load_bundle(arguments.bundle), arguments.manifest, arguments.runtime)
    if arguments.predictions:
        with arguments.predictions.open("w", newline="", encoding="utf-8") as file:
            names = list(rows[0]) if rows else ["path", "start_s", "end_s", "truth", "predicted"]
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    if arguments.json:
        print(json.dumps(report))
        return 0
    for label, numbers in report["labels"].items():
        print(_in_words(label, numbers))
    return 0


def _in_words(label: str, numbers: dict[str, Any]) -> str:
    """One line: what was found, with its intervals where there are enough recordings."""
    words = [
        f"{label}: {numbers['matched']} of {numbers['true']} found in {numbers['hours']:.2f} h"
    ]
    for name in ("sensitivity", "precision", "f1", "false_alarms_per_hour"):
        bounds = numbers["interval_95"][name]
        span = f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else ""
        words.append(f"{name.replace('_', ' ')} {numbers[name]:.3f}{span}")
    return ", ".join(words)


if __name__ == "__main__":
    sys.exit(main())

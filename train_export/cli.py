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
from train_export.chest import evaluate as chest
from train_export.commands import compile as compile_command
from train_export.commands import export, index, select
from train_export.commands.screen import evaluate_screen, in_words, train_screen
from train_export.evaluate import evaluate
from train_export.prepare import KINDS, prepare
from train_export.readers import layout_of


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

    index.add(commands)
    select.add(commands)

    mix = commands.add_parser("prepare", help="mix soundscapes with their ground truth")
    mix.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    index.add_layout(mix)
    mix.add_argument("--split", default="test", choices=("train", "val", "test"))
    mix.add_argument("--kind", default="home", choices=KINDS)
    mix.add_argument("--hours", type=float, default=1.0)
    mix.add_argument("--seed", type=int, default=0)
    mix.add_argument("--out", type=Path, required=True, metavar="DIR")
    mix.set_defaults(command=_prepare)

    fit = commands.add_parser("train", help="train a profile and write its bundle")
    fit.add_argument("--profile", default="room", choices=("room", "chest", "screen-chest"))
    given = fit.add_mutually_exclusive_group(required=True)
    given.add_argument("--corpus", type=Path, metavar="DIR")
    given.add_argument("--features", type=Path, metavar="F.csv", help="a table, the label last")
    index.add_layout(fit)
    fit.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write")
    fit.add_argument(
        "--work", type=Path, default=Path(".cache/train"), help="scenes and checkpoints"
    )
    fit.add_argument("--hours", type=float, help="of training scenes (room 48, own folder 2)")
    fit.add_argument("--epochs", type=int, help="of training (room 14, own folder 30)")
    fit.add_argument("--steps", type=int, default=2_400, help="of each of the chest's networks")
    fit.add_argument("--seed", type=int, default=1)
    fit.set_defaults(command=_train)

    score = commands.add_parser("evaluate", help="score a bundle on annotated recordings")
    score.add_argument("--bundle", default="room", help="a folder, or a shipped bundle's name")
    score.add_argument("--manifest", type=Path, required=True, metavar="CSV")
    score.add_argument("--runtime", default="auto")
    score.add_argument("--json", action="store_true", help="one JSON object")
    score.add_argument("--predictions", type=Path, metavar="F.csv", help="a row a unit")
    score.add_argument("--html", type=Path, metavar="F.html", help="a page (events only)")
    score.set_defaults(command=_evaluate)
    compile_command.add(commands)

    export.add(commands)
    return parser


def _prepare(arguments: argparse.Namespace) -> int:
    manifest = prepare(
        arguments.corpus,
        arguments.split,
        arguments.kind,
        arguments.hours,
        arguments.seed,
        arguments.out,
        arguments.layout,
    )
    print(manifest)
    return 0


def _train(arguments: argparse.Namespace) -> int:
    if arguments.profile == "screen-chest":
        return train_screen(arguments)
    # TensorFlow and scikit-learn take seconds to import
    from train_export.chest.train import train_chest
    from train_export.own_sounds import train_own
    from train_export.room import train_room
    from train_export.table import train_table

    if arguments.features:
        print(train_table(arguments.features, arguments.out, arguments.seed))
        return 0
    folders = arguments.corpus, arguments.out, arguments.work
    times = {"hours": arguments.hours, "epochs": arguments.epochs, "seed": arguments.seed}
    if arguments.profile == "chest":
        bundle = train_chest(*folders, steps=arguments.steps, seed=arguments.seed)
    elif layout_of(arguments.corpus, arguments.layout) == "folder":
        bundle = train_own(*folders, **_given(times, hours=2.0, epochs=30))
    else:
        bundle = train_room(*folders, **_given(times, hours=48.0, epochs=14))
    print(f"{arguments.out}: {bundle.name} {bundle.version}, {len(bundle.model)} bytes")
    return 0


def _given(times: dict[str, Any], **defaults: float) -> dict[str, Any]:
    """The numbers of the command line, or what serves this kind of training."""
    return defaults | {name: value for name, value in times.items() if value is not None}


def _evaluate(arguments: argparse.Namespace) -> int:
    bundle = load_bundle(arguments.bundle)
    chest_task = bundle.card.get("task") == "chest"
    screens = "screening" in bundle.card
    score = chest.evaluate if chest_task else evaluate_screen if screens else evaluate
    report, rows = score(bundle, arguments.manifest, arguments.runtime)
    if arguments.predictions:
        with arguments.predictions.open("w", newline="", encoding="utf-8") as file:
            names = list(rows[0]) if rows else ["path", "start_s", "end_s", "truth", "predicted"]
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    if arguments.html:
        from train_export.html_report import write_html  # brings matplotlib

        write_html(report, arguments.html)
    if arguments.json:
        print(json.dumps(report))
        return 0
    if screens:
        print(in_words(report))
        return 0
    if chest_task:
        chest.say(report, print)
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

"""`airway-train evaluate`: a bundle's figures on annotated recordings."""

import argparse
import csv
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from edge.bundle import load_bundle
from edge.classifier import RUNTIMES
from edge.errors import BadInputError, InputOutputError, UsageError
from train_export.commands.places import out_file

# Task of a bundle -> the module that scores it: evaluate(bundle, manifest, runtime) gives the
# report and the rows of the predictions file, in_words(report) its main figures, a line each.
TASKS = {
    "events": "train_export.evaluate",
    "chest": "train_export.chest.evaluate",
    "screening": "train_export.screen.evaluate",
}
NO_ROWS = ("path", "start_s", "end_s", "truth", "predicted")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("evaluate", help="score a bundle on annotated recordings")
    parser.add_argument("--bundle", default="room", help="a folder, or a shipped bundle's name")
    parser.add_argument("--manifest", type=Path, required=True, metavar="CSV")
    parser.add_argument("--runtime", default="auto", choices=RUNTIMES)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--predictions", type=out_file, metavar="F.csv", help="a row a unit")
    parser.add_argument("--html", type=out_file, metavar="F.html", help="a page (events only)")
    parser.set_defaults(command=_evaluate)


def task_of(card: dict[str, Any]) -> str:
    """What a bundle with this card is for, a key of TASKS."""
    return "screening" if "screening" in card else card.get("task", "events")


def _evaluate(arguments: argparse.Namespace) -> int:
    _refuse_outputs(arguments.manifest, arguments.predictions, arguments.html)
    bundle = load_bundle(arguments.bundle)
    task = task_of(bundle.card)
    if task not in TASKS:
        raise BadInputError(
            f"bundle {bundle.name} is for {task!r}, none of {', '.join(TASKS)}; export it again"
        )
    if arguments.html and task != "events":
        raise UsageError(f"--html is for events, {bundle.name} is for {task}; leave it out")
    scoring = import_module(TASKS[task])
    report, rows = scoring.evaluate(bundle, arguments.manifest, arguments.runtime)
    if arguments.predictions:
        told = [f"p_{rule.label}" for rule in bundle.rules]
        _write_rows(arguments.predictions, list(rows[0]) if rows else [*NO_ROWS, *told], rows)
    if arguments.html:
        from train_export.html_report import write_html  # brings matplotlib

        write_html(report, arguments.html)
    print(json.dumps(report) if arguments.json else "\n".join(scoring.in_words(report)))
    return 0


def _refuse_outputs(manifest: Path, *outputs: Path | None) -> None:
    """Before minutes of scoring: no output may take another file's place, each needs a folder."""
    taken = {manifest.resolve()}
    for path in outputs:
        if path is None:
            continue
        if path.resolve() in taken:
            raise UsageError(f"{path} is named twice; give each output a file of its own")
        if not path.parent.is_dir():
            raise InputOutputError(f"{path} can't be written: there is no folder {path.parent}")
        taken.add(path.resolve())


def _write_rows(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise InputOutputError(
            f"{path} can't be written ({error.strerror}); choose another --predictions"
        ) from error

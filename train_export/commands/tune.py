"""`airway-train tune`: a bundle's event rules and odds, chosen again."""

import argparse
from pathlib import Path

from edge.bundle import load_bundle
from train_export.commands.amounts import false_alarms
from train_export.commands.index import add_layout
from train_export.commands.places import out_folder


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "tune", help="choose a room bundle's event rules and odds again, without a training"
    )
    parser.add_argument("--bundle", default="room", help="a shipped name, or a folder (room)")
    parser.add_argument(
        "--corpus", type=Path, required=True, metavar="DIR", help="that it was trained on"
    )
    add_layout(parser)
    parser.add_argument(
        "--out", type=out_folder, required=True, metavar="DIR", help="the folder to write"
    )
    parser.add_argument(
        "--work", type=out_folder, default=Path(".cache/train"),
        help="scenes, as training keeps them",
    )  # fmt: skip
    parser.add_argument(
        "--false-alarms", type=false_alarms, metavar="N",
        help="an hour, that event rules keep to: in the room at a home's density, else on the "
        "validation scenes (none: the best F1)",
    )  # fmt: skip
    parser.set_defaults(command=_tune)


def _tune(arguments: argparse.Namespace) -> int:
    from train_export.tune import tune  # SciPy and scikit-learn take seconds

    bundle = tune(
        load_bundle(arguments.bundle),
        arguments.corpus,
        arguments.layout,
        arguments.work,
        arguments.out,
        arguments.false_alarms,
    )
    print(f"{arguments.out}: {bundle.name} {bundle.version}, digest {bundle.digest[:12]}")
    return 0

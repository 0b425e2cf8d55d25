"""`airway-train prepare`: soundscapes with their ground truth."""

import argparse
from pathlib import Path

from train_export.commands.amounts import seed
from train_export.commands.index import add_layout
from train_export.commands.places import out_folder
from train_export.prepare import KINDS, prepare


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("prepare", help="mix soundscapes with their ground truth")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    add_layout(parser)
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument("--kind", default="home", choices=KINDS)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--out", type=out_folder, required=True, metavar="DIR")
    parser.set_defaults(command=_prepare)


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

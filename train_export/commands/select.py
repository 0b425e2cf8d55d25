"""`airway-train select`: which coefficients a model needs, and the smaller spec."""

import argparse
from pathlib import Path

from edge.errors import UsageError
from train_export.commands.amounts import count, folds, seed
from train_export.commands.index import add_layout
from train_export.commands.places import out_folder


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("select", help="choose features, and write a smaller spec")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    add_layout(parser)
    parser.add_argument("--profile", default="room", choices=("room", "chest"))
    parser.add_argument("--clips", type=count, default=200, help="most sounds a label")
    parser.add_argument("--keep", type=count, default=20, help="coefficients to keep")
    parser.add_argument("--folds", type=folds, default=5)
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--out", type=out_folder, required=True, metavar="DIR")
    parser.set_defaults(command=_select)


def _select(arguments: argparse.Namespace) -> int:
    from edge.frontend import PRESETS
    from train_export import feature_select, feature_table
    from train_export.feature_report import write_report

    profile = arguments.profile
    spec = feature_table.candidates(profile)
    if arguments.keep >= spec.coefficients:
        raise UsageError(
            f"--keep {arguments.keep} leaves none of the {profile}'s {spec.coefficients} "
            f"coefficients out; give 1 to {spec.coefficients - 1}"
        )
    segments = feature_table.SEGMENTS[profile](arguments.corpus, arguments.layout, arguments.clips)
    table = feature_table.feature_table(segments, spec)
    chosen = feature_select.select(table, arguments.keep, arguments.folds, arguments.seed)
    preset = feature_table.feature_table(segments, PRESETS[feature_table.PRESET[profile]])
    shipped = feature_select.cross_validated(preset, arguments.folds, arguments.seed)
    write_report(arguments.out, profile, table, spec, chosen, arguments.keep, shipped)
    print(arguments.out / "report.md")
    return 0

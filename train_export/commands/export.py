"""`airway-train export`: a bundle in the form that a kind of device takes."""

import argparse

from edge.bundle import load_bundle
from train_export.codegen.bundle_c import export_c
from train_export.codegen.network import KERNELS
from train_export.commands.places import out_folder


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    export = commands.add_parser("export", help="write a bundle as C for a watch")
    export.add_argument("--target", required=True, choices=("c",))
    export.add_argument("--bundle", default="room", help="a folder, or a shipped bundle's name")
    export.add_argument("--out", type=out_folder, required=True, metavar="DIR")
    export.add_argument(
        "--kernels",
        default="builtin",
        choices=KERNELS,
        help="whose rounding: the built-in kernels of the device's runtime, or the reference ones",
    )
    export.set_defaults(command=_export)


def _export(arguments: argparse.Namespace) -> int:
    bundle = load_bundle(arguments.bundle)
    for path in export_c(bundle, arguments.out, arguments.kernels):
        print(path)
    return 0

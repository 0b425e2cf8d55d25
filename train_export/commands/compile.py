"""`airway-train compile`: a bundle for an accelerator."""

import argparse
from importlib.util import find_spec
from typing import Any

from edge.bundle import bundle_path, load_bundle
from edge.errors import DeviceUnavailableError, UsageError, how_to_install
from train_export.commands.places import out_folder


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("compile", help="compile a bundle's model for an accelerator")
    parser.add_argument(
        "--target", required=True, help="edgetpu (Coral), ethos-u55-128 or ethos-u65-256 (Arm NPU)"
    )
    parser.add_argument("--bundle", default="room", help="a folder, or a shipped bundle's name")
    parser.add_argument(
        "--out", type=out_folder, required=True, metavar="DIR", help="the new bundle's folder"
    )
    parser.set_defaults(command=_compile)


def _compile(arguments: argparse.Namespace) -> int:
    if find_spec("ai_edge_litert") is None:
        raise DeviceUnavailableError(
            "compile reads models with the package ai-edge-litert, which is not installed; "
            f"{how_to_install('npu')}"
        )
    from train_export.compile import compile_bundle, edgetpu_report

    bundle = load_bundle(arguments.bundle)
    if arguments.out.resolve() == bundle_path(arguments.bundle).resolve():
        raise UsageError(
            f"--out {arguments.out} is the bundle itself, which stays as it is; name another folder"
        )
    if arguments.target == "edgetpu":  # before the compiler, which may not be there
        print("\n".join(edgetpu_report(bundle)), flush=True)
    about = compile_bundle(bundle, arguments.target, arguments.out).card["compiled"]
    print(f"{arguments.out}: compiled for {about['target']} with {about['compiler']}")
    if about["operators_on_cpu"]:
        print(f"left to the CPU: {', '.join(about['operators_on_cpu'])}")
    if about["estimate"]:
        figures = ", ".join(f"{name} {value}" for name, value in about["estimate"].items())
        print(f"estimated by the compiler, not measured: {figures}")
    return 0

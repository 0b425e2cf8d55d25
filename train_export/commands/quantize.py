"""`airway-train quantize`: trained weights to an int8 model, and what that cost."""

import argparse
import json
from pathlib import Path
from typing import Any

from edge.errors import InputOutputError
from train_export.commands.places import out_file


def add(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "quantize", help="make trained weights an int8 model, and compare it with the float one"
    )
    parser.add_argument(
        "--weights", type=Path, required=True, metavar="F.h5",
        help="as training wrote them, network.json beside them",
    )  # fmt: skip
    parser.add_argument(
        "--scenes", type=Path, required=True, metavar="DIR",
        help="training scenes, as training keeps them: they set the ranges",
    )  # fmt: skip
    parser.add_argument(
        "--validation", type=Path, required=True, metavar="DIR",
        help="scenes of other people: float and int8 are compared on them",
    )  # fmt: skip
    parser.add_argument("--out", type=out_file, required=True, metavar="F.tflite")
    parser.add_argument(
        "--qat", default="auto", choices=("auto", "always", "never"),
        help="quantization-aware fine-tuning; auto: when int8 loses over half a point of F1",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=_quantize)


def _quantize(arguments: argparse.Namespace) -> int:
    from train_export.features import load_scenes  # scikit-learn and SciPy take a while
    from train_export.settle import settle

    settled = settle(
        arguments.weights,
        load_scenes(arguments.scenes),
        load_scenes(arguments.validation),
        arguments.qat,
    )
    try:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_bytes(settled.bundle.model)
    except OSError as error:
        raise InputOutputError(f"{arguments.out} can't be written ({error.strerror})") from error
    report = settled.report()
    if arguments.json:
        print(json.dumps(report))
        return 0
    print(f"{arguments.out}: {report['architecture']}, {report['bytes']} bytes, {report['kept']}")
    for name, numbers in (("post-training", settled.post_training), ("tuned", settled.fine_tuned)):
        if numbers:
            print(
                f"{name}: event F1 {numbers.f1_float:.4f} in float, {numbers.f1_int8:.4f} in "
                f"int8; same top class in {numbers.top_class:.2%} of the steps"
            )
    return 0

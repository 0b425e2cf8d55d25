"""`airway-train ablate`: what denoisers, fewer features and a teacher buy the room's model."""

import argparse
from dataclasses import replace
from pathlib import Path

from train_export.commands.amounts import count, hours, seed
from train_export.commands.places import out_file, out_folder


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "ablate", help="train the room's network with one thing changed at a time"
    )
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--teacher", type=Path, metavar="F.tflite", help="YAMNet's file, for that variant (none)"
    )
    parser.add_argument("--out", type=out_file, required=True, metavar="F.md")
    parser.add_argument(
        "--work", type=out_folder, default=Path(".cache/ablate"),
        help="scenes and checkpoints; a second call goes on where the first was interrupted",
    )  # fmt: skip
    parser.add_argument("--hours", type=hours, help="of training scenes (6)")
    parser.add_argument("--epochs", type=count, help="(6)")
    parser.add_argument("--validation-hours", type=hours, help="(0.5)")
    parser.add_argument("--test-hours", type=hours, help="(2)")
    parser.add_argument("--seed", type=seed, default=1)
    parser.set_defaults(command=_ablate)


def _ablate(arguments: argparse.Namespace) -> int:
    from train_export.ablation import USUAL, ablate, page, variants  # scikit-learn is slow

    names = ("hours", "epochs", "validation_hours", "test_hours", "seed")
    given = {name: getattr(arguments, name) for name in names}
    budget = replace(USUAL, **{name: value for name, value in given.items() if value is not None})
    corpus, teacher = arguments.corpus, arguments.teacher
    named = variants(corpus, teacher, arguments.seed)
    text = page(ablate(corpus, arguments.work, budget, named, teacher), named, budget)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    return 0

"""`airway-train compare`: the architectures in one table."""

import argparse
from pathlib import Path
from typing import Any

from edge.errors import UsageError
from train_export.commands.amounts import count, hours, seed
from train_export.commands.places import out_file, out_folder
from train_export.models.config import STEP_CONFIGS, default_config
from train_export.schedule import LOCAL


def add(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "compare", help="train every architecture on equal data and write one table"
    )
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=out_file, required=True, metavar="F.md")
    parser.add_argument(
        "--work", type=out_folder, default=Path(".cache/compare"),
        help="scenes and checkpoints; a second call goes on where the first was interrupted",
    )  # fmt: skip
    parser.add_argument(
        "--models", default=",".join(STEP_CONFIGS), help="architectures, comma-separated; the "
        "first is what the others' time is relative to",
    )  # fmt: skip
    parser.add_argument("--hours", type=hours, default=6.0, help="of training scenes")
    parser.add_argument("--epochs", type=count, default=6)
    parser.add_argument("--validation-hours", type=hours, default=0.5)
    parser.add_argument("--test-hours", type=hours, default=4.0)
    parser.add_argument("--seed", type=seed, default=1)
    parser.add_argument("--scheduler", default=LOCAL, help="local, or tcp://HOST:PORT of Dask's")
    parser.set_defaults(command=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    from train_export.comparison import Budget, measure, prepare, table  # scikit-learn is slow

    names = arguments.models.split(",")
    unknown = [name for name in names if name not in STEP_CONFIGS]
    if unknown:
        raise UsageError(
            f"no architecture {', '.join(unknown)}; choose among {', '.join(STEP_CONFIGS)}"
        )
    budget = Budget(
        hours=arguments.hours,
        epochs=arguments.epochs,
        validation_hours=arguments.validation_hours,
        test_hours=arguments.test_hours,
        seed=arguments.seed,
    )
    scenes = prepare(arguments.corpus, arguments.work, budget, arguments.scheduler)
    results = {
        name: measure(name, default_config(name), scenes, budget, arguments.work) for name in names
    }
    page = table(results, budget)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page, encoding="utf-8")
    print(page)
    return 0

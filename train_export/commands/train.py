"""`airway-train train`: a profile's bundle from a corpus."""

import argparse
from pathlib import Path
from typing import Any

from edge.bundle import Bundle
from edge.errors import UsageError
from train_export.commands.amounts import count, false_alarms, hours, seed
from train_export.commands.index import add_layout
from train_export.commands.places import out_folder
from train_export.models.config import STEP_CONFIGS
from train_export.readers import layout_of
from train_export.schedule import LOCAL

# What only the room's way of training knows, with one's own sounds too, and its values.
ROOM_ONLY = {
    "model": "cnn",
    "patience": None,
    "resume": False,
    "scheduler": LOCAL,
    "teacher": None,
    "processors": 1,
    "false_alarms": None,
    "layout": "auto",
}
# The same of the chest's network, which the screen is built on.
CHEST_ONLY = {"pretrained": None}
# How long each way of training can be asked to take.
AMOUNTS = {
    "room": ("hours", "epochs"),
    "chest": ("steps",),
    "screen-chest": ("steps",),
    "features": (),
}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("train", help="train a profile and write its bundle")
    parser.add_argument("--profile", default="room", choices=("room", "chest", "screen-chest"))
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--corpus", type=Path, metavar="DIR")
    given.add_argument("--features", type=Path, metavar="F.csv", help="a table, the label last")
    add_layout(parser)
    parser.add_argument(
        "--out", type=out_folder, required=True, metavar="DIR", help="the folder to write"
    )
    parser.add_argument(
        "--work", type=out_folder, default=Path(".cache/train"), help="scenes and checkpoints"
    )
    parser.add_argument("--hours", type=hours, help="of training scenes (room 32, own folder 2)")
    parser.add_argument("--epochs", type=count, help="of training (room 26, own folder 30)")
    parser.add_argument(
        "--steps", type=count, help="of each of the chest's networks (2400, pretrained 4000)"
    )
    parser.add_argument("--seed", type=seed, default=1)
    room = parser.add_argument_group("room and own folder")
    room.add_argument("--model", choices=STEP_CONFIGS, help="architecture (cnn)")
    room.add_argument(
        "--patience", type=count, metavar="N",
        help="end after N epochs that were no better on validation people (never)",
    )  # fmt: skip
    room.add_argument(
        "--resume", action="store_true", help="go on after the last epoch of an interrupted run"
    )
    room.add_argument(
        "--scheduler", help="where scenes are mixed: local, or tcp://HOST:PORT of Dask's"
    )
    room.add_argument(
        "--teacher", type=Path, metavar="F.tflite",
        help="YAMNet's file: learn its scores of the training scenes beside the labels (none)",
    )  # fmt: skip
    room.add_argument(
        "--processors", type=count, metavar="N",
        help="of this machine to train on, each with a batch of its own (1)",
    )  # fmt: skip
    room.add_argument(
        "--false-alarms", type=false_alarms, metavar="N",
        help="an hour, that event rules keep to: in the room at a home's density, else on the "
        "validation scenes (none: the best F1)",
    )  # fmt: skip
    chest = parser.add_argument_group("chest and screen-chest")
    chest.add_argument(
        "--pretrained", type=Path, metavar="F.tflite",
        help="YAMNet's file: a larger network starts from its first layers (none)",
    )  # fmt: skip
    parser.set_defaults(command=_train, **ROOM_ONLY, **CHEST_ONLY)


def _train(arguments: argparse.Namespace) -> int:
    _refuse_unused(arguments)
    if arguments.features:
        from train_export.table import train_table

        print(train_table(arguments.features, arguments.out, arguments.seed))
        return 0
    bundle = {"room": _room, "chest": _chest, "screen-chest": _screen}[arguments.profile](arguments)
    print(f"{arguments.out}: {bundle.name} {bundle.version}, {len(bundle.model)} bytes")
    if "screening" in bundle.card:
        print(bundle.card["screening"]["evidence"])
    return 0


def _refuse_unused(arguments: argparse.Namespace) -> None:
    way = "features" if arguments.features else arguments.profile
    what = "--features" if arguments.features else f"--profile {arguments.profile}"
    unused = {name: None for name in ("hours", "epochs", "steps") if name not in AMOUNTS[way]}
    if way != "room":
        unused |= ROOM_ONLY
    if way not in ("chest", "screen-chest"):
        unused |= CHEST_ONLY
    for name, value in unused.items():
        if getattr(arguments, name) != value:
            raise UsageError(f"--{name.replace('_', '-')} does not go with {what}; leave it out")


# TensorFlow and scikit-learn take seconds to import, so each way imports its own.
def _room(arguments: argparse.Namespace) -> Bundle:
    from train_export.own_sounds import train_own
    from train_export.room import Plan, train_room
    from train_export.teacher import Teacher

    own = layout_of(arguments.corpus, arguments.layout) == "folder"
    usual: dict[str, Any] = {"hours": 2.0, "epochs": 30} if own else {"hours": 32.0, "epochs": 26}
    amount = {
        name: value if getattr(arguments, name) is None else getattr(arguments, name)
        for name, value in usual.items()
    }
    if arguments.teacher:
        Teacher(arguments.teacher)  # refused now, not by a worker
    options = {name: getattr(arguments, name) for name in (*ROOM_ONLY, "seed")}
    plan = Plan(**amount, **options)
    return (train_own if own else train_room)(arguments.corpus, arguments.out, arguments.work, plan)


def _chest(arguments: argparse.Namespace) -> Bundle:
    from train_export.chest.train import train_chest

    return train_chest(*_folders(arguments), **_chest_network(arguments))


def _screen(arguments: argparse.Namespace) -> Bundle:
    from train_export.screen.chest import train_screen_chest

    return train_screen_chest(*_folders(arguments), **_chest_network(arguments))


def _folders(arguments: argparse.Namespace) -> tuple[Path, Path, Path]:
    return arguments.corpus, arguments.out, arguments.work


def _chest_network(arguments: argparse.Namespace) -> dict[str, Any]:
    usual = 4_000 if arguments.pretrained else 2_400
    steps = usual if arguments.steps is None else arguments.steps
    return {"steps": steps, "seed": arguments.seed, "pretrained": arguments.pretrained}

"""The `airway-train` command: from a corpus to a bundle that a device can run."""

import argparse
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

from edge import __version__
from edge.errors import UsageError, how_to_install
from edge.program import Parser, run_program


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    return run_program("airway-train", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    return command(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="airway-train", description="Train, evaluate and export Airway's models.")
    parser.add_argument("--version", action="version", version=f"airway-train {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, parser_class=Parser)
    for command in _commands():
        command.add(commands)
    return parser


def _commands() -> tuple[ModuleType, ...]:
    """The commands' modules.

    Raises:
        UsageError: what they import is not installed.
    """
    try:
        from train_export.commands import (
            ablate,
            compare,
            compile,
            evaluate,
            export,
            index,
            prepare,
            quantize,
            select,
            train,
            tune,
        )
    except ModuleNotFoundError as error:
        raise UsageError(
            f"this needs {error.name}, which is not installed; {how_to_install('train')}"
        ) from error
    return index, select, prepare, train, tune, evaluate, quantize, compare, ablate, compile, export


if __name__ == "__main__":
    sys.exit(main())

"""The `airway-train` command: from a corpus to a bundle that a device can run."""

import argparse
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NoReturn

from edge import __version__
from edge.errors import AirwayError, InputOutputError, UsageError, how_to_install


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    try:
        arguments = _parser().parse_args(argv)
        command: Callable[[argparse.Namespace], int] = arguments.command
        return command(arguments)
    except AirwayError as error:
        print(f"airway-train: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"airway-train: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        return InputOutputError.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="airway-train", description="Train, evaluate and export Airway's models.")
    parser.add_argument("--version", action="version", version=f"airway-train {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, parser_class=_Parser)
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

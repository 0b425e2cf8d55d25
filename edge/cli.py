"""The `airway` command: each subcommand prints its result on standard output, logs elsewhere.

Exit codes: 0, 64 usage, 65 bad input data, 69 device unavailable, 74 input or output,
75 try again, 78 configuration.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from edge import __version__
from edge.commands import (
    bench,
    checkin,
    devices,
    doctor,
    features,
    install_service,
    model,
    replay,
    report,
    run,
    screen,
    web,
)
from edge.commands.output import DISCLAIMER
from edge.config import LogSettings
from edge.logs import configure_logging
from edge.program import Parser, run_program

# In the order of `airway --help`.
COMMANDS = (
    replay, features, devices, model, doctor, run, bench, checkin, install_service, report, screen,
    web,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    return run_program("airway", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    configure_logging(LogSettings())
    command: Callable[[argparse.Namespace], int] = arguments.command
    return command(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="airway", description=DISCLAIMER)
    parser.add_argument("--version", action="version", version=f"airway {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, parser_class=Parser)
    for module in COMMANDS:
        module.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())

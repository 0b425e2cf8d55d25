"""`airway devices`: which microphones there are, and how loud one is."""

import argparse
import contextlib
import sys
from dataclasses import asdict
from typing import Any

from edge.capture import list_inputs, meter_lines
from edge.commands.output import say_json
from edge.errors import UsageError


def add(commands: Any) -> None:
    """Register the command; `commands` are argparse's sub-parsers."""
    devices = commands.add_parser("devices", help="list the microphones, or show a level meter")
    devices.add_argument("--json", action="store_true", help="one JSON object a line")
    devices.add_argument("--meter", action="store_true", help="show how loud it is, until Ctrl-C")
    devices.add_argument("--device", default="", metavar="NAME", help='whose meter (default: "")')
    devices.set_defaults(command=_devices)


def _devices(arguments: argparse.Namespace) -> int:
    if arguments.meter:
        if arguments.json:
            raise UsageError("the meter is for a person and has no JSON; leave --json out")
        begin, end = ("\r", "") if sys.stdout.isatty() else ("", "\n")
        with contextlib.suppress(KeyboardInterrupt):
            for line in meter_lines(arguments.device):
                print(begin + line, end=end, flush=True)
        print()
        return 0
    for found in list_inputs():
        if arguments.json:
            say_json({"type": "device", **asdict(found)})
        else:
            print(found)
    return 0

"""`airway install-service`: the daemon as a service of systemd, with one command.

The user and the state directory are systemd's own business: the unit asks for a user that exists
while the service runs, and for /var/lib/airway.
"""

import argparse
import socket
import sys
from pathlib import Path
from typing import Any

from edge.commands import service_files
from edge.commands.service_files import Plan
from edge.errors import UsageError


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("install-service", help="run the daemon at every start")
    parser.add_argument(
        "--board", default="raspberry-pi", help="whose configuration to begin with; see --boards"
    )
    parser.add_argument("--boards", action="store_true", help="list the boards and end")
    parser.add_argument("--node", default="", help="name of this device (default: the host's)")
    parser.add_argument("--coral", action="store_true", help="let it use a Coral accelerator")
    parser.add_argument("--uninstall", action="store_true", help="keep configuration and history")
    parser.add_argument("--purge", action="store_true", help="with --uninstall: keep nothing")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="of an image (default: /)"
    )
    parser.add_argument(
        "--program",
        type=Path,
        default=Path(sys.executable).with_name("airway"),
        metavar="P",
        help="what the service runs, as the running system sees it (default: this airway)",
    )
    parser.set_defaults(command=_install_service)


def _install_service(arguments: argparse.Namespace) -> int:
    if arguments.boards:
        print("\n".join(service_files.boards()))
        return 0
    if arguments.purge and not arguments.uninstall:
        raise UsageError("--purge only goes with --uninstall")
    plan = _uninstallation(arguments) if arguments.uninstall else _installation(arguments)
    if arguments.dry_run:
        print("\n".join(f"would {action}" for action in plan.actions))
        return 0
    for said in plan.carry_out():
        print(said)
    print(plan.afterwards)
    return 0


def _installation(arguments: argparse.Namespace) -> Plan:
    node = arguments.node or service_files.node_name(socket.gethostname())
    return service_files.installation(
        arguments.root, arguments.program, arguments.board, node, arguments.coral
    )


def _uninstallation(arguments: argparse.Namespace) -> Plan:
    return service_files.uninstallation(arguments.root, arguments.purge)

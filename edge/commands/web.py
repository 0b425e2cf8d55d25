"""`airway web`: the history as pages in a browser."""

import argparse
import time
from pathlib import Path

from edge.commands.history import add_where, history_of
from edge.errors import UsageError

PORT = 8420


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    web = commands.add_parser("web", help="show the history as pages in a browser")
    add_where(web)
    web.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    web.add_argument("--port", type=int, default=PORT, help=f"0 takes a free one (default: {PORT})")
    web.add_argument("--token-file", type=Path, metavar="F", help="who has its token may look")
    web.set_defaults(command=_web)


def _web(arguments: argparse.Namespace) -> int:
    # Here, so that the daemon, which has the same command line, does not keep it in memory.
    from edge.web import Gate, Pages, Site, is_loopback, read_token, serve

    if arguments.token_file is None and not is_loopback(arguments.host):
        raise UsageError(
            f"--host {arguments.host} would show the history to the network; give --token-file F, "
            "or leave --host out"
        )
    if not 0 <= arguments.port <= 65_535:
        raise UsageError(f"--port {arguments.port} is not between 0 and 65535")
    token = None if arguments.token_file is None else read_token(arguments.token_file)
    history = history_of(arguments)
    pages = Pages(history.database, history.node, history.zone, time.time)
    pages.check()
    site = Site(pages, Gate(token, time.time))
    serve(site, arguments.host, arguments.port, lambda address: print(address, flush=True))
    return 0

"""The pages on a port."""

import errno
from collections.abc import Callable, Iterable
from typing import Any

from edge.errors import ConfigError, TryAgainError
from edge.pages.templates import import_extra
from edge.web.access import is_loopback_name

_THREADS = 2  # a household looks at it; each holds some megabytes while it draws
# Another program has the port, or the network is not up yet: what time mends.
_PASSING = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


def is_loopback(host: str) -> bool:
    """Whether listening on a host reaches this machine alone."""
    return is_loopback_name(host)


def serve(
    application: Callable[..., Iterable[bytes]], host: str, port: int, ready: Callable[[str], None]
) -> None:
    """Answer requests until the process is ended.

    Args:
        application: a WSGI application.
        host: name or address to listen on.
        port: 0 takes a free one.
        ready: called with the address, such as http://127.0.0.1:8420/, once it answers.

    Raises:
        ConfigError: the address is none, or the port is not this user's to take.
        TryAgainError: the port is taken, or the network does not have the address yet.
        UsageError: the server is not installed.
    """
    waitress = import_extra("waitress", "web")
    try:
        server: Any = waitress.create_server(
            application,
            host=host,
            port=port,
            threads=_THREADS,
            ident=None,
            # A proxy on this machine tells whom it speaks for, and whether over TLS.
            trusted_proxy="127.0.0.1",
            trusted_proxy_headers={"x-forwarded-for", "x-forwarded-proto"},
            clear_untrusted_proxy_headers=True,
            max_request_body_size=65_536,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        fault = TryAgainError if getattr(error, "errno", None) in _PASSING else ConfigError
        raise fault(
            f"can't listen on {host}:{port} ({reason}); choose another --host or --port"
        ) from error
    shown = f"[{host}]" if ":" in host else host
    ready(f"http://{shown}:{getattr(server, 'effective_port', port)}/")
    try:
        server.run()
    finally:
        server.close()

"""Figures over HTTP, on the loopback address alone."""

import contextlib
import errno
import threading
from collections.abc import Callable, Iterator
from typing import Any

from edge.errors import ConfigError, TryAgainError

_HOST = "127.0.0.1"
_REQUEST_TIMEOUT_S = 5.0  # between two bytes of a request
_MOST_CLIENTS = 4  # at a time: one that says nothing, or a little now and then, keeps a thread


@contextlib.contextmanager
def served(port: int, text: Callable[[], str]) -> Iterator[int]:
    """Serve `text()` at http://127.0.0.1:<port>/metrics while the block runs.

    Args:
        port: 0 takes a free one.
        text: called in a thread of its own at each request.

    Yields:
        The port.

    Raises:
        ConfigError: the port can't be had.
        TryAgainError: another program has it.
    """
    # Most daemons serve no figures, and the server brings a megabyte with it.
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S
        server_version = "airway"
        sys_version = ""

        def do_GET(self) -> None:
            found = self.path == "/metrics"
            body = text().encode() if found else b"see /metrics\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: Any) -> None:
            """Say nothing: a scrape a minute is no news."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True  # an end waits for no client
        free = threading.BoundedSemaphore(_MOST_CLIENTS)

        def process_request(self, request: Any, client_address: Any) -> None:
            if self.free.acquire(blocking=False):
                super().process_request(request, client_address)
            else:
                self.shutdown_request(request)

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            try:
                super().process_request_thread(request, client_address)
            finally:
                self.free.release()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing: a client that went away is its own affair."""

    try:
        server = Server((_HOST, port), Handler)
    except OSError as error:
        kind = TryAgainError if error.errno == errno.EADDRINUSE else ConfigError
        raise kind(
            f"metrics.port: can't listen on {_HOST}:{port} ({error.strerror}); choose another "
            "port, or 0 for none"
        ) from error
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="metrics", daemon=True
    )
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""What systemd is told: sd_notify(3), without its library."""

import os
import socket
from collections.abc import Callable, Mapping


class Notifier:
    """Words for the service manager; without one, each call does nothing.

    Args:
        environ: where the manager has put its address and the watchdog's time.
        clock: monotonic seconds, of CLOCK_MONOTONIC.
    """

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._clock = clock
        self._status = ""
        self.watchdog_s: float | None = None
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        if meant and environ.get("WATCHDOG_USEC", "").isdecimal():
            self.watchdog_s = int(environ["WATCHDOG_USEC"]) / 1e6

    def ready(self) -> None:
        """The daemon listens."""
        self._send("READY=1")

    def alive(self) -> None:
        """The daemon has got on; a manager with a watchdog kills one that says so too seldom."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(self._clock() * 1e6)}")

    def stopping(self) -> None:
        """The daemon is about to end."""
        self._send("STOPPING=1")

    def status(self, words: str) -> None:
        """One line for a person who asks the manager; said when it changes."""
        if words != self._status:
            self._status = words
            self._send(f"STATUS={words}")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(text.encode(), socket.MSG_DONTWAIT, self._address)
            except OSError:
                # A manager that does not listen is no reason to stop listening ourselves; if it
                # has a watchdog, it will act on the silence.
                return

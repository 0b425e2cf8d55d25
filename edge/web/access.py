"""Who may look: on the loopback address everybody there, elsewhere who has the token."""

import hashlib
import hmac
import ipaddress
from collections import deque
from collections.abc import Callable
from pathlib import Path

from edge.errors import ConfigError
from edge.web.http import Request

COOKIE = "airway"
SIGNED_IN_S = 30 * 86_400
# 20 characters of base64 are 120 bits: nobody guesses that, at any speed.
TOKEN_CHARACTERS = 20
# Who is wrong so often is told to wait; the right token is always taken, or anybody in the network
# could lock its owner out.
_WRONG_A_MINUTE = 10
_LOOSE = 0o027  # others may read it, or a group may change it


def read_token(path: Path) -> str:
    """The token in the first line of a file.

    Raises:
        ConfigError: the file can't be read, is open to others, or its token is too short.
    """
    try:
        mode = path.stat().st_mode & 0o777
        first = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError as error:
        raise ConfigError(f"can't read the token in {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file; put the token in its first line") from error
    if mode & _LOOSE:
        raise ConfigError(f"other users may read or change {path} (mode {mode:03o}); chmod 600 it")
    if not first.isascii():  # a header could not carry it
        raise ConfigError(
            f"the token in {path} has characters beyond ASCII; make one with: "
            "head -c 24 /dev/urandom | base64"
        )
    if len(first) < TOKEN_CHARACTERS:
        raise ConfigError(
            f"the token in {path} has {len(first)} characters and needs at least "
            f"{TOKEN_CHARACTERS}; make one with: head -c 24 /dev/urandom | base64"
        )
    return first


class Gate:
    """Decides whether a request may see the pages.

    Args:
        token: None lets in who asks this machine by a loopback name from this machine, and
            nobody else: the name keeps a page of another site from reading through a reader's
            browser (DNS rebinding).
        clock: seconds since 1970.
    """

    def __init__(self, token: str | None, clock: Callable[[], float]) -> None:
        self._token = token
        self._clock = clock
        self._wrong: deque[float] = deque(maxlen=_WRONG_A_MINUTE)

    @property
    def has_token(self) -> bool:
        """Whether there is something to sign in with."""
        return self._token is not None

    def admits(self, request: Request) -> bool:
        """Whether the request may see the pages."""
        if self._token is None:
            return is_loopback_name(request.host) and is_loopback_address(request.address)
        kind, _, given = request.authorization.partition(" ")
        if kind.lower() == "bearer":
            return self.is_token(given.strip())
        return self._is_pass(request.cookies.get(COOKIE, ""))

    def is_token(self, given: str) -> bool:
        """Whether this is the token; a wrong one is remembered for a minute."""
        if self._token is None:
            return False
        right = hmac.compare_digest(given.encode(), self._token.encode())
        if not right:
            self._wrong.append(self._clock())
        return right

    def must_wait(self) -> bool:
        """Whether too many wrong tokens came within a minute."""
        return len(self._wrong) == _WRONG_A_MINUTE and self._clock() - self._wrong[0] < 60

    def new_pass(self) -> str:
        """What a browser keeps after signing in: a time, signed with the token."""
        until = str(int(self._clock()) + SIGNED_IN_S)
        return f"{until}.{self._signature(until)}"

    def _is_pass(self, given: str) -> bool:
        until, _, signature = given.partition(".")
        if not (until.isascii() and until.isdecimal() and len(until) < 16):
            return False
        good = hmac.compare_digest(signature.encode(), self._signature(until).encode())
        return good and int(until) > self._clock()

    def _signature(self, until: str) -> str:
        assert self._token is not None
        text = f"airway pages until {until}"
        return hmac.new(self._token.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_loopback_name(host: str) -> bool:
    """Whether a name or an address can only mean this machine."""
    return host == "localhost" or is_loopback_address(host)


def is_loopback_address(address: str) -> bool:
    """Whether an address is of the loopback network; a name is not."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

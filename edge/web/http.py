"""A request and an answer, no more than the pages need of HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

FORM_BYTES = 4096  # a token and its name; what is longer is none


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        method: in capitals.
        path: decoded, begins with "/".
        query: first value of each parameter in the address.
        form: the same of a form that was sent.
        cookies: name -> value.
        accept_language: the header, or "".
        authorization: the header, or "".
        host: name that the client asked for, without a port.
        address: of the client.
        encrypted: it came over TLS, to a proxy in front.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    accept_language: str = ""
    authorization: str = ""
    host: str = "localhost"
    address: str = "127.0.0.1"
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        body: text of the type.
        status: such as "200 OK".
        content_type: with its charset.
        headers: beside those that every answer has.
    """

    body: str
    status: str = "200 OK"
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def read_request(environ: Mapping[str, Any]) -> Request:
    """A WSGI environment (PEP 3333) -> the request; what is malformed reads as absent."""
    return Request(
        method=environ["REQUEST_METHOD"],
        path=_text(environ.get("PATH_INFO", "")) or "/",
        query=_pairs(environ.get("QUERY_STRING", "")),
        form=_form(environ) if environ["REQUEST_METHOD"] == "POST" else {},
        cookies=_cookies(environ.get("HTTP_COOKIE", "")),
        accept_language=environ.get("HTTP_ACCEPT_LANGUAGE", ""),
        authorization=environ.get("HTTP_AUTHORIZATION", ""),
        host=host_name(environ.get("HTTP_HOST", "")),
        address=environ.get("REMOTE_ADDR", ""),
        encrypted=environ.get("wsgi.url_scheme") == "https",
    )


def cookie(name: str, value: str, max_age_s: int, encrypted: bool) -> tuple[str, str]:
    """A header that sets a cookie, for this site's own pages and out of scripts' reach."""
    secure = "; Secure" if encrypted else ""
    rest = f"Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}"
    return "Set-Cookie", f"{name}={value}; {rest}"


def host_name(host: str) -> str:
    """A Host header -> the name in it, without port and brackets, in small letters."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _text(latin: str) -> str:
    return latin.encode("latin-1", "replace").decode("utf-8", "replace")


def _pairs(text: str) -> dict[str, str]:
    try:
        found = parse_qs(_text(text), max_num_fields=20)
    except ValueError:  # more parameters than any page has
        return {}
    return {name: values[0] for name, values in found.items()}


def _form(environ: Mapping[str, Any]) -> dict[str, str]:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > FORM_BYTES:
        return {}
    return _pairs(environ["wsgi.input"].read(int(length)).decode("latin-1"))


def _cookies(header: str) -> dict[str, str]:
    """Name -> value; what another site on this host has set may have any form."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, equals, value in pairs if equals}

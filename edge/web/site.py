"""Addresses -> pages, as a WSGI application (PEP 3333)."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from edge.errors import AirwayError, ConfigError, TryAgainError
from edge.pages.texts import LANGUAGES, Language, language, preferred
from edge.store import DamagedError
from edge.web.access import COOKIE, SIGNED_IN_S, Gate
from edge.web.http import Answer, Request, cookie, read_request
from edge.web.views import TREND_DAYS, Pages

_logger = logging.getLogger(__name__)

StartResponse = Callable[[str, list[tuple[str, str]]], object]
_YEAR_S = 365 * 86_400
_STATIC = {"/style.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml"}
# No script at all, nothing from elsewhere, and no page of another site around ours.
_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "microphone=(), camera=(), geolocation=()"),
)


class Site:
    """The application.

    Args:
        pages: what there is to see.
        gate: who may see it.
    """

    def __init__(self, pages: Pages, gate: Gate) -> None:
        self._pages = pages
        self._gate = gate

    def __call__(self, environ: Mapping[str, Any], start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = read_request(environ)
        answer = self.answer(request)
        body = answer.body.encode()
        start(
            answer.status,
            [
                ("Content-Type", answer.content_type),
                ("Content-Length", str(len(body))),
                *_HEADERS,
                *answer.headers,
            ],
        )
        return [] if request.method == "HEAD" else [body]

    def answer(self, request: Request) -> Answer:
        """The answer to a request, whoever asks."""
        if request.path in _STATIC and request.method in ("GET", "HEAD"):
            text = files("edge.web").joinpath("static", request.path[1:]).read_text("utf-8")
            return Answer(text, "200 OK", _STATIC[request.path], (_cached(3600),))
        code = _language_code(request)
        headers = [("Cache-Control", "no-store"), ("Vary", "Accept-Language, Cookie")]
        if request.query.get("lang") in LANGUAGES:
            headers.append(cookie("lang", code, _YEAR_S, request.encrypted))
        answer = self._answered(request, language(code))
        return Answer(answer.body, answer.status, answer.content_type, (*answer.headers, *headers))

    def _answered(self, request: Request, t: Language) -> Answer:
        """The answer, also where none can be found."""
        try:
            return self._inner(request, t)
        except AirwayError as error:
            _logger.warning("%s: %s", request.path, error)
            words = {"title": t("fault"), "text": t(_fault(error)), "detail": str(error)}
            return self._say(request, t, "503 Service Unavailable", **words)
        except Exception:
            # A fault of ours on one page: the reader is told in their language, the others go on.
            _logger.exception("%s failed", request.path)
            words = {"title": t("fault_page"), "text": t("fault_page_text")}
            return self._say(request, t, "500 Internal Server Error", **words)

    def _inner(self, request: Request, t: Language) -> Answer:
        if request.path == "/login" and self._gate.has_token:
            return self._login(request, t)
        if request.path == "/logout" and request.method == "POST":
            gone = cookie(COOKIE, "", 0, request.encrypted)
            return _see_other("/", gone)
        if not self._gate.admits(request):
            return self._refuse(request, t)
        if request.method not in ("GET", "HEAD"):
            return _plain(t("read_only"), "405 Method Not Allowed")
        body = self._page(request, t)
        if body is None:
            words = {"title": t("not_found"), "text": t("not_found_text")}
            return self._say(request, t, "404 Not Found", **words)
        return Answer(body)

    def _page(self, request: Request, t: Language) -> str | None:
        """The page at an address; None when there is none."""
        kind, _, name = request.path[1:].partition("/")
        shared = self._shared(request, kind)
        if kind == "event" and name:
            return self._pages.event(t, shared, name)
        if kind == "night" and (day := _day(name)) is not None:
            return self._pages.night(t, shared, day)
        match request.path:
            case "/":
                return self._pages.today(t, shared)
            case "/nights":
                return self._pages.nights(t, shared, _day(request.query.get("before", "")))
            case "/trend":
                days = request.query.get("days", "90")
                chosen = next((k for k in TREND_DAYS if str(k) == days), TREND_DAYS[1])
                return self._pages.trend(t, shared, chosen)
            case "/device":
                return self._pages.health(t, shared)
        return None

    def _login(self, request: Request, t: Language) -> Answer:
        if request.method == "POST":
            if self._gate.is_token(request.form.get("token", "").strip()):
                passed = cookie(COOKIE, self._gate.new_pass(), SIGNED_IN_S, request.encrypted)
                return _see_other("/", passed)
            if self._gate.must_wait():
                return self._form(request, t, "429 Too Many Requests", t("login_wait"))
            return self._form(request, t, "403 Forbidden", t("login_wrong"))
        return self._form(request, t, "200 OK", "")

    def _refuse(self, request: Request, t: Language) -> Answer:
        """What who may not look is told."""
        if not self._gate.has_token:
            return _plain(t("this_machine_only"), "403 Forbidden")
        if request.authorization.lower().startswith("bearer"):  # a proxy may pass its own on
            if self._gate.must_wait():
                return _plain(t("login_wait"), "429 Too Many Requests", ("Retry-After", "60"))
            asked = ("WWW-Authenticate", 'Bearer realm="airway"')
            return _plain(t("login_wrong"), "401 Unauthorized", asked)
        return _see_other("/login")

    def _form(self, request: Request, t: Language, status: str, wrong: str) -> Answer:
        shared = self._shared(request, "login")
        return Answer(self._pages.fill("login", t, shared=shared, wrong=wrong), status)

    def _say(
        self,
        request: Request,
        t: Language,
        status: str,
        title: str,
        text: str,
        detail: str = "",
    ) -> Answer:
        """A page that says one thing; `detail` is English, for who mends it."""
        words = {"title": title, "text": text, "detail": detail}
        shared = self._shared(request, "said")
        return Answer(self._pages.fill("said", t, shared=shared, **words), status)

    def _shared(self, request: Request, kind: str) -> dict[str, Any]:
        """What the frame around each page shows."""
        other = next(code for code in LANGUAGES if code != _language_code(request))
        kept = {name: value for name, value in request.query.items() if name != "lang"}
        return {
            "here": kind,
            "switch": f"?{urlencode({**kept, 'lang': other})}",
            "switch_tag": LANGUAGES[other].tag,
            "can_sign_out": self._gate.has_token and kind != "login",
        }


def _language_code(request: Request) -> str:
    for code in (request.query.get("lang"), request.cookies.get("lang")):
        if code in LANGUAGES:
            return str(code)
    return preferred(request.accept_language)


def _fault(error: AirwayError) -> str:
    """Key of the words that say why the history can't be read."""
    match error:
        case DamagedError():
            return "fault_damaged"
        case ConfigError():
            return "fault_foreign"
        case TryAgainError():
            return "fault_busy"
    return "fault_file"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _plain(text: str, status: str, *headers: tuple[str, str]) -> Answer:
    """A refusal without the frame of a page, which would tell the device's name."""
    return Answer(f"{text}\n", status, "text/plain; charset=utf-8", headers)


def _see_other(path: str, *headers: tuple[str, str]) -> Answer:
    return Answer("", "303 See Other", headers=(("Location", path), *headers))


def _cached(seconds: int) -> tuple[str, str]:
    return "Cache-Control", f"private, max-age={seconds}"

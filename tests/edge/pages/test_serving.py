"""How the pages are served: HTTP, who may look, and the command."""

import io
import re
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from asking import get

from edge import cli
from edge.errors import ConfigError, InputOutputError, TryAgainError
from edge.pages.texts import language
from edge.store import DamagedError
from edge.web import Gate, Pages, Site, read_token
from edge.web.access import COOKIE, SIGNED_IN_S
from edge.web.http import Request, host_name, read_request
from scripts.synthetic_history import Scenario

NOW_UNIX_S = Scenario().now_unix_s
TOKEN = "an invented token of tests"


@pytest.fixture
def guarded(pages: Pages) -> Site:
    """The pages behind a token."""
    return Site(pages, Gate(TOKEN, lambda: NOW_UNIX_S))


def wsgi(site: Site, **environ) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of a request through WSGI."""
    told: list = []
    base = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(),
    }
    body = b"".join(site({**base, **environ}, lambda *values: told.extend(values)))
    return told[0], dict(told[1]), body


def test_every_answer_forbids_scripts_and_frames(site: Site):
    """The policy stands on a page, a file, a refusal and a missing page alike."""
    for path in ("/", "/style.css", "/nowhere"):
        for host in ("localhost", "evil.example"):
            _, headers, _ = wsgi(site, PATH_INFO=path, HTTP_HOST=host)
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'self'; ")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
    assert wsgi(site)[1]["Cache-Control"] == "no-store"


def test_head_has_no_body(site: Site):
    """HEAD gives the headers of GET alone."""
    status, headers, body = wsgi(site, REQUEST_METHOD="HEAD")
    assert (status, body) == ("200 OK", b"")
    assert int(headers["Content-Length"]) > 1000


def test_only_reading_is_offered(site: Site):
    """Other methods are refused."""
    for method in ("POST", "PUT", "DELETE"):
        assert wsgi(site, REQUEST_METHOD=method)[0] == "405 Method Not Allowed"


@pytest.mark.parametrize(
    ("host", "address", "status"),
    [
        ("localhost:8420", "127.0.0.1", "200 OK"),
        ("127.0.0.1", "127.0.0.1", "200 OK"),
        ("[::1]:8420", "::1", "200 OK"),
        ("evil.example", "127.0.0.1", "403 Forbidden"),  # rebound to this machine by its DNS
        ("", "127.0.0.1", "403 Forbidden"),
        ("localhost", "192.168.1.9", "403 Forbidden"),  # through a proxy on this machine
    ],
)
def test_without_a_token_this_machine_alone_sees_it(
    site: Site, host: str, address: str, status: str
):
    """A name that is not of the loopback, or a client elsewhere, is refused."""
    assert wsgi(site, HTTP_HOST=host, REMOTE_ADDR=address)[0] == status


def test_signing_in_and_out(guarded: Site):
    """The form takes the token, the cookie it gives opens the pages, and signing out ends it."""
    assert guarded.answer(get("/", host="device.lan")).status == "303 See Other"
    assert "Sign in" in guarded.answer(get("/login")).body
    form = Request("POST", "/login", form={"token": TOKEN})
    passed = guarded.answer(form)
    assert passed.status == "303 See Other"
    cookie = dict(passed.headers)["Set-Cookie"]
    assert "HttpOnly; SameSite=Strict" in cookie
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    value = cookie.partition("=")[2].partition(";")[0]
    inside = guarded.answer(get("/", host="device.lan", cookies={COOKIE: value}))
    assert inside.status == "200 OK"
    assert "Sign out" in inside.body
    out = guarded.answer(Request("POST", "/logout"))
    assert dict(out.headers)["Set-Cookie"].startswith(f"{COOKIE}=; Path=/; Max-Age=0;")
    secure = guarded.answer(replace(form, encrypted=True))
    assert "; Secure" in dict(secure.headers)["Set-Cookie"]


def test_a_pass_can_not_be_made_or_stretched(pages: Pages):
    """A cookie with another time, another signature or past its time opens nothing."""
    now = [NOW_UNIX_S]
    gate = Gate(TOKEN, lambda: now[0])
    good = gate.new_pass()
    until, signature = good.split(".")
    later = f"{int(until) + 1}.{signature}"
    other = Gate("another token of the tests", lambda: now[0]).new_pass()
    for value in ("", ".", later, f"{until}.", f"{until}.{signature[:-1]}", other, "x.y", "9" * 99):
        assert not gate.admits(get("/", cookies={COOKIE: value}))
    assert gate.admits(get("/", cookies={COOKIE: good}))
    now[0] += SIGNED_IN_S + 1
    assert not gate.admits(get("/", cookies={COOKIE: good}))


def test_a_program_brings_the_token_in_a_header(guarded: Site):
    """The right bearer token opens a page, and a wrong one is 401 with what is asked for."""
    assert guarded.answer(get("/", authorization=f"Bearer {TOKEN}")).status == "200 OK"
    refused = guarded.answer(get("/", authorization="Bearer wrong"))
    assert refused.status == "401 Unauthorized"
    assert dict(refused.headers)["WWW-Authenticate"].startswith("Bearer ")
    # What a proxy asks for itself, and passes on, is no token: a person is led to the form.
    passed_on = guarded.answer(get("/", authorization="Basic dXNlcjpwYXNz"))
    assert (passed_on.status, dict(passed_on.headers)["Location"]) == ("303 See Other", "/login")


def test_guessing_is_slow(pages: Pages):
    """After ten wrong tokens within a minute a wrong one is told to wait; the right one works."""
    now = [NOW_UNIX_S]
    site = Site(pages, Gate(TOKEN, lambda: now[0]))
    for _ in range(9):
        wrong = site.answer(Request("POST", "/login", form={"token": "wrong"}))
        assert wrong.status == "403 Forbidden"
    tenth = site.answer(Request("POST", "/login", form={"token": "wrong"}))
    assert tenth.status == "429 Too Many Requests"
    right = Request("POST", "/login", form={"token": TOKEN})
    assert site.answer(right).status == "303 See Other"
    bearer = site.answer(get("/", authorization="Bearer wrong"))
    assert (bearer.status, dict(bearer.headers)["Retry-After"]) == ("429 Too Many Requests", "60")
    assert site.answer(get("/", authorization=f"Bearer {TOKEN}")).status == "200 OK"
    now[0] += 61
    again = site.answer(Request("POST", "/login", form={"token": "wrong"}))
    assert again.status == "403 Forbidden"


def test_cookies_of_others_do_not_matter():
    """Whatever else this host has set, in any form, our own cookies are found among it."""
    header = 'prefs={"a":"b c"}; path=/; odd; n\xe4me=\xfc; airway=12.ab; lang=zh'
    request = read_request({"REQUEST_METHOD": "GET", "HTTP_COOKIE": header})
    assert (request.cookies["airway"], request.cookies["lang"]) == ("12.ab", "zh")


def test_a_token_file_must_be_private_and_long(tmp_path: Path):
    """What others can read or anybody can guess is refused, each with its remedy."""
    path = tmp_path / "token"
    with pytest.raises(ConfigError, match="can't read the token"):
        read_token(path)
    path.write_text(TOKEN + "\nmore\n")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=r"mode 644\); chmod 600 it"):
        read_token(path)
    path.chmod(0o600)
    assert read_token(path) == TOKEN
    path.write_text("schlüssel" + TOKEN)
    with pytest.raises(ConfigError, match="characters beyond ASCII"):
        read_token(path)
    path.write_text("short")
    with pytest.raises(ConfigError, match="5 characters and needs at least 20"):
        read_token(path)
    path.write_bytes(b"\xff\xfe" * 20)
    with pytest.raises(ConfigError, match="not a text file"):
        read_token(path)


@pytest.mark.parametrize(
    ("host", "name"),
    [("a.lan:80", "a.lan"), ("A.LAN", "a.lan"), ("[::1]:8420", "::1"), ("[::1]", "::1"), ("", "")],
)
def test_a_host_header_is_read(host: str, name: str):
    """The name alone is taken, in small letters."""
    assert host_name(host) == name


def test_it_does_not_open_to_the_network_without_a_token(capsys, history: Path):
    """Another address than the loopback needs a token file, and says so before it listens."""
    assert cli.main(["web", "--db", str(history), "--host", "0.0.0.0"]) == 64
    assert "give --token-file F" in capsys.readouterr().err


def test_a_wrong_database_is_said_at_the_start(capsys, tmp_path: Path):
    """The command does not start to serve a history that is not there."""
    assert cli.main(["web", "--db", str(tmp_path / "no.db"), "--port", "0"]) == 74
    assert "no history at" in capsys.readouterr().err


def test_the_command_serves_and_ends(history: Path):
    """The real process answers on the address that it prints, and a port can't be taken twice."""
    command = [sys.executable, "-m", "edge.cli", "web", "--db", str(history)]
    process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        with urllib.request.urlopen(address + "nights", timeout=30) as answer:
            assert answer.status == 200
            assert b"Nights" in answer.read()
            assert "Server" not in answer.headers
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(
                urllib.request.Request(address, headers={"Host": "evil.example"}), timeout=30
            )
        port = address.rstrip("/").rpartition(":")[2]
        second = subprocess.run(
            [*command, "--port", port], capture_output=True, text=True, check=False, timeout=60
        )
        assert second.returncode == 75
        assert f"can't listen on 127.0.0.1:{port}" in second.stderr
    finally:
        process.terminate()
        process.wait(10)


def test_a_refusal_is_in_the_readers_language(site: Site, guarded: Site, pages: Pages):
    """403, 405, 401 and 429 without a page's frame: Chinese to a Chinese browser, else English."""
    wrong = {"authorization": "Bearer wrong"}
    full = Site(pages, Gate(TOKEN, lambda: NOW_UNIX_S))
    for _ in range(10):
        full.answer(get("/", **wrong))
    for code in ("en", "zh"):
        t, asked = language(code), {"accept_language": code}
        refused = {
            "this_machine_only": site.answer(get("/", host="evil.example", **asked)),
            "read_only": site.answer(Request("POST", "/", **asked)),
            "login_wrong": guarded.answer(get("/", **wrong, **asked)),
            "login_wait": full.answer(get("/", **wrong, **asked)),
        }
        for key, answer in refused.items():
            assert answer.body == t(key) + "\n"
            assert answer.content_type == "text/plain; charset=utf-8"
        statuses = [answer.status[:3] for answer in refused.values()]
        assert statuses == ["403", "405", "401", "429"]


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (ConfigError("of another program"), "fault_foreign"),
        (TryAgainError("locked"), "fault_busy"),
        (DamagedError("malformed"), "fault_damaged"),
        (InputOutputError("no history"), "fault_file"),
    ],
)
def test_a_history_that_fails_is_told_by_its_kind(pages: Pages, monkeypatch, error, key: str):
    """The page says why in its language, and below in English what exactly."""
    site = failing(pages, monkeypatch, error)
    for code in ("en", "zh"):
        answer = site.answer(get("/", accept_language=code))
        assert answer.status == "503 Service Unavailable"
        assert shown(language(code)(key)) in answer.body
        assert f'lang="en">{error}</p>' in answer.body


@pytest.mark.parametrize("code", ["en", "zh"])
def test_a_fault_of_the_pages_is_a_page_too(pages: Pages, monkeypatch, caplog, code: str):
    """What nobody expected is a page in the reader's language, and once in the log."""
    site = failing(pages, monkeypatch, ZeroDivisionError("of the tests"))
    status, headers, body = wsgi(site, HTTP_ACCEPT_LANGUAGE=code)
    assert status == "500 Internal Server Error"
    assert shown(language(code)("fault_page")) in body.decode()
    assert "of the tests" not in body.decode()
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    (record,) = caplog.records
    assert record.exc_info is not None


def shown(text: str) -> str:
    """A text as a page holds it."""
    return text.replace("'", "&#39;")


def failing(pages: Pages, monkeypatch, error: Exception) -> Site:
    """The pages over a history that fails at each look."""

    def fail(path: Path) -> None:
        raise error

    monkeypatch.setattr("edge.web.views.Reader", fail)
    return Site(pages, Gate(None, lambda: NOW_UNIX_S))

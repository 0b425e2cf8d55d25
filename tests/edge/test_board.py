"""The daemon's figures: what Prometheus reads, from when on, and who can hold it up."""

import contextlib
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import fields, replace

import pytest
from bursts import Live, configured

from edge.config import MetricsSettings
from edge.daemon.board import Board
from edge.daemon.metrics import served
from edge.errors import TryAgainError
from edge.messages import Health


def test_the_figures_are_there_from_the_start(tmp_path, monkeypatch):
    """Before the first minute is over, the daemon has something to show."""
    shown: list[str] = []
    monkeypatch.setattr(Board, "show", lambda board, *figures: shown.append("figures"))
    daemon = Live(configured(tmp_path, None))
    daemon.hear(1, [])
    assert daemon.end() == [0]
    assert len(shown) == 2  # at the start, and at the end


LINE = re.compile(r'[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+-]+')


def test_the_figures_are_served_on_the_loopback(tmp_path, quick, wait_until):
    """Prometheus text at the port, with the events, its types, and nothing elsewhere."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = replace(configured(tmp_path, None), metrics=MetricsSettings(port))
    daemon = Live(settings)

    def text() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return answer.read().decode()

    daemon.hear(2, [0.5, 1.2])
    assert wait_until(lambda: any(thread.name == "metrics" for thread in threading.enumerate()))
    assert wait_until(lambda: 'airway_events_total{label="burst"} 2' in text())
    assert wait_until(lambda: "airway_processed_seconds_total 2\n" in text())
    lines = text().splitlines()
    for line in lines:
        assert LINE.fullmatch(line) or line.startswith(("# HELP airway_", "# TYPE airway_")), line
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert "airway_processed_seconds_total 2" in lines
    assert any(
        line.startswith("airway_rss_bytes 1") or "airway_rss_bytes" in line for line in lines
    )
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
    assert daemon.end() == [0]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)


def test_a_port_that_is_taken_is_refused():
    """Two daemons on one port: the second says which key to change."""
    with (
        served(0, str) as port,
        pytest.raises(TryAgainError, match=rf"metrics\.port: .*:{port}"),
        served(port, str),
    ):
        raise AssertionError


def test_a_silent_client_keeps_nobody_out_and_nothing_up(wait_until):
    """Others are served meanwhile, what is too much is let go, and the end waits for nobody."""

    def text(port: int) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return answer.read()

    def connected(port: int) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        opened.callback(client.close)
        return client

    with contextlib.ExitStack() as opened:
        with served(0, lambda: "airway_x 1\n") as port:
            first = connected(port)
            assert text(port) == b"airway_x 1\n"
            first.sendall(b"GET /metrics HTTP/1.1\r\n")  # and no more
            for _ in range(3):
                connected(port)
            assert connected(port).recv(1) == b""  # one too many
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 2


def test_a_name_with_quotes_stays_one_label():
    """What a device calls itself can't break the format, and an unknown figure is left out."""
    zeros = {
        field.name: None if field.type == float | None else field.type() for field in fields(Health)
    }
    board = Board()
    board.show(Health(**{**zeros, "device": 'USB "mic"\\\n1'}), {}, {})
    lines = board.text().splitlines()
    assert 'airway_source_info{signal="",device="USB \\"mic\\"\\\\\\n1"} 1' in lines
    assert not any("drift_ppm" in line for line in lines)

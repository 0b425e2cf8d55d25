"""What every fault needs: a real daemon, a real broker, and a row in the table at the end."""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from subject import sound

from edge.store import Store

ROOT = Path(__file__).parents[2]


def _of_edge(name: str, file: str) -> Any:
    """A module of the device's own tests, under a name that is not taken."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests/edge" / file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


edge_fixtures = _of_edge("edge_fixtures", "conftest.py")
sound_server = _of_edge("edge_sound_server", "sound_server.py")
_PATIENCE_S = 90.0  # a busy machine is slow, and a fault that is met never waits as long


def wait_until(done: Callable[[], Any], timeout_s: float = _PATIENCE_S) -> bool:
    """Poll `done` until it is true; see the device's own tests."""
    return bool(edge_fixtures.wait_until(done, timeout_s))


# `FAULTS=full` is what `make faults` runs; without it, each fault is met in a smaller size.
FULL = os.environ.get("FAULTS") == "full"
# Where the table is written, too; `make faults` says benchmarks/faults.md.
PAGE = os.environ.get("FAULTS_PAGE", "")
PREFACE = """# The daemon under faults

`make faults`: a real daemon in a process of its own, a real mosquitto, a real SQLite file, a
virtual microphone of PulseAudio; in the model's place an arithmetic one, so that every event that
goes in is known. *Lost* went in and never came out; *in window* of them are within what is stated:
what SQLite can't read of a broken file stays in the file, which is put aside and never deleted.
*Repeated* deliveries carry the `id` of the first. *Deaf* are seconds of sound that were not
listened to, by the daemon's own count.

"""
_ROWS = pytest.StashKey[list["Row"]]()


@dataclass
class Row:
    """One line of the table.

    Attributes:
        fault: what happened.
        events_in: events that the daemon was given, or had confirmed where it was killed.
        events_out: different events that a subscriber received.
        repeated: deliveries beyond the first of an event, all with its `id`.
        deaf_s: seconds of sound that were not listened to.
        said: how a person learns of it.
        kept: events that are lost to the broker, and known to be so, within the stated window.
    """

    fault: str
    events_in: int = 0
    events_out: int = 0
    repeated: int = 0
    deaf_s: float = 0.0
    said: str = ""
    kept: int = 0

    @property
    def lost(self) -> int:
        """Events that went in and never came out."""
        return self.events_in - self.events_out

    def count(self, subscriber: Any) -> None:
        """Take what a subscriber received."""
        ids = [message.payload["id"] for message in subscriber.received]
        self.events_out = len(set(ids))
        self.repeated = len(ids) - self.events_out


def pytest_configure(config: pytest.Config) -> None:
    """A table for this run."""
    config.stash[_ROWS] = []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table."""
    rows = config.stash[_ROWS]
    if not rows:
        return
    terminalreporter.section("faults")
    heads = ("fault", "in", "out", "lost", "in window", "repeated", "deaf s", "said")
    table = [
        (
            row.fault,
            row.events_in,
            row.events_out,
            row.lost,
            row.kept,
            row.repeated,
            f"{row.deaf_s:.1f}",
            row.said,
        )
        for row in rows
    ]
    lines = [
        "| " + " | ".join(map(str, line)) + " |"
        for line in (heads, tuple("---" for _ in heads), *table)
    ]
    for line in lines:
        terminalreporter.write_line(line)
    if PAGE:
        Path(PAGE).write_text(PREFACE + "\n".join(map(_anonymous, lines)) + "\n")


def _anonymous(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, word in (
        (r"/\S*?/(airway\.)", r"\1"),
        (r"(localhost|127\.0\.0\.1):\d+", r"\1:PORT"),
        (r"damaged-\w+", "damaged-TIME"),
        (r"\| (DEBUG|INFO|WARNING|ERROR) ", r"| \1: "),
    ):
        line = re.sub(pattern, word, line)
    return line


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Row]]:
    """Begin a line of the table; what is lost beyond the window fails the test at its end."""
    rows: list[Row] = []

    def begin(fault: str) -> Row:
        rows.append(Row(fault))
        request.config.stash[_ROWS].append(rows[-1])
        return rows[-1]

    yield begin
    for one in rows:
        assert one.lost <= one.kept, f"{one.lost} events are lost"
        assert one.said, "nobody was told"


@dataclass
class Daemon:
    """A process with the daemon, fed through a pipe, or by a microphone.

    Attributes:
        folder: for its configuration and its database.
        port: of the broker.
        mqtt: more lines for [mqtt].
        live: the source is never made to wait.
        more: further tables.
        host: of the broker.
        device: a microphone's name; empty is the pipe.
        modules: a folder of modules that go before the installed ones.
    """

    folder: Path
    port: int
    mqtt: str = ""
    live: bool = False
    more: str = ""
    host: str = "127.0.0.1"
    device: str = ""
    modules: Path | None = None
    log: list[str] = field(default_factory=list)

    def start(self) -> "Daemon":
        """Start the process."""
        config = self.folder / "config.toml"
        source = f'kind = "stdin"\nrate_hz = 4000\nrealtime = {str(self.live).lower()}'
        if self.device:
            source = f'kind = "microphone"\ndevice = "{self.device}"'
        first = [str(self.modules)] if self.modules else []
        config.write_text(
            f'node = "n"\n[source]\n{source}\n'
            f'[store]\npath = "state/airway.db"\n'
            f'[mqtt]\nhost = "{self.host}"\nport = {self.port}\n{self.mqtt}\n{self.more}\n'
        )
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("subject.py")), str(config)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*first, str(ROOT)])},
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        return self

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line.decode(errors="replace").rstrip())

    def feed(self, events: int) -> None:
        """So many events are heard."""
        assert self.process.stdin is not None
        self.process.stdin.write(sound(events).tobytes())

    def said(self, words: str) -> str:
        """The first line of the log that has these words; empty when none has."""
        return next((line for line in list(self.log) if words in line), "")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(20)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def end(self) -> int:
        """The source ends; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(120)

    @property
    def database(self) -> Path:
        """Where its history is."""
        return self.folder / "state" / "airway.db"

    def stored(self) -> int:
        """Events in its history."""
        with Store(self.database) as store:
            return sum(store.summary(0.0, 1e11).counts.values())

    def outbox(self) -> int:
        """Events that wait for the broker."""
        with Store(self.database) as store:
            return sum(row.topic.endswith("/event") for row in store.pending(0, 100_000))

    def close(self) -> None:
        """End it whatever it does."""
        with contextlib.suppress(AttributeError, BrokenPipeError):
            self.process.kill()
            self.process.wait(20)
            assert self.process.stdin is not None
            self.process.stdin.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory in memory where there is one: ten thousand commits would wear a disk out."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Any]:
    """A broker that is not yet started, and that saves every change, so that a kill is survived."""
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    place = tmp_path / "broker"
    place.mkdir()
    broker = edge_fixtures.Broker(place)
    try:
        yield broker
    finally:
        broker.close()


@pytest.fixture
def daemon(folder: Path, broker: Any) -> Iterator[Callable[..., Daemon]]:
    """Make a daemon for the broker, not yet started."""
    made: list[Daemon] = []

    def make(**more: Any) -> Daemon:
        made.append(Daemon(folder, broker.port, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()

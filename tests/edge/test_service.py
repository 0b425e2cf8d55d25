"""The daemon as a service: its manager, its figures, its clock."""

import io
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bursts import ABOUT, RATE_HZ, Bursts, Child, Live, configured, night, stored, valid

from edge.config import MetricsSettings, StoreSettings
from edge.daemon import Setup, serve
from edge.daemon.board import Board
from edge.daemon.keeper import Backlog
from edge.daemon.listener import Mute
from edge.daemon.metrics import served
from edge.daemon.notify import Notifier
from edge.daemon.session import Clocks, Session
from edge.daemon.shift import Shift
from edge.daemon.source import Source, SourceFigures, open_source
from edge.errors import AirwayError, DeviceUnavailableError
from edge.messages import rfc3339
from edge.store import Reader

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@contextmanager
def manager(folder: Path, *, abstract: bool = False) -> Iterator[tuple[str, Callable[[], str]]]:
    """A service manager's socket: its address, and what was said so far."""
    address = f"@airway-{os.getpid()}-{time.monotonic_ns()}" if abstract else str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + address[1:] if abstract else address)
        sock.setblocking(False)
        said: list[str] = []

        def heard() -> str:
            try:
                while True:
                    said.append(sock.recv(4096).decode())
            except BlockingIOError:
                return "\n".join(said)

        yield address, heard


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_hears_what_it_must(tmp_path, abstract):
    """Each call is the text that sd_notify(3) documents, on both kinds of address."""
    with manager(tmp_path, abstract=abstract) as (address, heard):
        notifier = Notifier(
            {
                "NOTIFY_SOCKET": address,
                "WATCHDOG_USEC": "30000000",
                "WATCHDOG_PID": str(os.getpid()),
            },
            lambda: 12.5,
        )
        assert notifier.watchdog_s == 30.0
        notifier.ready()
        notifier.alive()
        notifier.reloading()
        notifier.status("listening")
        notifier.status("listening")
        notifier.stopping()
        assert heard().splitlines() == [
            "READY=1",
            "WATCHDOG=1",
            "RELOADING=1",
            "MONOTONIC_USEC=12500000",
            "STATUS=listening",
            "STOPPING=1",
        ]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "1000"},
        {"NOTIFY_SOCKET": "x" * 300},
        {"WATCHDOG_USEC": "soon"},
    ],
)
def test_without_a_manager_nothing_happens(environ):
    """No address, a dead one, one too long, and a time that is no number: all is quiet."""
    notifier = Notifier(environ, time.monotonic)
    notifier.ready()
    notifier.alive()
    notifier.status("x")


def test_the_watchdog_of_another_process_is_not_ours(tmp_path):
    """WATCHDOG_PID that names somebody else is respected."""
    with manager(tmp_path) as (address, heard):
        environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
        notifier = Notifier(environ, time.monotonic)
        notifier.alive()
        assert notifier.watchdog_s is None
        assert heard() == ""


class Stuck(Bursts):
    """A pipeline that hangs at the first loud block, until it is let go."""

    let_go = threading.Event()

    def push(self, block: Any) -> Any:
        """Hang, or listen."""
        if block.pcm.any():
            Stuck.let_go.wait(20)
        return super().push(block)


def test_only_progress_feeds_the_watchdog(tmp_path, wait_until, monkeypatch):
    """Blocks that go through feed it; a model that hangs, or a source that stalls, does not."""
    monkeypatch.setattr("edge.daemon.service._TICK_S", 0.05)
    Stuck.let_go.clear()
    settings = configured(tmp_path, None)
    setup = Setup(settings, Stuck, ABOUT)
    reading, writing = os.pipe()
    with (
        manager(tmp_path) as (address, heard),
        io.FileIO(reading, "rb") as stream,
        io.FileIO(writing, "wb") as pipe,
    ):
        environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}
        thread = threading.Thread(
            target=lambda: serve(lambda: setup, stdin=stream, environ=environ)
        )
        thread.start()
        assert wait_until(lambda: "READY=1" in heard())
        time.sleep(0.3)
        assert "WATCHDOG" not in heard(), "fed by a source that says nothing"
        for _ in range(3):
            before = heard().count("WATCHDOG=1")
            pipe.write(night(0.5, []).tobytes())
            assert wait_until(lambda before=before: heard().count("WATCHDOG=1") > before)
        pipe.write(night(0.5, [0.0]).tobytes())
        time.sleep(0.3)
        fed = heard().count("WATCHDOG=1")
        time.sleep(0.5)
        assert heard().count("WATCHDOG=1") == fed, "fed while the model hangs"
        Stuck.let_go.set()
        assert wait_until(lambda: heard().count("WATCHDOG=1") > fed)
        pipe.close()
        thread.join(20)
        assert heard().splitlines()[-1] == "STOPPING=1"


def test_a_reload_takes_the_new_configuration(tmp_path, mosquitto, wait_until):
    """SIGHUP: a bad file is refused and the old one goes on; a good one starts a new session."""
    mosquitto.start()
    subscriber = mosquitto.listen()
    text = '[source]\nkind = "stdin"\nrate_hz = 4000\nrealtime = false\nname = "%s"'
    with Child(tmp_path, text % "one", mosquitto.port) as child:
        assert child.process.stdin is not None
        config = tmp_path / "config.toml"
        good = config.read_text()
        child.process.stdin.write(night(1, [0.2]).tobytes())
        assert wait_until(lambda: subscriber.on("/one/event")), child.log.read_text()
        config.write_text(good + "\nprot = 1")
        child.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: child.said("is refused, and the old one goes on"))
        assert child.said("mqtt.prot: unknown key; did you mean mqtt.port?")
        child.process.stdin.write(night(1, [0.2]).tobytes())
        assert wait_until(lambda: len(subscriber.on("/one/event")) == 2)
        config.write_text(good.replace('"one"', '"two"'))
        child.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: child.said("the configuration was read again"))
        assert wait_until(lambda: child.log.read_text().count("listening at") == 2)
        for _ in range(3):  # the reader of the first session may still take one block
            child.process.stdin.write(night(1, [0.2]).tobytes())
            time.sleep(0.2)
        assert wait_until(lambda: subscriber.on("/two/event")), child.log.read_text()
        code, log = child.ended(signal.SIGTERM)
    assert code == 0, log
    assert "Traceback" not in log
    sessions = {message.payload["session"] for message in subscriber.on("/event")}
    assert len(sessions) == 2


def served_while(drive: Callable[[io.FileIO], None], load: Callable[[], Setup]) -> int:
    """Run the daemon in this thread, which hears signals, while `drive` feeds it; the exit code."""
    reading, writing = os.pipe()
    with io.FileIO(reading, "rb") as stream, io.FileIO(writing, "wb") as pipe:

        def act() -> None:
            with pipe:  # its end is that of the source
                drive(pipe)

        thread = threading.Thread(target=act)
        thread.start()
        code = serve(load, stdin=stream)
        thread.join(20)
    return code


def hear_thrice(pipe: io.FileIO) -> None:
    """Three bursts: the reader of the session before may still take one."""
    for _ in range(3):
        pipe.write(night(1, [0.2]).tobytes())
        time.sleep(0.1)


def test_a_new_configuration_that_fails_falls_back(tmp_path, wait_until):
    """A reload whose source can't be opened goes on with the one that worked."""
    good = configured(tmp_path, None)
    bad = configured(tmp_path, None, kind="wav", path=tmp_path / "no.wav")
    setups = iter([good, bad])
    done: list[bool] = []

    def drive(pipe: io.FileIO) -> None:
        pipe.write(night(1, [0.2]).tobytes())
        done.append(wait_until(lambda: stored(good)[0] == {"burst": 1}))
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(1.5)
        hear_thrice(pipe)
        done.append(wait_until(lambda: stored(good)[0]["burst"] > 1))

    assert served_while(drive, lambda: Setup(next(setups), Bursts, ABOUT)) == 0
    assert done == [True] * 2


def test_a_reload_without_a_microphone_waits_for_it(tmp_path, monkeypatch, caplog, wait_until):
    """Unplugged while the configuration is read again: it is looked for, and found again."""
    monkeypatch.setattr("edge.daemon.service._AWAY_S", 0.1)
    settings = configured(tmp_path, None)
    opened, away = [], threading.Event()

    def opening(source: Any, stdin: Any) -> Source:
        opened.append(source)
        if away.is_set():
            raise DeviceUnavailableError("the microphone can't be opened")
        return open_source(source, stdin)

    monkeypatch.setattr("edge.daemon.shift.open_source", opening)
    done: list[bool] = []

    def drive(pipe: io.FileIO) -> None:
        pipe.write(night(1, [0.2]).tobytes())
        done.append(wait_until(lambda: stored(settings)[0] == {"burst": 1}))
        away.set()
        os.kill(os.getpid(), signal.SIGHUP)
        done.append(wait_until(lambda: len(opened) > 4))
        os.kill(os.getpid(), signal.SIGHUP)
        away.clear()
        done.append(wait_until(lambda: caplog.text.count("listening at") == 2))
        hear_thrice(pipe)
        done.append(wait_until(lambda: stored(settings)[0]["burst"] > 1))

    with caplog.at_level("INFO"):
        assert served_while(drive, lambda: Setup(settings, Bursts, ABOUT)) == 0
    assert done == [True] * 4
    assert caplog.text.count("nothing is heard until it is back") == 1


def test_home_assistant_is_told_again_after_its_birth(tmp_path, mosquitto, wait_until):
    """The discovery payload is retained, and comes once more when Home Assistant is back."""
    mosquitto.start()
    subscriber = mosquitto.listen("#")
    daemon = Live(configured(tmp_path, mosquitto.port))
    config = lambda: subscriber.on("homeassistant/device/n/config")  # noqa: E731
    assert wait_until(lambda: len(config()) == 1)
    subscriber._client.publish("homeassistant/status", b"offline", 1)
    subscriber._client.publish("homeassistant/status", b"online", 1)
    assert wait_until(lambda: len(config()) == 2)
    assert wait_until(lambda: len(subscriber.on("/mic/availability")) == 2)
    late = mosquitto.listen("homeassistant/#")
    assert wait_until(lambda: late.received)
    assert late.received[0].retain
    components = late.received[0].payload["components"]
    assert set(components["event"]["event_types"]) == {"burst", "bang"}
    daemon.end()
    assert len(config()) == 2


def test_without_discovery_nothing_is_said_there(tmp_path, mosquitto, wait_until):
    """mqtt.discovery = false leaves Home Assistant's topics alone."""
    mosquitto.start()
    subscriber = mosquitto.listen("#")
    settings = configured(tmp_path, mosquitto.port)
    daemon = Live(replace(settings, mqtt=replace(settings.mqtt, discovery=False)))
    assert wait_until(lambda: subscriber.on("n/info"))
    daemon.end()
    assert not [m for m in subscriber.received if m.topic.startswith("homeassistant")]


class FakeClock:
    """Monotonic and wall time that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.wall_s = T0
        self.synced = True

    def clocks(self) -> Clocks:
        """As the daemon takes them."""
        return Clocks(lambda: self.now_s, lambda: self.wall_s, lambda _: self.synced)

    def pass_(self, seconds: float) -> None:
        """Time goes by."""
        self.now_s += seconds
        self.wall_s += seconds


def test_a_session_follows_a_clock_that_knows_better():
    """Synchronised steps move the session, and others only before any synchronisation."""
    fake = FakeClock()
    fake.synced = False
    session = Session.begin("airway", "n", "mic", fake.clocks())
    fake.pass_(10)
    assert session.follow() == 0.0
    fake.wall_s += 1e9  # set by hand on a device that was never synchronised
    assert session.follow() == pytest.approx(1e9)
    assert session.now_unix_s == pytest.approx(fake.wall_s)
    fake.synced = True
    fake.wall_s -= 5.0
    assert session.follow() == pytest.approx(-5.0)
    assert session.clock_synced
    fake.synced = False
    fake.wall_s += 366 * 86_400  # a person sets the year wrong
    for _ in range(3):
        fake.pass_(60)
        assert session.follow() == 0.0
    assert session.clock_steps == 3
    assert session.ignored_s == pytest.approx(366 * 86_400)
    fake.wall_s -= 366 * 86_400
    fake.synced = True
    assert session.follow() == 0.0
    assert session.now_unix_s == pytest.approx(fake.wall_s)
    fake.wall_s += 0.9
    assert session.follow() == 0.0


def test_the_status_is_for_a_person(tmp_path, quick, wait_until):
    """The service manager shows what was heard in the last hour."""
    setup = Setup(configured(tmp_path, None), Bursts, ABOUT)
    reading, writing = os.pipe()
    with (
        manager(tmp_path) as (address, heard),
        io.FileIO(reading, "rb") as stream,
        io.FileIO(writing, "wb") as pipe,
    ):
        environ = {"NOTIFY_SOCKET": address}
        thread = threading.Thread(
            target=lambda: serve(lambda: setup, stdin=stream, environ=environ)
        )
        thread.start()
        pipe.write(night(1, [0.2]).tobytes())
        assert wait_until(lambda: "STATUS=listening; last hour: 1 burst; 0 to send" in heard())
        pipe.close()
        thread.join(20)


class Held:
    """A microphone that only notes whether it was let go."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        """As in `Microphone`."""
        self.closed = True


@pytest.mark.parametrize("late", [False, True])
def test_a_session_that_cannot_start_lets_the_card_go(tmp_path, monkeypatch, late):
    """Whether it fails while it is made or while it starts, the next one finds its device free."""
    microphone = Held()
    source = Source(RATE_HZ, True, lambda stop, clock: iter(()), microphone)
    monkeypatch.setattr("edge.daemon.shift.open_source", lambda settings, stdin: source)
    settings = configured(tmp_path, None)
    with served(0, str) as port:
        if late:
            settings = replace(settings, metrics=MetricsSettings(port))
        else:
            (tmp_path / "file").write_text("")
            settings = replace(settings, store=StoreSettings(tmp_path / "file" / "airway.db"))
        clocks = Clocks(time.monotonic, time.time, lambda unix_s: True)
        setup = Setup(settings, Bursts, ABOUT)
        with pytest.raises(AirwayError):
            Shift(
                setup, io.BytesIO(), clocks, Board(), Backlog(), Mute(False), queue.SimpleQueue()
            ).start()
    assert microphone.closed


def test_the_history_follows_the_system_s_clock(tmp_path, mosquitto, monkeypatch, wait_until):
    """A card that has fallen behind: message, history and coverage tell the same, right time."""
    lag_s = 100.0
    monkeypatch.setattr(
        "edge.daemon.feeder.Feeder.figures", lambda self: SourceFigures("good", lag_s=lag_s)
    )
    mosquitto.start()
    subscriber = mosquitto.listen("airway/+/+/event")
    settings = configured(tmp_path, mosquitto.port)
    daemon = Live(settings)
    daemon.hear(2, [0.5])
    assert wait_until(lambda: subscriber.received)
    daemon.end()
    payload = valid(subscriber.received[0], "event")
    assert payload["onset_s"] == 0.5 + lag_s
    with Reader(settings.store.path) as reader:
        start_s = reader.latest_session().start_unix_s
        (kept,) = reader.events(start_s, start_s + 1e4, 10)
        (span,) = reader.spans(start_s, start_s + 1e4)
    assert kept.onset_unix_s == pytest.approx(start_s + 0.5 + lag_s)
    assert rfc3339(kept.onset_unix_s) == payload["ts"]
    assert span.start_unix_s == pytest.approx(start_s + lag_s)

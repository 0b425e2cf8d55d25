"""The daemon as a service: its manager, its mute switch, its figures, its clock."""

import contextlib
import io
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bursts import ABOUT, RATE_HZ, Bursts, Child, Live, configured, night, stored, valid
from hypothesis import given
from hypothesis import strategies as st

from edge.config import MetricsSettings, StoreSettings
from edge.daemon import Setup, serve
from edge.daemon import shift as shift_module
from edge.daemon.board import Board
from edge.daemon.keeper import Backlog
from edge.daemon.listener import Listener, Mute
from edge.daemon.metrics import served
from edge.daemon.notify import Notifier
from edge.daemon.pace import HOLD_S, REST_S, Pace
from edge.daemon.session import Clocks, Session, difference
from edge.daemon.shift import Shift
from edge.daemon.source import Source, SourceFigures
from edge.errors import AirwayError, ConfigError, InputOutputError
from edge.messages import Health, rfc3339
from edge.pipeline import Attention
from edge.records import AudioBlock, Coverage
from edge.store import Reader, Store

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


def test_a_new_configuration_that_fails_falls_back(tmp_path, wait_until):
    """A reload whose source can't be opened goes on with the one that worked."""
    good = configured(tmp_path, None)
    bad = configured(tmp_path, None, kind="wav", path=tmp_path / "no.wav")
    setups = iter([good, bad])
    reading, writing = os.pipe()
    codes: list[int] = []
    handlers: list[Any] = []

    def load() -> Setup:
        return Setup(next(setups), Bursts, ABOUT)

    with io.FileIO(reading, "rb") as stream, io.FileIO(writing, "wb") as pipe:

        def drive() -> None:
            pipe.write(night(1, [0.2]).tobytes())
            assert wait_until(lambda: stored(good)[0] == {"burst": 1})
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(1.5)
            for _ in range(3):
                pipe.write(night(1, [0.2]).tobytes())
                time.sleep(0.1)
            handlers.append(wait_until(lambda: stored(good)[0]["burst"] > 1))
            pipe.close()

        thread = threading.Thread(target=drive)
        thread.start()
        codes.append(serve(load, stdin=stream))
        thread.join(20)
    assert codes == [0]
    assert handlers == [True]


def test_the_mute_switch(tmp_path, mosquitto, quick, wait_until):
    """Muted by a command: nothing is heard, the time is not monitored, and all of it is said."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/#")
    settings = configured(tmp_path, mosquitto.port)
    daemon = Live(settings)
    said = lambda: [message.body for message in subscriber.on("/mic/mute")]  # noqa: E731
    daemon.hear(1, [0.5])
    assert wait_until(lambda: subscriber.on("/event"))
    assert said() == [b"off"]
    command = subscriber._client.publish("airway/n/mic/mute/set", b"ON\n", 1, retain=True)
    command.wait_for_publish(10)
    daemon.hear(0.1, [])
    assert wait_until(lambda: said() == [b"off", b"on"])
    daemon.hear(3, [0.5, 1.5])
    assert wait_until(lambda: subscriber.on("/health"))
    assert wait_until(lambda: valid(subscriber.on("/health")[-1], "health")["muted_s"] > 2.9)
    assert daemon.end() == [0]
    assert len(subscriber.on("/event")) == 1
    counts, monitored_s, lost_s = stored(settings)
    assert counts == {"burst": 1}
    assert monitored_s == pytest.approx(1.0, abs=0.2)
    assert lost_s == 0.0
    health = valid(subscriber.on("/health")[-1], "health")
    assert health["muted"] is True
    with Store(settings.store.path) as store:
        assert store.setting("mute") == "on"

    again = Live(settings)  # a restart stays muted, though nobody says so
    again.hear(2, [0.5])
    assert wait_until(lambda: said() == [b"off", b"on", b"on"])
    subscriber._client.publish("airway/n/mic/mute/set", b"off", 1, retain=True)
    assert wait_until(lambda: said()[-1] == b"off")
    again.hear(1, [0.5])
    assert wait_until(lambda: len(subscriber.on("/event")) == 2)
    again.end()
    # A retained command is obeyed once: the broker forgets it, and no later connection hears it.
    late = mosquitto.listen("airway/n/mic/mute/#")
    assert wait_until(lambda: late.on("/mic/mute"))
    assert not late.on("/mute/set")


class Still(Bursts):
    """Nothing happens, as far as it can tell."""

    quiet = True

    def attention(self) -> Attention:
        """Nor as far as the capture thread can tell."""
        return Attention(0.1, 0.5, SimpleNamespace(push=lambda pcm: b""))


def test_a_resting_daemon_is_muted_at_once(tmp_path, mosquitto, quick, wait_until):
    """In a still room, where blocks are kept for seconds, a command ends the rest."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/#")
    daemon = Live(configured(tmp_path, mosquitto.port), Still)
    over = threading.Event()

    def play() -> None:
        while not over.wait(0.1):
            daemon.hear(0.1, [])

    player = threading.Thread(target=play)
    player.start()
    late_s = []
    for number in range(3):
        word = (b"on", b"off")[number % 2]
        time.sleep(HOLD_S - 0.7 * number)  # in the midst of one or the other
        begin_s = time.monotonic()
        subscriber._client.publish("airway/n/mic/mute/set", word, 1).wait_for_publish(10)
        assert wait_until(lambda w=word: subscriber.on("/mic/mute")[-1].body == w)
        late_s.append(time.monotonic() - begin_s)
    over.set()
    player.join()
    time.sleep(2 * REST_S)  # and when no sound comes at all
    begin_s = time.monotonic()
    subscriber._client.publish("airway/n/mic/mute/set", b"off", 1).wait_for_publish(10)
    assert wait_until(lambda: subscriber.on("/mic/mute")[-1].body == b"off")
    late_s.append(time.monotonic() - begin_s)
    assert daemon.end() == [0]
    assert max(late_s) < 1.0


def test_a_mute_is_known_where_nothing_can_be_written(tmp_path, monkeypatch, caplog):
    """On a full disk the daemon starts as muted as it was, and a new session keeps a command."""
    settings = configured(tmp_path, None)
    with Store(settings.store.path) as store:
        store.put_setting("mute", "on")
    monkeypatch.setattr(Store, "start_session", full)
    monkeypatch.setattr(shift_module, "is_full", lambda path: True)
    mute, clocks = Mute(False), Clocks(time.monotonic, time.time, lambda unix_s: True)
    setup = Setup(settings, Bursts, ABOUT)
    for word in ("on", "off"):
        shift = Shift(
            setup, io.BytesIO(), clocks, Board(), Backlog(), mute, queue.SimpleQueue()
        )  # fmt: skip
        shift.stop()
        assert mute.muted is (word == "on")
        mute.command(b"off")  # by an automation; the store goes on saying "on"
        mute.obey()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 4 MB, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("word", ["on", "off", ""])
def test_a_really_full_disk_changes_no_mute(small_disk, word):
    """SQLite can open nothing there to write it; the daemon starts as muted as it was."""
    settings = configured(small_disk, None)
    if word:
        with Store(settings.store.path) as store:
            store.put_setting("mute", word)
    else:
        settings.store.path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass
    assert shutil.disk_usage(small_disk).free == 0
    mute, clocks = Mute(False), Clocks(time.monotonic, time.time, lambda unix_s: True)
    setup = Setup(settings, Bursts, ABOUT)
    Shift(setup, io.BytesIO(), clocks, Board(), Backlog(), mute, queue.SimpleQueue()).stop()
    assert mute.muted is (word == "on")


def test_a_mute_is_known_where_nothing_can_be_opened(tmp_path, monkeypatch, caplog):
    """Where a full disk keeps SQLite from its log, the file is read; unreadable, it is muted."""
    settings = configured(tmp_path, None)
    monkeypatch.setattr(shift_module, "is_full", lambda path: True)
    clocks = Clocks(time.monotonic, time.time, lambda unix_s: True)
    setup = Setup(settings, Bursts, ABOUT)

    def muted() -> bool:
        mute = Mute(False)
        Shift(
            setup, io.BytesIO(), clocks, Board(), Backlog(), mute, queue.SimpleQueue()
        ).stop()  # fmt: skip
        return mute.muted

    with monkeypatch.context() as patch:
        patch.setattr(shift_module, "Store", full)
        patch.setattr(shift_module, "ensure_sound", full)
        assert not muted()  # no history: nobody ever said so
        for word in ("on", "off"):
            with Store(settings.store.path) as store:
                store.put_setting("mute", word)
            assert muted() is (word == "on")
        patch.setattr(shift_module, "Reader", full)
        assert muted()
    assert "nobody can tell whether the microphone was muted" in caplog.text


def full(*_: object) -> None:
    """No space for a row."""
    raise InputOutputError("the disk is full")


@given(st.binary(max_size=40))
def test_any_command_is_survived(body):
    """Bytes of any kind change nothing but for the two words, in any case and spacing."""
    mute = Mute(False)
    mute.command(body)
    assert mute.obey() == (body.strip().lower() == b"on")


def test_a_strange_command_is_told_once(caplog):
    """A command that is neither word is one line in the log; clearing it is none."""
    mute = Mute(True)
    for body in (b"", b"yes" * 1000, b"no", b"\xff"):
        mute.command(body)
    assert not mute.obey()
    assert mute.muted
    assert len(caplog.records) == 1
    assert len(caplog.text) < 400


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
        pytest.raises(ConfigError, match=rf"metrics\.port: .*:{port}"),
        served(port, str),
    ):
        raise AssertionError


def test_a_silent_client_does_not_keep_others_out(monkeypatch, wait_until):
    """Somebody who connects and says nothing is let go after a while."""
    monkeypatch.setattr("edge.daemon.metrics._REQUEST_TIMEOUT_S", 0.3)
    with (
        served(0, lambda: "airway_x 1\n") as port,
        socket.create_connection(("127.0.0.1", port)),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer,
    ):
        assert answer.read() == b"airway_x 1\n"


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


def test_an_hour_of_silence_by_switch_is_an_hour_of_coverage(tmp_path):
    """Muted for an hour after a loss: each span between two writes can be stored, to the second."""
    settings = configured(tmp_path, None)
    mute = Mute(True)
    pipeline = Bursts(16_000)
    listener = Listener(
        pipeline, queue.Queue(), live=True, open_reporter=nullcontext, clock=time.monotonic,
        mute=mute, pace=Pace(), ended=lambda: None,
    )  # fmt: skip
    reporter = SimpleNamespace(event=lambda event: None)
    size, at, before = 14_400, 12_345, Coverage(0.0, 0.0, 0.0)
    with Store(settings.store.path) as store:
        store.start_session("s", "mic", T0, True)
        for number in range(4_000):
            lost = 12_345 if number == 0 else 0
            block = AudioBlock(np.ones(size, np.int16), 16_000, at, lost)
            listener._hear(block, reporter)
            at += size
            after = listener._coverage()
            if number % 7 == 0:
                store.add_coverage("s", difference(before, after))
                before = after
        summary = store.summary(T0, T0 + 3_700)
    assert summary.monitored_s == 0.0
    assert summary.lost_s == pytest.approx(12_345 / 16_000, abs=1e-6)


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

"""The daemon as a service: its manager, its nights, its mute switch, its figures, its clock."""

import io
import logging
import os
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_daemon import ABOUT, Bursts, Child, configured, night, stored, valid
from test_retention import filled

from edge.config import MetricsSettings, NightSettings, Settings, StoreSettings
from edge.daemon import About, Setup, run, serve
from edge.daemon import keeper as keeper_module
from edge.daemon import listener as listener_module
from edge.daemon import reporter as reporter_module
from edge.daemon.board import Board
from edge.daemon.keeper import Backlog, Keeper
from edge.daemon.listener import Mute
from edge.daemon.metrics import served
from edge.daemon.night import last_night
from edge.daemon.notify import Notifier
from edge.daemon.session import Clocks, Session
from edge.errors import ConfigError, InputOutputError
from edge.messages import Health, Message, uuid7
from edge.records import AudioBlock, Coverage, Detector, Event, Heard, Night
from edge.store import DamagedError, Store

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z


class Live:
    """The daemon in a thread, fed through a pipe as a live source."""

    def __init__(
        self,
        settings: Settings,
        pipeline: Callable[[int], Bursts] = Bursts,
        about: About = ABOUT,
        **more: Any,
    ) -> None:
        self.codes: list[int] = []
        reading, writing = os.pipe()
        self.stream = io.FileIO(reading, "rb")
        self.pipe = io.FileIO(writing, "wb")
        self.thread = threading.Thread(
            target=lambda: self.codes.append(
                run(settings, pipeline, about, stdin=self.stream, **more)
            ),
            daemon=True,  # a test that fails must not wait for it
        )
        self.thread.start()

    def hear(self, seconds: float, onsets_s: list[float]) -> None:
        """Sound comes."""
        self.pipe.write(night(seconds, onsets_s).tobytes())

    def end(self) -> list[int]:
        """The source ends; the exit codes."""
        self.pipe.close()
        self.thread.join(20)
        self.stream.close()
        return self.codes


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports each 0.1 s instead of each minute."""
    monkeypatch.setattr(listener_module, "REPORT_EVERY_S", 0.1)
    monkeypatch.setattr(listener_module, "_TICK_S", 0.05)
    monkeypatch.setattr(reporter_module, "DRAIN_S", 1.0)


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


BERLIN = ZoneInfo("Europe/Berlin")


def local(year: int, month: int, day: int, hour: int, minute: int = 0) -> float:
    """A time in Berlin, seconds since 1970."""
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ((2026, 1, 10, 9, 0), (2026, 1, 9, 21, 0), (2026, 1, 10, 9, 0)),
        ((2026, 1, 10, 8, 59), (2026, 1, 8, 21, 0), (2026, 1, 9, 9, 0)),
        ((2026, 1, 10, 23, 0), (2026, 1, 9, 21, 0), (2026, 1, 10, 9, 0)),
        ((2026, 3, 29, 9, 0), (2026, 3, 28, 21, 0), (2026, 3, 29, 9, 0)),
        ((2026, 10, 25, 9, 30), (2026, 10, 24, 21, 0), (2026, 10, 25, 9, 0)),
    ],
)
def test_a_night_is_a_matter_of_local_time(now, start, end):
    """The latest night that is over, to the second, through both changes of the clocks."""
    settings = NightSettings("21:00", "09:00", "Europe/Berlin")
    assert last_night(local(*now), settings) == (local(*start), local(*end))


def test_a_night_may_be_within_a_day():
    """Somebody who sleeps by day has nights too."""
    settings = NightSettings("08:30", "16:00", "Europe/Berlin")
    found = last_night(local(2026, 5, 5, 16, 1), settings)
    assert found == (local(2026, 5, 5, 8, 30), local(2026, 5, 5, 16, 0))


@given(
    now=st.floats(1.75e9, 2.0e9),
    start=st.integers(0, 1439),
    length=st.integers(1, 1439),
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC"]),
)
def test_nights_are_over_and_follow_each_other(now, start, length, zone):
    """At any time and in any zone: the night is over, not longer than a day, and the last."""
    end = (start + length) % 1440
    settings = NightSettings(
        f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}", zone
    )
    begin_s, end_s = last_night(now, settings)
    assert end_s <= now < end_s + 26 * 3600
    assert abs((end_s - begin_s) - length * 60) <= 3600
    assert last_night(end_s, settings)[1] == end_s


def nightly(tmp_path: Path, port: int | None) -> Settings:
    """A night from midnight to one, in UTC."""
    return replace(configured(tmp_path, port), night=NightSettings("00:00", "01:00", "UTC"))


def test_a_night_is_summed_up_at_its_end(tmp_path, mosquitto, quick, wait_until):
    """A daemon that goes on publishes the night once, with its coverage, and again the next."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/#")
    skew_s = [0.0]

    def clock() -> float:
        return time.monotonic() + skew_s[0]

    begin_s = clock()

    def wall() -> float:
        return T0 - 600.0 + (clock() - begin_s)

    daemon = Live(nightly(tmp_path, mosquitto.port), clock=clock, wall=wall, synced=lambda _: True)
    daemon.hear(1, [0.5])
    assert wait_until(lambda: subscriber.on("/state"))
    assert not subscriber.on("/summary/night")
    for day in (1, 2):
        skew_s[0] += 1_200.0  # into the night
        daemon.hear(2, [0.5])
        time.sleep(0.4)
        skew_s[0] += 3_600.0  # and out of it
        daemon.hear(1, [])
        assert wait_until(lambda day=day: len(subscriber.on("/summary/night")) == day)
        time.sleep(0.3)
        skew_s[0] += 86_400.0 - 4_800.0
        daemon.hear(1, [])
    assert daemon.end() == [0]
    nights = [valid(message, "summary") for message in subscriber.on("/summary/night")]
    assert [summary["start"] for summary in nights] == [
        "2026-01-01T00:00:00.000Z",
        "2026-01-02T00:00:00.000Z",
    ]
    for summary in nights:
        assert summary["end"][11:] == "01:00:00.000Z"
        assert summary["monitored_s"] + summary["lost_s"] <= 3_601
        assert summary["monitored_s"] < 10, "a stalled source is not a monitored one"
    again = Live(nightly(tmp_path, mosquitto.port), clock=clock, wall=wall, synced=lambda _: True)
    again.hear(1, [])
    time.sleep(0.5)
    again.end()
    assert len(subscriber.on("/summary/night")) == 2, "a restart sums no night up again"


class Coughs(Bursts):
    """Bursts by the name whose nights are compared."""

    def push(self, block: AudioBlock) -> list[Event]:
        """Events that end in this block."""
        return [replace(event, label="cough") for event in super().push(block)]


def test_an_alert_is_told_once(tmp_path, mosquitto, quick, wait_until):
    """Raised after a month of quiet nights and two loud ones, kept over a restart, and cleared."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/#")
    settings = nightly(tmp_path, mosquitto.port)
    settings = replace(settings, night=NightSettings("00:00", "09:00", "UTC"))
    about = replace(ABOUT, labels=("cough",), detectors={"cough": Detector(0.7, 300, 1.0, 10.0)})
    day_s = 86_400.0
    counts = [18, 25, 20, 15, 22] * 6 + [60, 66] + [12] * 4
    begin_s = T0 - (len(counts) - 0.5) * day_s

    def sleep(store: Store, day: int) -> None:
        """A night that another run has listened to, with all but its summary."""
        start_unix_s = begin_s + day * day_s + 43_200.0
        store.start_session(f"s{day}", "mic", start_unix_s, True)
        store.add_coverage(f"s{day}", Coverage(32_400.0, 32_000.0, 400.0))
        for number in range(counts[day]):
            message = Message("airway/n/mic/event", {"id": f"{day}-{number}"})
            store.add_event(
                f"s{day}", Event("cough", 400.0 * number, 400.0 * number + 1, 1, 1), message
            )

    def morning(day: int) -> dict[str, Any]:
        """A daemon that starts at noon sums the night up, and ends; the payload of the night."""
        with Store(settings.store.path) as store:
            sleep(store, day)
        before = len(subscriber.on("/summary/night"))
        noon = begin_s + (day + 1) * day_s
        daemon = Live(settings, Coughs, about, wall=lambda: noon, synced=lambda _: True)
        daemon.hear(1, [])
        assert wait_until(lambda: len(subscriber.on("/summary/night")) > before)
        assert daemon.end() == [0]
        return valid(subscriber.on("/summary/night")[-1], "summary")

    with Store(settings.store.path) as store:
        store.start_session("first", "mic", begin_s, True)
        for day in range(30):
            store.add_night(
                Night(
                    date.fromtimestamp(begin_s + day * day_s),
                    begin_s + day * day_s + 43_200.0,
                    begin_s + day * day_s + 75_600.0,
                    {"cough": Heard(counts[day], counts[day], about.detectors["cough"])},
                    32_000.0,
                    400.0,
                    about.digest,
                    False if day > 20 else None,
                ),
                [],
            )
    nights = [morning(day) for day in range(30, len(counts))]
    assert [night["alert"] for night in nights][:2] == [False, True]
    assert nights[-1]["alert"] is False
    told = [valid(message, "alert") for message in subscriber.on("n/alert")]
    assert [alert["state"] for alert in told] == ["raised", "cleared"]
    assert [alert["cause"] for alert in told] == ["more", "usual"]
    raised = told[0]
    assert raised["nights"] == 2
    assert raised["rate_per_hour"] == pytest.approx(3600 * (60 + 66) / 64_000, rel=0.02)
    assert raised["usual_low_per_hour"] < 20 * 3600 / 32_000 < raised["usual_high_per_hour"]
    assert "More coughs than usual" in raised["reason"]["en"]
    assert "不作诊断" in raised["reason"]["zh"]
    estimate = nights[0]["estimated_per_hour"]["cough"]
    assert estimate["corrected"]
    assert estimate["low"] < (60 * 3600 / 32_000 - 1.0) / 0.7 < estimate["high"]


def test_a_night_without_the_daemon_says_so(tmp_path, mosquitto, quick, wait_until):
    """A night that nobody listened to is published with no second monitored and no rate."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/+/summary/night")
    settings = nightly(tmp_path, mosquitto.port)
    with Store(settings.store.path) as store:
        store.start_session("old", "mic", T0 - 10 * 86_400, True)
    daemon = Live(settings, wall=lambda: T0 + 10_000.0, synced=lambda _: True)
    daemon.hear(1, [])
    assert wait_until(lambda: subscriber.received)
    daemon.end()
    (summary,) = (valid(message, "summary") for message in subscriber.received)
    assert summary["monitored_s"] == 0.0
    assert summary["rate_per_hour"] == {"burst": None, "bang": None}


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


def message(number: int) -> Message:
    """A message with an identifier of its own."""
    return Message("airway/n/mic/event", {"id": uuid7(number, bytes(10))})


class Fragile:
    """A store whose failures are decided by the test."""

    fails: type[Exception] | None = None

    def __init__(self, path: Path) -> None:
        if Fragile.fails:
            raise Fragile.fails("the disk is full")
        self.store = Store(path)

    def add_message(self, message: Message) -> None:
        """Write, or fail."""
        if Fragile.fails:
            raise Fragile.fails("the disk is full")
        self.store.add_message(message)

    def close(self) -> None:
        """Close."""
        self.store.close()


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Fragile]]:
    """The keeper's store, which fails on demand."""
    monkeypatch.setattr(keeper_module, "Store", Fragile)
    Fragile.fails = None
    yield Fragile
    Fragile.fails = None


def test_what_the_store_refuses_waits_in_order(tmp_path, fragile, caplog):
    """A disk that is full for a while costs nothing: once told, all is written, in order."""
    now_s = [0.0]
    keeper = Keeper(tmp_path / "a.db", Backlog(), lambda: now_s[0])
    write = lambda n: lambda store: store.add_message(message(n))  # noqa: E731
    keeper.keep(write(0))
    fragile.fails = InputOutputError
    for number in range(1, 50):
        keeper.keep(write(number))
        now_s[0] += 0.1
    assert keeper.waiting == 49
    assert 1 < keeper.failures < 6, "a failed store is left in peace for a while"
    assert caplog.text.count("the disk is full") == 1
    fragile.fails = None
    now_s[0] += 60
    assert keeper.flush()
    assert keeper.waiting == 0
    assert "the store works again; 49 writes waited" in caplog.text
    keeper.close()
    with Store(tmp_path / "a.db") as store:
        ids = [row.payload["id"] for row in store.pending(0, 100)]
    assert ids == [message(number).payload["id"] for number in range(50)]


def test_memory_is_bounded_when_the_disk_stays_full(tmp_path, fragile, monkeypatch):
    """Beyond the limit the oldest go, and are counted."""
    monkeypatch.setattr(keeper_module, "BACKLOG_LIMIT", 10)
    fragile.fails = InputOutputError
    keeper = Keeper(tmp_path / "a.db", Backlog(), lambda: 0.0)
    for number in range(25):
        keeper.keep(lambda store, number=number: store.add_message(message(number)))
    assert (keeper.waiting, keeper.dropped) == (10, 15)


def test_damage_is_not_waited_out(tmp_path, fragile):
    """A broken database ends the session at once, and the write is still there for the next."""
    fragile.fails = DamagedError
    backlog = Backlog()
    keeper = Keeper(tmp_path / "a.db", backlog, lambda: 0.0)
    with pytest.raises(DamagedError):
        keeper.keep(lambda store: store.add_message(message(1)))
    assert len(backlog.writes) == 1


def test_a_database_that_breaks_is_replaced_in_the_same_run(tmp_path, quick, wait_until, caplog):
    """Noise in the file while the daemon runs: it is put aside, and every event is kept."""
    caplog.set_level(logging.INFO)
    settings = configured(tmp_path, None)
    path = settings.store.path
    filled(path, 20)
    with Store(path) as store:
        store._db.execute("DELETE FROM outbox")
    daemon = Live(settings)
    assert wait_until(lambda: "listening at" in caplog.text)
    with path.open("r+b") as file:  # behind the first pages, which every connection has read
        file.seek(30 * 1024)
        file.write(os.urandom(path.stat().st_size - 30 * 1024))
    for _ in range(3):
        daemon.hear(1, [0.5])
        time.sleep(0.2)
    assert wait_until(lambda: list(path.parent.glob("airway.damaged-*.db")))
    for _ in range(3):
        daemon.hear(1, [0.5])
        time.sleep(0.2)
    assert daemon.end() == [0]
    assert stored(settings)[0]["burst"] >= 4  # a reader of the first session may take one
    assert "recording goes on in a new one" in caplog.text


def test_the_limits_of_the_store_are_kept(tmp_path, mosquitto, quick, monkeypatch, wait_until):
    """The daemon prunes by itself, and says how many messages it had to give up."""
    monkeypatch.setattr(reporter_module, "PRUNE_EVERY_S", 0.1)
    settings = configured(tmp_path, mosquitto.port)
    settings = replace(settings, store=StoreSettings(settings.store.path, keep_days=1))
    with Store(settings.store.path) as store:
        store.start_session("old", "mic", time.time() - 10 * 86_400, True)
        store.add_event("old", Event("bang", 1.0, 1.5, 0.5, 0.5), message(1))
    daemon = Live(settings)
    daemon.hear(1, [0.5])
    assert wait_until(lambda: stored(settings)[0] == {"burst": 1})
    daemon.end()


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

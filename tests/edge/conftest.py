"""A real broker, and a daemon in a hurry, for the tests of the device."""

import contextlib
import getpass
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sound_server import Server, running
from uplinks import Home

_PATIENCE_S = 15.0  # a busy machine is slow; a test that passes never waits as long


def wait_until(done: Callable[[], Any], timeout_s: float = _PATIENCE_S) -> bool:
    """Poll `done` until it is true, for at most `timeout_s` seconds; returns whether it was."""
    deadline_s = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


@dataclass(frozen=True)
class Received:
    """One message as a subscriber got it."""

    topic: str
    body: bytes
    retain: bool

    @property
    def payload(self) -> dict[str, Any]:
        """The JSON object."""
        payload = json.loads(self.body)
        assert isinstance(payload, dict)
        return payload


class Listener:
    """A subscriber with a persistent session: what it misses comes when it is back."""

    def __init__(self, port: int, topic: str, **login: str) -> None:
        self.received: list[Received] = []
        self._subscribed = threading.Event()
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"listener-{id(self)}", protocol=mqtt.MQTTv5
        )
        if login:
            client.username_pw_set(login["username"], login["password"])
        client.reconnect_delay_set(0.05, 0.2)
        client.on_connect = lambda *_: client.subscribe(topic, qos=1)
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = lambda _client, _data, message: self.received.append(
            Received(message.topic, message.payload, message.retain)
        )
        keep = Properties(PacketTypes.CONNECT)
        keep.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", port, clean_start=False, properties=keep)
        client.loop_start()
        assert self._subscribed.wait(_PATIENCE_S), "the listener could not subscribe"
        self._client = client

    def on(self, suffix: str) -> list[Received]:
        """What came on the topics that end so."""
        return [message for message in list(self.received) if message.topic.endswith(suffix)]

    def close(self) -> None:
        """Stop listening."""
        self._client.disconnect()
        self._client.loop_stop()


class Broker:
    """A mosquitto process on a loopback port; it may be stopped, killed and started again.

    Attributes:
        port: where it listens; the same after a restart.
        folder: an own directory, for files that the configuration names.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._listeners: list[Listener] = []
        self._lines: tuple[str, ...] = ()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    def start(self, *lines: str) -> None:
        """Start it, with more lines of configuration; without any, with the last ones."""
        self._lines = lines or self._lines
        anonymous = not any("password_file" in line for line in self._lines)
        conf = self.folder / "mosquitto.conf"
        conf.write_text(
            "\n".join(
                (
                    f"listener {self.port} 127.0.0.1",
                    f"allow_anonymous {str(anonymous).lower()}",
                    f"user {getpass.getuser()}",  # as root it would give up its rights
                    "persistence true",  # sessions outlive a stop, though not a kill
                    f"persistence_location {self.folder}/",
                    *self._lines,
                    "",
                )
            )
        )
        log = (self.folder / "mosquitto.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                ["mosquitto", "-c", conf], stdout=log, stderr=subprocess.STDOUT
            )
        assert wait_until(self._answers), (self.folder / "mosquitto.log").read_text()

    def reload(self) -> None:
        """Read the access list again."""
        assert self._process is not None
        self._process.send_signal(1)  # SIGHUP

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_PATIENCE_S)
            self._process = None

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(_PATIENCE_S)
        self._process = None

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def listen(self, topic: str = "#", **login: str) -> Listener:
        """A new subscriber; `login` is `username` and `password`."""
        listener = Listener(self.port, topic, **login)
        self._listeners.append(listener)
        return listener

    def close(self) -> None:
        """End everything."""
        for listener in self._listeners:
            listener.close()
        self.stop()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "mosquitto.log").read_text()
        more = [line.split()[1] for line in self._lines if line.startswith("listener ")]
        with contextlib.suppress(OSError):
            for port in (self.port, *map(int, more)):  # it opens one after the other
                socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    """A broker that is not yet started: `mosquitto.start()`; see `Broker`."""
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(folder)
    try:
        yield broker
    finally:
        broker.close()


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., bool]:
    """Wait for something to become true, with a limit; see `wait_until`."""
    return wait_until


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports each 0.1 s instead of each minute."""
    monkeypatch.setattr("edge.daemon.listener.REPORT_EVERY_S", 0.1)
    monkeypatch.setattr("edge.daemon.listener._TICK_S", 0.05)
    monkeypatch.setattr("edge.daemon.reporter.DRAIN_S", 1.0)


@pytest.fixture
def home(tmp_path: Path, mosquitto: Broker) -> Iterator[Home]:
    """A store, and uplinks to the broker of the test."""
    home = Home(tmp_path, mosquitto.port)
    yield home
    home.close()


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[Server]:
    """A running server with the virtual microphone, which is ALSA's default."""
    with running(tmp_path, monkeypatch) as server:
        yield server

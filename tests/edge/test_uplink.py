"""The uplink against a real broker: what is stored arrives, and only then is it forgotten."""

import contextlib
import json
import logging
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from edge.config import MqttSettings
from edge.errors import AirwayError, ConfigError, InputOutputError
from edge.messages import (
    Message,
    Origin,
    OutboxRow,
    event_message,
    info_message,
    rfc3339,
    state_message,
    uuid7,
)
from edge.records import Event
from edge.store import DamagedError, Store
from edge.uplink import Uplink
from edge.uplink import mailbox as mailbox_module

ORIGIN = Origin("airway", "bedroom", "mic", "s1")
EVENTS = "airway/bedroom/mic/event"
ONLINE = "airway/bedroom/availability"
MIC_ONLINE = "airway/bedroom/mic/availability"


class Home:
    """A store and what it takes to start uplinks on it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.settings = MqttSettings(host="127.0.0.1", port=port, keepalive_s=5)
        self.path = folder / "airway.db"
        self.store = Store(self.path)
        self.store.start_session("s1", "mic", 0.0, True)
        self.sent: list[str] = []
        self.uplinks: list[Uplink] = []

    def uplink(self, **changes) -> Uplink:
        """A running uplink, with retries fast enough for a test."""
        uplink = Uplink(
            replace(self.settings, **changes),
            "bedroom",
            "mic",
            lambda: Store(self.path),
            retry_first_s=0.02,
            retry_max_s=0.1,
        )
        uplink.start()
        self.uplinks.append(uplink)
        return uplink

    def cough(self, **late: bool) -> str:
        """Store one event; returns its id."""
        number = len(self.sent) + 1
        id = uuid7(number, bytes(10))
        event = Event("cough", number, number + 0.4, 0.9, 0.8)
        message = event_message(
            ORIGIN, event, id=id, ts=rfc3339(number), clock_synced=True, model="room"
        )
        message.payload.update(late)
        self.store.add_event("s1", event, message)
        self.sent.append(id)
        for uplink in self.uplinks:
            uplink.wake()
        return id

    def close(self) -> None:
        """Stop everything."""
        for uplink in self.uplinks:
            uplink.stop()
        self.store.close()


@pytest.fixture
def home(tmp_path, mosquitto):
    """A store, and uplinks to the broker of the test."""
    home = Home(tmp_path, mosquitto.port)
    yield home
    home.close()


def state() -> Message:
    """A live message."""
    return state_message(
        ORIGIN,
        id=uuid7(0, bytes(10)),
        ts=rfc3339(0),
        clock_synced=True,
        counts={},
        totals={},
        monitored_s=1,
        lost_s=0,
        window_s=60,
    )


def info() -> Message:
    """A live message that is retained."""
    return info_message(
        ORIGIN,
        id=uuid7(0, bytes(10)),
        ts=rfc3339(0),
        clock_synced=True,
        version="0.1.0",
        runtime="none",
        bundles={},
        config_digest="00",
    )


def ids(messages) -> list[str]:
    """The `id` of each payload."""
    return [message.payload["id"] for message in messages]


def bodies(messages) -> list[bytes]:
    """What each message says."""
    return [message.body for message in messages]


class Relay:
    """A wire between uplink and broker that can lose what the broker says.

    Attributes:
        deaf: what comes from the broker is thrown away.
    """

    def __init__(self, broker_port: int) -> None:
        self.deaf = False
        self._broker_port = broker_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        broker = ("127.0.0.1", self._broker_port)
        with near, contextlib.suppress(OSError), socket.create_connection(broker) as far:
            self._open |= {near, far}
            while True:
                for end in select.select([near, far], [], [])[0]:
                    data = end.recv(65_536)
                    if not data:
                        return
                    if end is near:
                        far.sendall(data)
                    elif not self.deaf:
                        near.sendall(data)

    def cut(self) -> None:
        """Break every connection that stands."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        """Take no more connections, and break those that stand."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes accept, which close does not
        self._server.close()
        self.cut()


@pytest.fixture
def relay(mosquitto):
    """A wire to the broker of the test."""
    relay = Relay(mosquitto.port)
    yield relay
    relay.close()


def test_an_event_arrives_valid_and_is_forgotten(home, mosquitto, wait_until):
    """A fresh event goes out at once, fits its schema on the wire, and leaves the outbox."""
    mosquitto.start()
    listener = mosquitto.listen()
    uplink = home.uplink()
    assert wait_until(lambda: uplink.connected)
    home.cough()
    home.cough()
    assert uplink.drain(10)
    assert wait_until(lambda: len(listener.on("/event")) == 2)
    schema = json.loads((files("edge") / "schemas" / "event.json").read_text())
    for number, message in enumerate(listener.on("/event"), 1):
        Draft202012Validator(schema).validate(message.payload)
        assert message.topic == EVENTS
        assert message.payload["seq"] == number
        assert message.payload["historical"] is False
    assert ids(listener.on("/event")) == home.sent
    assert home.store.outbox_depth() == 0
    counters = uplink.counters
    assert counters.acked == counters.published == 4  # two events, two `online`
    assert (counters.refused, counters.reconnects, counters.dropped_live) == (0, 0, 0)


def test_what_waited_before_the_outbox_says_so(home, mosquitto, wait_until):
    """A message that a full disk kept out of the outbox is historical on a good connection, too."""
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    uplink = home.uplink()
    assert wait_until(lambda: uplink.connected)
    home.cough(historical=True)
    home.cough()
    assert wait_until(lambda: len(listener.received) == 2)
    assert [message.payload["historical"] for message in listener.received] == [True, False]


def test_what_waited_says_so_and_comes_in_order(home, mosquitto, wait_until):
    """No broker at the start: start() returns, rows wait, and are historical when they go."""
    for _ in range(250):  # more than two batches, and a dozen windows
        home.cough()
    began_s = time.monotonic()
    uplink = home.uplink()
    assert time.monotonic() - began_s < 1
    assert not uplink.drain(0.3)
    assert not uplink.connected
    assert home.store.outbox_depth() == 250
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    assert uplink.drain(15)
    # The broker was up before the listener, so the first ones may have gone by.
    home.cough()
    assert wait_until(lambda: home.sent[-1] in ids(listener.received))
    got = ids(listener.received)
    assert got == home.sent[len(home.sent) - len(got) :]
    assert [m.payload["historical"] for m in listener.received[:-1]] == [True] * (len(got) - 1)
    assert listener.received[-1].payload["historical"] is False
    assert [m.payload["seq"] for m in listener.received] == list(range(252 - len(got), 252))


def test_broker_restarts_lose_nothing(home, mosquitto, wait_until):
    """Through three restarts under load every event arrives, and a repeat keeps its id."""
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    uplink = home.uplink()
    assert wait_until(lambda: uplink.connected)
    for restarts in range(3):
        for _ in range(30):
            home.cough()
        mosquitto.restart()
        for _ in range(10):
            home.cough()
        assert wait_until(lambda done=restarts: uplink.counters.reconnects > done)
    assert uplink.drain(15)
    assert wait_until(lambda: set(ids(listener.received)) == set(home.sent))
    assert home.store.outbox_depth() == 0
    seqs = {m.payload["id"]: m.payload["seq"] for m in listener.received}
    assert all(seqs[m.payload["id"]] == m.payload["seq"] for m in listener.received)


def test_a_broker_killed_before_its_answer(home, mosquitto, relay, wait_until):
    """The broker got the event and died before PUBACK: the row stays and is sent again."""
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    uplink = home.uplink(port=relay.port)
    assert wait_until(lambda: uplink.connected)
    assert uplink.drain(10)
    relay.deaf = True
    id = home.cough()
    assert wait_until(lambda: len(listener.received) == 1)
    assert not uplink.drain(0.2)
    assert home.store.outbox_depth() == 1
    mosquitto.kill()
    relay.cut()
    assert home.store.outbox_depth() == 1
    relay.deaf = False
    mosquitto.start()
    assert uplink.drain(15)
    again = mosquitto.listen(EVENTS)  # after a kill the broker has forgotten its sessions
    last = home.cough()
    assert wait_until(lambda: last in ids([*listener.received, *again.received]))
    assert home.store.outbox_depth() == 0
    repeats = [m for m in listener.received if m.payload["id"] == id]
    assert repeats[0].payload["historical"] is False
    assert len({m.payload["seq"] for m in repeats}) == 1


def test_a_lost_answer_repeats_the_event_with_its_id(home, mosquitto, relay, wait_until):
    """PUBACK lost with the connection: the same id and seq come twice, then as historical."""
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    uplink = home.uplink(port=relay.port)
    assert wait_until(lambda: uplink.connected)
    assert uplink.drain(10)
    relay.deaf = True
    id = home.cough()
    assert wait_until(lambda: len(listener.received) == 1)
    relay.deaf = False
    relay.cut()
    assert uplink.drain(15)
    assert wait_until(lambda: len(listener.received) == 2)
    first, second = (message.payload for message in listener.received)
    assert first["id"] == second["id"] == id
    assert first["seq"] == second["seq"]
    assert (first["historical"], second["historical"]) == (False, True)
    assert home.store.outbox_depth() == 0


def test_a_refused_topic_waits_and_the_others_go_on(home, mosquitto, caplog, wait_until):
    """Access denied: refused, counted, told once, kept, and sent when it is allowed."""
    acl = mosquitto.folder / "acl"
    rule = "topic readwrite airway/bedroom/{}\n"
    acl.write_text(rule.format("availability") + rule.format("summary/#"))
    mosquitto.start(f"acl_file {acl}")
    for _ in range(30):  # more than a window, ahead of what is allowed
        home.cough()
    summary = Message("airway/bedroom/summary/night", {"id": "night"}, retain=True)
    home.store.add_message(summary)
    uplink = home.uplink()
    assert wait_until(lambda: home.store.outbox_depth() == 30)
    assert wait_until(lambda: uplink.counters.refused > 25)  # and it goes on trying
    assert home.store.outbox_depth() == 30
    assert [row.topic for row in home.store.pending(0, 100)] == [EVENTS] * 30
    about_events = [m for m in caplog.messages if EVENTS in m]
    assert len(about_events) == 1
    assert "refuses the topic" in about_events[0]
    assert "0x87" in about_events[0]

    acl.write_text("topic readwrite airway/#\n")
    mosquitto.reload()
    listener = mosquitto.listen(EVENTS)
    assert uplink.drain(15)
    assert wait_until(lambda: home.sent[-1] in ids(listener.received))
    assert ids(listener.received) == home.sent[-len(listener.received) :]
    assert all(m.payload["historical"] for m in listener.received)
    assert uplink.counters.reconnects == 0


def test_a_refused_word_is_said_again(home, mosquitto, monkeypatch, wait_until):
    """Availability was denied at the connection: once it is allowed, nobody stays `offline`."""
    monkeypatch.setattr(mailbox_module, "REFUSED_AGAIN_S", 0.2)
    acl = mosquitto.folder / "acl"
    acl.write_text("topic readwrite airway/bedroom/mic/#\n")
    mosquitto.start(f"acl_file {acl}")
    uplink = home.uplink()
    assert wait_until(lambda: uplink.counters.refused > 2)
    acl.write_text("topic readwrite airway/#\n")
    mosquitto.reload()
    listener = mosquitto.listen("airway/bedroom/availability")
    assert wait_until(lambda: b"online" in bodies(listener.received))
    assert uplink.counters.reconnects == 0


def test_the_window_of_the_broker_is_kept(home, mosquitto, relay, wait_until):
    """A broker that takes two publishes at a time gets no more, and all of them in the end."""
    mosquitto.start("max_inflight_messages 2")
    uplink = home.uplink(port=relay.port)
    assert wait_until(lambda: uplink.connected)
    assert uplink.drain(10)
    before = uplink.counters.published
    relay.deaf = True
    uplink.publish_live(state())
    for _ in range(10):
        home.cough()
    assert wait_until(lambda: uplink.counters.published == before + 2)
    assert not uplink.drain(0.3)
    assert uplink.counters.published == before + 2
    relay.deaf = False
    relay.cut()
    for _ in range(60):
        home.cough()
        uplink.publish_live(state())
    assert uplink.drain(15)
    assert uplink.counters.reconnects == 1
    assert home.store.outbox_depth() == 0


def test_drain_waits_for_live_figures_too(home, mosquitto, relay, wait_until):
    """A live message without its answer is not yet sent; with the connection it is dropped."""
    mosquitto.start()
    uplink = home.uplink(port=relay.port)
    assert wait_until(lambda: uplink.connected)
    assert uplink.drain(10)
    relay.deaf = True
    uplink.publish_live(state())
    assert not uplink.drain(0.2)
    relay.deaf = False
    relay.cut()
    assert uplink.drain(10)
    assert uplink.counters.dropped_live == 1


RUN = """
import sys, time
from pathlib import Path
from edge.config import MqttSettings
from edge.store import Store
from edge.uplink import Uplink
settings = MqttSettings(host="127.0.0.1", port=int(sys.argv[1]), keepalive_s=5)
uplink = Uplink(settings, "bedroom", "mic", lambda: Store(Path(sys.argv[2])))
uplink.start()
while not uplink.connected:
    time.sleep(0.01)
print("connected", flush=True)
sys.stdin.readline()
uplink.stop()
"""


@pytest.mark.parametrize("ending", ["kill", "stop"])
def test_the_world_learns_when_the_device_goes(home, mosquitto, wait_until, ending):
    """A killed process leaves its last will, and a stopped one says goodbye: `offline`."""
    mosquitto.start()
    listener = mosquitto.listen("airway/+/availability")
    microphone = mosquitto.listen(MIC_ONLINE)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(mosquitto.port), home.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        assert wait_until(lambda: bodies(listener.received) == [b"online"])
        assert wait_until(lambda: bodies(microphone.received) == [b"online"])
        if ending == "kill":
            process.kill()
        else:
            process.communicate("\n")
        assert wait_until(lambda: bodies(listener.received) == [b"online", b"offline"])
        if ending == "stop":
            assert wait_until(lambda: bodies(microphone.received) == [b"online", b"offline"])
            assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
    late = mosquitto.listen(ONLINE)  # retained, for those who come later
    assert wait_until(lambda: [(m.body, m.retain) for m in late.received] == [(b"offline", True)])


def test_a_wrong_password_is_said_once_and_tried_again(home, mosquitto, caplog, wait_until):
    """Refused again and again it logs one line; with the right password in the file it goes on."""
    users = mosquitto.folder / "users"
    subprocess.run(["mosquitto_passwd", "-c", "-b", users, "device", "right"], check=True)
    mosquitto.start(f"password_file {users}")
    secret = home.path.with_name("password")
    secret.write_text("wrong\n")
    id = home.cough()
    uplink = home.uplink(username="device", password_file=secret)
    log = mosquitto.folder / "mosquitto.log"
    assert wait_until(lambda: log.read_text().count("not authorised") >= 4)
    assert not uplink.connected
    assert len(caplog.messages) == 1
    assert "refused the connection (Not authorized)" in caplog.messages[0]
    assert "check mqtt.username and mqtt.password_file" in caplog.messages[0]
    listener = mosquitto.listen(EVENTS, username="device", password="right")
    secret.write_text("right\n")
    assert wait_until(lambda: ids(listener.received) == [id])


def test_live_figures_are_dropped_and_info_is_kept(home, mosquitto, wait_until):
    """Offline a live message is counted and gone; a retained one comes at each connection."""
    uplink = home.uplink()
    uplink.publish_live(info())
    uplink.publish_live(state())
    assert uplink.counters.dropped_live == 1
    mosquitto.start()
    listener = mosquitto.listen()
    assert wait_until(lambda: listener.on("/info"))
    assert uplink.drain(10)
    assert not listener.on("/state")
    uplink.publish_live(state())
    assert wait_until(lambda: listener.on("/state"))
    uplink.set_source_online(False)
    assert wait_until(lambda: bodies(listener.on(MIC_ONLINE))[-1] == b"offline")
    mosquitto.restart()
    assert wait_until(lambda: uplink.counters.reconnects == 1)
    assert wait_until(lambda: len(listener.on("/info")) >= 2)
    assert uplink.drain(10)
    assert wait_until(lambda: bodies(listener.on(ONLINE))[-1] == b"online")
    assert bodies(listener.on(MIC_ONLINE))[-1] == b"offline"  # still: nobody said otherwise
    assert uplink.counters.dropped_live == 1
    assert len(listener.on("/state")) == 1


def test_drain_tells_empty_from_not(home, mosquitto, wait_until):
    """An empty outbox is drained, with or without a broker; a full one without is not."""
    uplink = home.uplink()
    assert uplink.drain(5)
    home.cough()
    assert not uplink.drain(0.1)
    mosquitto.start()
    assert uplink.drain(15)
    assert home.store.outbox_depth() == 0
    uplink.stop()
    assert not uplink.drain(5)
    uplink.wake()
    uplink.stop()


def test_a_second_device_with_the_same_name_is_named(home, mosquitto, caplog, wait_until):
    """Two clients with one id throw each other out; the log says so once, and what to do."""
    mosquitto.start()
    first = home.uplink()
    assert wait_until(lambda: first.connected)
    second = home.uplink()
    assert wait_until(lambda: first.counters.reconnects + second.counters.reconnects >= 6)
    hints = [m for m in caplog.messages if "another client with the id 'airway-bedroom'" in m]
    assert 1 <= len(hints) <= 2  # once from each of the two
    second.stop()
    assert wait_until(lambda: first.connected)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x20\x03\x00"])
def test_what_is_no_broker_does_no_harm(home, mosquitto, caplog, wait_until, answer):
    """A web server, a closing door or half an answer on the port is one line; then it goes on."""
    server = socket.create_server(("127.0.0.1", mosquitto.port))
    visits = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                with client:
                    client.recv(1000)
                    client.sendall(answer)
                visits.append(client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    id = home.cough()
    uplink = home.uplink()
    assert wait_until(lambda: len(visits) >= 3)
    assert not uplink.connected
    assert len(set(caplog.messages)) == len(caplog.messages) <= 2
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    mosquitto.start()
    assert uplink.drain(15)
    assert home.sent == [id]
    assert home.store.outbox_depth() == 0


def test_a_silent_server_is_given_up(home, mosquitto, caplog, wait_until, monkeypatch):
    """Who takes the connection and never answers is left after a while, and told about."""
    monkeypatch.setattr("edge.uplink.service._CONNACK_TIMEOUT_S", 0.1)
    monkeypatch.setattr("edge.uplink.service._TICK_S", 0.05)
    with socket.create_server(("127.0.0.1", mosquitto.port)):
        uplink = home.uplink()
        assert wait_until(lambda: "does not answer in MQTT 5" in caplog.text)
        assert not uplink.connected
        uplink.stop()


def test_a_failing_store_is_told_and_tried_again(home, mosquitto, caplog):
    """A store that can't be opened at first does not end the uplink."""
    mosquitto.start()
    tries = []

    def outbox() -> Store:
        tries.append(None)
        if len(tries) < 4:
            raise InputOutputError("the database is away; bring it back")
        return Store(home.path)

    home.cough()
    uplink = Uplink(home.settings, "bedroom", "mic", outbox, retry_first_s=0.01, retry_max_s=0.02)
    uplink.start()
    home.uplinks.append(uplink)
    assert uplink.drain(15)
    assert caplog.text.count("the database is away") == 1
    assert home.store.outbox_depth() == 0


def test_the_connection_does_not_wait_for_the_outbox(home, mosquitto, wait_until):
    """On a full disk the device is there and obeys; what has waited goes out later, as late."""
    mosquitto.start()
    command = "airway/bedroom/mic/mute/set"
    full, heard = threading.Event(), []
    full.set()

    def outbox() -> Store:
        if full.is_set():
            raise InputOutputError("the disk is full")
        return Store(home.path)

    home.cough()
    listener = mosquitto.listen()
    uplink = Uplink(
        home.settings, "bedroom", "mic", outbox, retry_first_s=0.01, retry_max_s=0.02,
        subscriptions=[command], on_message=lambda topic, body: heard.append(body),
    )  # fmt: skip
    uplink.start()
    home.uplinks.append(uplink)
    assert wait_until(lambda: uplink.connected)
    listener._client.publish(command, b"on", 1).wait_for_publish(10)
    assert wait_until(lambda: heard == [b"on"])
    assert bodies(listener.on("bedroom/availability")) == [b"online"]
    assert not uplink.drain(0.2)  # nobody knows what waits
    full.clear()
    assert uplink.drain(15)
    (event,) = listener.on("/event")
    assert event.payload["historical"]
    assert home.store.outbox_depth() == 0


def test_what_the_outbox_raises_is_passed_on(home, wait_until):
    """Damage that only the outbox's reader meets is the daemon's to mend."""
    seen: list[AirwayError] = []

    def outbox() -> Store:
        raise DamagedError("a page of it can't be read")

    uplink = Uplink(
        home.settings, "bedroom", "mic", outbox, retry_first_s=0.01, on_error=seen.append
    )
    uplink.start()
    home.uplinks.append(uplink)
    wait_until(lambda: seen)
    assert isinstance(seen[0], DamagedError)


@pytest.fixture
def certificate(mosquitto) -> tuple[Path, Path]:
    """A certificate that trusts itself, for the name `localhost`, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    crt, key = mosquitto.folder / "broker.crt", mosquitto.folder / "broker.key"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        ["openssl", "req", *kind, *name, "-days", "2", "-keyout", key, "-out", crt],
        check=True,
        capture_output=True,
    )
    return crt, key


def test_tls_is_verified(home, mosquitto, certificate, caplog, wait_until):
    """With the right authority events arrive; with none, or another name, nothing is sent."""
    crt, key = certificate
    mosquitto.start(f"certfile {crt}", f"keyfile {key}")
    for _ in range(100):
        home.cough()
    stranger = home.uplink(host="localhost", tls=True, client_id="stranger")
    misnamed = home.uplink(host="127.0.0.1", tls=True, ca_file=crt, client_id="misnamed")
    assert wait_until(lambda: "localhost" in caplog.text and "127.0.0.1" in caplog.text)
    assert caplog.text.count("is not trusted") == 2
    assert "check mqtt.host and mqtt.ca_file" in caplog.text
    assert stranger.counters.published == misnamed.counters.published == 0
    assert home.store.outbox_depth() == 100
    uplink = home.uplink(host="localhost", tls=True, ca_file=crt)
    assert uplink.drain(15)
    assert home.store.outbox_depth() == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"username": "u", "password_file": "none"}, r"mqtt\.password_file: can't read .*none"),
        ({"username": "u", "password_file": "empty"}, "has no password in its first line"),
        ({"tls": True, "ca_file": "none"}, r"mqtt\.ca_file.*can't use .*none"),
        ({"tls": True, "ca_file": "empty"}, r"mqtt\.ca_file.*can't use .*empty.*PEM"),
    ],
)
def test_files_that_cannot_be_used_are_refused_at_once(home, tmp_path, changes, sentence):
    """A missing or empty password or certificate file stops the start, and names the key."""
    (tmp_path / "empty").write_text("\n")
    changes = {k: tmp_path / v if k.endswith("_file") else v for k, v in changes.items()}
    with pytest.raises(ConfigError, match=sentence):
        home.uplink(**changes)


def test_a_password_is_never_logged(home, mosquitto, caplog, wait_until):
    """Whatever goes wrong, the password is in no line of the log."""
    secret = home.path.with_name("password")
    secret.write_text("hunter2\n")
    caplog.set_level(logging.DEBUG)
    uplink = home.uplink(username="device", password_file=secret)
    mosquitto.start()
    assert uplink.drain(15)
    uplink.stop()
    assert caplog.messages
    assert "hunter2" not in caplog.text


def test_a_fault_in_the_outbox_does_not_end_the_thread(home, mosquitto, caplog, wait_until):
    """An error that nobody foresaw is logged, and delivery goes on when it is over."""
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    failing = [True]

    class Faulty(Store):
        """An outbox that fails at first."""

        def pending(self, after_seq: int, limit: int) -> list[OutboxRow]:
            """Fail, or read."""
            if failing[0]:
                raise ArithmeticError("no such number")
            return super().pending(after_seq, limit)

    home.cough()
    uplink = Uplink(
        MqttSettings(host="127.0.0.1", port=mosquitto.port),
        ORIGIN.node,
        ORIGIN.source,
        lambda: Faulty(home.path),
        retry_first_s=0.05,
        retry_max_s=0.1,
    )
    uplink.start()
    assert wait_until(lambda: "the uplink failed, and tries again" in caplog.text)
    failing[0] = False
    assert wait_until(lambda: listener.received)
    uplink.stop()

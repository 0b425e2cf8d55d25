"""The uplink in trouble: the device goes, a password is wrong, no broker answers, a store fails."""

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from uplinks import EVENTS, MIC_ONLINE, ONLINE, ORIGIN, bodies, ids

from edge.config import MqttSettings
from edge.errors import AirwayError, ConfigError, InputOutputError
from edge.messages import OutboxRow
from edge.store import DamagedError, Store
from edge.uplink import Uplink

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
    assert wait_until(lambda: listener.on("/event"))  # the broker has it a moment before
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

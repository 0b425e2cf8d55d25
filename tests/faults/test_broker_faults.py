"""The broker goes, refuses, is not the one it claims to be: nothing is lost, and it is said."""

import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import FULL, wait_until

# Sessions and what is queued for a subscriber are saved at every change: a kill spares them.
# (No limit, 0, makes mosquitto 2.0.11 drop a client whose publish it denies.)
DURABLE = ("autosave_on_changes true", "autosave_interval 1", "max_queued_messages 100000")
EVENTS = "airway/+/+/event"


def delivered(subscriber, events: int) -> bool:
    """Wait until so many different events have come."""
    return wait_until(
        lambda: len({m.payload["id"] for m in list(subscriber.received)}) >= events, 120
    )


def in_order(subscriber) -> bool:
    """The first deliveries of all events came in the order in which they were heard."""
    first: dict[str, float] = {}
    for message in subscriber.received:
        first.setdefault(message.payload["id"], message.payload["seq"])
    return list(first.values()) == sorted(first.values())


def test_absent_at_the_start(broker, daemon, row):
    """The daemon starts before its broker, listens, and delivers when it is there."""
    line = row("broker absent at start")
    subject = daemon().start()
    subject.feed(50)
    assert wait_until(lambda: subject.said("no connection to the broker"))
    line.said = subject.said("no connection")
    broker.start(*DURABLE)
    subscriber = broker.listen(EVENTS)
    line.events_in = 50
    assert delivered(subscriber, 50)
    assert subject.end() == 0
    line.count(subscriber)
    assert in_order(subscriber)


@pytest.mark.parametrize("how", ["killed", "restarted"])
def test_killed_and_restarted(broker, daemon, row, how):
    """Three times in the middle of a stream of events."""
    line = row(f"broker {how} three times")
    broker.start(*DURABLE)
    subscriber = broker.listen(EVENTS)
    subject = daemon().start()
    for _ in range(3):
        subject.feed(20)
        line.events_in += 20
        if how == "killed":
            assert delivered(subscriber, line.events_in - 10)
            broker.kill()
        else:
            broker.stop()
        subject.feed(20)
        line.events_in += 20
        broker.start()
        assert delivered(subscriber, line.events_in)
    assert subject.end() == 0
    line.said = subject.said("lost the broker")
    line.count(subscriber)


def test_down_while_many_events_queue(broker, daemon, row):
    """Days of events wait in the outbox, and go out in order when the broker is back."""
    events = 10_000 if FULL else 500
    line = row(f"broker down while {events:,} events queue")
    broker.start(*DURABLE)
    subscriber = broker.listen(EVENTS)
    subject = daemon().start()
    assert wait_until(lambda: subject.said("connected to the broker"))
    subject.feed(1)
    assert delivered(subscriber, 1)
    broker.stop()
    subject.feed(events)
    line.events_in = events + 1
    assert wait_until(lambda: subject.stored() == events + 1, 120)
    broker.start()
    assert delivered(subscriber, events + 1)
    assert subject.end() == 0
    line.said = subject.said("lost the broker") or subject.said("no connection")
    line.count(subscriber)
    assert in_order(subscriber)
    late = [m.payload["historical"] for m in subscriber.received]
    assert late[0] is False
    assert all(late[1:-1])
    assert subject.outbox() == 0


def passwords(folder: Path) -> Path:
    """A password file with one user."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    path = folder / "passwords"
    path.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", path, "n", "right"], check=True)
    subprocess.run(["mosquitto_passwd", "-b", path, "reader", "right"], check=True)
    return path


def test_a_wrong_password(broker, daemon, row, tmp_path, folder):
    """Refused until the password is right; a reload of the configuration is enough."""
    line = row("wrong password, then the right one and SIGHUP")
    broker.start(f"password_file {passwords(tmp_path)}", *DURABLE)
    subscriber = broker.listen(EVENTS, username="reader", password="right")
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text("wrong")
    subject = daemon(mqtt='username = "n"\npassword_file = "secret"').start()
    subject.feed(30)
    assert wait_until(lambda: subject.said("refused the connection"))
    line.said = subject.said("refused the connection")
    assert "check mqtt.username and mqtt.password_file" in line.said
    assert wait_until(lambda: subject.stored() == 30)
    assert not subscriber.received
    secret.write_text("right")
    subject.process.send_signal(1)
    assert wait_until(lambda: subject.said("the configuration was read again"))
    line.events_in = 30
    assert delivered(subscriber, 30)
    assert subject.end() == 0
    line.count(subscriber)


def test_a_denied_topic(broker, daemon, row, tmp_path):
    """A broker that acknowledges and refuses is not believed; once it allows, all comes."""
    line = row("topic denied by the access list, then allowed")
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite airway/+/availability\ntopic read airway/#\n")
    broker.start(f"acl_file {acl}", *DURABLE)
    subscriber = broker.listen(EVENTS)
    subject = daemon(mqtt="discovery = false").start()
    subject.feed(30)
    assert wait_until(lambda: subject.said("refuses the topic airway/n/mic/event")), subject.log
    line.said = subject.said("refuses the topic airway/n/mic/event")
    assert wait_until(lambda: subject.outbox() == 30)
    acl.write_text("topic readwrite airway/#\n")
    broker.reload()
    line.events_in = 30
    assert delivered(subscriber, 30)
    assert subject.end() == 0
    line.count(subscriber)
    assert sum("/mic/event" in text for text in subject.log if "refuses" in text) == 1


class Authority:
    """Certificates for `localhost` from an authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed")
        self.folder = folder
        folder.mkdir()
        self.ca = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._run("req", "-x509", *self._new_key(self._key), "-subj", "/CN=Test", "-days", "2")(
            self.ca
        )

    def certificate(self, name: str, *dates: str) -> tuple[Path, Path]:
        """A certificate and its key; `dates` are arguments that say how long it is good."""
        crt, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        self._run("req", *self._new_key(key), "-subj", "/CN=localhost")(request)
        names = self.folder / "names"
        names.write_text("subjectAltName=DNS:localhost")
        signing = ("-CA", str(self.ca), "-CAkey", str(self._key), "-extfile", str(names))
        self._run("x509", "-req", "-in", str(request), *signing, "-CAcreateserial", *dates)(crt)
        return crt, key

    def _new_key(self, key: Path) -> tuple[str, ...]:
        kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        return (*kind, "-keyout", str(key))

    def _run(self, *words: str) -> Callable[[Path], None]:
        def write(out: Path) -> None:
            command = ["openssl", *words, "-out", str(out)]
            subprocess.run(command, check=True, capture_output=True)

        return write


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("a wrong authority", "self-signed certificate"), ("an expired certificate", "has expired")],
)
def test_tls_that_cannot_be_trusted(broker, daemon, row, tmp_path, folder, fault, reason):
    """Nothing is sent to a broker that can't prove itself; with a good certificate all is."""
    line = row(f"TLS with {fault}")
    ours = Authority(tmp_path / "ours")
    if fault == "a wrong authority":
        crt, key = Authority(tmp_path / "theirs").certificate("broker", "-days", "2")
    else:
        crt, key = ours.certificate("old", "-days", "-1")
    good, good_key = ours.certificate("good", "-days", "2")
    shutil.copy(ours.ca, folder / "ca.pem")
    place = (f"certfile {crt}", f"keyfile {key}")
    broker.start(*place, *DURABLE)
    subject = daemon(host="localhost", mqtt='tls = true\nca_file = "ca.pem"').start()
    subject.feed(30)
    assert wait_until(lambda: subject.said("is not trusted"))
    line.said = subject.said("is not trusted")
    assert reason in line.said or "unable to get local issuer" in line.said
    assert wait_until(lambda: subject.outbox() == 30)
    broker.stop()
    # The subscriber of the test speaks without TLS, on a second port.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        plain = free.getsockname()[1]
    broker.start(
        f"certfile {good}",
        f"keyfile {good_key}",
        f"listener {plain} 127.0.0.1",
        "allow_anonymous true",
        *DURABLE,
    )
    tls_port, broker.port = broker.port, plain
    subscriber = broker.listen(EVENTS)
    broker.port = tls_port
    line.events_in = 30
    assert delivered(subscriber, 30)
    assert subject.end() == 0
    line.count(subscriber)


def test_a_broker_that_says_nothing(daemon, row, broker):
    """A port that accepts and never answers is given up on, said, and tried again."""
    line = row("something else listens on the broker's port")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deaf.bind(("127.0.0.1", broker.port))
        deaf.listen()
        subject = daemon().start()
        subject.feed(10)
        assert wait_until(lambda: subject.said("does not answer in MQTT 5"), 30)
        line.said = subject.said("does not answer")
        assert wait_until(lambda: subject.outbox() == 10)
    broker.start(*DURABLE)
    subscriber = broker.listen(EVENTS)
    line.events_in = 10
    assert delivered(subscriber, 10)
    assert subject.end() == 0
    line.count(subscriber)

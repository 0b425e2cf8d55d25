"""From a home's broker to the hub's: the shipped files, on two real brokers."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "firmware_configs" / "fleet"
TLS = r"^(?:bridge_cafile|listener|cafile|certfile|keyfile|persistence|allow_anonymous) ?.*$"


def plain(name: str) -> list[str]:
    """A shipped file's lines for a loopback broker without encryption."""
    text = (FLEET / name).read_text()
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    return [line for line in lines if not re.match(TLS, line)]


@pytest.fixture
def hub(mosquitto, tmp_path):
    """The hub's broker, with its queues, its users and its rights; not yet started."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    folder = tmp_path / "hub"
    folder.mkdir()
    passwords = folder / "passwords"
    passwords.touch(mode=0o600)
    for user in ("home-1", "telegraf"):
        subprocess.run(["mosquitto_passwd", "-b", passwords, user, "secret"], check=True)
    shutil.copy(FLEET / "hub.acl", folder / "acl")
    broker = type(mosquitto)(folder)
    lines = [line for line in plain("hub.conf") if not re.match("password_file|acl_file", line)]
    broker._lines = (*lines, f"password_file {passwords}", f"acl_file {folder / 'acl'}")
    yield broker
    broker.close()


def start_home(home, hub) -> None:
    """The home's broker with its bridge to the hub."""
    bridge = (FLEET / "home-bridge.conf").read_text()
    assert "address hub.example.org:8883" in bridge
    assert "remote_password replace-me" in bridge
    lines = [
        line.replace("hub.example.org:8883", f"127.0.0.1:{hub.port}")
        .replace("replace-me", "secret")
        .replace("restart_timeout 5 120", "restart_timeout 1")
        for line in plain("home-bridge.conf")
    ]
    home.start(*plain("home-queue.conf"), *lines)


def test_a_home_is_heard_at_the_hub_and_nothing_comes_back(mosquitto, hub, wait_until):
    """Airway's messages arrive below the home's name, others stay, and the hub can't write home."""
    hub.start()
    collector = hub.listen("homes/#", username="telegraf", password="secret")
    start_home(mosquitto, hub)
    inside = mosquitto.listen("#")
    inside._client.publish("airway/bedroom/availability", b"online", 1, retain=True)
    inside._client.publish("airway/bedroom/mic/event", b"{}", 1)
    inside._client.publish("zigbee/lamp", b"private", 1)
    assert wait_until(lambda: len(collector.received) >= 2)
    assert sorted(m.topic for m in collector.received) == [
        "homes/home-1/airway/bedroom/availability",
        "homes/home-1/airway/bedroom/mic/event",
    ]
    inside._client.publish("airway/bedroom/mic/event", b"last", 1).wait_for_publish(10)
    assert wait_until(lambda: len(collector.received) == 3)
    assert not any("homes" in message.topic for message in inside.received)


def test_what_a_home_says_while_the_hub_is_away_comes_later(mosquitto, hub, wait_until):
    """Events of an hour without a line, and of a restart at home in it, all reach the hub."""
    hub.start()
    start_home(mosquitto, hub)
    collector = hub.listen("homes/#", username="telegraf", password="secret")
    inside = mosquitto.listen("nothing")
    inside._client.publish("airway/bedroom/mic/event", b"0", 1).wait_for_publish(10)
    assert wait_until(lambda: len(collector.received) == 1)
    hub.stop()
    for number in range(1, 201):
        inside._client.publish("airway/bedroom/mic/event", str(number), 1).wait_for_publish(10)
    mosquitto.restart()
    hub.start()
    assert wait_until(lambda: len({m.body for m in collector.received}) == 201, 30)


def test_a_home_can_not_speak_for_another(hub):
    """The hub refuses a home that writes below another one's name."""
    hub.start()
    refused: list[bool] = []
    home = hub.listen("homes/home-1/#", username="home-1", password="secret")
    home._client.on_publish = lambda _c, _u, _m, reason, _p: refused.append(reason.is_failure)
    for topic in ("homes/home-1/airway/a/b/event", "homes/home-2/airway/a/b/event"):
        home._client.publish(topic, b"x", 1).wait_for_publish(10)
    assert refused == [False, True]


@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="needs mosquitto")
def test_the_load_test_counts(tmp_path):
    """A small fleet on a real broker: every event sent is acknowledged and received once."""
    program = (
        "import sys; sys.path.insert(0, ''); import json; from benchmarks import fleet;"
        "print(json.dumps(fleet.measure(12, 2.0, 0.5)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT,
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["devices connected"] == 12
    assert found["events sent"] == found["acknowledged by the broker"] == 48
    assert found["received by the subscriber"] == 48
    assert found["lost"] == found["repeated"] == 0
    assert 0 < found["latency, median, ms"] <= found["latency, largest, ms"]

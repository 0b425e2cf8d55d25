"""The files for systemd and for the broker, checked by systemd and by the broker."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "firmware_configs"
UNIT = FOLDER / "systemd" / "airway.service"
LARGEST_EXPOSURE = 2.0


def lines(section: str) -> list[str]:
    """The settings of one section of the unit."""
    text = UNIT.read_text().partition(f"[{section}]")[2].partition("\n[")[0]
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_unit_keeps_the_contract():
    """The manager is notified, watches progress, and does not restart what can't get better."""
    service = lines("Service")
    for line in (
        "Type=notify",
        "NotifyAccess=main",
        "WatchdogSec=60",
        "Restart=on-failure",
        "RestartPreventExitStatus=64 78",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "DynamicUser=yes",
        "StateDirectory=airway",
        "IPAddressDeny=any",
    ):
        assert line in service
    assert "StartLimitIntervalSec=0" in lines("Unit")
    assert not any("network-online" in line for line in lines("Unit"))


@pytest.fixture(params=["airway.service", "airway-web.service"])
def installable(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A unit with a program that exists here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / request.param
    text = (UNIT.parent / request.param).read_text()
    unit.write_text(text.replace("/opt/airway/bin/airway", "/bin/true"))
    return unit


def test_systemd_accepts_the_unit(installable):
    """`systemd-analyze verify` finds no unknown key and no contradiction."""
    command = ["systemd-analyze", "verify", str(installable)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stderr
    assert installable.name not in found.stderr


def test_the_unit_is_a_small_target(installable):
    """`systemd-analyze security` rates the exposure at 2.0 or less of 10."""
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(installable)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    rating = re.search(r"Overall exposure level for [-a-z]+\.service: ([0-9.]+)", found.stdout)
    assert rating, found.stdout + found.stderr
    assert float(rating[1]) <= LARGEST_EXPOSURE


def test_the_brokers_rights_are_enough_and_no_more(mosquitto, tmp_path, wait_until):
    """With airway.acl a node speaks for itself alone, hears its commands, and not the others'."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    for user in ("bedroom", "homeassistant"):
        subprocess.run(["mosquitto_passwd", "-b", passwords, user, "secret"], check=True)
    acl = tmp_path / "acl"
    shutil.copy(FOLDER / "mosquitto" / "airway.acl", acl)
    mosquitto.start(f"password_file {passwords}", f"acl_file {acl}")
    home = mosquitto.listen("#", username="homeassistant", password="secret")
    node = mosquitto.listen("#", username="bedroom", password="secret")
    refused: list[bool] = []
    node._client.on_publish = lambda _c, _u, _m, reason, _p: refused.append(reason.is_failure)
    for topic in (
        "airway/bedroom/availability",
        "airway/bedroom/mic/event",
        "homeassistant/device/bedroom/config",
        "airway/kitchen/mic/event",
        "homeassistant/device/kitchen/config",
        "homeassistant/status",
    ):
        node._client.publish(topic, b"x", 1).wait_for_publish(10)
    assert wait_until(lambda: len(refused) == 6)
    assert refused == [False, False, False, True, True, True]
    for topic in ("airway/bedroom/mic/mute/set", "airway/kitchen/mic/mute/set"):
        home._client.publish(topic, b"on", 1).wait_for_publish(10)
    assert wait_until(lambda: node.on("/mute/set"))
    assert [message.topic for message in node.on("/mute/set")] == ["airway/bedroom/mic/mute/set"]

"""Board files, ALSA and udev rules, the user's unit: each read by the program that it is for."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from edge.bundle import shipped_bundles
from edge.config import load_settings

FOLDER = Path(__file__).parents[2] / "firmware_configs"
BOARDS = sorted((FOLDER / "boards").glob("*.toml"))
ALSA = {
    "raspberry-pi-i2s": FOLDER / "alsa" / "i2s-microphone.conf",
    "smart-speaker-alsa": FOLDER / "smart-speaker" / "asound.conf",
}


def said_by(*command: object) -> subprocess.CompletedProcess[str]:
    """What a program answers."""
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_board_is_a_complete_configuration(path):
    """Each board loads without an error, and its bundle ships or is to be compiled first."""
    settings = load_settings(path)
    assert settings.node
    if settings.model.runtime == "edgetpu":
        assert settings.model.bundle.startswith("/")
        assert "--target edgetpu" in path.read_text()
    else:
        assert settings.model.bundle in shipped_bundles()


def test_the_boards_of_the_project_are_there():
    """Every class of device that the project is for has a file."""
    found = {path.stem for path in BOARDS}
    wanted = {f"raspberry-pi{name}" for name in ("-zero-2w", "-3", "-4", "-5", "-32bit", "-i2s")}
    wanted |= {"coral-dev-board", "raspberry-pi-coral-usb"}
    assert wanted | {"smart-speaker-alsa", "smart-speaker-pipewire"} <= found


def test_a_32_bit_board_names_the_only_runtime():
    """32-bit ARM has wheels of one runtime alone, which that file asks for by name."""
    assert load_settings(FOLDER / "boards/raspberry-pi-32bit.toml").model.runtime == (
        "tflite-runtime"
    )


@pytest.mark.parametrize("board", ALSA)
def test_a_board_and_its_alsa_file_agree(board):
    """The device that a board names is one that its asound.conf defines, at the same rate."""
    source = load_settings(FOLDER / "boards" / f"{board}.toml").source
    text = ALSA[board].read_text()
    assert f"pcm.{source.device} {{" in text
    assert f"rate {source.rate_hz}\n" in text


@pytest.mark.skipif(shutil.which("arecord") is None, reason="needs alsa-utils")
@pytest.mark.parametrize("board", ALSA)
def test_alsa_reads_its_file(board, tmp_path, monkeypatch):
    """ALSA parses the file and lists the device by its hint; a broken one it refuses."""
    name = load_settings(FOLDER / "boards" / f"{board}.toml").source.device
    base = Path("/usr/share/alsa/alsa.conf").read_text()
    config = tmp_path / "alsa.conf"
    config.write_text(f"{base}\n{ALSA[board].read_text()}")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    found = said_by("arecord", "-L")
    assert found.returncode == 0, found.stderr
    assert re.search(rf"^{name}$", found.stdout, re.MULTILINE), found.stdout
    config.write_text(f"{base}\n{ALSA[board].read_text()[:-3]}")
    broken = said_by("arecord", "-L")
    assert name not in broken.stdout
    assert "Unexpected" in broken.stderr


RULES = FOLDER / "coral" / "60-airway-coral.rules"


def test_the_udev_rules_are_rules():
    """Each line matches devices first, then gives them to a group and to nobody else."""
    lines = [line for line in RULES.read_text().splitlines() if line and line[0] != "#"]
    pair = r'(?:[A-Z]+|ATTRS?\{\w+\})(==|=)"[^"]+"'
    for line in lines:
        assert re.fullmatch(rf"{pair}(?:, {pair})*", line), line
        assert re.findall(r'[A-Z}](==|=)"', line) == sorted(
            re.findall(r'[A-Z}](==|=)"', line), reverse=True
        )
        assert 'MODE="0660"' in line
    usb = re.findall(r'idVendor\}=="(\w+)", ATTR\{idProduct\}=="(\w+)"', RULES.read_text())
    assert usb == [("1a6e", "089a"), ("18d1", "9302")]


def test_udev_accepts_the_rules():
    """`udevadm verify` (systemd 254 or later) has nothing to say."""
    if shutil.which("udevadm") is None or said_by("udevadm", "verify", "--help").returncode:
        pytest.skip("this udevadm has no verify")
    done = said_by("udevadm", "verify", "--no-summary", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_users_unit(tmp_path):
    """The unit beside a voice assistant on PipeWire is a valid one of a user's manager."""
    unit = tmp_path / "airway.service"
    text = (FOLDER / "smart-speaker/airway-user.service").read_text()
    unit.write_text(text.replace("/opt/airway/bin/airway", "/bin/true"))
    done = said_by("systemd-analyze", "verify", "--man=no", unit)
    assert "airway.service" not in done.stderr, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_service_may_ask_about_the_clock():
    """What tells whether the clock is synchronised is neither refused nor taken away again."""
    lines = (FOLDER / "systemd/airway.service").read_text().splitlines()
    assert "ProtectClock=yes" not in lines
    allowed: set[str] = set()
    for line in lines:
        name, _, words = line.partition("=")
        if name != "SystemCallFilter":
            continue
        calls = {call for word in words.removeprefix("~").split() for call in calls_of(word)}
        allowed = allowed - calls if words.startswith("~") else allowed | calls
    assert {"read", "futex", "adjtimex", "clock_adjtime", "clock_adjtime64"} <= allowed
    assert not {"clock_settime", "reboot", "setuid", "settimeofday"} & allowed


def calls_of(word: str) -> set[str]:
    """System calls of a group and its groups; one call is itself."""
    if not word.startswith("@"):
        return {word}
    listed = said_by("systemd-analyze", "syscall-filter", word).stdout.splitlines()[1:]
    inner = [line.strip() for line in listed if line.strip() and not line.strip().startswith("#")]
    return {call for found in inner for call in calls_of(found)}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_a_shared_capture(tmp_path):
    """With the drop-in for dsnoop the unit stays valid and keeps its user."""
    unit = tmp_path / "airway.service"
    text = (FOLDER / "systemd/airway.service").read_text()
    unit.write_text(text.replace("/opt/airway/bin/airway", "/bin/true"))
    drop_in = tmp_path / "airway.service.d"
    drop_in.mkdir()
    shutil.copy(FOLDER / "smart-speaker/shared-capture.conf", drop_in)
    done = said_by("systemd-analyze", "verify", "--man=no", unit)
    assert done.returncode == 0, done.stderr
    assert "airway.service" not in done.stderr


def test_the_collector_reads_the_daemons_fields():
    """Telegraf's tags and time are fields of the messages that its topics carry."""
    from edge.messages import Origin, Stamp, event_message
    from edge.records import Event

    config = tomllib.loads((FOLDER / "fleet/telegraf.conf").read_text())
    events, device = config["inputs"]["mqtt_consumer"]
    stamp = Stamp(
        Origin("airway", "bedroom", "mic", "s"), "1", "2026-01-31T23:59:59.250Z", clock_synced=True
    )
    event = Event(label="cough", onset_s=1.0, offset_s=1.5, score=0.9, p=0.8)
    message = event_message(stamp, event, model="room")
    assert {*events["tag_keys"], events["json_time_key"]} <= set(message.payload)
    (topic,) = events["topics"]
    assert re.fullmatch(topic.replace("+", "[^/]+"), f"homes/home-1/{message.topic}")
    tags = events["topic_parsing"][0]["tags"].split("/")
    assert len(tags) == len(topic.split("/"))
    assert f"homes/home-1/{message.topic}".split("/")[tags.index("home")] == "home-1"
    suffixes = {topic.partition("/airway/")[2] for topic in device["topics"]}
    assert suffixes == {"+/+/state", "+/health", "+/summary/night"}
    assert all(consumer["qos"] == 1 for consumer in (events, device))

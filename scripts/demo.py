"""Play a demonstration night through the daemon and a broker; print what a subscriber receives.

    python scripts/demo.py [RECORDING] [--folder run]

Without a recording (WAV or FLAC) the night is synthetic, made by `edge.demo`. Everything that
is written lies in the folder. The exit code is 0 only when at least one cough event arrived.
"""

import argparse
import contextlib
import getpass
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import soundfile
from paho.mqtt.enums import CallbackAPIVersion

from edge.demo import write_demo
from edge.demo.sounds import Mark
from edge.errors import AirwayError

NODE, SOURCE = "demo", "bedroom"
START_S = 15.0  # a busy machine is slow to start a process
STOP_S = 20.0  # the daemon drains its outbox for up to 5 s
MATCH_S = 0.3  # an event belongs to a cough when it begins at most so far from it


_stop = threading.Event()  # set by a signal


def _waited(done: Callable[[], Any], timeout_s: float) -> bool:
    """Poll until `done`; False after the timeout.

    A signal ends the demonstration here and nowhere else: raised at any instant, it could
    come between the start of a process and the note that it has to be ended.
    """
    deadline_s = time.monotonic() + timeout_s
    while not done():
        if _stop.is_set():
            raise KeyboardInterrupt
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


class DemoError(Exception):
    """The demonstration can't go on; the text says why and what to do."""


class Subscriber:
    """Prints each message as it arrives, and keeps it."""

    def __init__(self, port: int, log: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.summary: dict[str, Any] | None = None
        self.done = threading.Event()  # the node said goodbye
        self._subscribed = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._on_message
        client.connect("127.0.0.1", port)
        client.subscribe("airway/#", qos=1)
        client.loop_start()
        if not _waited(self._subscribed.is_set, START_S):
            raise DemoError(f"The broker does not answer a subscriber; see {log}.")
        self._client = client

    def close(self) -> None:
        """Stop listening."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None:
        body = message.payload.decode()
        kind = message.topic.split("/", 2)[-1]
        if kind.endswith(("availability", "/mute")):  # a word, not an object
            print(f"  {message.topic:<36} {body}", flush=True)
            if kind == "availability" and body == "offline":
                self.done.set()
            return
        payload = json.loads(body)
        if kind == f"{SOURCE}/event":
            self.events.append(payload)
        if kind == "summary/night":
            self.summary = payload
        print(f"  {message.topic:<36} {_words(kind, payload)}", flush=True)


def _words(kind: str, payload: dict[str, Any]) -> str:
    """The part of a payload that a person wants, on one line."""
    if kind.endswith("/event"):
        when = f"at {payload['onset_s']:7.2f} s for {payload['duration_s']:.2f} s"
        return f"{payload['label']:<7} {when}  p {payload['p']:.2f}  seq {payload['seq']}"
    common = {"schema", "id", "node", "source", "session", "seq", "ts", "clock_synced"}
    rest = {key: value for key, value in payload.items() if key not in common | {"historical"}}
    line = json.dumps(rest, ensure_ascii=False).strip("{}").replace('"', "")
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{52}\b", r"\1…", line)  # enough of a digest


@contextlib.contextmanager
def _process(command: list[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a session of its own: Ctrl-C reaches this program alone, which ends it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def _broker(folder: Path) -> Iterator[tuple[int, Path]]:
    """A mosquitto on a free loopback port; yields the port and its log."""
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"  # Debian puts it there
    program = shutil.which("mosquitto", path=path)
    if program is None:
        raise DemoError("No mosquitto broker here: install the package 'mosquitto'.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    conf = folder / "broker.conf"
    # As root it would give up its rights, and could then not read its own configuration.
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser {getpass.getuser()}\n")
    log = folder / "broker.log"
    with _process([program, "-c", conf], log) as process:
        if not _waited(lambda: _answers(port) or process.poll() is not None, START_S):
            raise DemoError(f"The broker does not listen; see {log}.")
        if process.poll() is not None:
            raise DemoError(f"The broker did not start; see {log}.")
        yield port, log


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _recording(folder: Path, argument: Path | None) -> tuple[Path, list[Mark] | None]:
    """The file to play, and what is in it when that is known."""
    if argument is not None:
        path = argument.resolve()
        print(f"Playing {path}.")
        return path, None
    path = folder / "night.wav"
    marks = write_demo(path)
    print("Playing a SYNTHETIC night: three minutes of a bedroom with snores, murmurs, knocks and")
    print("coughs, computed by edge.demo. No recording of anyone is in it, and how well it is")
    print("heard says nothing about accuracy.")
    return path, marks


def _configure(folder: Path, wav: Path, port: int) -> Path:
    config = folder / "config.toml"
    text = f"""\
node = "{NODE}"

[source]
name = "{SOURCE}"
kind = "wav"
path = {json.dumps(str(wav), ensure_ascii=False)}
realtime = false  # the night takes seconds; every stage is the one of a real night

[store]
path = "airway.db"

[mqtt]
host = "127.0.0.1"
port = {port}
"""
    try:
        config.write_text(text, encoding="utf-8")
    except UnicodeEncodeError as error:
        raise DemoError(
            f"{str(wav)!r} has a name that no configuration can hold; rename the recording"
        ) from error
    for old in folder.glob("airway.db*"):
        old.unlink()  # each demonstration is a first night
    return config


def _listen(config: Path, patience_s: float) -> None:
    """Run the daemon until the recording ends."""
    airway = Path(sys.executable).parent / "airway"
    log = config.parent / "airway.log"
    with _process([airway, "run", "--config", config], log) as daemon:
        if not _waited(lambda: daemon.poll() is not None, patience_s):
            raise DemoError(f"The daemon did not finish in {patience_s:.0f} s; see {log}.")
    code = daemon.returncode
    if code != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        reason = lines[-1] if lines else "it said nothing"
        raise DemoError(f"The daemon ended with code {code}: {reason}")


def _duration_s(path: Path) -> float:
    """Length of a recording, for the patience alone: the daemon says what is wrong with a file."""
    try:
        return float(soundfile.info(path).duration)
    except (OSError, soundfile.LibsndfileError):
        return 0.0


def _conclude(folder: Path, subscriber: Subscriber, marks: list[Mark] | None) -> int:
    """Print the result; returns the exit code."""
    onsets_s = [event["onset_s"] for event in subscriber.events if event["label"] == "cough"]
    print()
    if marks is not None:
        truth_s = [onset_s for onset_s, _, label in marks if label == "cough"]
        found = sum(any(abs(t - onset_s) <= MATCH_S for onset_s in onsets_s) for t in truth_s)
        print(f"Coughs in the synthetic night: {len(truth_s)}")
        print(f"Cough events received:         {len(onsets_s)} (covering {found} of those coughs)")
    else:
        print(f"Cough events received: {len(onsets_s)}")
    print(f"Events received in all:        {len(subscriber.events)}")
    if subscriber.summary is not None:
        heard, lost = subscriber.summary["monitored_s"], subscriber.summary["lost_s"]
        print(f"Seconds monitored:             {heard:.1f} ({lost:.1f} lost)")
    print(f"Recording, configuration, history and logs are in {folder}.")
    if marks is not None and not onsets_s:  # a recording of one's own may hold none
        print("No cough event arrived: the demonstration failed.", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Play the recording named on the command line, or a synthetic night."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recording", nargs="?", type=Path, help="WAV or FLAC")
    parser.add_argument("--folder", type=Path, default=Path("run"), help="default: run")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _stop.set())
    folder = arguments.folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        wav, marks = _recording(folder, arguments.recording)
        with (
            _broker(folder) as (port, log),
            contextlib.closing(Subscriber(port, log)) as subscriber,
        ):
            print(f"What a subscriber of the broker on 127.0.0.1:{port} receives:", flush=True)
            _listen(_configure(folder, wav, port), patience_s=120.0 + _duration_s(wav))
            _waited(subscriber.done.is_set, STOP_S)
        return _conclude(folder, subscriber, marks)
    except (DemoError, AirwayError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 69)
    except KeyboardInterrupt:
        print("demo: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

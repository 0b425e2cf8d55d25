"""A thousand devices on one mosquitto: `python -m benchmarks.fleet` writes fleet.md.

Every device is an MQTT 5 client of its own with the last will, the topics and the event messages
of the daemon, at quality of service 1; the broker is mosquitto with the queues of
firmware_configs/fleet/hub.conf, on the loopback address. Clients, broker and subscriber share the
machine, so the latency is an upper bound for the broker's part.
"""

import argparse
import getpass
import itertools
import multiprocessing
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.machine import machine
from benchmarks.rows import Row, add_option, write
from edge.messages import Origin, Stamp, encode, event_message
from edge.records import Event

HUB = Path(__file__).parents[1] / "firmware_configs" / "fleet" / "hub.conf"
PAGE = Path(__file__).with_suffix(".md")
WORKERS = 4  # processes that share the devices: each stays below 1,024 open files
SETTLE_S = 30.0
QUEUES = r"^(?:max_queued_messages|max_inflight_messages|max_connections) .*$"


class Device:
    """One simulated home: connected for the whole run, an event now and then."""

    def __init__(self, number: int, port: int) -> None:
        self.node = f"home-{number:04}"
        self.acknowledged = 0
        self.sent_ns: dict[str, int] = {}
        self.ready = False
        origin = Origin("airway", self.node, "mic", f"session-{number}")
        event = Event(label="cough", onset_s=1.0, offset_s=1.4, score=0.9, p=0.8)
        stamp = Stamp(origin, id="", ts="2026-01-31T23:59:59.250Z", clock_synced=True)
        self._message = event_message(stamp, event, model="room")
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"airway-{self.node}", protocol=mqtt.MQTTv5
        )
        self.client.will_set(f"airway/{self.node}/availability", "offline", 1, retain=True)
        self.client.on_connect = lambda *_: setattr(self, "ready", True)
        self.client.on_publish = self._on_publish
        self.client.connect("127.0.0.1", port, keepalive=120)

    def send(self, seq: int) -> None:
        """Publish one event; its id is what the subscriber knows it by."""
        id = f"{self.node}-{seq}"
        payload = encode({**self._message.payload, "id": id, "seq": seq})
        self.sent_ns[id] = time.monotonic_ns()
        self.client.publish(self._message.topic, payload, qos=1)

    def _on_publish(self, _client: Any, _data: Any, _mid: int, reason: Any, _props: Any) -> None:
        self.acknowledged += not reason.is_failure


def drive(selector: selectors.BaseSelector, done: Callable[[], bool], timeout_s: float) -> None:
    """Read what the broker sends until `done`; paho writes by itself when it publishes."""
    deadline_s = time.monotonic() + timeout_s
    while not done() and time.monotonic() < deadline_s:
        for key, _ in selector.select(min(0.05, max(0.0, deadline_s - time.monotonic()))):
            key.data.client.loop_read()


def worker(
    numbers: range, port: int, seconds: float, interval_s: float, start: Any, results: Any
) -> None:
    """Connect some devices, wait for the others, send at an even pace, wait for every PUBACK."""
    devices = [Device(number, port) for number in numbers]
    selector = selectors.DefaultSelector()
    for device in devices:
        selector.register(device.client.socket(), selectors.EVENT_READ, device)
    drive(selector, lambda: all(device.ready for device in devices), SETTLE_S)
    start.wait(2 * SETTLE_S)
    begin_s = time.monotonic()
    count = int(seconds / interval_s)
    # Spread over the interval, since homes do not cough in step.
    due = sorted(
        (begin_s + (seq + place / len(devices)) * interval_s, place, seq)
        for place in range(len(devices))
        for seq in range(count)
    )
    for due_s, place, seq in due:
        wait_s = due_s - time.monotonic()
        if wait_s > 0:
            drive(selector, lambda: False, wait_s)
        devices[place].send(seq)
    ended_s = time.monotonic()
    drive(selector, lambda: all(d.acknowledged == count for d in devices), SETTLE_S)
    sent = {id: ns for device in devices for id, ns in device.sent_ns.items()}
    connected = sum(device.ready for device in devices)
    results.put((connected, sum(d.acknowledged for d in devices), sent, ended_s - begin_s))
    for device in devices:
        device.client.disconnect()


class Collector:
    """The hub's one subscriber; it notes when each event came, and how often."""

    def __init__(self, port: int) -> None:
        self.arrived_ns: dict[str, int] = {}
        self.repeated = 0
        self._subscribed = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="hub", protocol=mqtt.MQTTv5)
        client.on_message = self._on_message
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.connect("127.0.0.1", port)
        client.subscribe("airway/+/+/event", qos=1)
        client.loop_start()
        if not self._subscribed.wait(SETTLE_S):
            sys.exit("the broker does not answer")
        self._client = client

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        now_ns = time.monotonic_ns()
        id = re.search(rb'"id":"([^"]+)"', message.payload)[1].decode()
        self.repeated += id in self.arrived_ns
        self.arrived_ns.setdefault(id, now_ns)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def start_broker(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A mosquitto with the hub's queues on a free loopback port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    queues = re.findall(QUEUES, HUB.read_text("utf-8"), re.MULTILINE)
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", f"user {getpass.getuser()}"]
    (folder / "hub.conf").write_text("\n".join([*lines, *queues, ""]), "utf-8")
    broker = subprocess.Popen(["mosquitto", "-c", folder / "hub.conf"], stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline_s and broker.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return broker, port
        time.sleep(0.05)
    sys.exit("mosquitto does not start")


def usage(pid: int) -> tuple[float, float]:
    """Seconds of processor time and MiB of memory at its peak that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return seconds, int(peak[1]) / 1024 if peak else 0.0


def measure(count: int, seconds: float, interval_s: float) -> dict[str, float]:
    """Run a fleet; what was sent, acknowledged, received and how late."""
    with tempfile.TemporaryDirectory(prefix="airway-fleet-") as name:
        broker, port = start_broker(Path(name))
        try:
            collector = Collector(port)
            start, results = multiprocessing.Barrier(WORKERS + 1), multiprocessing.Queue()
            bounds = np.linspace(0, count, WORKERS + 1).astype(int)
            parts = [range(a, b) for a, b in itertools.pairwise(bounds)]
            workers = [
                multiprocessing.Process(
                    target=worker, args=(part, port, seconds, interval_s, start, results)
                )
                for part in parts
            ]
            for process in workers:
                process.start()
            start.wait(2 * SETTLE_S)  # when every device is connected
            # A worker's results are large: they are taken before it can end.
            answers = [results.get(timeout=seconds + 4 * SETTLE_S) for _ in workers]
            for process in workers:
                process.join()
            sent = {id: ns for answer in answers for id, ns in answer[2].items()}
            deadline_s = time.monotonic() + SETTLE_S
            while len(collector.arrived_ns) < len(sent) and time.monotonic() < deadline_s:
                time.sleep(0.05)
            cpu_s, peak_mib = usage(broker.pid)
            collector.close()
        finally:
            broker.terminate()
            broker.wait(10)
    arrived = collector.arrived_ns
    late_ms = np.array([(arrived[id] - ns) / 1e6 for id, ns in sent.items() if id in arrived])
    last_s = (max(arrived.values()) - min(sent.values())) / 1e9
    return {
        "devices connected": sum(answer[0] for answer in answers),
        "events sent": len(sent),
        "acknowledged by the broker": sum(answer[1] for answer in answers),
        "received by the subscriber": len(arrived),
        "lost": len(sent) - len(arrived),
        "repeated": collector.repeated,
        "events a second": len(arrived) / last_s,
        "latency, median, ms": float(np.median(late_ms)),
        "latency, 95 %, ms": float(np.percentile(late_ms, 95)),
        "latency, 99 %, ms": float(np.percentile(late_ms, 99)),
        "latency, largest, ms": float(late_ms.max()),
        "broker, processor seconds": cpu_s,
        "broker, memory at its peak, MiB": peak_mib,
    }


def main() -> None:
    """Measure and write the page; exit code 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between two events")
    add_option(parser)
    arguments = parser.parse_args()
    if not 1 <= arguments.devices <= 4000 or not 1 <= arguments.seconds <= 120:
        sys.exit("--devices from 1 to 4000, --seconds from 1 to 120")
    if shutil.which("mosquitto") is None:
        sys.exit("mosquitto is missing; install it (Debian: mosquitto)")
    where = machine()
    found = measure(arguments.devices, arguments.seconds, arguments.interval)
    rows = [
        f"| {name} | {value:,.1f} |" if isinstance(value, float) else f"| {name} | {value:,} |"
        for name, value in found.items()
    ]
    PAGE.write_text(
        "# A fleet on one broker\n\n"
        f"`python -m benchmarks.fleet --devices {arguments.devices} --seconds "
        f"{arguments.seconds:g} --interval {arguments.interval:g}` writes this page: simulated\n"
        "devices, each an MQTT 5 client of its own that sends one event at quality of service 1\n"
        f"every {arguments.interval:g} s, far more than a home coughs. Clients, broker and "
        "subscriber share one machine\n"
        f"({where}), so the latency is theirs\ntogether.\n\n"
        "| | |\n|---|---|\n" + "\n".join(rows) + "\n",
        "utf-8",
    )
    figure = (
        f"{found['events a second']:.1f} events a second, {found['lost']} of "
        f"{found['events sent']:,} lost; latency {found['latency, median, ms']:.1f} ms, "
        f"99 % below {found['latency, 99 %, ms']:.1f} ms"
    )
    what = f"{found['devices connected']:,} simulated devices on one mosquitto"
    write(arguments.rows, [Row("Fleet", what, figure, "measured")])
    print(PAGE.read_text("utf-8"))
    sys.exit(1 if found["lost"] else 0)


if __name__ == "__main__":
    main()

"""What the daemon costs beside its peers, all at real pace in one run; writes leanness.md.

    python -m benchmarks.leanness [--seconds 60] [--yamnet yamnet.tflite]

Each process gets its minute alone: the daemon in a room where the model always runs, the daemon
in a quiet one, then each peer that is installed here, fed with the busy room. Processor time is
user and system time of the process after its start; memory is what is resident at the end. A
start takes longer by the clock where others want the processor, too; its processor time says what
it costs by itself.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt
import soundfile
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.machine import machine
from benchmarks.rows import Row, add_option, write
from edge.demo import demo_night

RATE_HZ = 16_000
START_S = 30.0
PEERS = {
    "pymicro-wakeword's frontend (pymicro-features) alone": (
        "pymicro_features",
        """
from pymicro_features import MicroFrontend
frontend = MicroFrontend()
def hear(pcm):
    data = pcm.tobytes()
    for at in range(0, len(data) - 319, 320):
        frontend.process_samples(data[at : at + 320])
""",
    ),
    "YAMNet, a window each 0.48 s (tflite-runtime)": (
        "tflite_runtime",
        """
import numpy as np
from tflite_runtime.interpreter import Interpreter
net = Interpreter(os.environ["YAMNET"], num_threads=1)
net.allocate_tensors()
index, kept = net.get_input_details()[0]["index"], np.zeros(0, np.float32)
def hear(pcm):
    global kept
    kept = np.concatenate([kept, pcm / np.float32(32768)])
    while len(kept) >= 15600:
        net.set_tensor(index, kept[:15600])
        net.invoke()
        kept = kept[7680:]
""",
    ),
}
# The peer's loop: a block each tenth of a second, at real pace.
_LOOP = """
import os, sys, time
import numpy as np, soundfile
{body}
begin = time.monotonic()
file = soundfile.SoundFile(sys.argv[1])
print("listening", flush=True)
for number, pcm in enumerate(file.blocks(1600, dtype="int16")):
    time.sleep(max(0, begin + number / 10 - time.monotonic()))
    hear(pcm)
time.sleep(60)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took.

    Attributes:
        share: of one core, 1 is all of it.
        resident_mb: memory at the end, 10^6 bytes.
        start_s: from the start of the process until it listened.
        start_processor_s: of one core, that it used until then.
        latency_s: from the end of each event to its arrival at a subscriber; the slowest.
    """

    share: float
    resident_mb: float
    start_s: float
    start_processor_s: float
    latency_s: float | None = None


def main() -> int:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="of each measurement")
    parser.add_argument("--yamnet", type=Path, help="yamnet.tflite, for that peer")
    add_option(parser)
    arguments = parser.parse_args()
    where = machine()
    with tempfile.TemporaryDirectory() as name:
        rows = measure(Path(name), arguments.seconds, arguments.yamnet)
    text = table(rows, arguments.seconds, where)
    (Path(__file__).parent / "leanness.md").write_text(text, encoding="utf-8")
    write(arguments.rows, overview(rows))
    print(text)
    return 0


def overview(costs: dict[str, Cost]) -> list[Row]:
    """The lines of README.md."""
    rows = []
    for name, cost in costs.items():
        peer = not name.startswith("airway")
        late = "" if cost.latency_s is None else f"; the slowest event {cost.latency_s:.2f} s late"
        share = f"{100 * cost.share:.2f} % of a core{late}"
        begin = (
            f"{cost.start_processor_s:.2f} s of processor time, {cost.start_s:.2f} s by the clock"
        )
        rows += [
            Row("Pipeline", f"{name}, at real pace", share, "measured", peer),
            Row("Memory", name, f"{cost.resident_mb:.1f} MB resident", "measured", peer),
            Row("Start", name, begin, "measured", peer),
        ]
    return rows


def measure(folder: Path, seconds: int, yamnet: Path | None) -> dict[str, Cost]:
    """Run each in turn."""
    length = (seconds + 30) * RATE_HZ
    busy = np.asarray(demo_night(1, (seconds + 30) / 60)[0][:length])
    hiss = np.round(np.random.default_rng(1).normal(0, 10, length)).astype(np.int16)
    soundfile.write(folder / "busy.wav", busy, RATE_HZ)
    soundfile.write(folder / "quiet.wav", hiss, RATE_HZ)
    rows = {}
    with _Broker(folder) as broker:
        for room in ("busy", "quiet"):
            rows[f"airway run, {room} room"] = _daemon(folder, room, seconds, broker.port)
    environment = os.environ | ({"YAMNET": str(yamnet)} if yamnet else {})
    for peer, (module, body) in PEERS.items():
        if find_spec(module) is None or ("YAMNET" in body and not yamnet):
            print(f"left out, not installed here: {peer}", file=sys.stderr)
            continue
        command = [sys.executable, "-c", _LOOP.format(body=body), str(folder / "busy.wav")]
        rows[peer] = _cost(command, environment, seconds, "listening")
    return rows


def _daemon(folder: Path, room: str, seconds: int, port: int) -> Cost:
    config = folder / f"{room}.toml"
    config.write_text(
        f'node = "{room}"\n[source]\nkind = "wav"\npath = "{room}.wav"\n'
        f'[store]\npath = "{room}.db"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n',
        encoding="utf-8",
    )
    late: list[float] = []
    client = _subscriber(port, f"airway/{room}/mic/event", late.append)
    command = [sys.executable, "-m", "edge.cli", "run", "--config", str(config)]
    cost = _cost(command, dict(os.environ), seconds, "listening at")
    client.disconnect()
    client.loop_stop()
    latency = max(late) if late else None
    return replace(cost, latency_s=latency)


def _subscriber(port: int, topic: str, tell: Callable[[float], None]) -> mqtt.Client:
    """Tells how long after its end each event arrives, in seconds."""

    def heard(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        event = json.loads(message.payload)
        end_s = datetime.fromisoformat(event["ts"]).timestamp() + event["duration_s"]
        tell(time.time() - end_s)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_message = heard
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    return client


def _cost(command: list[str], environment: dict[str, str], seconds: int, sign: str) -> Cost:
    """Start a process, wait until it says that it listens, and watch it for a while."""
    begin_s = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if sign in line:
                break
        else:
            raise RuntimeError("".join(said))
        start_s = time.monotonic() - begin_s
        start_processor_s = _processor_s(process.pid)
        rest = threading.Thread(target=process.stdout.read, daemon=True)
        rest.start()  # a full pipe would stop the process
        before_s, watched_s = _processor_s(process.pid), time.monotonic()
        time.sleep(seconds)
        share = (_processor_s(process.pid) - before_s) / (time.monotonic() - watched_s)
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        resident_kib = int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
        process.terminate()
        process.wait(START_S)
        rest.join(START_S)
    return Cost(share, resident_kib * 1024 / 1e6, start_s, start_processor_s)


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Broker:
    """A mosquitto on a free loopback port, for as long as the context lasts."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._config = folder / "broker.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n", encoding="ascii"
        )

    def __enter__(self) -> "_Broker":
        path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
        self._process = subprocess.Popen(
            ["mosquitto", "-c", str(self._config)],
            env=os.environ | {"PATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise RuntimeError("the broker did not start; install the package 'mosquitto'")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(START_S)


def table(rows: dict[str, Cost], seconds: int, where: str) -> str:
    """The page."""
    busy = rows["airway run, busy room"].share
    lines = [
        "# What the daemon costs",
        "",
        f"`python -m benchmarks.leanness --seconds {seconds}`: synthetic sound at real pace, one "
        "process after the other in one run on a shared machine: compare the rows, not the "
        "digits. One core is 100 %.",
        "",
        f"Machine: {where}.",
        "",
        "| process | processor | of the busy daemon's | resident MB | start, s | "
        "of it processor, s | event's end to subscriber, slowest, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, cost in rows.items():
        latency = "" if cost.latency_s is None else f"{cost.latency_s:.2f}"
        lines.append(
            f"| {name} | {100 * cost.share:.2f} % | {cost.share / busy:.2f} | "
            f"{cost.resident_mb:.1f} | {cost.start_s:.2f} | "
            f"{cost.start_processor_s:.2f} | {latency} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

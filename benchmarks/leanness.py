"""What the daemon costs beside its peers, all at real pace in one run; writes leanness.md.

    python -m benchmarks.leanness [room] [--seconds 60] [--days 7] [--yamnet yamnet.tflite]

Each process gets its minute alone: the daemon in four rooms, then each peer that is installed
here, fed with the busy room. The busy room is never still: snores, speech and knocks without a
pause, and a cough now and then. In the demonstration night there are pauses; the quiet room
is hiss. Processor
time is that of all threads, by the kernel's clock of the process, from WARM_S after it listens:
what a start costs once is no part of what a night costs. Memory is what is resident at the end.
Then days of sound go through the daemon's pipeline as fast as they can, and its memory is
watched; the fault suite does that for a month, with the store (faults.md).
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.broker import Broker, lateness
from benchmarks.listeners import LISTENERS, LISTENING
from benchmarks.machine import machine
from benchmarks.rows import Row, add_option, write
from edge.bundle import Bundle, load_bundle
from edge.demo import demo_night

RATE_HZ = 16_000
START_S = 30.0
WARM_S = 10
BUSY, QUIET = "airway run, busy room", "airway run, quiet room"
NIGHT = "airway run, demonstration night"
NOW_AND_THEN = "airway run, quiet room with a cough now and then"
ROOMS = {BUSY: "busy", NIGHT: "night", QUIET: "quiet", NOW_AND_THEN: "rare"}
# What a small board can spare.
MOST_MB, MOST_SHARE, MOST_QUIET, MOST_START_S, MOST_LATE_S, MOST_GROWTH_MB = 60, 0.01, 0.1, 2, 1, 1
# One minute of thirty is busy. What the first half day takes is no growth: caches fill.
_DAYS = """
import json, sys
import numpy as np
from edge.bundle import load_bundle
from edge.classifier import Classifier
from edge.daemon.system import resident_bytes
from edge.demo import demo_night
from edge.pipeline import Pipeline
from edge.records import AudioBlock
bundle, days, rate_hz = load_bundle(sys.argv[1]), int(sys.argv[2]), 16_000
pipeline = Pipeline(bundle, Classifier(bundle), rate_hz)
busy = demo_night(1, 1)[0]
quiet = np.round(np.random.default_rng(1).normal(0, 10, len(busy))).astype(np.int16)
sizes, events = [], 0
for minute in range(days * 1440):
    pcm = quiet if minute % 30 else busy
    events += len(pipeline.push(AudioBlock(pcm, rate_hz, minute * len(pcm))))
    if minute % 720 == 719:
        sizes.append(resident_bytes())
print(json.dumps({"growth_mb": (max(sizes[1:]) - sizes[0]) / 1e6, "events": events}))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took.

    Attributes:
        share: of one core, 1 is all of it.
        resident_mb: memory at the end, 10^6 bytes.
        start_s: from the start of the process until it listened.
        late_s: from the end of each event to its arrival at a subscriber.
    """

    share: float
    resident_mb: float
    start_s: float
    late_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Growth:
    """What days of sound leave in memory.

    Attributes:
        days: of sound.
        growth_mb: largest size after the first half day less the size then, 10^6 bytes.
        events: that were found.
    """

    days: int
    growth_mb: float
    events: int


def main() -> int:
    """Measure and write the page; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", nargs="?", default="room", help="a name, or a folder")
    parser.add_argument("--seconds", type=int, default=60, help="of each measurement (60)")
    parser.add_argument("--days", type=int, default=7, help="through the pipeline (7)")
    parser.add_argument("--yamnet", type=Path, help="yamnet.tflite, for that peer")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    add_option(parser)
    arguments = parser.parse_args()
    bundle, where = load_bundle(arguments.bundle), machine()
    with tempfile.TemporaryDirectory() as name:
        rows = measure(Path(name), arguments.bundle, arguments.seconds, arguments.yamnet)
    growth = days_of_sound(arguments.bundle, arguments.days)
    command = (
        f"python -m benchmarks.leanness {bundle.name} --seconds {arguments.seconds} "
        f"--days {arguments.days}" + (" --yamnet yamnet.tflite" if arguments.yamnet else "")
    )
    told = targets(rows, growth)
    text = page(rows, told, bundle, command, where)
    write(arguments.rows, overview(rows, growth))
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    missed = [f"{target}: {found}" for target, found, met in told if not met]
    if missed:
        print(f"missed: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def overview(costs: dict[str, Cost], growth: Growth) -> list[Row]:
    """The lines of README.md."""
    rows = []
    for name, cost in costs.items():
        peer = name not in ROOMS
        late = f"; the slowest event {max(cost.late_s):.2f} s late" if cost.late_s else ""
        share = f"{100 * cost.share:.2f} % of a core{late}"
        rows += [
            Row("Pipeline", f"{name}, at real pace", share, "measured", peer),
            Row("Memory", name, f"{cost.resident_mb:.1f} MB resident", "measured", peer),
            Row("Start", name, f"{cost.start_s:.2f} s until it listens", "measured", peer),
        ]
    grown = f"{growth.growth_mb:+.2f} MB"
    rows.append(Row("Memory", f"growth over {growth.days} days of sound", grown, "measured"))
    return rows


def measure(folder: Path, bundle: str, seconds: int, yamnet: Path | None) -> dict[str, Cost]:
    """Run each in turn."""
    length = (seconds + WARM_S + 30) * RATE_HZ
    hiss = np.round(np.random.default_rng(1).normal(0, 10, length)).astype(np.int16)
    rooms = {
        "busy": rare(restless(length)),
        "night": np.asarray(demo_night(1, length / RATE_HZ / 60)[0][:length]),
        "quiet": hiss,
        "rare": rare(hiss),
    }
    for room, pcm in rooms.items():
        soundfile.write(folder / f"{room}.wav", pcm, RATE_HZ)
    rows = {}
    with Broker(folder) as broker:
        for name, room in ROOMS.items():
            rows[name] = _daemon(folder, bundle, room, seconds, broker.port)
    environment = os.environ | ({"YAMNET": str(yamnet)} if yamnet else {})
    for peer in LISTENERS:
        if why := peer.missing(environment):
            print(f"left out: {peer.name}: {why}", file=sys.stderr)
            continue
        command = [sys.executable, "-c", peer.program, str(folder / "busy.wav")]
        rows[peer.name] = _cost(command, environment, seconds, LISTENING)
    return rows


def restless(length: int) -> NDArray[np.int16]:
    """All that happens in a demonstration night but the coughs, without the pauses."""
    night, marks = demo_night(1, 20)
    parts = [
        night[round((on - 0.1) * RATE_HZ) : round((off + 0.1) * RATE_HZ)]
        for on, off, label in marks
        if label != "cough"
    ]
    return np.resize(np.concatenate(parts), length)


def rare(background: NDArray[np.int16]) -> NDArray[np.int16]:
    """Synthetic coughs in a room, one each 6.7 s: at every phase of whatever has a period."""
    night, marks = demo_night(1, 4)
    coughs = [(on, off) for on, off, label in marks if label == "cough"]
    room, every = background.copy(), round(6.7 * RATE_HZ)
    for number, at in enumerate(range(every, len(room) - every, every)):
        on, off = coughs[number % len(coughs)]
        sound = night[round(on * RATE_HZ) : round((off + 0.1) * RATE_HZ)]
        room[at : at + len(sound)] = sound
    return room


def days_of_sound(bundle: str, days: int) -> Growth:
    """Let a fresh process hear days of sound at once."""
    ran = subprocess.run(
        [sys.executable, "-c", _DAYS, bundle, str(days)], stdout=subprocess.PIPE, check=True
    )
    return Growth(days, **json.loads(ran.stdout))


def _daemon(folder: Path, bundle: str, room: str, seconds: int, port: int) -> Cost:
    config = folder / f"{room}.toml"
    if "/" in bundle:
        bundle = str(Path(bundle).absolute())
    config.write_text(
        f'node = "{room}"\n[source]\nkind = "wav"\npath = "{room}.wav"\n'
        f'[model]\nbundle = "{bundle}"\n'
        f'[store]\npath = "{room}.db"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n',
        encoding="utf-8",
    )
    late_s: list[float] = []
    client = lateness(port, f"airway/{room}/mic/event", late_s.append)
    command = [sys.executable, "-m", "edge.cli", "run", "--config", str(config)]
    cost = _cost(command, dict(os.environ), seconds, "listening at")
    client.disconnect()
    client.loop_stop()
    return Cost(cost.share, cost.resident_mb, cost.start_s, tuple(late_s))


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
        rest = threading.Thread(target=process.stdout.read, daemon=True)
        rest.start()  # a full pipe would stop the process
        time.sleep(WARM_S)
        before_s, watched_s = _processor_s(process.pid), time.monotonic()
        time.sleep(seconds)
        share = (_processor_s(process.pid) - before_s) / (time.monotonic() - watched_s)
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        resident_kib = int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
        process.terminate()
        process.wait(START_S)
        rest.join(START_S)
    return Cost(share, resident_kib * 1024 / 1e6, start_s)


def _processor_s(pid: int) -> float:
    """All that a process has used, to the nanosecond: the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def targets(rows: dict[str, Cost], growth: Growth) -> list[tuple[str, str, bool]]:
    """Each target, what was measured, and whether it is met."""
    busy, quiet = rows[BUSY], rows[QUIET]
    late_s = sorted(late for room in ROOMS for late in rows[room].late_s) or [float("inf")]
    memory_mb = max(rows[room].resident_mb for room in ROOMS)
    start_s = max(rows[room].start_s for room in ROOMS)
    ratio, share = quiet.share / busy.share, max(busy.share, quiet.share)
    return [
        (f"resident at most {MOST_MB} MB", f"{memory_mb:.1f} MB", memory_mb <= MOST_MB),
        (
            f"both rooms under {MOST_SHARE:.0%} of a core",
            f"{100 * busy.share:.2f} % and {100 * quiet.share:.2f} %",
            share < MOST_SHARE,
        ),
        (
            f"a quiet room under {MOST_QUIET:g} of a busy one",
            f"{ratio:.2f}",
            ratio < MOST_QUIET,
        ),
        (
            f"start to listening at most {MOST_START_S} s",
            f"{start_s:.2f} s",
            start_s <= MOST_START_S,
        ),
        (
            f"at the broker at most {MOST_LATE_S} s after the event's end",
            f"{len(late_s)} events, median {median(late_s):.2f} s, slowest {late_s[-1]:.2f} s",
            late_s[-1] <= MOST_LATE_S,
        ),
        (
            f"{growth.days} days of sound leave at most {MOST_GROWTH_MB} MB",
            f"{growth.growth_mb:+.2f} MB, {growth.events} events",
            growth.growth_mb <= MOST_GROWTH_MB,
        ),
    ]


def page(
    rows: dict[str, Cost],
    told: list[tuple[str, str, bool]],
    bundle: Bundle,
    command: str,
    where: str,
) -> str:
    """The page."""
    busy = rows[BUSY].share
    gate = "with a gate" if bundle.gate else "without a gate: its model runs in a quiet room, too"
    lines = [
        "# What the daemon costs",
        "",
        f"`{command}`: bundle `{bundle.name}` ({bundle.digest[:12]}, {gate}), synthetic sound at "
        "real pace, one process after the other in one run on a shared x86-64 machine: compare "
        "the rows, not the digits. One core is 100 %. The daemon stores and publishes as well; "
        "its peers only listen.",
        "",
        f"Processor time counts from {WARM_S} s after the start. The busy room is never still: "
        "snores, speech and knocks without a pause, and a cough each 6.7 s. The demonstration "
        f"night has pauses in which the daemon rests as well: a quiet room costs "
        f"{rows[QUIET].share / rows[NIGHT].share:.2f} of it. The source is a file at real pace: a "
        "microphone has a process of its own, which is not in these figures.",
        "",
        f"Machine: {where}.",
        "",
        "| target | measured | met |",
        "|---|---|---|",
        *(f"| {target} | {found} | {'yes' if met else 'no'} |" for target, found, met in told),
        "",
        "| process | processor | of the busy daemon's | resident MB | start, s |",
        "|---|---|---|---|---|",
    ]
    for name, cost in rows.items():
        lines.append(
            f"| {name} | {100 * cost.share:.2f} % | {cost.share / busy:.2f} | "
            f"{cost.resident_mb:.1f} | {cost.start_s:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

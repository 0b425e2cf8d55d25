"""`airway bench`: whether this board can keep up, told before the start."""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import Bundle, load_bundle
from edge.classifier import RUNTIMES, Classifier
from edge.commands.output import say_json
from edge.demo import demo_night
from edge.errors import UsageError
from edge.frontend import Frontend
from edge.pipeline import Pipeline
from edge.records import AudioBlock, Pcm

RATE_HZ = 16_000
BLOCK = RATE_HZ // 10  # as the daemon's capture delivers
# A core shared with an operating system and other services has to have as much again in hand.
KEEPS_UP_SHARE = 0.5
_SEED = 1
_HISS = 10  # standard deviation in units of int16: a microphone in an empty room


def add(commands: Any) -> None:
    """Register the command."""
    bench = commands.add_parser("bench", help="tell whether this board can keep up")
    bench.add_argument("--bundle", default="room", help="a folder, or a shipped bundle's name")
    bench.add_argument("--runtime", default="auto", choices=RUNTIMES)
    bench.add_argument("--seconds", type=int, default=60, help="of sound, 10 to 3600 (60)")
    bench.add_argument("--json", action="store_true", help="one JSON object")
    bench.set_defaults(command=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    if not 10 <= arguments.seconds <= 3600:
        raise UsageError(f"--seconds {arguments.seconds} is not between 10 and 3600")
    figures = measure(load_bundle(arguments.bundle), arguments.runtime, arguments.seconds)
    if arguments.json:
        say_json({"type": "bench", **figures})
        return 0
    print(
        f"{figures['bundle']} on {figures['runtime']}, {figures['frontend_backend']} frontend: "
        f"{100 * figures['busy_share']:.2f} % of a core in a busy room, "
        f"{100 * figures['quiet_share']:.2f} % in a quiet one; the slowest tenth of a second "
        f"took {figures['slowest_block_ms']:.1f} ms, {figures['resident_mb']:.0f} MB resident"
    )
    print(
        "this board keeps up"
        if figures["keeps_up"]
        else "this board can't keep up: audio would be dropped; choose a faster one, or the native "
        "frontend (airway doctor says which is in use)"
    )
    return 0


def measure(bundle: Bundle, runtime: str, seconds: int) -> dict[str, Any]:
    """Run the pipeline over synthetic sound as the daemon would, a tenth of a second at a time.

    Args:
        bundle: what to run.
        runtime: see `Classifier`.
        seconds: of a synthetic night, and of hiss.

    Returns:
        Shares of one core's processor time (1 is all of it) for a room in which the model runs
        all the time, for the quiet one and for the frontend alone; the longest block in
        milliseconds of wall time; the process's resident memory in MB (10^6 bytes); and
        whether the busy share leaves half of a core.
    """
    classifier = Classifier(bundle, runtime)
    everything = Pipeline(replace(bundle, gate=None), classifier, RATE_HZ)
    silence = np.zeros(RATE_HZ, np.int16)
    everything.push(AudioBlock(silence, RATE_HZ, 0))  # the first calls prepare the kernels
    resident_bytes = _resident_bytes()  # before the synthetic sound, which the daemon never holds
    busy = np.asarray(demo_night(_SEED, seconds / 60 + 1)[0][: seconds * RATE_HZ])
    rng = np.random.default_rng(_SEED)
    quiet = np.round(rng.normal(0, _HISS, len(busy))).astype(np.int16)
    busy_s, slowest_s = _run(everything, busy)
    quiet_s, _ = _run(Pipeline(bundle, classifier, RATE_HZ), quiet)
    frontend = Frontend(bundle.spec, bundle.tables, RATE_HZ)
    begin_s = time.process_time()
    for pcm in _cut(busy):
        frontend.push(pcm)
    frontend_s = time.process_time() - begin_s
    return {
        "bundle": bundle.name,
        "runtime": classifier.runtime_name,
        "frontend_backend": frontend.backend,
        "audio_s": seconds,
        "busy_share": round(busy_s / seconds, 5),
        "quiet_share": round(quiet_s / seconds, 5),
        "frontend_share": round(frontend_s / seconds, 5),
        "slowest_block_ms": round(1000 * slowest_s, 2),
        "resident_mb": round(resident_bytes / 1e6, 1),
        "keeps_up": busy_s / seconds <= KEEPS_UP_SHARE,
    }


def _run(pipeline: Pipeline, pcm: Pcm) -> tuple[float, float]:
    """Processor seconds of the whole, and wall seconds of the slowest block."""
    slowest_s, begin_s = 0.0, time.process_time()
    for number, block in enumerate(_cut(pcm)):
        block_s = time.monotonic()
        pipeline.push(AudioBlock(block, RATE_HZ, number * BLOCK))
        slowest_s = max(slowest_s, time.monotonic() - block_s)
    return time.process_time() - begin_s, slowest_s


def _cut(pcm: Pcm) -> Iterator[Pcm]:
    return (pcm[start : start + BLOCK] for start in range(0, len(pcm), BLOCK))


def _resident_bytes() -> int:
    """Memory of this process that is in RAM now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

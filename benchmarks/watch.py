"""The watch's monitor on emulated Cortex-M boards beside the device's path: `make watch-test`.

Builds the monitor from a bundle for every board, runs it in QEMU on at least ten minutes of
audio, and compares every feature, score and event with what the Python path gives. Writes a
table beside this file; exits 1 when anything differs or a budget is missed.

The instructions are counted by QEMU, not measured as cycles: a core takes one to a few cycles
for each, and flash may make it wait. Needs arm-none-eabi-gcc, newlib for Arm and
qemu-system-arm (Debian: gcc-arm-none-eabi, libnewlib-arm-none-eabi, qemu-system-arm).
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from benchmarks.watch_build import (
    BOARDS,
    COMPILER,
    EMULATOR,
    build_for,
    differences,
    emulator,
    expected,
    listen,
    memory_bytes,
    run,
)
from edge.bundle import Bundle, load_bundle
from edge.demo import demo_night
from train_export.prepare import prepare

HERE = Path(__file__).resolve().parent
FLASH_LIMIT, RAM_LIMIT = 200 * 1024, 96 * 1024
CLOCK_HZ, CLOCK_SHARE = 120_000_000, 0.30  # of an M4
AUDIO_S = 600.0


def audio(bundle: Bundle) -> tuple[NDArray[np.int16], str]:
    """Ten minutes at the bundle's rate, and where they come from."""
    corpus = os.environ.get("AIRWAY_CORPUS")
    if bundle.spec.rate_hz != 16_000:
        sys.exit(f"bundle {bundle.name} listens at {bundle.spec.rate_hz} Hz; give --audio F.wav")
    if not corpus:
        night, _ = demo_night(1, AUDIO_S / 60)
        return np.asarray(night), "synthetic audio of the demonstration: AIRWAY_CORPUS is not set"
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(corpus), "test", "stress", AUDIO_S / 3600, 0, Path(name))
        pcm, _ = sf.read(next(Path(name).glob("*.wav")), dtype="int16")
    return pcm, "a scene of recordings: `airway-train prepare --split test --kind stress --seed 0`"


def main() -> None:
    """Build, run, compare, and write the table."""
    parser = argparse.ArgumentParser(description="the watch's monitor on emulated boards")
    parser.add_argument("--bundle", default="room")
    parser.add_argument("--audio", type=Path, help="a mono WAV at the bundle's rate")
    arguments = parser.parse_args()
    missing = [tool for tool in (COMPILER, EMULATOR) if shutil.which(tool) is None]
    if missing:
        sys.exit(
            f"{', '.join(missing)} is missing; install it (Debian: gcc-arm-none-eabi, "
            "libnewlib-arm-none-eabi, qemu-system-arm)"
        )
    bundle = load_bundle(arguments.bundle)
    if arguments.audio:
        pcm, origin = sf.read(arguments.audio, dtype="int16")[0], arguments.audio.name
    else:
        pcm, origin = audio(bundle)
    wanted = expected(bundle, pcm)
    lines, good = [], True
    with tempfile.TemporaryDirectory() as name:
        for board in BOARDS:
            print(f"{board.machine}, {board.core} …", flush=True)
            folder = Path(name) / board.machine
            flash, ram = memory_bytes(board, bundle, Path(f"{folder}-image"))
            program = build_for(board, bundle, "listen.c", "rdimon-", folder)
            found = listen(emulator(board, program), bundle, pcm)
            different = differences(found, wanted)
            good &= not any(different)
            seconds = len(pcm) / bundle.spec.rate_hz
            frontend, rest = (
                count / seconds / 1e6
                for count in (found.frontend_instructions, found.other_instructions)
            )
            share = (frontend + rest) * 1e6 / CLOCK_HZ
            good &= flash <= FLASH_LIMIT and ram <= RAM_LIMIT and share <= CLOCK_SHARE
            lines.append(
                f"| {board.machine} | {board.core} | {' / '.join(map(str, different))} | "
                f"{frontend:.2f} | {rest:.2f} | {share:.1%} | {flash:,} | {ram:,} |"
            )
            print(lines[-1], flush=True)
    table = REPORT.format(
        bundle=f"{bundle.name} {bundle.version}", digest=bundle.digest[:12], origin=origin,
        seconds=len(pcm) / bundle.spec.rate_hz, features=f"{wanted.rows.size:,}",
        scores=f"{wanted.scores.size:,}", events=len(wanted.events), lines="\n".join(lines),
        compiler=run([COMPILER, "--version"]).splitlines()[0],
        emulator=re.sub(r" \(.*", "", run([EMULATOR, "--version"]).splitlines()[0]),
    )  # fmt: skip
    (HERE / "watch.md").write_text(table, encoding="utf-8")
    print(table)
    sys.exit(0 if good else "something differs from the device's path, or a budget is missed")


REPORT = """\
# The watch's monitor on emulated Cortex-M cores

Written by `make watch-test`, from bundle {bundle} (card {digest}). Audio: {seconds:.0f} s,
{origin}.
The device's Python path gives {features} feature values, {scores} score values and {events} events;
"differ" counts those of each, in this order, that are not the same on the board.

Instructions are counted by QEMU for a second of audio, in millions. They are not cycles: a core
takes one to a few for each. The share is of 120 million a second; the target is 30 % on the M4.
Flash is code, tables and weights; RAM is all static memory, an outbox of 32 events and a bound on
the stack. Targets: 204,800 and 98,304 bytes.

| Board | Core | Differ | Frontend | Model, events | Of 120 MHz | Flash, bytes | RAM, bytes |
|---|---|---:|---:|---:|---:|---:|---:|
{lines}

{compiler}, -O2; {emulator}.
"""

if __name__ == "__main__":
    main()

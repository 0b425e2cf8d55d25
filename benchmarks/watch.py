"""The watch's monitor on emulated Cortex-M boards beside the device's path: `make watch-test`.

Builds the monitor from every shipped bundle that C can be made of, for every board, runs it in QEMU
on at least ten minutes of audio, and compares every feature, score and event with what the Python
path gives. Writes watch.md beside this file, which names the bundles that can't, and why; exits 1
when anything differs or a budget is missed. AIRWAY_CORPUS names the corpus that the audio is made
of; without it the audio is synthetic, and the page says so.

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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from benchmarks.rows import Row, add_option, write
from benchmarks.watch_build import (
    BOARDS,
    COMPILER,
    EMULATOR,
    Board,
    Heard,
    build_for,
    differences,
    emulator,
    expected,
    listen,
    run,
)
from edge.bundle import Bundle, load_bundle, shipped_bundles
from edge.demo import demo_night
from edge.errors import BadInputError
from train_export.codegen.bundle_c import export_c
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


@dataclass(frozen=True, slots=True)
class Tried:
    """A bundle on one board.

    Attributes:
        board: which.
        different: feature values, score values and events that differ from the device's path.
        frontend, rest: millions of instructions a second of audio.
        flash_bytes, ram_bytes: of the smallest firmware.
    """

    board: Board
    different: tuple[int, int, int]
    frontend: float
    rest: float
    flash_bytes: int
    ram_bytes: int

    @property
    def share(self) -> float:
        """Of the clock, if each instruction took a cycle."""
        return (self.frontend + self.rest) * 1e6 / CLOCK_HZ

    @property
    def good(self) -> bool:
        """Nothing differs, and every budget is kept."""
        small = self.flash_bytes <= FLASH_LIMIT and self.ram_bytes <= RAM_LIMIT
        return small and not any(self.different) and self.share <= CLOCK_SHARE

    def line(self) -> str:
        """A line of the page's table."""
        return (
            f"| {self.board.machine} | {self.board.core} | {' / '.join(map(str, self.different))} "
            f"| {self.frontend:.2f} | {self.rest:.2f} | {self.share:.1%} | {self.flash_bytes:,} | "
            f"{self.ram_bytes:,} |"
        )

    def row(self, bundle: Bundle, seconds: float) -> Row:
        """A line of README.md."""
        figure = (
            f"{self.frontend + self.rest:.1f} M instructions a second of audio, {self.share:.1%} "
            f"of 120 MHz; flash {self.flash_bytes:,} bytes, RAM {self.ram_bytes:,}; "
            f"{sum(self.different)} of all features, scores and events differ over {seconds:.0f} s"
        )
        what = f"{bundle.name} {bundle.version} on an emulated {self.board.core}"
        return Row("Watch", what, figure, "counted")


def tried(bundle: Bundle, pcm: NDArray[np.int16], wanted: Heard) -> Iterator[Tried]:
    """Build and run the monitor on each board."""
    seconds = len(pcm) / bundle.spec.rate_hz
    with tempfile.TemporaryDirectory() as name:
        for board in BOARDS:
            print(f"{bundle.name}, {board.machine}, {board.core} …", flush=True)
            firmware = build_for(board, bundle, Path(name) / board.machine)
            found = listen(emulator(board, firmware.listener), bundle, pcm)
            yield Tried(
                board,
                differences(found, wanted),
                found.frontend_instructions / seconds / 1e6,
                found.other_instructions / seconds / 1e6,
                firmware.flash_bytes,
                firmware.ram_bytes,
            )


def refusal(bundle: Bundle) -> str:
    """Why no C can be made of a bundle; "" when it can."""
    with tempfile.TemporaryDirectory() as name:
        try:
            export_c(bundle, Path(name))
        except BadInputError as error:
            return str(error)
    return ""


def section(bundle: Bundle, given: Path | None) -> tuple[str, list[Row], bool]:
    """A bundle's part of the page, its rows for README.md, and whether all is well."""
    title = f"## {bundle.name} {bundle.version} (card {bundle.digest[:12]})\n\n"
    if why := refusal(bundle):
        row = Row("Watch", f"{bundle.name} {bundle.version}", f"not on a watch: {why}", "counted")
        return f"{title}Not on a watch: {why}.\n", [row], True
    if given:
        pcm, origin = sf.read(given, dtype="int16")[0], given.name
    else:
        pcm, origin = audio(bundle)
    wanted, seconds = expected(bundle, pcm), len(pcm) / bundle.spec.rate_hz
    boards = []
    for one in tried(bundle, pcm, wanted):
        boards.append(one)
        print(one.line(), flush=True)
    text = SECTION.format(
        origin=origin, seconds=seconds, features=f"{wanted.rows.size:,}",
        scores=f"{wanted.scores.size:,}", events=len(wanted.events),
        lines="\n".join(one.line() for one in boards),
    )  # fmt: skip
    rows = [one.row(bundle, seconds) for one in boards]
    return title + text, rows, all(one.good for one in boards)


def main() -> None:
    """Build, run, compare, and write the page."""
    parser = argparse.ArgumentParser(description="the watch's monitor on emulated boards")
    parser.add_argument("--bundle", action="append", help="default: every shipped one")
    parser.add_argument("--audio", type=Path, help="a mono WAV at the bundle's rate")
    add_option(parser)
    arguments = parser.parse_args()
    missing = [tool for tool in (COMPILER, EMULATOR) if shutil.which(tool) is None]
    if missing:
        sys.exit(
            f"{', '.join(missing)} is missing; install it (Debian: gcc-arm-none-eabi, "
            "libnewlib-arm-none-eabi, qemu-system-arm)"
        )
    bundles = [load_bundle(name) for name in arguments.bundle or shipped_bundles()]
    sections = [section(bundle, arguments.audio) for bundle in bundles]
    page = REPORT.format(
        sections="\n".join(text for text, _, _ in sections),
        compiler=run([COMPILER, "--version"]).splitlines()[0],
        emulator=re.sub(r" \(.*", "", run([EMULATOR, "--version"]).splitlines()[0]),
    )
    (HERE / "watch.md").write_text(page, encoding="utf-8")
    write(arguments.rows, [row for _, rows, _ in sections for row in rows])
    print(page)
    good = all(well for _, _, well in sections)
    sys.exit(0 if good else "something differs from the device's path, or a budget is missed")


REPORT = """\
# The watch's monitor on emulated Cortex-M cores

Written by `make watch-test`.

Instructions are counted by QEMU for a second of audio, in millions. They are not cycles: a core
takes one to a few for each. The share is of 120 million a second; the target is 30 % on the M4.
Flash is code, tables and weights; RAM is all static memory, an outbox of 32 events and a bound on
the stack. Targets: 204,800 and 98,304 bytes. "Differ" counts the feature values, score values and
events, in this order, that are not the same on the board as on the device's Python path.

{sections}
{compiler}, -O2; {emulator}.
"""
SECTION = """\
Audio: {seconds:.0f} s, {origin}.
The device's path gives {features} feature values, {scores} score values and {events} events.

| Board | Core | Differ | Frontend | Model, events | Of 120 MHz | Flash, bytes | RAM, bytes |
|---|---|---:|---:|---:|---:|---:|---:|
{lines}
"""

if __name__ == "__main__":
    main()

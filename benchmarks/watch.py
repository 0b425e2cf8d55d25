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
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge.bundle import Bundle, load_bundle
from edge.classifier import Classifier
from edge.demo import demo_night
from edge.frontend import Frontend, native
from edge.pipeline import Pipeline, Scorer
from edge.records import AudioBlock
from train_export.codegen.bundle_c import export_c, symbol, ten_thousandths
from train_export.prepare import prepare

HERE = Path(__file__).resolve().parent
WATCH = HERE.parent / "firmware_configs" / "watch"
QEMU = WATCH / "qemu"
FRONTEND = Path(native.__file__).parent
CORE = [
    *sorted(WATCH.glob("*.c")),
    *sorted(path for path in FRONTEND.glob("*.c") if not path.name.startswith("binding")),
]
WARNINGS = [
    *("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"),
    *("-Wstrict-prototypes", "-Wmissing-prototypes"),
]
COMPILER, EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
ROWS_LETTER, SCORES_LETTER, EVENT_LETTER, TICKS_LETTER = b"RSEI"
CALIBRATION_INSTRUCTIONS = 1_000_000
FLASH_LIMIT, RAM_LIMIT = 200 * 1024, 96 * 1024
CLOCK_HZ, CLOCK_SHARE = 120_000_000, 0.30  # of an M4
AUDIO_S = 600.0


@dataclass(frozen=True, slots=True)
class Board:
    """A board that QEMU emulates: its core, what the compiler calls it, its linker script."""

    machine: str
    core: str
    cpu: str
    script: str


BOARDS = (
    Board("mps2-an386", "Cortex-M4", "cortex-m4", "mps2_an386.ld"),
    Board("mps2-an500", "Cortex-M7", "cortex-m7", "mps2_an386.ld"),
    Board("mps2-an505", "Cortex-M33", "cortex-m33+nofp", "mps2_an505.ld"),
    # Without its vector unit, which this C would not use.
    Board("mps3-an547", "Cortex-M55", "cortex-m55+nofp+nomve", "mps3_an547.ld"),
)
Happening = tuple[int, int, int, int, int]  # onset, offset (samples), label, score, p (1e-4)


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What a run gave.

    Attributes:
        rows: int16 [frames, coefficients].
        scores: int8 [steps, labels].
        events: by onset.
        frontend_instructions, other_instructions: in total; 0 where nobody counts.
    """

    rows: NDArray[np.int16]
    scores: NDArray[np.int8]
    events: list[Happening]
    frontend_instructions: float = 0.0
    other_instructions: float = 0.0


def run(command: Sequence[str | Path], **options: object) -> str:
    """The output of a command; what it says when it fails ends the script."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{done.stderr}")
    return done.stdout


def build(compiler: Sequence[str | Path], bundle: Bundle, main: str, folder: Path) -> list[Path]:
    """Generate the bundle's C and compile it with the core and a main program; the objects."""
    sources = [*CORE, export_c(bundle, folder)[1], QEMU / main]
    given = ['-DBUNDLE_HEADER="airway_bundle.h"', f"-DBUNDLE={symbol(bundle)}"]
    given += [f"-I{path}" for path in (WATCH, FRONTEND, folder)]
    for source in sources:
        target = folder / f"{source.stem}.o"
        run([*compiler, *WARNINGS, *given, "-c", source, "-o", target])
    return [folder / f"{source.stem}.o" for source in sources]


def build_for(board: Board, bundle: Bundle, main: str, specs: str, folder: Path) -> Path:
    """A program for a board; `specs` says which of newlib's systems it stands on."""
    folder.mkdir()
    target = [f"-mcpu={board.cpu}", "-mthumb"]
    compiler = [COMPILER, *target, "-O2", "-ffunction-sections", "-fdata-sections", "-fstack-usage"]
    objects = build(compiler, bundle, main, folder)
    run([*compiler, "-c", QEMU / "start.c", "-o", folder / "start.o"])
    begin = run([COMPILER, *target, f"-print-file-name={specs}crt0.o"]).strip()
    program = folder / f"{Path(main).stem}.elf"
    system = "rdimon" if specs else "nosys"
    link = [f"--specs={system}.specs", "-nostartfiles", "-Wl,--gc-sections", "-T"]
    run([*compiler, *objects, folder / "start.o", begin, *link, QEMU / board.script, "-o", program])
    return program


def emulator(board: Board, program: Path) -> list[str]:
    """The command that runs a program and counts its instructions."""
    machine = ["-M", board.machine, "-nographic", "-monitor", "none", "-serial", "none"]
    counting = ["-icount", "shift=0", "-semihosting-config", "enable=on,target=native"]
    return [EMULATOR, *machine, *counting, "-kernel", str(program)]


def memory_bytes(board: Board, bundle: Bundle, folder: Path) -> tuple[int, int]:
    """Flash, and RAM with a bound on the stack, of the smallest firmware."""
    program = build_for(board, bundle, "image.c", "", folder)
    code, data, zeros = run(["arm-none-eabi-size", program]).splitlines()[1].split()[:3]
    # No function calls itself, so all frames together are more than any chain's.
    stack = sum(int(line.split("\t")[1]) for path in folder.glob("*.su") for line in path.open())
    return int(code) + int(data), int(data) + int(zeros) + stack


def listen(command: Sequence[str | Path], bundle: Bundle, pcm: NDArray[np.int16]) -> Heard:
    """Run the program `listen.c` over samples at the bundle's rate."""
    done = subprocess.run(
        command, input=pcm.astype("<i2").tobytes(), capture_output=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with code {done.returncode}: {done.stderr.decode()[-800:]}")
    rows, scores, events, ticks = [], [], [], [0, 0, 1]
    for letter, content in _records(done.stdout, bundle):
        if letter == ROWS_LETTER:
            rows.append(np.frombuffer(content, "<i2"))
        elif letter == SCORES_LETTER:
            scores.append(np.frombuffer(content, np.int8))
        elif letter == EVENT_LETTER:
            onset, offset = np.frombuffer(content[:16], "<i8").tolist()
            label, _, score, p, _ = np.frombuffer(content[16:], "<i4").tolist()
            events.append((onset, offset, label, score, p))
        else:
            ticks = np.frombuffer(content, "<i8").tolist()
    per_tick = CALIBRATION_INSTRUCTIONS / ticks[2]
    return Heard(
        np.array(rows, np.int16).reshape(-1, bundle.spec.coefficients),
        np.array(scores, np.int8).reshape(-1, len(bundle.labels)),
        sorted(events),
        ticks[0] * per_tick,
        ticks[1] * per_tick,
    )


def _records(output: bytes, bundle: Bundle) -> Iterator[tuple[int, bytes]]:
    sizes = {
        ROWS_LETTER: 2 * bundle.spec.coefficients,
        SCORES_LETTER: len(bundle.labels),
        EVENT_LETTER: 36,
        TICKS_LETTER: 24,
    }
    place = 0
    while place < len(output):
        letter = output[place]
        end = place + 1 + sizes[letter]
        yield letter, output[place + 1 : end]
        place = end


def expected(bundle: Bundle, pcm: NDArray[np.int16], runtime: str = "auto") -> Heard:
    """What the device's Python path gives, its events as `airway replay` prints them."""
    classifier, rate_hz = Classifier(bundle, runtime), bundle.spec.rate_hz
    rows = Frontend(bundle.spec, bundle.tables).push(pcm).frames
    scorer = Scorer(bundle, classifier)
    scores = np.concatenate([scorer.push(rows).logits, scorer.finish().logits])
    pipeline = Pipeline(bundle, classifier, rate_hz)
    events = [
        (
            round(event.onset_s * rate_hz),
            round(event.offset_s * rate_hz),
            bundle.labels.index(event.label),
            ten_thousandths(event.score),
            ten_thousandths(event.p),
        )
        for event in pipeline.push(AudioBlock(pcm, rate_hz, 0)) + pipeline.finish()
    ]
    return Heard(rows, scores, sorted(events))


def differences(found: Heard, wanted: Heard) -> tuple[int, int, int]:
    """Feature values, score values and events that differ; what is missing differs."""
    events = len(set(found.events) ^ set(wanted.events))
    return _unequal(found.rows, wanted.rows), _unequal(found.scores, wanted.scores), events


def _unequal(found: NDArray[np.generic], wanted: NDArray[np.generic]) -> int:
    if found.shape != wanted.shape:
        return max(found.size, wanted.size)
    return int((found != wanted).sum())


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

Written by `make watch-test`, from bundle {bundle} (card {digest}). Audio: {origin}, {seconds:.0f} s.
The device's Python path gives {features} feature values, {scores} score values and {events} events
from it; "differ" counts those of each that are not the same on the board.

Instructions are counted by QEMU for a second of audio, in millions. They are not cycles: a core
takes one to a few for each. The share is of 120 million a second; the target is 30 % on the M4.
Flash is code, tables and weights; RAM is all static memory, an outbox of 32 events and a bound on
the stack. Targets: 204,800 and 98,304 bytes.

| Board | Core | Features / scores / events that differ | Frontend | Model and events | Share of 120 MHz | Flash, bytes | RAM, bytes |
|---|---|---:|---:|---:|---:|---:|---:|
{lines}

{compiler}, -O2; {emulator}.
"""

if __name__ == "__main__":
    main()

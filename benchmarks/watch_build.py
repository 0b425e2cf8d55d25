"""Builds the watch's monitor, runs it, and says what the device's path gives beside it."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.frontend import Frontend, native
from edge.pipeline import Pipeline, Scorer
from edge.records import AudioBlock
from train_export.codegen.bundle_c import export_c, symbol, ten_thousandths

WATCH = Path(__file__).resolve().parents[1] / "firmware_configs" / "watch"
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

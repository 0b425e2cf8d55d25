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
from edge.pipeline import Pipeline, ScoreStream
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


def compiled(
    compiler: Sequence[str | Path], sources: Sequence[Path], folder: Path, *given: str
) -> list[Path]:
    """Compile every source with every warning an error; the objects."""
    targets = [folder / f"{source.stem}.o" for source in sources]
    include = [f"-I{path}" for path in (WATCH, FRONTEND, folder)]
    for source, target in zip(sources, targets, strict=True):
        run([*compiler, *WARNINGS, *include, *given, "-c", source, "-o", target])
    return targets


def compiled_bundle(
    compiler: Sequence[str | Path],
    bundle: Bundle,
    main: str,
    folder: Path,
    kernels: str = "builtin",
) -> list[Path]:
    """Generate a bundle's C for some kernels and compile it with a main program."""
    given = ['-DBUNDLE_HEADER="airway_bundle.h"', f"-DBUNDLE={symbol(bundle)}"]
    return compiled(compiler, [export_c(bundle, folder, kernels)[1], QEMU / main], folder, *given)


@dataclass(frozen=True, slots=True)
class Firmware:
    """What was built for a board.

    Attributes:
        listener: tells all that it hears.
        flash_bytes: of the smallest firmware.
        ram_bytes: of it, with a bound on its stack.
    """

    listener: Path
    flash_bytes: int
    ram_bytes: int


def build_for(board: Board, bundle: Bundle, folder: Path) -> Firmware:
    """Build both programs; the smallest one is only measured."""
    folder.mkdir()
    target = [f"-mcpu={board.cpu}", "-mthumb"]
    compiler = [COMPILER, *target, "-O2", "-ffunction-sections", "-fdata-sections"]
    measuring = [*compiler, "-fstack-usage"]
    core = compiled(measuring, CORE, folder)
    start = folder / "start.o"
    run([*compiler, "-c", QEMU / "start.c", "-o", start])
    programs = {}
    for main, system, begin in (
        ("image", "nosys", "crt0.o"),
        ("listen", "rdimon", "rdimon-crt0.o"),
    ):
        given = measuring if main == "image" else compiler
        objects = compiled_bundle(given, bundle, f"{main}.c", folder)
        found = run([COMPILER, *target, f"-print-file-name={begin}"]).strip()
        link = [f"--specs={system}.specs", "-nostartfiles", "-Wl,--gc-sections"]
        programs[main] = folder / f"{main}.elf"
        script = ["-T", QEMU / board.script, "-o", programs[main]]
        run([*compiler, *core, *objects, start, found, *link, *script])
    sizes = run(["arm-none-eabi-size", programs["image"]]).splitlines()[1].split()
    code, data, zeros = (int(size) for size in sizes[:3])
    # No function calls itself, so all frames together are more than any chain's.
    stack = sum(int(line.split("\t")[1]) for path in folder.glob("*.su") for line in path.open())
    return Firmware(programs["listen"], code + data, data + zeros + stack)


def emulator(board: Board, program: Path) -> list[str]:
    """The command that runs a program and counts its instructions."""
    machine = ["-M", board.machine, "-nographic", "-monitor", "none", "-serial", "none"]
    counting = ["-icount", "shift=0", "-semihosting-config", "enable=on,target=native"]
    return [EMULATOR, *machine, *counting, "-kernel", str(program)]


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


def expected(bundle: Bundle, pcm: NDArray[np.int16], classifier: Classifier | None = None) -> Heard:
    """What the device's Python path gives, its events as `airway replay` prints them."""
    classifier, rate_hz = classifier or Classifier(bundle), bundle.spec.rate_hz
    rows = Frontend(bundle.spec, bundle.tables).push(pcm)
    stream = ScoreStream(bundle, classifier, rate_hz)
    scores = np.concatenate([stream.push(pcm), stream.finish()])
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

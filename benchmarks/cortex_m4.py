"""What the C core takes on a Cortex-M4: `python -m benchmarks.cortex_m4` writes cortex_m4.md.

Compiles the core with every warning an error: its code, its tables, its memory and a bound on its
stack for a few specs. Needs `arm-none-eabi-gcc` (Debian: gcc-arm-none-eabi and
libnewlib-arm-none-eabi).
"""

import argparse
import dataclasses
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import Row, add_option, write
from edge.frontend import PRESETS, FrontendSpec, build_tables

NATIVE = Path(__file__).resolve().parent.parent / "edge" / "frontend" / "native"
CORE = sorted(path for path in NATIVE.glob("*.c") if not path.name.startswith("binding"))
COMPILER = "arm-none-eabi-gcc"
WARNINGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
TARGET = ["-mcpu=cortex-m4", "-mthumb", "-ffunction-sections", "-fdata-sections"]
ROOM, CHEST = PRESETS["room-16k"], PRESETS["chest-4k"]
SPECS = {
    "room-16k": ROOM,
    "room-16k, spectral": dataclasses.replace(ROOM, denoise="spectral"),
    "room-16k, wavelet": dataclasses.replace(ROOM, denoise="wavelet"),
    "chest-4k": CHEST,
    "chest-4k, wavelet, LPC": dataclasses.replace(CHEST, denoise="wavelet", lpc_order=8),
}


def run(command: list[str | Path]) -> str:
    """The output of a command; what it says when it fails ends the script."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{done.stderr}")
    return done.stdout


def compile_core(folder: Path, optimise: str) -> dict[str, int]:
    """Bytes of code of each source; the objects and their stack use stay in the folder."""
    code = {}
    for source in CORE:
        target = folder / f"{source.stem}.o"
        run([COMPILER, *WARNINGS, *TARGET, optimise, "-fstack-usage", "-c", source, "-o", target])
        code[source.stem] = int(run(["arm-none-eabi-size", target]).splitlines()[1].split()[0])
    return code


def stack_bound(folder: Path) -> int:
    """Bytes: no function calls itself, so all their frames together are more than any chain's."""
    sizes = [int(line.split("\t")[1]) for path in folder.glob("*.su") for line in path.open()]
    return sum(sizes)


def declaration(spec: FrontendSpec) -> str:
    """Static memory as a watch declares it."""
    sizes = f"{spec.window_samples}, {spec.fft_size}, {spec.mel_bands}"
    tables = build_tables(spec)
    if spec.denoise == "spectral":
        return f"AIRWAY_FRONTEND_SPECTRAL_MEMORY(m, {sizes}, {len(tables.spectral_window_q30)});"
    if spec.denoise == "wavelet":
        return f"AIRWAY_FRONTEND_WAVELET_MEMORY(m, {sizes}, {len(tables.wavelet_factor_q8)});"
    return f"AIRWAY_FRONTEND_MEMORY(m, {sizes});"


def memory_bytes(folder: Path, spec: FrontendSpec) -> int:
    """Bytes of everything that is written to, without a resampler."""
    source, target = folder / "watch.c", folder / "watch.o"
    source.write_text(
        f"""
        #include "airway_frontend.h"
        {declaration(spec)}
        static airway_frontend frontend;
        void begin(const airway_tables *tables);
        void begin(const airway_tables *tables) {{ airway_frontend_init(&frontend, tables, m); }}
        """
    )
    run([COMPILER, *WARNINGS, *TARGET, "-Os", f"-I{NATIVE}", "-c", source, "-o", target])
    sections = run(["arm-none-eabi-size", "-A", target])
    return sum(int(size) for size in re.findall(r"^\.(?:data|bss)\S*\s+(\d+)", sections, re.M))


def report() -> tuple[list[str], list[Row]]:
    """The page's lines, and those of README.md."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fast = compile_core(folder, "-O2")
        small = compile_core(folder, "-Os")
        memory = {label: memory_bytes(folder, spec) for label, spec in SPECS.items()}
        stack = stack_bound(folder)
    compiler = run([COMPILER, "--version"]).splitlines()[0]
    lines = [compiler, "", f"{'code, bytes':16}{'-Os':>8}{'-O2':>8}"]
    lines += [f"{stem:16}{size:>8,}{fast[stem]:>8,}" for stem, size in small.items()]
    lines += [
        f"{'all':16}{sum(small.values()):>8,}{sum(fast.values()):>8,}",
        f"stack, at most: {stack:,} bytes",
        "",
        f"{'spec':24}{'RAM, bytes':>12}{'tables, bytes':>16}",
    ]
    rows = []
    for label, spec in SPECS.items():
        tables = sum(array.nbytes for array in build_tables(spec).arrays().values())
        lines.append(f"{label:24}{memory[label]:>12,}{tables:>16,}")
        figure = f"{memory[label]:,} bytes of RAM, {tables:,} of tables"
        rows.append(Row("Watch", f"the frontend alone on a Cortex-M4, {label}", figure, "counted"))
    return lines, rows


def main() -> None:
    """Compile, write the page and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_option(parser)
    arguments = parser.parse_args()
    if shutil.which(COMPILER) is None:
        sys.exit(f"{COMPILER} is missing; install it (Debian: gcc-arm-none-eabi)")
    lines, rows = report()
    text = HEAD + "\n".join(lines) + "\n```\n"
    Path(__file__).with_suffix(".md").write_text(text, "utf-8")
    write(arguments.rows, rows)
    print(text)


HEAD = """\
# The C core on a Cortex-M4

Written by `python -m benchmarks.cortex_m4`. Code is that of every stage, with the words of what is
wrong with a table; a linker leaves out the stages that are not called. RAM is all that is written
to but the stack, without a resampler.

```
"""

if __name__ == "__main__":
    main()

"""What the C core takes on a Cortex-M4: `python benchmarks/cortex_m4.py`.

Compiles the core with every warning an error, and prints its code, its tables, its memory and
a bound on its stack for a few specs. Needs `arm-none-eabi-gcc` (Debian: gcc-arm-none-eabi and
libnewlib-arm-none-eabi).
"""

import dataclasses
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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


def main() -> None:
    """Compile and print the tables."""
    if shutil.which(COMPILER) is None:
        sys.exit(f"{COMPILER} is missing; install it (Debian: gcc-arm-none-eabi)")
    print(run([COMPILER, "--version"]).splitlines()[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"\n{'code, bytes':16}{'-Os':>8}{'-O2':>8}")
        fast = compile_core(folder, "-O2")
        small = compile_core(folder, "-Os")
        for stem, size in small.items():
            print(f"{stem:16}{size:>8,}{fast[stem]:>8,}")
        print(f"{'all':16}{sum(small.values()):>8,}{sum(fast.values()):>8,}")
        print(f"stack, at most: {stack_bound(folder):,} bytes")
        print(f"\n{'spec':24}{'RAM, bytes':>12}{'tables, bytes':>16}")
        for label, spec in SPECS.items():
            tables = sum(array.nbytes for array in build_tables(spec).arrays().values())
            print(f"{label:24}{memory_bytes(folder, spec):>12,}{tables:>16,}")


if __name__ == "__main__":
    main()

"""Whether the C core gives the reference's bits on recordings of every source of the corpus.

    AIRWAY_CORPUS=<folder of the corpus> python benchmarks/native_equals_reference.py --out F.md

Recordings are drawn by chance, the same each time, until every source has given its share of
the hours. Each goes at its own rate through every preset with every denoiser, with reflection
coefficients and energy: whole through the reference, in blocks of random sizes through the
core. Writes a Markdown table; exits 1 when a value differs.
"""

import argparse
import dataclasses
import os
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge.frontend import PRESETS, Frontend, FrontendSpec, native
from edge.frontend.spec import DENOISERS

Pcm = NDArray[np.int16]

SUFFIXES = {".wav", ".flac", ".opus", ".ogg", ".mp3"}
LONGEST_S = 30  # of a recording


def specs() -> dict[str, FrontendSpec]:
    """Every preset as it is, and with every denoiser, LPC and energy."""
    whole = dict(PRESETS)
    for name, spec in PRESETS.items():
        for denoise in DENOISERS:
            whole[f"{name}, {denoise}, LPC, energy"] = dataclasses.replace(
                spec, denoise=denoise, lpc_order=12, energy=True, kept=()
            )
    return whole


def recordings(corpus: Path) -> dict[str, list[Path]]:
    """The corpus's files by source: a folder, or a folder of `negatives`."""
    found = defaultdict(list)
    for path in sorted(corpus.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            parts = path.relative_to(corpus).parts
            found["/".join(parts[: 2 if parts[0] == "negatives" else 1])].append(path)
    return found


def read(path: Path) -> tuple[Pcm, int]:
    """The first channel of a recording's beginning, and its rate."""
    with sf.SoundFile(path) as recording:
        pcm = recording.read(LONGEST_S * recording.samplerate, dtype="int16", always_2d=True)
        return np.ascontiguousarray(pcm[:, 0]), recording.samplerate


def rows_in_blocks(frontend: Frontend, pcm: Pcm, rng: np.random.Generator) -> NDArray[np.int16]:
    """The rows of blocks of random sizes, some empty or of one sample."""
    parts, start = [frontend.push(pcm[:0])], 0
    while start < len(pcm):
        size = int(rng.choice([0, 1, rng.integers(2, 2_000), rng.integers(2, len(pcm) // 3 + 3)]))
        parts.append(frontend.push(pcm[start : start + size]))
        start += size
    return np.concatenate(parts)


def compare(
    pcm: Pcm, rate_hz: int, spec: FrontendSpec, rng: np.random.Generator
) -> tuple[int, int]:
    """Rows compared, and values that differ; a missing row differs in all its values."""
    expected = Frontend(spec, rate_hz=rate_hz, backend="reference").push(pcm)
    found = rows_in_blocks(Frontend(spec, rate_hz=rate_hz, backend="native"), pcm, rng)
    common = min(len(expected), len(found))
    missing = abs(len(expected) - len(found)) * spec.coefficients
    return len(expected), int((expected[:common] != found[:common]).sum()) + missing


def main() -> None:
    """Compare, print and write the table."""
    parser = argparse.ArgumentParser(description="the C core against the reference, on recordings")
    parser.add_argument("--hours", type=float, default=1.1, help="of audio at least (1.1)")
    parser.add_argument("--out", type=Path, help="a Markdown file")
    arguments = parser.parse_args()
    if "AIRWAY_CORPUS" not in os.environ:
        sys.exit("AIRWAY_CORPUS names no corpus; set it to the corpus's folder")
    if not native.available():
        sys.exit("the C core was not built; install Airway where a C compiler is")
    rng = np.random.default_rng(0)
    sources = recordings(Path(os.environ["AIRWAY_CORPUS"]))
    if not sources:
        sys.exit(f"no recording in {os.environ['AIRWAY_CORPUS']}; set AIRWAY_CORPUS")
    frames: Counter[str] = Counter()
    differences: Counter[str] = Counter()
    lines = ["| Source | Files | Minutes | Rates, Hz |", "|---|---:|---:|---|"]
    files, whole_s = 0, 0.0
    # A source that has little leaves its share to the rest, so the smallest come first.
    order = sorted(sources, key=lambda source: len(sources[source]))
    for place, source in enumerate(order):
        share_s = (arguments.hours * 3_600 - whole_s) / (len(order) - place)
        taken_s, taken, rates = 0.0, 0, set()
        for index in rng.permutation(len(sources[source])):
            if taken_s >= share_s:
                break
            pcm, rate_hz = read(sources[source][index])
            taken_s, taken = taken_s + len(pcm) / rate_hz, taken + 1
            rates.add(rate_hz)
            for name, spec in specs().items():
                rows, different = compare(pcm, rate_hz, spec, rng)
                frames[name] += rows
                differences[name] += different
        whole_s, files = whole_s + taken_s, files + taken
        lines.append(
            f"| {source} | {taken} | {taken_s / 60:.1f} | {', '.join(map(str, sorted(rates)))} |"
        )
        print(lines[-1], flush=True)
    lines += ["", "| Spec | Frames compared | Values that differ |", "|---|---:|---:|"]
    lines += [f"| {name} | {frames[name]:,} | {differences[name]} |" for name in frames]
    lines += [
        "",
        f"{files} files, {whole_s / 3600:.2f} hours, {sum(frames.values()):,} frames compared, "
        f"{sum(differences.values())} values differ.",
    ]
    text = "\n".join(lines)
    print(text)
    if arguments.out:
        title = "# The C core against the reference, on recordings\n\n"
        made_by = "Written by `python benchmarks/native_equals_reference.py`, which says how.\n\n"
        arguments.out.write_text(title + made_by + text + "\n", encoding="utf-8")
    sys.exit(1 if sum(differences.values()) else 0)


if __name__ == "__main__":
    main()

"""How fast and how exact the frontend is, beside others: `python -m benchmarks.frontend`.

Every entry turns the same synthetic minute at 16 kHz into 40 mel bands (and 13 cepstra, where
it says so) a hundred times a second; the tables go to frontend.md. The figure is seconds of
audio for each second of processor time, in one thread, the median of interleaved runs; an entry
whose package is missing is left out by name. `blocks` says how much audio one call takes:
libraries made for streams pay for the crossing from Python at every frame, so ours is shown both
ways.

A second table gives the error of the cepstra from the first on, c0 left out, as their power over
that of the error: ours against float64 from the textbook's definition, before and after the row
is rounded to Q8.7, and CMSIS-DSP's against its own float32, whose definition differs from ours.
"""

import argparse
import dataclasses
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

# Before NumPy is loaded: idle threads of a pool spin, and would count against the next entry.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from benchmarks.frontend_peers import (
    BANDS,
    CEPSTRA,
    FFT,
    FMAX_HZ,
    FMIN_HZ,
    HOP,
    PEERS,
    RATE_HZ,
    WINDOW,
    Entry,
    Pcm,
    cmsis,
)
from benchmarks.machine import machine
from benchmarks.rows import Row, add_option, write
from edge.frontend import PRESETS, Frontend, build_tables, mfcc, native

Floats = NDArray[np.float64]

LOGMEL = PRESETS["room-16k"]
MFCC = dataclasses.replace(LOGMEL, output="mfcc", kept=tuple(range(CEPSTRA)))
STAGES = {
    "band, LPC, energy": {"low_cut_hz": 60, "lpc_order": 12, "energy": True},
    "spectral": {"denoise": "spectral"},
    "wavelet": {"denoise": "wavelet"},
}


def synthetic(seconds: int) -> Pcm:
    """Bursts over noise; int16 [samples]."""
    rng = np.random.default_rng(0)
    time_s = np.arange(seconds * RATE_HZ) / RATE_HZ
    bursts = np.maximum(0, np.sin(2 * np.pi * 0.8 * time_s)) ** 8
    noise = rng.normal(size=len(time_s)) * (30 + 6_000 * bursts)
    return np.clip(np.round(noise), -32_768, 32_767).astype(np.int16)


def ours() -> Iterator[Entry]:
    """The C core, whole and by frames, and the reference."""
    for backend in ("native", "reference") if native.available() else ("reference",):
        for spec in (LOGMEL, MFCC):
            frontend = Frontend(spec, backend=backend)
            yield f"airway {backend}", spec.output, "whole", frontend.push
        for name, fields in STAGES.items():
            spec = dataclasses.replace(LOGMEL, **fields)
            frontend = Frontend(spec, backend=backend)
            yield f"  {backend} + {name}", spec.output, "whole", frontend.push

    if native.available():
        frontend = Frontend(LOGMEL, backend="native")

        def by_frames(pcm: Pcm) -> None:
            for start in range(0, len(pcm), HOP):
                frontend.push(pcm[start : start + HOP])

        yield "airway native", "logmel", "10 ms", by_frames


def entries() -> list[Entry]:
    """Everything that is installed."""
    found = list(ours())
    for make in PEERS:
        try:
            found += make()
        except ImportError as error:
            print(f"left out: {make.__name__} ({error})")
    return found


def test_signals() -> dict[str, Pcm]:
    """Five seconds each; int16 [samples]."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=5 * RATE_HZ)
    tone = np.sin(2 * np.pi * 1_000 * np.arange(len(noise)) / RATE_HZ)
    signals = {
        "white -20 dBFS": noise * 0.1,
        "white -50 dBFS": noise * 10**-2.5,
        "tone": 0.5 * tone + noise * 1e-3,
    }
    rounded = {
        name: np.clip(np.round(x * 32_768), -32_768, 32_767).astype(np.int16)
        for name, x in signals.items()
    }
    return {"bursts": synthetic(5)} | rounded


def textbook(pcm: Pcm) -> Floats:
    """Cepstra of HTK mel power above the floor, in float64, straight from the definition."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    frames = sliding_window_view(pcm / 32_768, WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = scipy.fft.rfft(frames * window, FFT) / (window.sum() / 2)
    low, high = 2_595 * np.log10(1 + np.array([FMIN_HZ, FMAX_HZ]) / 700)
    edges_hz = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2_595) - 1)
    left, centre, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    hz = scipy.fft.rfftfreq(FFT, 1 / RATE_HZ)
    filters = np.minimum((hz - left) / (centre - left), (right - hz) / (right - centre))
    power = np.abs(spectrum) ** 2 @ np.maximum(0, filters).T
    floor = 10 ** (MFCC.floor_dbfs / 10)
    log = np.maximum(0, np.log2(np.maximum(power / floor, 1e-30)))
    cepstra: Floats = scipy.fft.dct(log, norm="ortho")[:, :CEPSTRA]
    return cepstra


def cmsis_cepstra(pcm: Pcm, name: str) -> Floats:
    """CMSIS-DSP's cepstra as numbers."""
    compute, state = cmsis(name)
    samples, unit, scratch = {
        "q15": (pcm, 2.0**-7, np.zeros(2 * FFT, dtype=np.int32)),
        "q31": (pcm.astype(np.int32) << 16, 2.0**-23, np.zeros(2 * FFT, dtype=np.int32)),
        "f32": (pcm.astype(np.float32) / 32_768, 1.0, np.zeros(2 * FFT, dtype=np.float32)),
    }[name]
    rows = []
    for start in range(0, len(pcm) - FFT + 1, HOP):
        found = compute(state, samples[start : start + FFT], scratch)
        rows.append(found[1] if isinstance(found, tuple) else found)
    return np.array(rows, dtype=np.float64) * unit


def snr_db(found: Floats, truth: Floats) -> float:
    """Power of the cepstra without c0 over that of their error."""
    error = (found - truth)[:, 1:]
    return float(10 * np.log10((truth[:, 1:] ** 2).sum() / (error**2).sum()))


def accuracy() -> list[str]:
    """The second table's lines."""
    signals = test_signals()
    tables = build_tables(MFCC)
    table: dict[str, list[float]] = {"airway": [], "airway, rows in Q8.7": []}
    for pcm in signals.values():
        truth = textbook(pcm)
        frames = sliding_window_view(pcm, WINDOW)[::HOP]
        q20 = mfcc.cepstra(mfcc.log_mel(frames, MFCC, tables), MFCC, tables)
        table["airway"].append(snr_db(q20 / 2**20, truth))
        table["airway, rows in Q8.7"].append(snr_db(Frontend(MFCC).push(pcm) / 2**7, truth))
    left_out = []
    try:
        for name in ("q15", "q31"):
            table[f"cmsisdsp {name}"] = [
                snr_db(cmsis_cepstra(pcm, name), cmsis_cepstra(pcm, "f32"))
                for pcm in signals.values()
            ]
    except ImportError as error:
        left_out = [f"left out: cmsisdsp ({error})"]
    return [
        f"{'cepstra, dB':24}" + "".join(f"{name:>16}" for name in signals),
        *(
            f"{name:24}" + "".join(f"{value:>16.1f}" for value in row)
            for name, row in table.items()
        ),
        *left_out,
    ]


def speeds(pcm: Pcm, measured: list[Entry], runs: int) -> list[list[float]]:
    """Seconds of audio for each of processor time, by entry, sorted."""
    seconds = len(pcm) / RATE_HZ
    times_s: list[list[float]] = [[] for _ in measured]
    for *_, run in measured:
        run(pcm[: 2 * RATE_HZ])  # compile, fill caches
    for _ in range(runs):
        for (*_, run), taken_s in zip(measured, times_s, strict=True):
            start = time.process_time()
            run(pcm)
            taken_s.append(time.process_time() - start)
    return [sorted(seconds / taken for taken in taken_s) for taken_s in times_s]


def main() -> None:
    """Measure, write the page and print it."""
    parser = argparse.ArgumentParser(description="frontend speed, beside others")
    parser.add_argument("--seconds", type=int, default=60, help="of audio a run (60)")
    parser.add_argument("--runs", type=int, default=7, help="of each entry (7)")
    add_option(parser)
    arguments = parser.parse_args()
    measured = entries()
    found = speeds(synthetic(arguments.seconds), measured, arguments.runs)
    lines = [f"{'frontend':32}{'output':8}{'blocks':8}{'times real time':>16}{'spread':>16}"]
    rows = []
    for (name, output, blocks, _), values in zip(measured, found, strict=True):
        median, spread = statistics.median(values), f"{values[0]:,.0f}-{values[-1]:,.0f}"
        lines.append(f"{name:32}{output:8}{blocks:8}{median:>16,.0f}{spread:>16}")
        if not name.startswith(" "):  # the variants are on this benchmark's own page
            what = f"{name}, {output}, {'whole recording' if blocks == 'whole' else blocks} a call"
            figure = f"{median:,.0f} times real time"
            rows.append(Row("Frontend", what, figure, "measured", not name.startswith("airway")))
    text = HEAD.format(machine=machine()) + "\n".join([*lines, "", *accuracy()]) + "\n```\n"
    Path(__file__).with_suffix(".md").write_text(text, "utf-8")
    write(arguments.rows, rows)
    print(text)


HEAD = """\
# The frontend's speed and exactness, beside others

Written by `python -m benchmarks.frontend`, which says what is measured, with one thread.
Machine: {machine}.

```
"""

if __name__ == "__main__":
    main()

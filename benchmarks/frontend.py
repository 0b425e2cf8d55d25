"""How fast the frontend is, beside others: `python benchmarks/frontend.py`.

Every entry turns the same synthetic minute at 16 kHz into 40 mel bands (and 13 cepstra, where
it says so) a hundred times a second. The figure is seconds of audio for each second of
processor time, over all threads, the median of interleaved runs; an entry whose package is
missing is left out by name. `blocks` says how much audio one call takes: libraries made for
streams pay for the crossing from Python at every frame, so ours is shown both ways.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from edge.frontend import PRESETS, Frontend, native

Pcm = NDArray[np.int16]
Entry = tuple[str, str, str, Callable[[Pcm], object]]  # name, output, blocks, run

RATE_HZ = 16_000
WINDOW, HOP, FFT, BANDS, CEPSTRA = 400, 160, 512, 40, 13
FMIN_HZ, FMAX_HZ = 60, 7_600

LOGMEL = PRESETS["room-16k"]
MFCC = dataclasses.replace(LOGMEL, output="mfcc", kept=tuple(range(CEPSTRA)))


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

    if native.available():
        frontend = Frontend(LOGMEL, backend="native")

        def by_frames(pcm: Pcm) -> None:
            for start in range(0, len(pcm), HOP):
                frontend.push(pcm[start : start + HOP])

        yield "airway native", "logmel", "10 ms", by_frames


def pymicro_features() -> Iterator[Entry]:
    """TensorFlow Lite Micro's audio frontend, with noise reduction and gain control."""
    from pymicro_features import MicroFrontend

    frontend = MicroFrontend()

    def run(pcm: Pcm) -> None:
        content = pcm.tobytes()
        for start in range(0, len(content), 2 * HOP):
            frontend.process_samples(content[start : start + 2 * HOP])

    yield "pymicro-features", "logmel", "10 ms", run


def cmsisdsp() -> Iterator[Entry]:
    """CMSIS-DSP built for this machine; its window is as long as its FFT."""
    import cmsisdsp as dsp
    from cmsisdsp import datatype, mfcc

    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
    for name, kind in (("q15", datatype.Q15), ("q31", datatype.Q31)):
        lengths, places, weights = mfcc.melFilterMatrix(kind, FMIN_HZ, FMAX_HZ, BANDS, RATE_HZ, FFT)
        state = getattr(dsp, f"arm_mfcc_instance_{name}")()
        status = getattr(dsp, f"arm_mfcc_init_{name}")(
            state, FFT, BANDS, CEPSTRA, mfcc.dctMatrix(kind, CEPSTRA, BANDS), places, lengths,
            weights, datatype.convert(window, kind),
        )  # fmt: skip
        if status != 0:
            raise RuntimeError(f"arm_mfcc_init_{name} gave {status}")
        compute = getattr(dsp, f"arm_mfcc_{name}")
        yield f"cmsisdsp {name}", "mfcc", "10 ms", _framewise(compute, state, name == "q31")


def _framewise(compute: Callable[..., object], state: object, wide: bool) -> Callable[[Pcm], None]:
    scratch = np.zeros(2 * FFT, dtype=np.int32)

    def run(pcm: Pcm) -> None:
        samples = pcm.astype(np.int32) << 16 if wide else pcm
        for start in range(0, len(pcm) - FFT + 1, HOP):
            compute(state, samples[start : start + FFT], scratch)

    return run


def librosa() -> Iterator[Entry]:
    """Float32, whole."""
    import librosa

    def run(pcm: Pcm) -> None:
        librosa.feature.mfcc(
            y=pcm.astype(np.float32) / 32_768, sr=RATE_HZ, n_mfcc=CEPSTRA, n_fft=FFT,
            win_length=WINDOW, hop_length=HOP, n_mels=BANDS, fmin=FMIN_HZ, fmax=FMAX_HZ, htk=True,
        )  # fmt: skip

    yield "librosa", "mfcc", "whole", run


def python_speech_features() -> Iterator[Entry]:
    """Float64, whole."""
    from python_speech_features import mfcc

    def run(pcm: Pcm) -> None:
        mfcc(
            pcm, RATE_HZ, WINDOW / RATE_HZ, HOP / RATE_HZ, CEPSTRA, BANDS, FFT, FMIN_HZ, FMAX_HZ
        )  # fmt: skip

    yield "python_speech_features", "mfcc", "whole", run


def entries() -> list[Entry]:
    """Everything that is installed."""
    found = list(ours())
    for make in (pymicro_features, cmsisdsp, librosa, python_speech_features):
        try:
            found += make()
        except ImportError as error:
            print(f"left out: {make.__name__} ({error})")
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="frontend speed, beside others")
    parser.add_argument("--seconds", type=int, default=60, help="of audio a run (60)")
    parser.add_argument("--runs", type=int, default=7, help="of each entry (7)")
    arguments = parser.parse_args()
    pcm = synthetic(arguments.seconds)
    measured = entries()
    times_s: list[list[float]] = [[] for _ in measured]
    for *_, run in measured:
        run(pcm[: 2 * RATE_HZ])  # compile, fill caches
    for _ in range(arguments.runs):
        for (*_, run), taken_s in zip(measured, times_s, strict=True):
            start = time.process_time()
            run(pcm)
            taken_s.append(time.process_time() - start)
    print(f"{'frontend':24}{'output':8}{'blocks':8}{'times real time':>16}{'spread':>16}")
    for (name, output, blocks, _), taken_s in zip(measured, times_s, strict=True):
        speeds = sorted(arguments.seconds / taken for taken in taken_s)
        spread = f"{speeds[0]:,.0f}-{speeds[-1]:,.0f}"
        print(f"{name:24}{output:8}{blocks:8}{statistics.median(speeds):>16,.0f}{spread:>16}")


if __name__ == "__main__":
    main()

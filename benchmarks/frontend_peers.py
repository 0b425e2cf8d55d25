"""Frontends that do the same job as ours, each set to the same bands and hops where it lets one.

Every function gives entries to be timed, and raises ImportError where its package is missing.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Entry = tuple[str, str, str, Callable[[Pcm], object]]  # name, output, blocks, run

RATE_HZ = 16_000
WINDOW, HOP, FFT, BANDS, CEPSTRA = 400, 160, 512, 40, 13
FMIN_HZ, FMAX_HZ = 60, 7_600


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
    for name in ("q15", "q31"):
        compute, state = cmsis(name)
        yield f"cmsisdsp {name}", "mfcc", "10 ms", _framewise(compute, state, name == "q31")


def cmsis(name: str) -> tuple[Callable[..., Any], object]:
    """CMSIS-DSP's MFCC in a number format, and its state."""
    import cmsisdsp as dsp
    from cmsisdsp import datatype
    from cmsisdsp import mfcc as design

    kind = {"q15": datatype.Q15, "q31": datatype.Q31, "f32": datatype.F32}[name]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
    lengths, places, weights = design.melFilterMatrix(kind, FMIN_HZ, FMAX_HZ, BANDS, RATE_HZ, FFT)
    state = getattr(dsp, f"arm_mfcc_instance_{name}")()
    status = getattr(dsp, f"arm_mfcc_init_{name}")(
        state, FFT, BANDS, CEPSTRA, design.dctMatrix(kind, CEPSTRA, BANDS), places, lengths,
        weights, datatype.convert(window, kind),
    )  # fmt: skip
    if status != 0:
        raise RuntimeError(f"arm_mfcc_init_{name} gave {status}")
    return getattr(dsp, f"arm_mfcc_{name}"), state


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


PEERS = (pymicro_features, cmsisdsp, librosa, python_speech_features)

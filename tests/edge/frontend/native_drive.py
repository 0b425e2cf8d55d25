"""The C core around `native_driver.c`: what to compile, and how to talk to the program."""

import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.frontend import FrontendSpec, build_tables, native
from edge.frontend.resample import Resampler

SOURCES = Path(native.__file__).parent
CORE = sorted(path for path in SOURCES.glob("*.c") if not path.name.startswith("binding"))
DRIVER = Path(__file__).with_name("native_driver.c")
WARNINGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]


def drive(
    command: Sequence[str | Path], spec: FrontendSpec, rate_hz: int, pcm: np.ndarray, block: int
) -> np.ndarray:
    """Rows that the program alone computes."""
    tables = build_tables(spec)
    taps = Resampler(rate_hz, spec.rate_hz).taps
    shape = (0, 0) if taps is None else taps.values_q30.shape
    sizes = [
        *(spec.window_samples, spec.hop_samples, spec.fft_size, spec.mel_bands),
        *(*shape, 1 if taps is None else taps.step, len(pcm), block),
    ]
    arrays = [getattr(tables, field.name) for field in dataclasses.fields(tables)]
    arrays.append(np.zeros(0, np.int32) if taps is None else taps.values_q30)
    sizes += [array.size for array in arrays]
    content = b"".join(array.tobytes() for array in [np.array(sizes, np.int32), *arrays, pcm])
    done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, dtype=np.int16).reshape(-1, spec.coefficients)

"""The C core against the reference: the same bits, clean under the compiler and sanitizers."""

import dataclasses
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from native_drive import CORE, DRIVER, SOURCES, WARNINGS, drive
from signals import (
    EVERYTHING,
    SPECS,
    any_signal,
    block_sizes,
    hard_cases,
    in_blocks,
    speech_like,
    to_pcm,
)

from edge.errors import BadInputError
from edge.frontend import PRESETS, Frontend, build_tables, native
from edge.frontend.extractor import resampler
from edge.frontend.faults import check_tables
from edge.frontend.resample import Resampler
from edge.frontend.spec import DENOISERS

COMPILER = shutil.which("gcc") or shutil.which("cc")

built = pytest.mark.skipif(not native.available(), reason="the C core was not built")
compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler")

rates_hz = st.one_of(
    st.none(),
    st.sampled_from((4_000, 8_000, 11_025, 16_000, 44_100, 48_000, 96_000)),
    st.integers(4_000, 192_000),
)


def rows(name: str, pcm: np.ndarray, sizes: list[int], rate_hz: int | None, backend: str):
    """Rows of a spec by name from blocks."""
    frontend = Frontend(SPECS[name], rate_hz=rate_hz, backend=backend)
    return np.concatenate([frontend.push(block) for block in in_blocks(pcm, sizes)])


@built
@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=60, deadline=None)
@given(any_signal(), block_sizes(), rates_hz)
def test_same_bits(name, pcm, sizes, rate_hz):
    """Any signal, in any blocks, at any rate, gives the reference's rows."""
    expected = rows(name, pcm, [], rate_hz, "reference")
    np.testing.assert_array_equal(rows(name, pcm, sizes, rate_hz, "native"), expected)


@built
@pytest.mark.parametrize("rate_hz", [None, 8_000, 44_100])
@pytest.mark.parametrize("name", SPECS)
def test_same_bits_of_hard_cases(name: str, rate_hz: int | None):
    """Silence, full scale, single bits, steps and squares give the reference's rows."""
    for signal, pcm in hard_cases(9_000, 16_000).items():
        expected = rows(name, pcm, [], rate_hz, "reference")
        found = rows(name, pcm, [0, 1, 700], rate_hz, "native")
        np.testing.assert_array_equal(found, expected, err_msg=signal)


@built
@settings(max_examples=60, deadline=None)
@given(any_signal(), block_sizes(), st.integers(4_000, 192_000), st.sampled_from((4_000, 16_000)))
def test_same_samples(pcm, sizes, rate_in_hz, rate_out_hz):
    """The C resampler gives the reference's samples."""
    stage = resampler(rate_in_hz, rate_out_hz, "native")
    found = np.concatenate([stage.push(block) for block in in_blocks(pcm, sizes)])
    np.testing.assert_array_equal(found, Resampler(rate_in_hz, rate_out_hz).push(pcm))


@built
@pytest.mark.corpus
@pytest.mark.skipif("AIRWAY_CORPUS" not in os.environ, reason="AIRWAY_CORPUS names no corpus")
def test_same_bits_of_recordings():
    """Recordings of the corpus, at their own rates, give the reference's rows."""
    files = sorted(
        path
        for path in Path(os.environ["AIRWAY_CORPUS"]).rglob("*")
        if path.suffix.lower() in (".wav", ".flac", ".opus")
    )
    assert files
    for path in files[:: max(1, len(files) // 40)]:
        with soundfile.SoundFile(path) as recording:
            rate_hz = recording.samplerate
            pcm = recording.read(4 * rate_hz, dtype="int16", always_2d=True)[:, 0]
        for name in PRESETS:
            expected = rows(name, pcm, [], rate_hz, "reference")
            found = rows(name, pcm, [1, 0, 999], rate_hz, "native")
            np.testing.assert_array_equal(found, expected, err_msg=str(path))


@built
def test_reset():
    """A used C frontend differs from a new one; reset makes them alike."""
    pcm = to_pcm(speech_like(9_001, 44_100))
    frontend = Frontend(PRESETS["room-16k"], rate_hz=44_100, backend="native")
    first = frontend.push(pcm)
    assert not np.array_equal(frontend.push(pcm)[: len(first)], first)
    frontend.reset()
    np.testing.assert_array_equal(frontend.push(pcm), first)


@built
def test_input_layouts():
    """A strided or read-only view is taken; another dtype or shape is refused."""
    pcm = to_pcm(speech_like(4_000, 16_000))
    pcm.setflags(write=False)
    expected = Frontend(PRESETS["room-16k"], backend="reference").push(pcm[::2])
    frontend = Frontend(PRESETS["room-16k"], backend="native")
    np.testing.assert_array_equal(frontend.push(pcm[::2]), expected)
    for wrong in (pcm.astype(np.float32), pcm.astype(np.int32), pcm.reshape(2, -1)):
        with pytest.raises(TypeError, match=r"int16 \[samples\]"):
            frontend.push(wrong)


SPOILT = [
    ("window_q30", 0, 2**30 + 1),
    ("twiddle_re_q30", 0, 0),
    ("twiddle_im_q30", 3, -(2**31)),
    ("bit_reversal", 5, 256),
    ("bit_reversal", 5, -1),
    ("bit_reversal", 5, 0),
    ("mel_edges", 41, 258),
    ("mel_edges", 3, 250),
    ("mel_rise_q15", 9, 2**15 + 1),
    ("log2_q20", 256, 2**21),
    ("log_offset_q20", 0, 2**26 + 1),
    ("dct_q30", 7, -(2**31)),
    ("kept", 1, 61),
    ("kept", 1, 0),
    ("band_q30", 0, 2**30 + 1),
    ("lag_window_q30", 3, -1),
    ("lag_window_q30", 0, 2**31 - 1),
    ("energy_offset_q20", 0, 2**30),
    ("spectral_window_q30", 0, -(2**31)),
    ("spectral_twiddle_re_q30", 0, 0),
    ("spectral_twiddle_im_q30", 3, -(2**31)),
    ("spectral_bit_reversal", 5, 128),
    ("spectral_gain_q15", 5, 2**15 + 1),
    ("spectral_levels_q20", 0, 2**30),
    ("wavelet_factor_q8", 0, -1),
]


@built
@pytest.mark.parametrize(("table", "index", "value"), SPOILT)
def test_spoilt_tables_are_refused(table: str, index: int, value: int):
    """A table that would lead a backend out of its memory or its bits is refused, by both."""
    denoise = "wavelet" if table.startswith("wavelet") else "spectral"
    spec = dataclasses.replace(EVERYTHING, denoise=denoise)
    tables = build_tables(spec)
    spoilt = tables.arrays()[table].copy()
    spoilt.flat[index] = value
    spoilt_tables = dataclasses.replace(tables, **{table: spoilt})
    word = table.partition("_re_")[0].partition("_im_")[0]
    for backend in ("reference", "native"):
        with pytest.raises(BadInputError, match=f"{word}.* out of range"):
            Frontend(spec, spoilt_tables, backend=backend)
    with pytest.raises(BadInputError):  # and by the C core alone, as a watch has it
        native.NativeStages(spec, spoilt_tables)


@built
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_core_and_python_refuse_the_same_tables(data):
    """Whatever stands in a table, it is refused in C if and only if it is before."""
    spec = dataclasses.replace(EVERYTHING, denoise=data.draw(st.sampled_from(DENOISERS)))
    tables = build_tables(spec)
    name = data.draw(st.sampled_from([name for name in tables.arrays() if name != "kept"]))
    table = tables.arrays()[name].copy()
    index = data.draw(st.integers(0, table.size - 1))
    near = st.builds(lambda bits, more: (1 << bits) + more, st.integers(0, 30), st.integers(-1, 1))
    value = data.draw(near | near.map(lambda x: -x) | st.integers(-(2**31), 2**31 - 1))
    table.flat[index] = value
    changed = dataclasses.replace(tables, **{name: table})

    def refused(check: Callable[[], object]) -> bool:
        try:
            check()
        except BadInputError:
            return True
        return False

    before = refused(lambda: check_tables(spec, changed))
    assert before == refused(lambda: native.NativeStages(spec, changed))


@built
@pytest.mark.parametrize("table", build_tables(EVERYTHING).arrays())
def test_short_tables_are_refused(table: str):
    """A table that lacks a value is refused."""
    spec, tables = EVERYTHING, build_tables(EVERYTHING)
    short = tables.arrays()[table].ravel()[:-1]
    with pytest.raises(BadInputError, match=rf"{table} (does not fit|has \d+ values)"):
        Frontend(spec, dataclasses.replace(tables, **{table: short}), backend="native")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core and a small program around it, built with sanitizers and every warning an error."""
    program = tmp_path_factory.mktemp("native") / "driver"
    sanitizers = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command = [COMPILER, *WARNINGS, *sanitizers, f"-I{SOURCES}", DRIVER, *CORE, "-o", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "cannot find" in done.stderr and "san" in done.stderr:
        pytest.skip("the compiler has no sanitizer libraries")
    assert done.returncode == 0, done.stderr
    return program


@compiles
@pytest.mark.parametrize("rate_hz", [None, 11_025, 48_000])
@pytest.mark.parametrize("name", SPECS)
def test_clean_under_sanitizers(driver: Path, name: str, rate_hz: int | None):
    """No overrun and no undefined arithmetic on any hard case, and the reference's rows."""
    spec = SPECS[name]
    rate_hz = rate_hz or spec.rate_hz
    pcm = np.concatenate(list(hard_cases(3_000, 16_000).values()))
    expected = Frontend(spec, rate_hz=rate_hz, backend="reference").push(pcm)
    np.testing.assert_array_equal(drive([driver], spec, rate_hz, pcm, 1_111), expected)


@compiles
@pytest.mark.parametrize("optimise", ["-O0", "-O3"])
def test_compiles_clean(tmp_path: Path, optimise: str):
    """Strict C99 without a warning; what it links to is memory moves, and it keeps no state."""
    for source in CORE:
        target = tmp_path / f"{source.stem}.o"
        command = [COMPILER, *WARNINGS, optimise, "-c", source, "-o", target]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        symbols = subprocess.run(["nm", target], capture_output=True, text=True, check=True).stdout
        outside = set(re.findall(r" U (\S+)", symbols))
        outside = {name for name in outside if not name.startswith(("airway_", "_GLOBAL_OFFSET"))}
        assert outside <= {"memcpy", "memmove", "memset", "__cpu_model"}, outside
        assert not re.findall(r" [BbDdCG] (\S+)", symbols)


@pytest.mark.parametrize("source", [*CORE, *sorted(SOURCES.glob("airway_*.h"))], ids=str)
def test_no_floating_point(source: Path):
    """No floating-point type or literal in the core."""
    code = re.sub(r"/\*.*?\*/|//[^\n]*|\"[^\"]*\"", "", source.read_text(), flags=re.DOTALL)
    assert not re.findall(r"\b(?:float|double)\b|\b\d+\.\d|\b\d+e-?\d", code)


@compiles
def test_memory(tmp_path: Path):
    """State and scratch of room-16k fit 4 KiB, from static memory as a watch declares it."""
    program = tmp_path / "memory"
    source = tmp_path / "memory.c"
    source.write_text(
        """
        #include <stdio.h>
        #include "airway_frontend.h"
        AIRWAY_FRONTEND_MEMORY(room, 400, 512, 40);
        int main(void) {
            printf("%u", (unsigned)(sizeof room_bins + sizeof room_bands + sizeof room_samples +
                                    sizeof room + sizeof(airway_frontend)));
            return room.bins == NULL;
        }
        """
    )
    subprocess.run([COMPILER, *WARNINGS, f"-I{SOURCES}", source, "-o", program], check=True)
    used = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert 3_000 < int(used) <= 4_096

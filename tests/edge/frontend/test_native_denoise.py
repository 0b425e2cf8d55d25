"""The denoisers in C against the references: the same bits, clean under compiler and sanitizers."""

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import exact_denoise
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import any_signal, block_sizes, hard_cases, in_blocks, speech_like, to_pcm

from edge.frontend import native, spectral, wavelet
from edge.frontend.spectral import SpectralDenoiser, SpectralTables
from edge.frontend.wavelet import WaveletDenoiser, WaveletTables

SOURCES = Path(native.__file__).parent
CORE = [SOURCES / f"{name}.c" for name in ("spectral", "wavelet", "fourier", "fft")]
DRIVER = Path(__file__).with_name("native_denoise_driver.c")
COMPILER = shutil.which("gcc") or shutil.which("cc")
WARNINGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")

Tables = SpectralTables | WaveletTables
Pcm = np.ndarray

DENOISERS: dict[str, Tables] = {
    "spectral 16 kHz": spectral.build_tables(256, spectral.FLOOR_DB),
    "spectral 4 kHz": spectral.build_tables(64, spectral.FLOOR_DB),
    "spectral, least": spectral.build_tables(32, -40),
    "spectral, most": spectral.build_tables(1_024, 0),
    "wavelet room": wavelet.build_tables(wavelet.ROOM_SIGMAS),
    "wavelet chest": wavelet.build_tables(wavelet.CHEST_SIGMAS),
    "wavelet, least": wavelet.build_tables((6.0,)),
    "wavelet, most": wavelet.build_tables((6.0, 0.0, 3.0, 0.1, 6.0, 6.0)),
}


def reference(tables: Tables) -> SpectralDenoiser | WaveletDenoiser:
    """The denoiser in NumPy."""
    if isinstance(tables, SpectralTables):
        return SpectralDenoiser(tables)
    return WaveletDenoiser(tables)


def packed(tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """What the driver takes: int32 [4] sizes and the int32 tables, joined."""
    if isinstance(tables, SpectralTables):
        turn = tables.turn
        sizes = [0, turn.fft_size, tables.bias_q20, tables.least_q20]
        arrays = [turn.twiddle_re_q30, turn.twiddle_im_q30, turn.bit_reversal]
        arrays += [tables.window_q30, tables.log2_q20, tables.gain_q15]
    else:
        sizes, arrays = [1, tables.levels, 0, 0], [tables.factor_q8]
    return np.array(sizes, dtype=np.int32), np.concatenate(arrays).astype(np.int32)


def expected_of(tables: Tables, blocks: list[Pcm]) -> tuple[Pcm, list[int]]:
    """The reference's samples, and how many each block gave."""
    denoiser = reference(tables)
    parts = [denoiser.push(block) for block in blocks]
    return np.concatenate(parts), [len(part) for part in parts]


@dataclass(frozen=True)
class Library:
    """The driver as a shared library."""

    function: Callable[..., bytes | None]

    def denoise(self, tables: Tables, blocks: list[Pcm], passes: int = 1) -> tuple[Pcm, list[int]]:
        """The C's samples of the last pass, and how many each block gave."""
        pcm = np.ascontiguousarray(np.concatenate(blocks))
        counts = np.array([len(block) for block in blocks], dtype=np.int32)
        out, made = np.zeros(len(pcm), dtype=np.int16), np.zeros_like(counts)
        fault = self.call(*packed(tables), pcm, counts, passes, out, made)
        assert fault is None, fault
        return out[: made.sum()], made.tolist()

    def call(self, sizes, words, pcm, counts, passes, out, made) -> bytes | None:
        """The C function on arrays."""
        at = [array.ctypes.data for array in (sizes, words, pcm, counts)]
        return self.function(*at, len(counts), passes, out.ctypes.data, made.ctypes.data)


def compiled(target: Path, *flags: str) -> Path:
    """The driver and the denoisers, every warning an error."""
    command = [COMPILER, *WARNINGS, *flags, f"-I{SOURCES}", DRIVER, *CORE, "-o", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "cannot find" in done.stderr and "san" in done.stderr:
        pytest.skip("the compiler has no sanitizer libraries")
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The denoisers as they ship, -O3, as a shared library."""
    target = tmp_path_factory.mktemp("denoise") / "library.so"
    function = ctypes.CDLL(str(compiled(target, "-O3", "-shared", "-fPIC"))).denoise
    pointer, number = ctypes.c_void_p, ctypes.c_int32
    function.argtypes = [pointer] * 4 + [number] * 2 + [pointer] * 2
    function.restype = ctypes.c_char_p
    return Library(function)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The denoisers as a program, with the address and undefined-behaviour sanitizers."""
    target = tmp_path_factory.mktemp("denoise") / "driver"
    sanitizers = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    return compiled(target, *sanitizers)


def assert_same(library: Library, tables: Tables, blocks: list[Pcm], words: str = "") -> None:
    """The C gives the reference's samples, at the same blocks."""
    expected, counts = expected_of(tables, blocks)
    found, made = library.denoise(tables, blocks)
    assert made == counts, words
    np.testing.assert_array_equal(found, expected, err_msg=words)


@pytest.mark.parametrize("name", DENOISERS)
@settings(max_examples=40, deadline=None)
@given(any_signal(6_000), block_sizes())
def test_same_bits(library: Library, name, pcm, sizes):
    """Any signal, in any blocks, gives the reference's samples as early as the reference."""
    assert_same(library, DENOISERS[name], list(in_blocks(pcm, sizes)))


@settings(max_examples=40, deadline=None)
@given(
    any_signal(),
    block_sizes(),
    st.one_of(
        st.builds(
            spectral.build_tables,
            st.sampled_from((32, 64, 128, 256, 512, 1_024)),
            st.integers(-40, 0),
        ),
        st.builds(
            lambda sigmas: wavelet.build_tables(tuple(sigmas)),
            st.lists(st.floats(0, 6), min_size=1, max_size=6),
        ),
    ),
)
def test_same_bits_of_any_tables(library: Library, pcm, sizes, tables):
    """So do denoisers of every size."""
    assert_same(library, tables, list(in_blocks(pcm, sizes)))


@pytest.mark.parametrize("name", DENOISERS)
def test_same_bits_of_hard_cases(library: Library, name: str):
    """Silence, full scale, single bits, steps and squares, alone and in a row."""
    cases = hard_cases(5_000, 16_000)
    for signal, pcm in cases.items():
        assert_same(library, DENOISERS[name], list(in_blocks(pcm, [0, 1, 700])), signal)
    assert_same(library, DENOISERS[name], list(cases.values()), "in a row")


@pytest.mark.parametrize("name", DENOISERS)
def test_every_block_size(library: Library, name: str):
    """Blocks of each size from 1 to 1,100 give the samples of one block."""
    pcm = to_pcm(speech_like(5_000, 16_000))
    expected, _ = expected_of(DENOISERS[name], [pcm])
    for size in (*range(1, 40), *range(40, 1_101, 53)):
        blocks = [pcm[start : start + size] for start in range(0, len(pcm), size)]
        found, _ = library.denoise(DENOISERS[name], blocks)
        np.testing.assert_array_equal(found, expected, err_msg=f"blocks of {size}")


@pytest.mark.parametrize("name", DENOISERS)
def test_reset(library: Library, name: str):
    """After a reset the C gives what it gave when new."""
    rng = np.random.default_rng(5)
    pcm = (rng.normal(size=6_001) * np.linspace(9_000, 90, 6_001)).astype(np.int16)
    blocks = [pcm[:5_003], pcm[5_003:]]
    assert_same(library, DENOISERS[name], blocks)
    first, made = library.denoise(DENOISERS[name], blocks)
    again, made_again = library.denoise(DENOISERS[name], blocks, passes=2)
    assert made == made_again
    np.testing.assert_array_equal(again, first)
    if not name.endswith("most"):  # a floor of 0 dB leaves everything as it is
        whole = np.concatenate([pcm, pcm])
        kept_on, _ = library.denoise(DENOISERS[name], [whole])
        assert not np.array_equal(kept_on[len(pcm) : 2 * len(first)], first[: 2 * len(first)])


def worst_cases(samples: int) -> dict[str, Pcm]:
    """Besides the hard cases, what drives the transforms and the wavelet furthest."""
    index = np.arange(samples)
    rng = np.random.default_rng(11)
    full = np.array([-32_768, 32_767], dtype=np.int16)
    # The signs of the deepest synthesis' step response: the largest sums of a level.
    chirp = np.where(np.sin(2 * np.pi * index * index / (8 * samples)) < 0, -32_768, 32_767)
    return hard_cases(samples, 16_000) | {
        "random signs": full[rng.integers(0, 2, samples)],
        "sign chirp": chirp.astype(np.int16),
        "pairs": full[index // 2 % 2],
        "bursts": np.where(index // 300 % 2, full[rng.integers(0, 2, samples)], 0).astype(np.int16),
        "impulses": np.where(index % 97, 0, -32_768).astype(np.int16),
    }


@pytest.mark.parametrize("name", DENOISERS)
def test_nothing_leaves_its_word(library: Library, name: str):
    """In unbounded integers extremes give the same samples, and each value fits the C word."""
    tables = DENOISERS[name]
    for signal, pcm in worst_cases(1_800).items():
        if isinstance(tables, SpectralTables):
            exact = exact_denoise.spectral(pcm.tolist(), tables)
        else:
            exact = exact_denoise.wavelet(pcm.tolist(), tables)
        found, _ = library.denoise(tables, [pcm])
        np.testing.assert_array_equal(found, np.array(exact, dtype=np.int16), err_msg=signal)


@pytest.mark.parametrize("name", DENOISERS)
def test_clean_under_sanitizers(program: Path, name: str):
    """No overrun and no undefined arithmetic on extremes, twice; the reference's samples."""
    tables = DENOISERS[name]
    pcm = np.concatenate(list(worst_cases(1_500).values()))
    blocks = list(in_blocks(pcm, [*[1] * 300, 0, 777, 31, 10_000, *range(60), 2_049]))
    sizes, words = packed(tables)
    head = np.array([len(words), len(pcm), len(blocks), 2], dtype=np.int32)
    counts = np.array([len(block) for block in blocks], dtype=np.int32)
    content = b"".join(array.tobytes() for array in (head, sizes, words, counts, pcm))
    done = subprocess.run([program], input=content, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    expected, made = expected_of(tables, blocks)
    assert np.frombuffer(done.stdout[: counts.nbytes], dtype=np.int32).tolist() == made
    found = np.frombuffer(done.stdout[counts.nbytes :], dtype=np.int16)
    np.testing.assert_array_equal(found, expected)


# Of the spectral denoiser of 64: twiddles [32] each, bit reversal [32], window [64], log2 [256]
# and gain [256].
SPOILT = [
    ("spectral 4 kHz", "size", 1, 48, "fft_size"),
    ("spectral 4 kHz", "size", 1, 2_048, "fft_size"),
    ("spectral 4 kHz", "size", 2, 2**27, "bias_q20"),
    ("spectral 4 kHz", "size", 3, -(2**31), "least_q20"),
    ("spectral 4 kHz", "word", 0, 2**30 - 1, "twiddles"),
    ("spectral 4 kHz", "word", 9, 2**30, "twiddles"),
    ("spectral 4 kHz", "word", 32 + 5, -(2**31), "twiddles"),
    ("spectral 4 kHz", "word", 64 + 3, 32, "bit_reversal"),
    ("spectral 4 kHz", "word", 64 + 3, -1, "bit_reversal"),
    ("spectral 4 kHz", "word", 64 + 3, 4, "bit_reversal"),
    ("spectral 4 kHz", "word", 96 + 7, 2**30 + 1, "window_q30"),
    ("spectral 4 kHz", "word", 160 + 255, -1, "log2_q20"),
    ("spectral 4 kHz", "word", 416 + 255, 2**15 + 1, "gain_q15"),
    ("wavelet room", "size", 1, 0, "levels"),
    ("wavelet room", "size", 1, 7, "levels"),
    ("wavelet room", "word", 3, -1, "factor_q8"),
    ("wavelet room", "word", 0, 2**12 + 1, "factor_q8"),
]


@pytest.mark.parametrize(("name", "what", "index", "value", "word"), SPOILT)
def test_spoilt_tables_are_refused(library: Library, name, what, index, value, word):
    """A table that would lead the C out of its memory or its bits is refused by name."""
    sizes, words = packed(DENOISERS[name])
    words = np.concatenate([words, np.zeros(9_000, dtype=np.int32)])  # a larger size reads on
    (sizes if what == "size" else words)[index] = value
    pcm, made = np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.int32)
    fault = library.call(sizes, words, pcm, made, 1, pcm, made)
    assert fault is not None
    assert word in fault.decode()


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
        assert outside <= {"memcpy", "memmove", "memset"}, outside
        assert not re.findall(r" [BbDdCG] (\S+)", symbols)


@pytest.mark.parametrize("source", CORE, ids=lambda path: path.name)
def test_no_floating_point(source: Path):
    """No floating-point type or literal in the denoisers."""
    code = re.sub(r"/\*.*?\*/|//[^\n]*|\"[^\"]*\"", "", source.read_text(), flags=re.DOTALL)
    assert not re.findall(r"\b(?:float|double)\b|\b\d+\.\d|\b\d+e-?\d", code)


def test_memory(tmp_path: Path):
    """State and scratch, from static memory as a watch declares it, are as the header says."""
    source, target = tmp_path / "memory.c", tmp_path / "memory"
    source.write_text(
        """
        #include <stdio.h>
        #include "airway_frontend.h"
        AIRWAY_SPECTRAL_MEMORY(room, 256);
        AIRWAY_SPECTRAL_MEMORY(chest, 64);
        AIRWAY_WAVELET_MEMORY(waves, 4);
        AIRWAY_WAVELET_MEMORY(deep, 6);
        #define USED(name)                                                               \\
            (unsigned)(sizeof name##_bins + sizeof name##_smooth + sizeof name##_noise + \\
                       sizeof name##_overlap + sizeof name##_gain + sizeof name##_samples)
        int main(void) {
            printf("%u %u %u %u %u %u", USED(room), USED(chest), (unsigned)sizeof waves,
                   (unsigned)sizeof deep, (unsigned)sizeof(airway_spectral),
                   (unsigned)sizeof(airway_wavelet));
            return room.bins == chest.bins || &waves[0] == &deep[0];
        }
        """
    )
    subprocess.run([COMPILER, *WARNINGS, f"-I{SOURCES}", source, "-o", target], check=True)
    used = subprocess.run([target], capture_output=True, text=True, check=True).stdout.split()
    room, chest, waves, deep, spectral_object, wavelet_object = map(int, used)
    assert (room, chest) == (3_346, 850)
    assert (waves, deep) == (240, 1_008)
    assert spectral_object <= 80
    assert wavelet_object <= 256

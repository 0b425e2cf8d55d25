"""The frontend as a whole: its choice of a core, and the order of its stages."""

import dataclasses

import numpy as np
import pytest
from signals import speech_like, to_pcm

from edge.errors import BadInputError, UsageError
from edge.frontend import PRESETS, Frontend, build_tables, energy, lpc, native, wavelet
from edge.frontend.band import BandFilter, design
from edge.frontend.extractor import BACKENDS, resampler
from edge.frontend.framer import Framer
from edge.frontend.spec import DENOISERS
from edge.frontend.wavelet import WaveletDenoiser

ROOM = PRESETS["room-16k"]


def test_auto_takes_the_core_where_it_was_built():
    """`auto` is the C core where it was built and the reference elsewhere; it says which."""
    assert Frontend(ROOM).backend == ("native" if native.available() else "reference")
    assert Frontend(ROOM, backend="reference").backend == "reference"


def test_without_the_core(monkeypatch: pytest.MonkeyPatch):
    """Without the extension `auto` is the reference, and `native` is refused with the remedy."""
    monkeypatch.setattr(native, "_core", None)
    assert Frontend(ROOM).backend == "reference"
    with pytest.raises(UsageError, match=r"'native' was not built; install .*C compiler"):
        Frontend(ROOM, backend="native")
    with pytest.raises(UsageError, match="was not built"):
        resampler(8_000, 16_000, "native")


def test_unknown_backend():
    """An unknown backend is refused with the names there are."""
    with pytest.raises(UsageError, match="'fast' must be one of auto, native, reference"):
        Frontend(ROOM, backend="fast")


@pytest.mark.parametrize("backend", BACKENDS)
def test_rate_out_of_range(backend: str):
    """Every backend refuses a rate out of range alike."""
    if backend == "native" and not native.available():
        pytest.skip("the C core was not built")
    with pytest.raises(BadInputError, match="sampling rate 200000 Hz is out of range"):
        Frontend(ROOM, rate_hz=200_000, backend=backend)


STAGES = {
    "low_cut_hz": (60, "band_q30"),
    "denoise": ("spectral", "spectral_window_q30"),
    "lpc_order": (8, "lag_window_q30"),
    "energy": (True, "energy_offset_q20"),
}


@pytest.mark.parametrize("field", STAGES)
def test_tables_of_other_stages_are_refused(field: str):
    """A stage without its table, and a table without its stage, are refused by name."""
    value, table = STAGES[field]
    with_stage = dataclasses.replace(ROOM, **{field: value})
    with pytest.raises(BadInputError, match=f"{table}.* does not fit the spec"):
        Frontend(with_stage, build_tables(ROOM))
    with pytest.raises(BadInputError, match=f"{table}.* does not fit the spec"):
        Frontend(ROOM, build_tables(with_stage))


def test_a_dct_belongs_to_cepstra_alone():
    """Cepstra without the DCT, and bands with one, are refused: the backends would differ."""
    cepstra = dataclasses.replace(ROOM, output="mfcc")
    bands, basis = build_tables(ROOM), build_tables(cepstra).dct_q30
    with pytest.raises(BadInputError, match="dct_q30 does not fit the spec"):
        Frontend(ROOM, dataclasses.replace(bands, dct_q30=basis))
    with pytest.raises(BadInputError, match="dct_q30 does not fit the spec"):
        Frontend(cepstra, dataclasses.replace(build_tables(cepstra), dct_q30=bands.dct_q30))


def test_wide_tables_are_refused():
    """Values beyond 32 bits would be cut by one backend and by the digest, not by the other."""
    tables = build_tables(ROOM)
    wide = tables.log_offset_q20.astype(np.int64) + 2**32
    with pytest.raises(BadInputError, match="log_offset_q20 must be int32"):
        Frontend(ROOM, dataclasses.replace(tables, log_offset_q20=wide))


@pytest.mark.parametrize("denoise", DENOISERS)
@pytest.mark.parametrize("rate_hz", [16_000, 8_000, 44_100, 48_000, 11_025])
def test_latency(rate_hz: int, denoise: str):
    """A frame's row comes within the stated latency of its last sample, and not much sooner."""
    spec = dataclasses.replace(
        ROOM, denoise=denoise, window_samples=16, hop_samples=8, low_cut_hz=50
    )
    frontend = Frontend(spec, rate_hz=rate_hz)
    pcm = to_pcm(speech_like(rate_hz // 4, rate_hz))
    worst, rows = 0.0, 0
    for taken, sample in enumerate(pcm[:, None], 1):
        before = rows
        rows += len(frontend.push(sample))
        for row in range(before, rows):
            last = row * spec.hop_samples + spec.window_samples - 1
            worst = max(worst, (taken - 1) * spec.rate_hz / rate_hz - last)
    assert rows > 100
    # Between two samples of the source none is seen, and a row of a stage's blocks may be early.
    assert worst <= frontend.latency_samples + spec.rate_hz / rate_hz
    assert worst > frontend.latency_samples - spec.hop_samples - 1


def test_order_of_a_row():
    """Bands, then reflection coefficients, then energy and zero crossings, as each stage gives."""
    spec = dataclasses.replace(ROOM, lpc_order=6, energy=True)
    pcm = to_pcm(speech_like(4_000, 16_000))
    tables = build_tables(spec)
    frames = Framer(spec.window_samples, spec.hop_samples).push(pcm)
    expected = np.column_stack(
        [
            Frontend(ROOM).push(pcm),
            lpc.reflection(frames, tables),
            energy.log_energy(frames, tables),
            energy.zero_crossings(frames),
        ]
    )
    np.testing.assert_array_equal(Frontend(spec, tables).push(pcm), expected)
    few = dataclasses.replace(spec, kept=(2, 39, 41, 47))
    np.testing.assert_array_equal(Frontend(few).push(pcm), expected[:, [2, 39, 41, 47]])


def test_stages_follow_each_other():
    """The band filter comes before the denoiser, and both before the frames."""
    spec = dataclasses.replace(ROOM, low_cut_hz=80, high_cut_hz=6_000, denoise="wavelet")
    pcm = to_pcm(speech_like(16_000, 16_000))
    clean = BandFilter(design(16_000, 80, 6_000)).push(pcm)
    clean = WaveletDenoiser(wavelet.build_tables(wavelet.ROOM_SIGMAS)).push(clean)
    np.testing.assert_array_equal(Frontend(spec).push(pcm), Frontend(ROOM).push(clean))

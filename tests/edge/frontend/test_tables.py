"""The integer tables: against their definitions, and stable to the bit."""

import dataclasses

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from signals import SPECS

from edge.errors import BadInputError
from edge.frontend import PRESETS, FrontendTables, build_tables, digest, spectral, wavelet

ROOM = PRESETS["room-16k"]

# A change here means that every model trained so far sees other features: bundles of before
# are refused by their digest. Never change these together with anything else.
DIGESTS = {
    "room-16k": "aec799b17fe314f4fa577e5d4742190f29ccfea48115b9ebe111b3b316d82d9b",
    "chest-4k": "2d01fe31839a93eeb48af822f5831eaea730d64a64083b177d47ede9326736a1",
    "kws-49x10": "dccf06f03034407a7fb2326c13df1083f8332deeb7af570f1d75f1079ff6a753",
}


@pytest.mark.parametrize("name", PRESETS)
def test_digest_is_pinned(name: str):
    """Each preset gives the same tables to the last bit, here as on every machine."""
    spec = PRESETS[name]
    assert digest(spec, build_tables(spec)) == DIGESTS[name]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rate_hz", 16_001),
        ("window_samples", 401),
        ("hop_samples", 161),
        ("fft_size", 1_024),
        ("mel_bands", 39),
        ("fmin_hz", 61),
        ("fmax_hz", 7_601),
        ("floor_dbfs", -83),
        ("output", "mfcc"),
        ("kept", (0, 1)),
        ("low_cut_hz", 50),
        ("high_cut_hz", 7_000),
        ("denoise", "spectral"),
        ("denoise", "wavelet"),
        ("lpc_order", 8),
        ("energy", True),
    ],
)
def test_digest_changes_with_every_field(field: str, value: object):
    """No field of the spec can change without the digest."""
    spec = dataclasses.replace(ROOM, **{field: value})
    assert digest(spec, build_tables(spec)) != DIGESTS["room-16k"]


def test_every_field_has_a_digest_test():
    """A field that is added to the spec needs a case above."""
    cases = test_digest_changes_with_every_field.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {field for field, _ in cases} == {f.name for f in dataclasses.fields(ROOM)}


@pytest.mark.parametrize("name", ["kws-49x10", "room-16k", "everything", "wavelet"])
def test_digest_changes_with_every_table(name: str):
    """One bit of one table changes the digest."""
    spec = SPECS[name]
    tables = build_tables(spec)
    whole = digest(spec, tables)
    for table, array in tables.arrays().items():
        if array.size:
            changed = array.copy()
            changed.flat[-1] ^= 1
            assert digest(spec, dataclasses.replace(tables, **{table: changed})) != whole


@pytest.mark.parametrize("name", PRESETS)
def test_tables_are_their_definitions(name: str):
    """Window, twiddles, logarithms and DCT lie within half a unit of NumPy's and SciPy's."""
    spec = PRESETS[name]
    tables = build_tables(spec)
    half = 0.5 + 1e-6
    window = scipy.signal.get_window("hann", spec.window_samples)
    assert np.abs(tables.window_q30 - window * 2**30).max() <= half
    twiddles = np.exp(-2j * np.pi * np.arange(spec.fft_size // 2) / spec.fft_size) * 2**30
    assert np.abs(tables.twiddle_re_q30 - twiddles.real).max() <= half
    assert np.abs(tables.twiddle_im_q30 - twiddles.imag).max() <= half
    log2 = np.log2(1 + np.arange(257) / 256) * 2**20
    assert np.abs(tables.log2_q20 - log2).max() <= half
    width = int(np.log2(spec.fft_size // 2))
    reversed_bits = [int(f"{i:0{width}b}"[::-1], 2) for i in range(spec.fft_size // 2)]
    assert tables.bit_reversal.tolist() == reversed_bits
    assert tables.kept.tolist() == list(spec.indices)
    if spec.output == "mfcc":
        dct = scipy.fft.dct(np.eye(spec.mel_bands), norm="ortho").T[list(spec.indices)]
        assert np.abs(tables.dct_q30 - dct * 2**30).max() <= half
    else:
        assert tables.dct_q30.shape == (0, spec.mel_bands)


def test_tables_of_before_the_optional_stages():
    """Tables that lack the later arrays are those of a spec without the stages."""
    tables = build_tables(ROOM)
    older = FrontendTables(**tables.arrays())
    assert set(older.arrays()) == set(tables.arrays())
    assert "band_q30" not in older.arrays()
    assert digest(ROOM, older) == DIGESTS["room-16k"]


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 16_000, 48_000])
def test_denoisers_get_what_they_build(rate_hz: int):
    """A frontend's tables hold each denoiser's own integers, and the right size for the rate."""
    spec = dataclasses.replace(ROOM, rate_hz=rate_hz, mel_bands=4, fmax_hz=1_900)
    found = build_tables(dataclasses.replace(spec, denoise="spectral")).spectral
    wanted = spectral.build_tables(spectral.fft_size_for(rate_hz), spectral.FLOOR_DB)
    assert (found.bias_q20, found.least_q20) == (wanted.bias_q20, wanted.least_q20)
    for name in ("window_q30", "log2_q20", "gain_q15"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    for name in ("twiddle_re_q30", "twiddle_im_q30", "bit_reversal"):
        np.testing.assert_array_equal(getattr(found.turn, name), getattr(wanted.turn, name))
    sigmas = wavelet.CHEST_SIGMAS if rate_hz <= 8_000 else wavelet.ROOM_SIGMAS
    found_q8 = build_tables(dataclasses.replace(spec, denoise="wavelet")).wavelet.factor_q8
    np.testing.assert_array_equal(found_q8, wavelet.build_tables(sigmas).factor_q8)


@pytest.mark.parametrize("name", PRESETS)
def test_tables_are_read_only(name: str):
    """Nobody can change a table in place."""
    for array in build_tables(PRESETS[name]).arrays().values():
        assert not array.flags.writeable
        assert array.dtype == np.int32


def test_a_filter_without_a_bin_is_refused():
    """Filters narrower than an FFT bin are refused with the remedy."""
    spec = dataclasses.replace(ROOM, mel_bands=80, fmax_hz=2_000)
    with pytest.raises(BadInputError, match=r"mel_bands=80 leaves filter \d+ without an FFT bin"):
        build_tables(spec)

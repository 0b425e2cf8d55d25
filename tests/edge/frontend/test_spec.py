"""The frontend's spec: what is valid, and what a person reads when it is not."""

import dataclasses
from typing import Any

import pytest

from edge.errors import BadInputError
from edge.frontend import PRESETS, FrontendSpec

ROOM = PRESETS["room-16k"]

RANGES = [
    ("rate_hz", 3_999, "4000 to 48000"),
    ("rate_hz", 48_001, "4000 to 48000"),
    ("window_samples", 15, "16 to 2048"),
    ("window_samples", 2_049, "16 to 2048"),
    ("hop_samples", 7, "8 to 2048"),
    ("hop_samples", 2_049, "8 to 2048"),
    ("fft_size", 32, "64 to 2048"),
    ("fft_size", 4_096, "64 to 2048"),
    ("mel_bands", 3, "4 to 80"),
    ("mel_bands", 81, "4 to 80"),
    ("fmin_hz", -1, "0 to 24000"),
    ("fmax_hz", 24_001, "1 to 24000"),
    ("floor_dbfs", -121, "-120 to -40"),
    ("floor_dbfs", -39, "-120 to -40"),
    ("hop_samples", 160.0, "8 to 2048"),
    ("fft_size", True, "64 to 2048"),
    ("mel_bands", "40", "4 to 80"),
    ("low_cut_hz", -1, "0 to 12000"),
    ("high_cut_hz", 24_000, "0 to 23040"),
    ("low_cut_hz", 5, "0 or from 10 to 4000"),
    ("high_cut_hz", 7_700, "0 or from 2000 to 7680"),
    ("lpc_order", 17, "0 to 16"),
    ("lpc_order", True, "0 to 16"),
    ("energy", 1, "true or false"),
    ("denoise", "rnn", "one of none, spectral, wavelet"),
    ("denoise", None, "one of none, spectral, wavelet"),
]


@pytest.mark.parametrize(("field", "value", "allowed"), RANGES)
def test_out_of_range(field: str, value: Any, allowed: str):
    """A number out of its range is refused with the field, the value and the range."""
    with pytest.raises(BadInputError) as caught:
        dataclasses.replace(ROOM, **{field: value})
    assert f"{field}={value!r}" in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fft_size": 500}, "fft_size=500 must be a power of two"),
        ({"window_samples": 513}, "window_samples=513 must be at most fft_size=512"),
        ({"hop_samples": 401}, "hop_samples=401 must be at most window_samples=400"),
        ({"fmin_hz": 7_600}, "fmin_hz=7600 and fmax_hz=7600 must rise"),
        ({"fmax_hz": 8_001}, "below half the rate, 8000"),
        ({"output": "lpc"}, "output='lpc' must be one of mfcc, logmel"),
        ({"kept": (3, 2)}, "kept=(3, 2) must rise"),
        ({"kept": (1, 1)}, "kept=(1, 1) must rise"),
        ({"kept": (0, 40)}, "stay from 0 to 39"),
        ({"kept": (-1, 3)}, "stay from 0 to 39"),
        ({"kept": (0, 50), "lpc_order": 8, "energy": True}, "stay from 0 to 49"),
        ({"low_cut_hz": 2_000, "high_cut_hz": 3_000}, "high_cut_hz=3000 must be 0 or from 4000"),
    ],
)
def test_inconsistent(changes: dict[str, Any], words: str):
    """Fields that do not fit together are refused in words."""
    with pytest.raises(BadInputError) as caught:
        dataclasses.replace(ROOM, **changes)
    assert words in str(caught.value)


def test_all_errors_at_once():
    """Every wrong field is named in one refusal."""
    with pytest.raises(BadInputError) as caught:
        dataclasses.replace(ROOM, rate_hz=1, fft_size=9, mel_bands=0)
    for part in ("rate_hz=1", "fft_size=9", "mel_bands=0"):
        assert part in str(caught.value)


@pytest.mark.parametrize("name", PRESETS)
def test_round_trip(name: str):
    """A spec survives its plain form and its canonical text."""
    spec = PRESETS[name]
    assert FrontendSpec.from_dict(spec.to_dict()) == spec
    assert FrontendSpec.from_dict(dict(reversed(spec.to_dict().items()))).to_json() == (
        spec.to_json()
    )


def test_from_dict_refuses_unknown_and_missing():
    """A card with a misspelt or missing field is refused by its name."""
    fields = ROOM.to_dict()
    with pytest.raises(BadInputError, match="unknown field hop_ms"):
        FrontendSpec.from_dict(fields | {"hop_ms": 10})
    del fields["hop_samples"]
    with pytest.raises(BadInputError, match="hop_samples"):
        FrontendSpec.from_dict(fields)


@pytest.mark.parametrize(
    ("field", "value"), [("kept", 3), ("kept", None), ("kept", ["a"]), ("kept", [1.5])]
)
def test_from_dict_refuses_wrong_types(field: str, value: Any):
    """A card with a value of the wrong type is bad input, never a crash of another kind."""
    with pytest.raises(BadInputError, match=field):
        FrontendSpec.from_dict(ROOM.to_dict() | {field: value})


def test_coefficients():
    """A frame has the kept coefficients, or all bands when none are named."""
    assert ROOM.coefficients == 40
    assert ROOM.indices == tuple(range(40))
    few = dataclasses.replace(ROOM, kept=(2, 5))
    assert few.coefficients == 2
    assert few.indices == (2, 5)


def test_a_row_grows_with_its_stages():
    """Reflection coefficients, energy and zero crossings stand behind the bands."""
    spec = dataclasses.replace(ROOM, lpc_order=8, energy=True)
    assert spec.row_values == spec.coefficients == 50
    assert dataclasses.replace(spec, kept=(0, 49)).coefficients == 2


def test_stages_that_are_off_leave_no_trace():
    """A spec of before the optional stages keeps its text; one that has them is read again."""
    assert "lpc" not in ROOM.to_json()
    assert FrontendSpec.from_dict(ROOM.to_dict() | {"lpc_order": 0, "denoise": "none"}) == ROOM
    full = dataclasses.replace(
        ROOM, low_cut_hz=60, high_cut_hz=7_000, denoise="wavelet", lpc_order=8, energy=True
    )
    assert FrontendSpec.from_dict(full.to_dict()) == full

"""The numbers that define a feature.

A spec belongs to a model bundle, never to a device's configuration: a model is only valid
behind the frontend it was trained on.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from edge.errors import BadInputError
from edge.frontend import band

OUTPUTS = ("mfcc", "logmel")
DENOISERS = ("none", "spectral", "wavelet")
MAX_LPC_ORDER = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontendSpec:
    """Defines int16 features of int16 audio, one row a frame.

    A row is the mel bands or their cepstra, then the reflection coefficients, then log energy
    and zero crossings. The fields from `low_cut_hz` on are off unless they are given.

    Attributes:
        rate_hz: sampling rate the stages run at, 4,000 to 48,000; other rates are resampled.
        window_samples: length of a frame, at most `fft_size`.
        hop_samples: distance between frames, at most `window_samples`.
        fft_size: a power of two, 64 to 2,048.
        mel_bands: number of triangular filters, 4 to 80.
        fmin_hz, fmax_hz: lower edge of the first filter, upper edge of the last.
        floor_dbfs: power below which a band counts as silent, -120 to -40. It is the zero of
            the log scale. A lower floor makes digital silence and converter noise look like
            signal and blows up the integer error on them.
        output: `mfcc` (cepstra) or `logmel` (log2 band power), both Q8.7.
        kept: indices of the values of a row that a model keeps, ascending; empty keeps all.
        low_cut_hz, high_cut_hz: edges of the band filter ahead of the frames; 0 leaves one open.
        denoise: `none`, `spectral` or `wavelet`, after the band filter.
        lpc_order: number of reflection coefficients in Q15, 0 to 16.
        energy: whether a row ends with log2 energy above the floor, Q8.7, and zero crossings.
    """

    rate_hz: int
    window_samples: int
    hop_samples: int
    fft_size: int
    mel_bands: int
    fmin_hz: int
    fmax_hz: int
    floor_dbfs: int = -84
    output: str = "mfcc"
    kept: tuple[int, ...] = ()
    low_cut_hz: int = 0
    high_cut_hz: int = 0
    denoise: str = "none"
    lpc_order: int = 0
    energy: bool = False

    def __post_init__(self) -> None:
        """Refuse an inconsistent spec, naming every field, value and range at once."""
        errors = [
            f"{field}={value!r} must be an integer from {low} to {high}"
            for field, value, low, high in self._ranges()
            if type(value) is not int or not low <= value <= high
        ]
        if type(self.kept) is not tuple or any(type(index) is not int for index in self.kept):
            errors.append(f"kept={self.kept!r} must be a list of integers")
        if type(self.energy) is not bool:
            errors.append(f"energy={self.energy!r} must be true or false")
        if not errors:
            errors = self._inconsistencies()
        if errors:
            raise BadInputError("frontend spec: " + "; ".join(errors))

    def _ranges(self) -> list[tuple[str, Any, int, int]]:
        return [
            ("rate_hz", self.rate_hz, 4_000, 48_000),
            ("window_samples", self.window_samples, 16, 2_048),
            ("hop_samples", self.hop_samples, 8, 2_048),
            ("fft_size", self.fft_size, 64, 2_048),
            ("mel_bands", self.mel_bands, 4, 80),
            ("fmin_hz", self.fmin_hz, 0, 24_000),
            ("fmax_hz", self.fmax_hz, 1, 24_000),
            ("floor_dbfs", self.floor_dbfs, -120, -40),
            ("low_cut_hz", self.low_cut_hz, 0, 12_000),
            ("high_cut_hz", self.high_cut_hz, 0, 23_040),
            ("lpc_order", self.lpc_order, 0, MAX_LPC_ORDER),
        ]

    def _inconsistencies(self) -> list[str]:
        errors = []
        if self.fft_size & (self.fft_size - 1):
            errors.append(f"fft_size={self.fft_size} must be a power of two")
        if self.window_samples > self.fft_size:
            errors.append(
                f"window_samples={self.window_samples} must be at most fft_size={self.fft_size}"
            )
        if self.hop_samples > self.window_samples:
            errors.append(
                f"hop_samples={self.hop_samples} must be at most "
                f"window_samples={self.window_samples}"
            )
        if not self.fmin_hz < self.fmax_hz <= self.rate_hz // 2:
            errors.append(
                f"fmin_hz={self.fmin_hz} and fmax_hz={self.fmax_hz} must rise and end at or "
                f"below half the rate, {self.rate_hz // 2}"
            )
        if self.output not in OUTPUTS:
            errors.append(f"output={self.output!r} must be one of {', '.join(OUTPUTS)}")
        if self.denoise not in DENOISERS:
            errors.append(f"denoise={self.denoise!r} must be one of {', '.join(DENOISERS)}")
        for field, edge_hz, (least_hz, most_hz) in zip(
            ("low_cut_hz", "high_cut_hz"),
            (self.low_cut_hz, self.high_cut_hz),
            band.edge_ranges(self.rate_hz, self.low_cut_hz),
            strict=True,
        ):
            if edge_hz and not least_hz <= edge_hz <= most_hz:
                errors.append(f"{field}={edge_hz} must be 0 or from {least_hz} to {most_hz}")
        rising = all(a < b for a, b in zip(self.kept, self.kept[1:], strict=False))
        if not rising or any(not 0 <= index < self.row_values for index in self.kept):
            errors.append(f"kept={self.kept} must rise and stay from 0 to {self.row_values - 1}")
        return errors

    @property
    def row_values(self) -> int:
        """Number of values in a row before a choice among them."""
        return self.mel_bands + self.lpc_order + (2 if self.energy else 0)

    @property
    def coefficients(self) -> int:
        """Number of values in a feature frame."""
        return len(self.indices)

    @property
    def indices(self) -> tuple[int, ...]:
        """Indices of the values of a row that a feature frame holds."""
        return self.kept or tuple(range(self.row_values))

    @property
    def kept_bands(self) -> int:
        """How many of them are mel bands or cepstra; those come first."""
        return sum(index < self.mel_bands for index in self.indices)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, one a field, without the later stages that are off.

        A spec of before those stages keeps its text, and with it its digest.
        """
        values = dataclasses.asdict(self) | {"kept": list(self.kept)}
        off = [name for name, value in _OFF.items() if values[name] == value]
        return {name: value for name, value in values.items() if name not in off}

    def to_json(self) -> str:
        """Canonical text: the same spec always gives the same bytes."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "FrontendSpec":
        """Read what `to_dict` wrote.

        Raises:
            BadInputError: a field is missing, unknown or out of its range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - known)
        if unknown:
            raise BadInputError(f"frontend spec: unknown field {', '.join(unknown)}")
        kept = fields.get("kept", ())
        try:
            return cls(**fields | {"kept": tuple(kept) if isinstance(kept, list) else kept})
        except TypeError as error:
            raise BadInputError(f"frontend spec: {error}") from error


_OFF = {"low_cut_hz": 0, "high_cut_hz": 0, "denoise": "none", "lpc_order": 0, "energy": False}

PRESETS = {
    "room-16k": FrontendSpec(
        rate_hz=16_000,
        window_samples=400,
        hop_samples=160,
        fft_size=512,
        mel_bands=40,
        fmin_hz=60,
        fmax_hz=7_600,
        output="logmel",
    ),
    "chest-4k": FrontendSpec(
        rate_hz=4_000,
        window_samples=128,
        hop_samples=40,
        fft_size=256,
        mel_bands=40,
        fmin_hz=50,
        fmax_hz=1_900,
        output="logmel",
        low_cut_hz=50,
        high_cut_hz=1_800,
    ),
    # The layout of the MLPerf Tiny keyword-spotting reference: 49 frames of 10 cepstra a second.
    "kws-49x10": FrontendSpec(
        rate_hz=16_000,
        window_samples=480,
        hop_samples=320,
        fft_size=512,
        mel_bands=40,
        fmin_hz=20,
        fmax_hz=4_000,
        kept=tuple(range(10)),
    ),
}

"""A picture of what the frontend makes of a recording, for people who would rather look.

Needs matplotlib, which the device does without: the extra `plot`.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError, InputOutputError, UsageError, how_to_install
from edge.frontend import Frontend, FrontendSpec, build_tables
from edge.frontend.extractor import resampler, sample_filters
from edge.frontend.spec import DENOISERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

CEPSTRA = 13
WAVE_COLUMNS = 1_500  # a waveform is drawn as the range of each of so many stretches
DB_A_UNIT = 10 * 0.301029995663981 / 128  # of log2 power in Q8.7


def plot_features(
    pcm: NDArray[np.int16], rate_hz: int, spec: FrontendSpec, path: Path, title: str
) -> None:
    """Draw waveform, mel spectrogram and cepstra, as recorded and after each denoiser.

    Args:
        pcm: int16 [samples], at least one frame long.
        rate_hz: their rate.
        spec: the frontend; its own denoiser is marked.
        path: an image to write; its suffix chooses the format.
        title: a line above.

    Raises:
        UsageError: matplotlib is missing or can't write such a file.
        BadInputError: there is no frame.
        InputOutputError: the file can't be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(f"--plot needs matplotlib; {how_to_install('plot')}") from error
    figure = Figure(figsize=(15, 8), layout="constrained")
    figure.suptitle(title)
    formats = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in formats:
        raise UsageError(f"--plot {path}: the name must end in one of {', '.join(sorted(formats))}")
    axes = figure.subplots(3, len(DENOISERS), sharex=True, sharey="row", squeeze=False)
    samples = resampler(rate_hz, spec.rate_hz).push(pcm)
    columns = [_column(samples, dataclasses.replace(spec, denoise=name)) for name in DENOISERS]
    for row, colours in ((1, "magma"), (2, "RdBu_r")):
        # One scale a row, that of the recording: what a denoiser changes is then seen.
        low, high = np.percentile(columns[0][row], (1, 99.5))
        if row == 2:
            low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
        for column, place in zip(columns, axes[row], strict=True):
            image = _draw_rows(place, column[row], spec, row - 1, (colours, low, high))
        figure.colorbar(image, ax=list(axes[row]), pad=0.01)
    for name, column, place in zip(DENOISERS, columns, axes[0], strict=True):
        _draw_wave(place, column[0], spec.rate_hz)
        heading = "as recorded" if name == "none" else f"denoise = {name}"
        place.set_title(heading + (" (this bundle)" if name == spec.denoise else ""))
    for place in axes[2]:
        place.set_xlabel("seconds")
    for row, label in zip(
        axes[:, 0], ("sample, full scale = 1", "mel band, dBFS", "cepstrum"), strict=True
    ):
        row.set_ylabel(label)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise InputOutputError(
            f"{path} can't be written ({error.strerror}); choose another --plot"
        ) from error


def _column(samples: NDArray[np.int16], spec: FrontendSpec) -> tuple[NDArray[Any], ...]:
    """Samples after the filters, log-mel power in dBFS and cepstra from the first on."""
    bands = dataclasses.replace(spec, output="logmel", kept=(), lpc_order=0, energy=False)
    kept = tuple(range(1, min(CEPSTRA, spec.mel_bands)))
    cepstra = dataclasses.replace(bands, output="mfcc", kept=kept)
    log_q7 = Frontend(bands).push(samples)
    if len(log_q7) == 0:
        raise BadInputError(
            f"--plot needs a longer recording: {len(samples)} samples at {spec.rate_hz} Hz make "
            "no frame"
        )
    cepstra_q7 = Frontend(cepstra).push(samples)
    for stage in sample_filters(bands, build_tables(bands)):
        samples = stage.push(samples)
    return samples, log_q7 * DB_A_UNIT + spec.floor_dbfs, cepstra_q7 / 128


def _draw_wave(axes: "Axes", samples: NDArray[np.int16], rate_hz: int) -> None:
    """The least and the greatest sample of each stretch."""
    length = max(1, -(-len(samples) // WAVE_COLUMNS))
    starts = np.arange(0, len(samples), length)
    low = np.minimum.reduceat(samples, starts) / 32_768
    high = np.maximum.reduceat(samples, starts) / 32_768
    axes.fill_between(starts / rate_hz, low, high, linewidth=0.5)
    axes.margins(x=0)


def _draw_rows(
    axes: "Axes",
    rows: NDArray[np.float64],
    spec: FrontendSpec,
    first: int,
    scale: tuple[str, float, float],
) -> "AxesImage":
    """Rows as columns of an image; a frame is drawn about its middle."""
    start_s = (spec.window_samples - spec.hop_samples) / 2 / spec.rate_hz
    end_s = start_s + len(rows) * spec.hop_samples / spec.rate_hz
    colours, low, high = scale
    return axes.imshow(
        rows.T, origin="lower", aspect="auto", interpolation="nearest", cmap=colours,
        extent=(start_s, end_s, first - 0.5, first + rows.shape[1] - 0.5), vmin=low, vmax=high,
    )  # fmt: skip

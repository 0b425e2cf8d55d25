"""Frequency-domain denoiser: int16 samples in, int16 samples out.

Each bin's noise is tracked as the low side of its smoothed log power, after the idea of
minimum statistics (Martin, IEEE Trans. Speech and Audio Processing 9(5), 2001): it falls
within a tenth of a second and rises over seconds, so a cough is not taken for noise. The gain
is Wiener's, with a floor; it opens at once, since a crackle lasts less than a frame, and
closes slowly, since isolated bins that come and go are heard as musical tones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import fourier, portable
from edge.frontend.fixed import Ints, bit_length, rounded_shift
from edge.frontend.framer import Framer

FRAME_BITS = 28  # of a frame's largest sample: what fourier.inverse takes
WINDOW_BITS = 30
LOG_BITS = 20
LOG_TABLE_BITS = 8
GAIN_BITS = 15
OVERLAP_BITS = 8  # fraction of the samples that wait for the next frame
# The gain's table: 32 steps to a factor of two in power, 8 such factors.
STEP_BITS = 5
GAIN_STEPS = 8 << STEP_BITS

# Shifts that set time constants, in frames of 8 ms: 2^n frames.
SMOOTHING = 2
RISE = 9
FALL = 3
RELEASE = 2
# The tracked value lies this far below the mean power of steady noise, in factors of two;
# measured on white noise.
BIAS = 1.1
# Noise taken away for each unit estimated: what the power's own spread needs.
OVERSUBTRACTION = 1.5
# Least gain that the presets use: what is left of the noise hides what the gain does to it.
FLOOR_DB = -15
MIN_FLOOR_DB, MAX_FLOOR_DB = -40, 0
BATCH_FRAMES = 64


@dataclass(frozen=True, slots=True, eq=False)
class SpectralTables:
    """The integers of a denoiser; read-only.

    Attributes:
        turn: the transform's integers.
        window_q30: int32 [fft_size], root of the periodic Hann window, a half sine.
        log2_q20: int32 [256], log2(1 + i / 256).
        gain_q15: int32 [256], by the power over the noise in steps of 1/32 of a factor of two.
        bias_q20: added to the tracked log2 power to meet the noise's mean.
        least_q20: log2 power of the rounding to 16 bits; the noise is never taken as less.
    """

    turn: fourier.Rotations
    window_q30: NDArray[np.int32]
    log2_q20: NDArray[np.int32]
    gain_q15: NDArray[np.int32]
    bias_q20: int
    least_q20: int


def fft_size_for(rate_hz: int) -> int:
    """Length of a frame: the power of two from 12 to 24 ms; 256 at 16 kHz, 64 at 4 kHz."""
    return 1 << (rate_hz * 12 // 1_000).bit_length()


def build_tables(fft_size: int, floor_db: int) -> SpectralTables:
    """Compute a denoiser's integers; the same bits on every machine.

    Args:
        fft_size: frame length, a power of two from 32 to 1,024; frames overlap by half.
        floor_db: least gain, -40 to 0 dB; 0 leaves everything as it is.

    Raises:
        BadInputError: a value is out of its range.
    """
    if not 32 <= fft_size <= 1_024 or fft_size & (fft_size - 1):
        raise BadInputError(
            f"spectral denoiser: fft_size={fft_size} must be a power of two from 32 to 1024"
        )
    if not MIN_FLOOR_DB <= floor_db <= MAX_FLOOR_DB:
        raise BadInputError(
            f"spectral denoiser: floor_db={floor_db} must be from {MIN_FLOOR_DB} to {MAX_FLOOR_DB}"
        )
    index = np.arange(fft_size, dtype=np.int64)
    log2 = np.array([portable.log2(1 + i / 256) for i in range(256)])
    # White rounding noise of 1/12 square units, windowed, in one bin of the divided spectrum.
    least = -portable.log2(24 * fft_size)
    return SpectralTables(
        turn=fourier.rotations(fft_size),
        window_q30=portable.fixed(portable.sin_turns(index, 2 * fft_size), WINDOW_BITS),
        log2_q20=portable.fixed(log2, LOG_BITS),
        gain_q15=portable.fixed(_gain(floor_db), GAIN_BITS),
        bias_q20=int(BIAS * (1 << LOG_BITS)),
        least_q20=int(portable.fixed(np.array([least]), LOG_BITS)[0]),
    )


def _gain(floor_db: int) -> NDArray[np.float64]:
    """Wiener's gain over the ratio of power to noise; the last step is one."""
    least = portable.exp(floor_db / 20 * portable.ln(10))
    ratio = np.array([portable.exp(i / 32 * portable.ln(2)) for i in range(GAIN_STEPS)])
    gain: NDArray[np.float64] = np.maximum(least, 1 - OVERSUBTRACTION / ratio)
    gain[-1] = 1.0
    return gain


class SpectralDenoiser:
    """Denoises a stream; blocks of any size give the same samples.

    Output m belongs to input m; it comes in blocks of half a frame.

    Attributes:
        latency_samples: the most samples that are held back: a frame less one.
    """

    def __init__(self, tables: SpectralTables) -> None:
        """Take what `build_tables` gave."""
        self._tables = tables
        self._size = tables.turn.fft_size
        self._framer = Framer(self._size, self._size // 2)
        self.latency_samples = self._size - 1
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next sample is sample 0, after silence."""
        self._framer.reset()
        # Half a frame of silence ahead, so that two frames meet on sample 0 as on any other.
        self._framer.push(np.zeros(self._size // 2, dtype=np.int16))
        self._overlap = np.zeros((1, self._size // 2), dtype=np.int64)
        self._noise = Noise(self._tables)
        self._begun = False

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take int16 [samples], also none; give the int16 samples they complete, also none."""
        frames = self._framer.push(pcm)
        parts = [np.zeros(0, dtype=np.int16)]
        for start in range(0, len(frames), BATCH_FRAMES):
            parts.append(self._denoise(frames[start : start + BATCH_FRAMES]))
        out = np.concatenate(parts)
        if not self._begun and len(out):  # the half frame ahead of sample 0
            self._begun, out = True, out[self._size // 2 :]
        return out

    def _denoise(self, frames: NDArray[np.int16]) -> NDArray[np.int16]:
        """int16 [frames, fft_size] -> int16 [frames * fft_size / 2]."""
        re, im, shift = analyse(frames, self._tables)
        gain = self._noise.gains(log_power(re, im, shift, self._tables))
        re = rounded_shift(re * gain, GAIN_BITS)
        im = rounded_shift(im * gain, GAIN_BITS)
        pieces = synthesise(re, im, shift, self._tables)
        half = self._size // 2
        tails = np.concatenate([self._overlap, pieces[:, half:]])
        self._overlap = tails[-1:]
        total = rounded_shift(pieces[:, :half] + tails[:-1], OVERLAP_BITS)
        return np.clip(total, -32_768, 32_767).astype(np.int16).reshape(-1)


class Noise:
    """Each bin's noise and gain, frame by frame: the only recursion."""

    def __init__(self, tables: SpectralTables) -> None:
        self._tables = tables
        bins = tables.turn.fft_size // 2 + 1
        self._smooth = self._noise = np.zeros(bins, dtype=np.int64)  # Q20
        self._gain = np.full(bins, 1 << GAIN_BITS, dtype=np.int64)
        self._begun = False

    def gains(self, log_q20: Ints) -> Ints:
        """int64 [frames, bins], Q20 log2 power -> int64 [frames, bins], Q15 gain."""
        out = np.empty_like(log_q20)
        for frame, log in enumerate(log_q20):
            out[frame] = self._next(log)
        return out

    def _next(self, log: Ints) -> Ints:
        if not self._begun:
            self._smooth, self._noise, self._begun = log, log, True
        self._smooth = self._smooth + ((log - self._smooth) >> SMOOTHING)
        change = self._smooth - self._noise
        self._noise = np.maximum(
            self._noise + np.where(change > 0, change >> RISE, change >> FALL),
            self._tables.least_q20,
        )
        above = log - self._noise - self._tables.bias_q20
        step = np.clip(above >> (LOG_BITS - STEP_BITS), 0, GAIN_STEPS - 1)
        gain = self._tables.gain_q15[step].astype(np.int64)
        self._gain = np.maximum(gain, self._gain + ((gain - self._gain) >> RELEASE))
        return self._gain


def analyse(frames: NDArray[np.int16], tables: SpectralTables) -> tuple[Ints, Ints, Ints]:
    """Scale each frame up to FRAME_BITS bits, window and transform it.

    Returns:
        Real and imaginary parts, int64 [frames, bins], below 2^28, and the int64 [frames] left
        shift taken: block floating point.
    """
    wide = frames.astype(np.int64)
    shift = FRAME_BITS - bit_length(np.abs(wide).max(axis=1))  # 12 to 28 (silence)
    windowed = rounded_shift((wide << shift[:, None]) * tables.window_q30, WINDOW_BITS)
    re, im = fourier.forward(windowed, tables.turn)
    return re, im, shift


def log_power(re: Ints, im: Ints, shift: Ints, tables: SpectralTables) -> Ints:
    """log2 of each bin's power, smoothed with its neighbours' (1 2 1).

    Returns:
        int64 [frames, bins], Q20, without the frame's shift.
    """
    power = re * re + im * im  # below 2^57
    wide = np.pad(power, ((0, 0), (1, 1)), mode="reflect")
    power = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) >> 2
    exponent = np.maximum(bit_length(power) - 1, 0)
    down, up = exponent - LOG_TABLE_BITS, LOG_TABLE_BITS - exponent
    mantissa = np.where(down > 0, power >> np.maximum(down, 0), power << np.maximum(up, 0))
    log: Ints = tables.log2_q20[mantissa & ((1 << LOG_TABLE_BITS) - 1)] + (exponent << LOG_BITS)
    log -= (2 * shift[:, None]) << LOG_BITS
    return log


def synthesise(re: Ints, im: Ints, shift: Ints, tables: SpectralTables) -> Ints:
    """Inverse transform and window of each frame, its shift taken back.

    Returns:
        int64 [frames, fft_size], samples with OVERLAP_BITS of fraction.
    """
    peak = np.maximum(np.abs(re).max(axis=1), np.abs(im).max(axis=1))
    up = FRAME_BITS - bit_length(peak)
    x = fourier.inverse(re << up[:, None], im << up[:, None], tables.turn)
    # The transform divided by its size; beyond 62 bits nothing but zero is left.
    size_bits = tables.turn.fft_size.bit_length() - 1
    down = np.minimum(WINDOW_BITS - OVERLAP_BITS - size_bits + shift + up, 62)[:, None]
    pieces: Ints = (x * tables.window_q30 + (np.int64(1) << (down - 1))) >> down
    return pieces

"""A WAV or FLAC file, decoded block by block."""

import contextlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from edge.capture.container import AGAIN, refuse_bad_container, remedy, unsupported
from edge.capture.mix import mono
from edge.errors import AirwayError, BadInputError, InputOutputError
from edge.records import AudioBlock

MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 192_000
# Of full scale: beyond are integers that were written as floats.
MOST_PEAK = 100.0

# Values decoded at a time. Soundfile seeks after each read, which costs FLAC a frame of
# decoding: fewer would be slow, many more would only take memory.
_READ_VALUES = 65_536
# What libsndfile calls the length of a FLAC file that does not tell it is far beyond.
_MOST_SAMPLES = 2**48

# libsndfile's subtype -> how to read it, and what brings it to the scale of int16. It
# hands out 8- and 24-bit samples in the upper bits of 32.
_SCALES: dict[str, tuple[str, float]] = {
    "PCM_16": ("int16", 1.0),
    "PCM_S8": ("int32", 2.0**-16),
    "PCM_24": ("int32", 2.0**-16),
    "PCM_32": ("int32", 2.0**-16),
    "FLOAT": ("float64", 2.0**15),
    "DOUBLE": ("float64", 2.0**15),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """A WAV or FLAC file that has been looked at and can be played any number of times.

    Attributes:
        path: the file.
        rate_hz: sampling rate, 4,000 to 192,000.
        channels: channels in the file; `blocks` gives their mean.
        samples: length in samples of one channel, at least 1.
        subtype: libsndfile's name of the sample format.
    """

    path: Path
    rate_hz: int
    channels: int
    samples: int
    subtype: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples / self.rate_hz

    def blocks(self, block_samples: int, start: int = 0) -> Iterator[AudioBlock]:
        """Decode from the beginning.

        Args:
            block_samples: samples a block, at least 1; the last block may be shorter.
            start: index of the first sample on the session's clock.

        Yields:
            Mono blocks, consecutive.

        Raises:
            BadInputError: the file can't be decoded to its end, or a float sample is not
                a number.
            InputOutputError: the file is gone.
        """
        if block_samples < 1:
            raise ValueError(f"{block_samples=} is not at least 1")
        dtype, scale = _SCALES[self.subtype]
        step = block_samples * max(1, _READ_VALUES // (block_samples * self.channels))
        done = 0
        with _opened(self.path) as file:
            while True:
                values = _read(file, step, dtype, self.path)
                if not len(values):
                    break
                if dtype == "float64":
                    refuse_not_a_sample(values, self.path, done)
                pcm = mono(values, scale)
                for at in range(0, len(pcm), block_samples):
                    part = pcm[at : at + block_samples]
                    yield AudioBlock(part, self.rate_hz, start + done + at)
                done += len(pcm)
        if done != self.samples:
            raise BadInputError(
                f"{self.path} ends after {done} of {self.samples} samples; copy or record it again"
            )


def open_wav_or_flac(path: Path) -> Recording:
    """Look at a recording and refuse what can't be listened to as it is.

    Args:
        path: WAV (PCM 16, 24 or 32 bits, or float) or FLAC, at 4 to 192 kHz.

    Returns:
        The recording; nothing of it is kept open.

    Raises:
        BadInputError: not such a file, cut short, empty, or a rate out of range.
        InputOutputError: not found, not readable, or not a regular file.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # to open a pipe would wait for its writer
            raise InputOutputError(f"{path} is not a regular file; name a WAV or FLAC file")
        with path.open("rb") as file:
            refuse_bad_container(file, state.st_size, path)
    except OSError as error:
        raise _unreadable(path, error) from error
    with _opened(path) as file:
        recording = Recording(path, file.samplerate, file.channels, file.frames, file.subtype)
        if recording.subtype not in _SCALES:
            raise unsupported(path, file.subtype_info)
        if not MIN_RATE_HZ <= recording.rate_hz <= MAX_RATE_HZ:
            raise BadInputError(
                f"{path} has {recording.rate_hz} samples a second; it must be between "
                f"{MIN_RATE_HZ} and {MAX_RATE_HZ}, so resample it: {remedy(path, '-ar 16000 ')}"
            )
        if recording.samples < 1:
            raise BadInputError(f"{path} holds no samples; record it again")
        if file.format == "FLAC":
            _refuse_short_flac(file, path)
    return recording


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """By its bytes alone: soundfile takes a name's end for a format, and needs it in UTF-8."""
    try:
        raw = path.open("rb")
    except FileNotFoundError as error:
        raise InputOutputError(f"{path} is gone; put it back") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    with raw:
        try:
            file = soundfile.SoundFile(raw.fileno(), closefd=False)
        except soundfile.LibsndfileError as error:
            raise _undecodable(path, error) from error
        with file:
            yield file


def _read(file: Any, samples: int, dtype: str, path: Path) -> NDArray[Any]:
    """Up to `samples` of each channel, [samples, channels]."""
    try:
        values: NDArray[Any] = file.read(samples, dtype=dtype, always_2d=True)
    except soundfile.LibsndfileError as error:
        raise _undecodable(path, error) from error
    return values


def _refuse_short_flac(file: Any, path: Path) -> None:
    """The last sample of a FLAC file that was cut off can't be reached."""
    if file.frames > _MOST_SAMPLES:
        raise BadInputError(
            f"{path} is a FLAC file that was written to a pipe and does not say how long it is; "
            f"repair it: ffmpeg -i {path.name} -c:a flac out.flac"
        )
    try:
        file.seek(file.frames - 1)
        ends_well = len(file.read(1)) == 1
        file.seek(0)
    except soundfile.LibsndfileError:
        ends_well = False
    if not ends_well:
        raise BadInputError(f"{path} is a FLAC file that is cut short or damaged; {AGAIN}")


def refuse_not_a_sample(values: NDArray[np.float64], path: Path, start: int) -> None:
    """Full scale is 1.0: nan, infinity and integers written as floats are no sound.

    Args:
        values: float [samples, channels].
        path: the recording.
        start: which of its samples comes first.

    Raises:
        BadInputError: names the first such sample.
    """
    bad = ~(np.abs(values) <= MOST_PEAK)
    if bad.any():
        at, channel = np.argwhere(bad)[0]
        raise BadInputError(
            f"{path} has {values[at, channel]:g} as sample {start + at}, full scale being 1.0; "
            "divide integers by 32768, or export it again"
        )


def _unreadable(path: Path, error: OSError) -> AirwayError:
    return InputOutputError(f"can't read {path}: {error.strerror}")


def _undecodable(path: Path, error: soundfile.LibsndfileError) -> AirwayError:
    return BadInputError(f"{path} can't be decoded ({error.error_string.rstrip('.')}); {AGAIN}")

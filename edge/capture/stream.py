"""Sound as it arrives: raw samples from a pipe, and a file at the pace of a live source."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import numpy as np

from edge.capture.container import kind_of_file
from edge.capture.mix import mono
from edge.errors import BadInputError, InputOutputError
from edge.records import AudioBlock

_logger = logging.getLogger(__name__)
# Two bytes that MP3 and AAC begin with, and a quiet room's first sample may be.
_SHORT_MAGIC = b"\xff"


def stdin_blocks(
    stream: BinaryIO, rate_hz: int, channels: int, block_samples: int
) -> Iterator[AudioBlock]:
    """Raw samples from a pipe.

    Args:
        stream: interleaved S16_LE; buffered or not, and it may give any number of bytes
            at a time.
        rate_hz: sampling rate, taken on trust.
        channels: interleaved channels, mixed by their mean.
        block_samples: samples of one channel a block, at least 1; the last may be shorter.

    Yields:
        Mono blocks, consecutive from index 0. An incomplete sample at the end is left out.

    Raises:
        BadInputError: the stream begins with the header of a file of sound.
        InputOutputError: the stream can't be read.
    """
    frame_bytes = 2 * channels
    start = 0
    while data := _read_fully(stream, block_samples * frame_bytes):
        kind = kind_of_file(data[:12]) if start == 0 else ""
        if kind and not data.startswith(_SHORT_MAGIC):
            raise BadInputError(
                f"standard input carries {kind}; send raw samples (arecord -t raw), or "
                'name the file with source.kind = "wav"'
            )
        whole = len(data) - len(data) % frame_bytes
        if whole < len(data):
            _logger.warning(
                "standard input ended inside a sample: ignored %d bytes", len(data) - whole
            )
        values = np.frombuffer(data, dtype="<i2", count=whole // 2).reshape(-1, channels)
        pcm = mono(values, 1.0)
        if len(pcm):
            yield AudioBlock(pcm, rate_hz, start)
        start += len(pcm)


def paced(
    blocks: Iterable[AudioBlock],
    block_samples: int,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> Iterator[AudioBlock]:
    """Hand out samples when a live source would: as the last of a block would be recorded.

    Args:
        blocks: consecutive blocks of any length.
        block_samples: samples a block, at least 1; the last of each of `blocks` may be shorter.
        clock: monotonic seconds.
        sleep: waits for so many seconds, or less when it is interrupted.

    Yields:
        The same samples, in pieces of these blocks. Those that are due at once come as one
        piece, so no delay adds up.
    """
    begin_s = clock()
    origin: int | None = None
    for block in blocks:
        origin = block.start if origin is None else origin
        before, at = block.start - origin, 0
        while at < len(block.pcm):
            until = min(at + block_samples, len(block.pcm))
            now_s = clock()
            wait_s = begin_s + (before + until) / block.rate_hz - now_s
            if wait_s > 0:
                sleep(wait_s)
            else:
                due = round((now_s - begin_s) * block.rate_hz) - before
                until = max(until, min(due - due % block_samples, len(block.pcm)))
            yield AudioBlock(block.pcm[at:until], block.rate_hz, block.start + at)
            at = until


def _read_fully(stream: BinaryIO, count: int) -> bytes:
    """`count` bytes, or fewer at the end of the stream."""
    data = bytearray()
    try:
        while len(data) < count:
            part = stream.read(count - len(data))
            if part is None:
                raise InputOutputError("standard input is non-blocking; connect it to a pipe")
            if not part:
                break
            data += part
    except OSError as error:
        raise InputOutputError(f"can't read standard input: {error.strerror}") from error
    return bytes(data)

"""Recordings to score: as the device reads them, and in every other format that a corpus has."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.capture import open_wav_or_flac
from edge.capture.mix import mono
from train_export.datasets import decoded_blocks
from train_export.readers.rows import span

DEVICE_SUFFIXES = (".wav", ".flac")
BLOCK_SAMPLES = 2**18


def blocks_of(path: Path) -> tuple[int, Iterator[NDArray[np.int16]]]:
    """A recording's rate in Hz, and its mono int16 samples, a second or more at a time.

    Raises:
        InputOutputError: the file can't be read.
        BadInputError: it can't be decoded.
    """
    if path.suffix.lower() in DEVICE_SUFFIXES:
        recording = open_wav_or_flac(path)
        rate_hz = recording.rate_hz
        return rate_hz, (block.pcm for block in recording.blocks(rate_hz))
    rate_hz, decoded = decoded_blocks(path, BLOCK_SAMPLES)
    return rate_hz, (mono(pcm, 1.0) for pcm in decoded)


def span_or_whole(row: dict[str, str], where: str, folder: Path) -> tuple[float, float]:
    """The start and end of a manifest's row in seconds; without times it is its whole recording.

    Raises:
        InputOutputError: the file can't be read.
        BadInputError: it can't be decoded, or as `span`.
    """
    if row["start_s"] or row["end_s"]:
        return span(row["start_s"], row["end_s"], where)
    rate_hz, blocks = blocks_of(folder / row["path"])
    return 0.0, sum(len(pcm) for pcm in blocks) / rate_hz

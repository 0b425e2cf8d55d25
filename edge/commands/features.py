"""`airway features`: the feature frames of a recording, as numbers or as a picture."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, load_bundle
from edge.capture import Recording, open_wav_or_flac
from edge.commands.output import BLOCK_S
from edge.errors import InputOutputError, UsageError
from edge.frontend import Frontend


def add(commands: Any) -> None:
    """Register the command; `commands` are argparse's sub-parsers."""
    features = commands.add_parser("features", help="write the features of a recording")
    features.add_argument("file", type=Path, metavar="FILE", help="WAV or FLAC")
    features.add_argument("--bundle", default="room", help="whose frontend (default: room)")
    features.add_argument("--backend", default="auto", choices=("auto", "native", "reference"))
    features.add_argument("--out", type=Path, metavar="F.npy", help="int16 [frames, values]")
    features.add_argument("--plot", type=Path, metavar="F.png", help="a picture (extra: plot)")
    features.set_defaults(command=_features)


def _features(arguments: argparse.Namespace) -> int:
    if arguments.out is None and arguments.plot is None:
        raise UsageError("features would write nothing; give --out F.npy, --plot F.png or both")
    bundle = load_bundle(arguments.bundle)
    recording = open_wav_or_flac(arguments.file)
    for written in (arguments.out, arguments.plot):
        if written is not None and written.exists() and written.samefile(arguments.file):
            raise UsageError(f"{written} is the recording itself; name another file to write")
    if arguments.out is not None:
        _write_features(recording, bundle, arguments.backend, arguments.out)
    if arguments.plot is not None:
        from edge.plot import plot_features  # brings matplotlib

        pcm = np.concatenate([np.zeros(0, dtype=np.int16), *_pcm_blocks(recording)])
        title = f"{arguments.file.name}, bundle {bundle.name}"
        plot_features(pcm, recording.rate_hz, bundle.spec, arguments.plot, title)
    return 0


def _pcm_blocks(recording: Recording) -> Iterator[NDArray[np.int16]]:
    return (block.pcm for block in recording.blocks(int(recording.rate_hz * BLOCK_S)))


def _write_features(recording: Recording, bundle: Bundle, backend: str, out: Path) -> None:
    frontend = Frontend(bundle.spec, bundle.tables, recording.rate_hz, backend)
    frames = [frontend.push(pcm) for pcm in _pcm_blocks(recording)]
    empty = np.zeros((0, bundle.spec.coefficients), dtype=np.int16)
    try:
        with out.open("wb") as file:
            np.save(file, np.concatenate([empty, *frames]))
    except OSError as error:
        raise InputOutputError(
            f"{out} can't be written ({error.strerror}); choose another --out"
        ) from error

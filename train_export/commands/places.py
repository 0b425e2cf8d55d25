"""Places of the command line to write to, refused where they are named and not hours later."""

import os
from pathlib import Path

from edge.errors import InputOutputError


def out_folder(text: str) -> Path:
    """A folder, which may be there or come to be.

    Raises:
        InputOutputError: nothing can be written there.
    """
    path = Path(text)
    _refuse_unless_writable(path, path)
    return path


def out_file(text: str) -> Path:
    """A file, which may be there or come to be, its folders with it.

    Raises:
        InputOutputError: it is a folder, or nothing can be written there.
    """
    path = Path(text)
    if path.is_dir():
        raise InputOutputError(f"{path} is a folder, and a file goes there; name another file")
    _refuse_unless_writable(path, path.parent)
    return path


def _refuse_unless_writable(path: Path, into: Path) -> None:
    there = next(place for place in (into, *into.absolute().parents) if place.exists())
    if not there.is_dir():
        raise InputOutputError(f"{path} can't be written: {there} is a file; name another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputOutputError(
            f"{path} can't be written: you may not write in {there}; name another place"
        )

"""One daemon to a history: two would count each hour of listening twice, and send all twice."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edge.errors import TryAgainError


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Hold a history, by whatever links it is called; the kernel lets go when the process ends.

    Where the file beside it can't be made, because the disk is full or the directory is not
    there, nothing is held: the database says itself what is wrong.

    Raises:
        TryAgainError: another process holds it.
    """
    try:
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TryAgainError(
                f"another airway run keeps its history in {path}; give each its own store.path "
                "and node, or stop the other one"
            ) from error
        yield
    finally:
        os.close(handle)

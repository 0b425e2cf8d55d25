"""Whether there is room on the disk of the history."""

import shutil
from pathlib import Path

# A disk with less is full: a database can't even be opened on it.
_FULL_BYTES = 1_000_000


def is_full(path: Path) -> bool:
    """Whether there is no space where the database is to be."""
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free < _FULL_BYTES

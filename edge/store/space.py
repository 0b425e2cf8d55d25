"""Whether there is room on the disk of the history."""

import os
from pathlib import Path

# A disk with less is full: a database can't even be opened on it.
_FULL_BYTES = 1_000_000


def is_full(path: Path) -> bool:
    """Whether there is no space where the database is to be."""
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    disk = os.statvfs(folder)
    no_inode = disk.f_files > 0 and disk.f_favail == 0  # some file systems count none
    return disk.f_bavail * disk.f_frsize < _FULL_BYTES or no_inode

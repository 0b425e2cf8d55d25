"""A synthetic history, and the site over it."""

import tempfile
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from edge.web import Gate, Pages, Site
from scripts.synthetic_history import Scenario, make_history

SCENARIO = Scenario(nights=60)
NOW_UNIX_S = SCENARIO.now_unix_s


@pytest.fixture(scope="session")
def history() -> Iterator[Path]:
    """A database of 60 invented nights; not to be written."""
    memory = Path("/dev/shm")  # each event waits for the disk, which here is none
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        path = Path(folder) / "airway.db"
        make_history(path, SCENARIO)
        yield path


@pytest.fixture(scope="session")
def pages(history: Path) -> Pages:
    """The pages over it, on the morning after the last night."""
    return Pages(history, "bedroom", UTC, lambda: NOW_UNIX_S)


@pytest.fixture
def site(pages: Pages) -> Site:
    """The pages for this machine alone."""
    return Site(pages, Gate(None, lambda: NOW_UNIX_S))

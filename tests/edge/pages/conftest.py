"""A synthetic history, and the site over it."""

from datetime import UTC
from pathlib import Path

import pytest

from edge.web import Gate, Pages, Site
from scripts.synthetic_history import Scenario, make_history

SCENARIO = Scenario(nights=60)
NOW_UNIX_S = SCENARIO.now_unix_s


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of 60 invented nights; not to be written."""
    path = tmp_path_factory.mktemp("history") / "airway.db"
    make_history(path, SCENARIO)
    return path


@pytest.fixture(scope="session")
def pages(history: Path) -> Pages:
    """The pages over it, on the morning after the last night."""
    return Pages(history, "bedroom", UTC, lambda: NOW_UNIX_S)


@pytest.fixture
def site(pages: Pages) -> Site:
    """The pages for this machine alone."""
    return Site(pages, Gate(None, lambda: NOW_UNIX_S))

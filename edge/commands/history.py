"""Where the history is that a command shows: of a configuration, or a file of its own."""

import argparse
import os
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.config import load_settings

DEFAULT_CONFIG = Path("/etc/airway/config.toml")


@dataclass(frozen=True, slots=True)
class History:
    """Which history.

    Attributes:
        database: where it is.
        node: the device's name.
        zone: for local times; None is the device's own.
    """

    database: Path
    node: str
    zone: tzinfo | None


def add_where(parser: argparse.ArgumentParser) -> None:
    """The options that `history_of` reads."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="F", help="whose store.path"
    )
    where.add_argument("--db", type=Path, metavar="F", help="a database, without a configuration")


def history_of(arguments: argparse.Namespace) -> History:
    """The history that the options name.

    Raises:
        ConfigError: the configuration is wrong.
    """
    if arguments.db is not None:
        return History(arguments.db, arguments.db.stem, None)
    settings = load_settings(arguments.config, os.environ)
    zone = ZoneInfo(settings.night.timezone) if settings.night.timezone else None
    return History(settings.store.path, settings.node, zone)

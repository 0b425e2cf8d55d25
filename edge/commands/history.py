"""Where the history is that a command shows: of a configuration, or a file of its own."""

import argparse
import os
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.config import NightSettings, load_settings

DEFAULT_CONFIG = Path("/etc/airway/config.toml")


@dataclass(frozen=True, slots=True)
class History:
    """Which history.

    Attributes:
        database: where it is.
        node: the device's name.
        night: when its nights are.
    """

    database: Path
    node: str
    night: NightSettings

    @property
    def zone(self) -> tzinfo | None:
        """For local times; None is the device's own."""
        return ZoneInfo(self.night.timezone) if self.night.timezone else None


def add_where(parser: argparse.ArgumentParser) -> None:
    """The options that `history_of` reads."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="F",
        help=f"configuration that names the history (default: {DEFAULT_CONFIG})",
    )  # fmt: skip
    where.add_argument("--db", type=Path, metavar="F", help="a database, without a configuration")


def history_of(arguments: argparse.Namespace) -> History:
    """The history that the options name.

    Raises:
        ConfigError: the configuration is wrong.
    """
    if arguments.db is not None:
        # A name that is not UTF-8 could be written nowhere.
        node = os.fsencode(arguments.db.stem).decode(errors="replace")
        return History(arguments.db, node, NightSettings())
    settings = load_settings(arguments.config, os.environ)
    return History(settings.store.path, settings.node, settings.night)

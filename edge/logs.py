"""Logs on standard error, for a person or for the journal.

The journal keeps the time and reads a priority in front of each line (sd-daemon(3)), so both
are left to it where it listens.
"""

import json
import logging
import os
import sys

from edge.config import LogSettings

PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


class _Words(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")


class _Journal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).replace("\n", " | ")
        return f"<{PRIORITIES.get(record.levelname, 6)}>{lines}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "module": record.name,
            "message": super().format(record),
        }
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(settings: LogSettings) -> None:
    """Send every log line at or above the configured level to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.json:
        handler.setFormatter(_Json())
    else:
        handler.setFormatter(_Journal() if "JOURNAL_STREAM" in os.environ else _Words())
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)

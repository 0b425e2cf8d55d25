"""The history for who only looks at it: a connection that can't change the file."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge.errors import AirwayError, ConfigError, InputOutputError
from edge.records import Night
from edge.store import hours, nights, outbox, retention
from edge.store.database import BUSY_TIMEOUT_S, VERSION, Database
from edge.store.hours import Span

IDENTITY = "identity"  # name of a setting


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it was kept.

    Attributes:
        id: of its message, a UUID.
        source: name of the microphone.
        label: what was heard.
        onset_unix_s: seconds since 1970.
        duration_s: seconds.
        score: the model's raw confidence, 0 to 1.
        p: calibrated probability that a listener would agree, 0 to 1.
    """

    id: str
    source: str
    label: str
    onset_unix_s: float
    duration_s: float
    score: float
    p: float


@dataclass(frozen=True, slots=True)
class SessionStart:
    """How a capture session began.

    Attributes:
        source: name of the microphone.
        start_unix_s: seconds since 1970.
        clock_synced: the device's clock was synchronised.
    """

    source: str
    start_unix_s: float
    clock_synced: bool


class Reader:
    """A look at the history; the file and its directory need not be writable.

    Args:
        path: a database that a daemon has made.

    Raises:
        ConfigError: it is another program's, or of another release.
        DamagedError: it is broken.
        InputOutputError: it is not there, or can't be read.
    """

    def __init__(self, path: Path) -> None:
        self._db = _ReadOnly(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._db.close()

    def nights(self, now_unix_s: float) -> list[Night]:
        """Every night that was summed up, the oldest first; one of a wrong clock is left out."""
        return nights.read(self._db, now_unix_s)

    def spans(self, start_unix_s: float, end_unix_s: float) -> list[Span]:
        """What was covered in a stretch of time, in order; the first and last may jut out."""
        with self._db.sentences():
            return hours.spans(self._db, start_unix_s, end_unix_s)

    def onsets(self, label: str, start_unix_s: float, end_unix_s: float) -> list[float]:
        """When each event of one label began, seconds since 1970, in order."""
        with self._db.sentences():
            rows = self._db.execute(
                """SELECT onset_unix_s FROM event
                WHERE label = ? AND onset_unix_s >= ? AND onset_unix_s < ? ORDER BY onset_unix_s""",
                label,
                start_unix_s,
                end_unix_s,
            ).fetchall()
        return [float(onset) for (onset,) in rows]

    def events(self, start_unix_s: float, end_unix_s: float, limit: int) -> list[StoredEvent]:
        """The latest events of a stretch of time, at most `limit`, the newest first."""
        return self._events(
            "onset_unix_s >= ? AND onset_unix_s < ? ORDER BY onset_unix_s DESC LIMIT ?",
            start_unix_s,
            end_unix_s,
            limit,
        )

    def event(self, id: str) -> StoredEvent | None:
        """One event; None when it is not, or no longer, there."""
        return next(iter(self._events("event.id = ?", id)), None)

    def latest_session(self) -> SessionStart | None:
        """How the newest session began; None when there was none."""
        with self._db.sentences():
            row = self._db.one(
                """SELECT source, start_unix_s, clock_synced FROM session
                ORDER BY start_unix_s DESC LIMIT 1"""
            )
        return None if row is None else SessionStart(row[0], float(row[1]), bool(row[2]))

    def heard_until_unix_s(self, now_unix_s: float) -> float | None:
        """Until when sound is known to have gone through the model, seconds since 1970.

        What began after `now_unix_s` is left out: the clock was wrong.
        """
        with self._db.sentences():
            (until,) = self._db.one(
                """SELECT max(coalesce(heard_until_unix_s, start_unix_s + audio_s))
                FROM coverage WHERE processed_s > 0 AND start_unix_s <= ?""",
                now_unix_s,
            )
        return None if until is None else float(until)

    def identity(self) -> str:
        """What no other history is called; empty where it was kept before there were any."""
        return self._setting(IDENTITY)

    def labels(self) -> tuple[str, ...]:
        """What the bundle that listened last can report; empty where nothing kept it."""
        return tuple(filter(None, self._setting("labels").split("\n")))

    def muted(self) -> bool:
        """Whether a person has muted the microphone."""
        return self._setting("mute") == "on"

    def _setting(self, name: str) -> str:
        with self._db.sentences():
            row = self._db.one("SELECT value FROM setting WHERE name = ?", name)
        return "" if row is None else str(row[0])

    def waiting(self) -> tuple[int, float | None]:
        """How many messages wait for the broker, and since when the oldest does (Unix seconds)."""
        return outbox.depth(self._db), outbox.oldest_unix_s(self._db)

    def used_bytes(self) -> int:
        """Size of the database."""
        return retention.used_bytes(self._db)

    def _events(self, condition: str, *values: object) -> list[StoredEvent]:
        with self._db.sentences():
            rows = self._db.execute(
                f"""SELECT event.id, source, label, onset_unix_s, offset_s - onset_s, score, p
                FROM event JOIN session ON session.id = event.session WHERE {condition}""",
                *values,
            ).fetchall()
        return [StoredEvent(*row) for row in rows]


class _ReadOnly(Database):
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            there = path.is_file()
        except OSError as error:
            raise InputOutputError(self._cannot_open(error.strerror)) from error
        if not there:
            raise InputOutputError(
                f"there is no history at {path}; start airway run first, or name its store.path"
            )
        with self.sentences():
            self._db = self._connect("mode=ro")
        try:
            with self.sentences():
                version = self._readable_version()
            if version != VERSION:
                raise ConfigError(
                    f"{path} has schema {version} and this Airway reads {VERSION}; "
                    "start this release's daemon once, which brings it up to date"
                )
        except AirwayError:
            self._db.close()
            raise

    def _connect(self, how: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{how}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
        )

    def _cannot_open(self, reason: str | None) -> str:
        return (
            f"can't read the history {self.path}: {reason}; where it is another user's, as a "
            "service's is, use sudo"
        )

    def _readable_version(self) -> int:
        try:
            return self._version()
        except sqlite3.OperationalError as error:
            # Who may not write can read a WAL database only while the daemon has it open. When
            # it has not, its log is gone and nothing changes: then the file alone is enough.
            # https://sqlite.org/wal.html#read_only_databases
            # The same on a full disk, where SQLite can't make what it shares with a daemon.
            causes = (
                sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR,
                sqlite3.SQLITE_FULL,
            )  # fmt: skip
            if error.sqlite_errorcode & 0xFF not in causes or self._log():
                raise
            self._db.close()
            self._db = self._connect("mode=ro&immutable=1")
            return self._version()

    def _log(self) -> bool:
        """Whether there is a log with something in it; a failed try may leave an empty one."""
        log = self.path.with_name(self.path.name + "-wal")
        return log.exists() and log.stat().st_size > 0

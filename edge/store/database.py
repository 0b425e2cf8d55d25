"""An Airway database file: opened, checked, made; every failure of it one sentence."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.errors import AirwayError, ConfigError, InputOutputError, TryAgainError

_APPLICATION_ID = 0x41525759  # "ARWY" in the file's header: the database is ours
# Each commit writes whole pages: small ones spare the SD card, and a row still fits on one.
_PAGE_BYTES = 1024
# Of each connection; SQLite's default of 2 MB would slowly fill with what is never read again.
_CACHE_KIB = 256
# The WAL is cut back to this after a checkpoint; without a limit one large write keeps it large.
_WAL_BYTES = 4_000_000
_APPLICATION_AT, _HEADER_BYTES = 68, 100  # of the file format
# A writer holds the lock for milliseconds; only a stuck disk takes as long as this.
_RETRY_S = 0.01  # between two tries at a lock that SQLite does not wait for
BUSY_TIMEOUT_S = 5.0

# What each version of the schema added; a file of an older one gets what it lacks.
_VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE session (
        id TEXT PRIMARY KEY,
        source TEXT NOT NULL,
        start_unix_s REAL NOT NULL,
        clock_synced INTEGER NOT NULL,
        covered_s REAL NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
        """CREATE TABLE event (
        id TEXT PRIMARY KEY,
        session TEXT NOT NULL REFERENCES session(id),
        label TEXT NOT NULL,
        onset_s REAL NOT NULL,
        offset_s REAL NOT NULL,
        onset_unix_s REAL NOT NULL,
        score REAL NOT NULL,
        p REAL NOT NULL
    ) WITHOUT ROWID""",
        "CREATE INDEX event_by_time ON event(onset_unix_s, label)",
        """CREATE TABLE coverage (
        hour INTEGER NOT NULL,
        session TEXT NOT NULL REFERENCES session(id),
        start_unix_s REAL NOT NULL,
        audio_s REAL NOT NULL,
        processed_s REAL NOT NULL,
        lost_s REAL NOT NULL,
        PRIMARY KEY (hour, session)
    ) WITHOUT ROWID""",
        # AUTOINCREMENT: the number of a deleted row is never given again, so `seq` orders all
        # that the node ever said.
        """CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL,
        payload TEXT NOT NULL,
        retain INTEGER NOT NULL,
        created_unix_s REAL NOT NULL
    )""",
    ),
    (
        # A night is summed up once, also when the daemon starts again in the morning.
        """CREATE TABLE night (
            end_unix_s REAL PRIMARY KEY
        ) WITHOUT ROWID""",
        # What must outlive a restart: whether the microphone is muted.
        """CREATE TABLE setting (
            name TEXT PRIMARY KEY,
            value TEXT NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        # What a night amounted to outlives its events; nights of before know only their end.
        "ALTER TABLE night ADD COLUMN date TEXT",
        "ALTER TABLE night ADD COLUMN start_unix_s REAL",
        "ALTER TABLE night ADD COLUMN heard TEXT",
        "ALTER TABLE night ADD COLUMN monitored_s REAL",
        "ALTER TABLE night ADD COLUMN lost_s REAL",
        "ALTER TABLE night ADD COLUMN model TEXT",
        "ALTER TABLE night ADD COLUMN alert INTEGER",
    ),
    (
        # Time goes on while nothing is heard: muted, or with a dead microphone.
        "ALTER TABLE coverage ADD COLUMN heard_until_unix_s REAL",
    ),
)
VERSION = len(_VERSIONS)


class DamagedError(InputOutputError):
    """The file is ours, and SQLite can't make sense of it."""


class Database:
    """One connection to the file, for the thread that opened it.

    Raises:
        ConfigError: the path holds something else, or a database of a newer Airway.
        DamagedError: the file is an Airway database that is broken.
        InputOutputError: the file can't be opened, read or written.
        TryAgainError: another program kept the file locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.touch(mode=0o600)  # a history of health is nobody else's to read
        except OSError as error:
            raise InputOutputError(self._cannot_open(error.strerror)) from error
        with self.sentences():
            # Absolute, since ":memory:" and "" would be no file to SQLite.
            self._db = sqlite3.connect(
                path.absolute(), timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
        try:
            with self.sentences():
                self._prepare()
        except AirwayError:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        self._db.close()

    def execute(self, query: str, *values: Any) -> sqlite3.Cursor:
        """Run one statement, inside `transaction` or `sentences`."""
        return self._db.execute(query, values)

    def one(self, query: str, *values: Any) -> Any:
        """The first row of a query, or None."""
        return self._db.execute(query, values).fetchone()

    def give_back(self, pages: int) -> None:
        """Return up to so many free pages to the file system."""
        with self.sentences():
            # Each step of the statement frees one page, and `execute` makes only the first.
            self._db.executescript(f"PRAGMA incremental_vacuum({pages})")

    @contextlib.contextmanager
    def transaction(self, durable: bool = True) -> Iterator[None]:
        """All or nothing; `durable` waits until the disk has it."""
        with self.sentences():
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits, or rolls back on an exception
                yield

    @contextlib.contextmanager
    def sentences(self) -> Iterator[None]:
        """SQLite's errors -> one sentence for a person, and the right exit code."""
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise  # the wrong thread, a closed connection, a NaN: a fault in the code
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # less the extended part
            if code == sqlite3.SQLITE_CORRUPT or (
                code == sqlite3.SQLITE_NOTADB and was_ours(self.path)
            ):
                raise DamagedError(
                    f"the database {self.path} is damaged ({error}); the daemon puts it aside "
                    "and starts a new one"
                ) from error
            if code == sqlite3.SQLITE_NOTADB:
                raise ConfigError(
                    f"{self.path} is not a database; set store.path to another file"
                ) from error
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise TryAgainError(
                    f"{self.path} is locked by another program; close that one, or try again"
                ) from error
            if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise InputOutputError(self._cannot_open(str(error))) from error
            raise InputOutputError(
                f"the database {self.path} failed: {error}; check the disk's space and health"
            ) from error

    def _cannot_open(self, reason: str | None) -> str:
        return (
            f"can't open the database {self.path}: {reason}; set store.path to a file in a "
            "directory that this user may write"
        )

    def _prepare(self) -> None:
        """Set the connection up, and the tables in a new file; leave another's file alone."""
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        version = self._version()
        if version == 0:  # both must come before the first table, else a file never shrinks
            self._db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self._log_ahead()
        self._db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        if version == VERSION:
            return
        with self.transaction():
            for statements in _VERSIONS[self._version() :]:  # another thread may have been first
                for statement in statements:
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        if version:  # an older file: pages can be given back only after it is written anew
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._db.execute("VACUUM")

    def _log_ahead(self) -> None:
        """Write ahead; SQLite does not wait here for who does the same to a new file."""
        patience = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > patience:
                    raise
            time.sleep(_RETRY_S)

    def _version(self) -> int:
        """Version of the schema, 0 for an empty file; refuses what this release can't use."""
        # One statement sees one state of the file: another thread may be making the tables.
        application, version, tables = self.one(
            "SELECT (SELECT application_id FROM pragma_application_id),"
            " (SELECT user_version FROM pragma_user_version), count(*) FROM sqlite_schema"
        )
        if application == 0 and version == 0 and tables == 0:
            return 0
        if application != _APPLICATION_ID:
            raise ConfigError(
                f"{self.path} is the database of another program; set store.path to a file of "
                "its own"
            )
        if version > VERSION:
            raise ConfigError(
                f"{self.path} was written by a newer Airway (schema {version}, this one knows "
                f"{VERSION}); install that release, or set store.path to a new file"
            )
        return int(version)


def was_ours(path: Path) -> bool:
    """Whether a file that SQLite does not know may be an Airway database that was damaged.

    Its header names Airway beyond the part that SQLite looks at, or a power cut has left a
    first page of zeros. Anything else is another's file, which is not to be touched.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return False
    if len(header) < _HEADER_BYTES:
        return False
    return not any(header) or header[_APPLICATION_AT:][:4] == _APPLICATION_ID.to_bytes(4, "big")

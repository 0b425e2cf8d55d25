"""A damaged database: noticed at the start, put aside, and what is readable carried over."""

import contextlib
import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from edge.errors import InputOutputError
from edge.messages import rfc3339
from edge.store.database import DamagedError, Database
from edge.store.space import is_full

_logger = logging.getLogger(__name__)

# Table -> its key, in the order in which rows refer to each other.
_TABLES = {
    "session": "id",
    "event": "id",
    "coverage": "hour {0}, session",
    "night": "end_unix_s",
    "setting": "name",
    "outbox": "seq",
}
# What is carried over: all, else what is small and can't be had again, else the settings alone.
_PORTIONS = tuple(
    {name: _TABLES[name] for name in names}
    for names in (tuple(_TABLES), ("night", "setting", "outbox"), ("setting",))
)
# Columns that hold a JSON object, and what must be in it; "" is nothing.
_OBJECTS = {"payload": "id", "heard": ""}
_COMPANIONS = ("", "-wal", "-shm")  # of a database in WAL mode


def ensure_sound(
    path: Path,
    now_unix_s: float,
    check: Literal["quick_check", "integrity_check"] = "quick_check",
) -> Path | None:
    """Check a database; put a damaged one aside, and start a new one from what is readable.

    Nothing is deleted: the damaged file stays beside the new one under another name. The new one
    is whole before it takes the place, so that a power cut meanwhile loses nothing. Numbers in
    its outbox go on above any that the old one gave.

    Args:
        path: the database; it need not exist.
        now_unix_s: seconds since 1970, for the name and for the numbers.
        check: how closely to look; `integrity_check` also finds an index that lacks a row, and
            takes longer.

    Returns:
        Where the damaged file is now; None when all is well.

    Raises:
        AirwayError: as `Database` does, but never for damage. The damaged file is then where
            it was.
    """
    rescued = path.with_name(f"{path.stem}.rescued{path.suffix}")
    _finish_earlier(path, rescued, now_unix_s)
    try:
        with contextlib.closing(Database(path)) as db, db.sentences():
            (said,) = db.one(f"PRAGMA {check}(1)")
        if said == "ok":
            return None
        reason = " ".join(str(said).split())
    except DamagedError as error:
        reason = str(error.__cause__ or error)
    rows, left = _carry_what_fits(path, rescued, now_unix_s)
    if left:
        reason = f"{reason}; not all could be carried over: {left}"
    aside = _put_aside(path, now_unix_s)
    _rename(rescued, path)
    _logger.error(
        "the database %s is damaged (%s); it is kept as %s, and recording goes on in a new one "
        "with %d rows that could be read",
        path, reason, aside, rows,
    )  # fmt: skip
    return aside


def _finish_earlier(path: Path, rescued: Path, now_unix_s: float) -> None:
    """What a power cut left of an earlier rescue: a copy that is whole, or one that is not."""
    if not rescued.exists():
        return
    if path.exists():  # cut while copying: it is done anew
        _remove(rescued)
        return
    _put_aside(path, now_unix_s)  # companions alone are left
    _rename(rescued, path)


def _remove(path: Path) -> None:
    for companion in _COMPANIONS:
        Path(f"{path}{companion}").unlink(missing_ok=True)


def _put_aside(path: Path, now_unix_s: float) -> Path:
    """Rename the database and its companions; returns the new name."""
    stamp = rfc3339(now_unix_s).replace("-", "").replace(":", "").replace(".", "")
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.stem}.damaged-{stamp}-{count}{path.suffix}")
    for companion in _COMPANIONS:  # the database first: without it, the copy is known to be whole
        old = Path(f"{path}{companion}")
        if old.exists():
            _rename(old, Path(f"{aside}{companion}"))
    return aside


def _rename(old: Path, new: Path) -> None:
    """Rename within a folder, for good."""
    try:
        old.rename(new)
        folder = os.open(new.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise InputOutputError(
            f"the damaged database can't be put aside: {old} can't become {new.name} "
            f"({error.strerror}); make its directory writable, or move the file away"
        ) from error


def _carry_what_fits(damaged: Path, rescued: Path, now_unix_s: float) -> tuple[int, str]:
    """Copy all rows, or without room for them the small tables; how many, and why not all.

    Raises:
        InputOutputError: not even those fit, or the disk is full, which may be over soon: a later
            try copies all.
    """
    left = ""
    for tables in _PORTIONS[:-1]:
        try:
            return _carry_over(damaged, rescued, now_unix_s, tables), left
        except InputOutputError as error:
            _remove(rescued)
            if is_full(damaged):
                raise
            left = left or str(error)
    return _carry_over(damaged, rescued, now_unix_s, _PORTIONS[-1]), left


def _carry_over(damaged: Path, rescued: Path, now_unix_s: float, tables: Mapping[str, str]) -> int:
    """Copy every row that SQLite can still read into a new database; how many there were.

    Args:
        damaged: where from.
        rescued: where to; not whole until this returns.
        now_unix_s: seconds since 1970.
        tables: those to copy, with their keys.
    """
    copied = 0
    with contextlib.closing(Database(rescued)) as new, contextlib.closing(_reader(damaged)) as old:
        with new.sentences():
            new.execute("PRAGMA foreign_keys = OFF")  # a session may be gone, its events not
            # Nobody reads it before it is whole, and a log would take the same room again.
            new.execute("PRAGMA journal_mode = OFF")
        with new.transaction():
            # The clock counts seconds, and no node says more than one thing a second for years.
            new.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)",
                max(int(now_unix_s), _last_seq(old)),
            )
            for table, key in tables.items():
                for order in ("ASC", "DESC"):  # from each end as far as the first broken page
                    query = f"SELECT * FROM {table} ORDER BY {key.format(order)} {order}"
                    for columns, row in _readable(old, query):
                        copied += _copy(new, table, columns, row)
    return copied


def _readable(
    old: sqlite3.Connection, query: str
) -> Iterator[tuple[list[str], tuple[object, ...]]]:
    """Rows with the names of their columns, up to the first that can't be read."""
    try:
        found = old.execute(query)
        columns = [column[0] for column in found.description]
        for row in found:
            yield columns, row
    except sqlite3.Error:
        return  # the rest stays behind


def _copy(new: Database, table: str, columns: list[str], row: tuple[object, ...]) -> int:
    """Put a row, maybe of an older schema, into the new table; how many that made, 0 or 1."""
    if not all(_is_whole(column, value) for column, value in zip(columns, row, strict=True)):
        return 0
    names, marks = ", ".join(columns), ", ".join("?" * len(row))
    try:
        done = new.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", *row)
    except sqlite3.IntegrityError:  # a value of another kind than its column's
        return 0
    return done.rowcount


def _is_whole(column: str, value: object) -> bool:
    """Whether a value is what was written: the end of a long one lies on another page."""
    key = _OBJECTS.get(column)
    if key is None or value is None:
        return True
    try:
        found = json.loads(str(value))
    except ValueError:
        return False
    return isinstance(found, dict) and key in found | {"": None}


def _last_seq(old: sqlite3.Connection) -> int:
    """The last number that the damaged outbox gave, as far as that can be read."""
    with contextlib.suppress(sqlite3.Error):
        row = old.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
        return 0 if row is None else int(row[0])
    return 0


def _reader(aside: Path) -> sqlite3.Connection:
    """A connection that changes nothing."""
    old = sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True)
    with contextlib.suppress(sqlite3.Error):
        old.execute("PRAGMA writable_schema = ON")  # lets SQLite read a file that was cut short
    return old

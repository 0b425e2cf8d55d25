"""What is deleted, and when: the disk never fills because of Airway."""

from dataclasses import dataclass

from edge.store.database import Database

_DAY_S = 86_400.0
# Rows deleted in one transaction: an event that comes meanwhile waits some milliseconds.
_BATCH_ROWS = 1_000
_FREE_PAGES = 1_000  # given back to the file system at a time
_MOST_TIMES = 10  # of that in one call: a slow card must not keep the caller for long


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted.

    Attributes:
        events, hours: rows of the history, by age or by size.
        messages: rows of the outbox that the broker had not taken.
    """

    events: int = 0
    hours: int = 0
    messages: int = 0


def prune(
    db: Database, now_unix_s: float, keep_days: int, max_bytes: int, keep_session: str
) -> Pruned:
    """Delete what is too old, then the oldest until the file is small enough.

    History goes first. Messages that wait for the broker go only when nothing of the history
    is left to give, the oldest first.

    Args:
        db: the database.
        now_unix_s: seconds since 1970.
        keep_days: older events and coverage are deleted.
        max_bytes: size of the database above which the oldest goes early.
        keep_session: the session that goes on, which stays without an event too.
    """
    events, hours = _forget_until(db, now_unix_s - keep_days * _DAY_S)
    messages = 0
    while used_bytes(db) > max_bytes:
        oldest = _oldest_batch(db)
        if oldest is not None:
            more_events, more_hours = _forget_until(db, oldest)
            events, hours = events + more_events, hours + more_hours
            continue
        with db.transaction(durable=False):
            gone = db.execute(
                "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY seq LIMIT ?)",
                _BATCH_ROWS,
            ).rowcount
        messages += gone
        if not gone:
            break  # empty, and still too large: the limit is below that of an empty file
    with db.transaction(durable=False):
        db.execute(
            """DELETE FROM session WHERE id <> ?
            AND id NOT IN (SELECT session FROM event)
            AND id NOT IN (SELECT session FROM coverage)""",
            keep_session,
        )
        db.execute("DELETE FROM night WHERE end_unix_s < ?", now_unix_s - keep_days * _DAY_S)
    for _ in range(_MOST_TIMES):
        db.give_back(_FREE_PAGES)
        pages, _, size = _pages(db)
        if pages * size <= max_bytes:
            break
    return Pruned(events, hours, messages)


def used_bytes(db: Database) -> int:
    """Size of the database without the pages that are free to be used again."""
    pages, free, size = _pages(db)
    return (pages - free) * size


def _pages(db: Database) -> tuple[int, int, int]:
    """How many there are, how many of them are free, and the size of one in bytes."""
    with db.sentences():
        pages, free, size = (
            int(db.one(f"PRAGMA {name}")[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
    return pages, free, size


def _forget_until(db: Database, until_unix_s: float) -> tuple[int, int]:
    """Delete the events and the hours before a time, in batches; how many there were."""
    counts = []
    for query in (
        """DELETE FROM event WHERE id IN
        (SELECT id FROM event WHERE onset_unix_s < ? ORDER BY onset_unix_s LIMIT ?)""",
        """DELETE FROM coverage WHERE (hour, session) IN
        (SELECT hour, session FROM coverage WHERE hour + 3600 <= ? LIMIT ?)""",
    ):
        count, batch = 0, _BATCH_ROWS
        while batch == _BATCH_ROWS:
            with db.transaction(durable=False):
                batch = db.execute(query, until_unix_s, _BATCH_ROWS).rowcount
            count += batch
        counts.append(count)
    return counts[0], counts[1]


def _oldest_batch(db: Database) -> float | None:
    """A time that has about a batch of events, or else of hours, before it; None when empty."""
    with db.sentences():
        row = db.one(
            """SELECT max(onset_unix_s) FROM
            (SELECT onset_unix_s FROM event ORDER BY onset_unix_s LIMIT ?)""",
            _BATCH_ROWS,
        )
        if row[0] is None:
            row = db.one(
                "SELECT max(hour) + 3600 FROM (SELECT hour FROM coverage ORDER BY hour LIMIT ?)",
                _BATCH_ROWS,
            )
    # The newest of them is to go too.
    return None if row[0] is None else float(row[0]) + 0.001

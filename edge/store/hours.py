"""Coverage in the database: for each session and each hour (UTC) what was listened to."""

import math
from collections.abc import Iterator

from edge.records import Coverage
from edge.store.database import Database

_HOUR_S = 3600


def add(db: Database, session: str, start_unix_s: float, coverage: Coverage) -> None:
    """Count the seconds of a span in the hours that it falls in, split in proportion.

    Args:
        db: the database, in a transaction.
        session: a session that has begun.
        start_unix_s: where the span begins; it is `coverage.audio_s` long.
        coverage: of the span.
    """
    for hour, at, share in _by_hour(start_unix_s, start_unix_s + coverage.audio_s):
        db.execute(
            """INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (hour, session) DO UPDATE SET
                audio_s = audio_s + excluded.audio_s,
                processed_s = processed_s + excluded.processed_s,
                lost_s = lost_s + excluded.lost_s""",
            hour,
            session,
            at,
            coverage.audio_s * share,
            coverage.processed_s * share,
            coverage.lost_s * share,
        )


def move(db: Database, session: str, shift_s: float) -> None:
    """Shift all that a session covered, in a transaction."""
    rows = db.execute(
        "SELECT start_unix_s, audio_s, processed_s, lost_s FROM coverage WHERE session = ?", session
    ).fetchall()
    db.execute("DELETE FROM coverage WHERE session = ?", session)
    for start_unix_s, *seconds in rows:
        add(db, session, start_unix_s + shift_s, Coverage(*seconds))


def between(db: Database, start_unix_s: float, end_unix_s: float) -> tuple[float, float]:
    """Monitored and lost seconds of a span, in which each hour's are taken as spread evenly."""
    buckets = db.execute(
        """SELECT start_unix_s, audio_s, processed_s, lost_s FROM coverage
        WHERE hour > ? AND hour < ?""",
        start_unix_s - _HOUR_S,
        end_unix_s,
    ).fetchall()
    monitored_s = lost_s = 0.0
    for at, audio_s, processed, lost in buckets:
        if audio_s > 0:
            inside = min(at + audio_s, end_unix_s) - max(at, start_unix_s)
            share = min(max(inside / audio_s, 0.0), 1.0)
        else:
            share = float(start_unix_s <= at < end_unix_s)
        monitored_s += processed * share
        lost_s += lost * share
    return monitored_s, lost_s


def _by_hour(start: float, end: float) -> Iterator[tuple[int, float, float]]:
    """A span -> (the hour's start, where the piece begins, its share of the span) by hour.

    A span of no length is one piece: the model may finish earlier audio while none arrives.
    """
    if start == end:
        yield math.floor(start / _HOUR_S) * _HOUR_S, start, 1.0
    at = start
    while at < end:
        hour = math.floor(at / _HOUR_S) * _HOUR_S
        until = min(end, hour + _HOUR_S)
        yield hour, at, (until - at) / (end - start)
        at = until

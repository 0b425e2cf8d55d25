"""Coverage in the database: for each session and each hour (UTC) what was listened to."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edge.records import Coverage
from edge.store.database import Database

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Span:
    """What one session covered within one hour.

    Attributes:
        start_unix_s: where it begins, seconds since 1970.
        audio_s: its length, seconds; 0 where the model finished what had come before.
        processed_s: seconds of it that went through the model.
        lost_s: seconds of it that were dropped.
    """

    start_unix_s: float
    audio_s: float
    processed_s: float
    lost_s: float

    def share_in(self, start_unix_s: float, end_unix_s: float) -> float:
        """How much of it lies in a stretch, 0 to 1; all or nothing of what has no length."""
        if self.audio_s <= 0:
            return float(start_unix_s <= self.start_unix_s < end_unix_s)
        inside_s = min(self.start_unix_s + self.audio_s, end_unix_s) - max(
            self.start_unix_s, start_unix_s
        )
        return min(max(inside_s / self.audio_s, 0.0), 1.0)


def add(
    db: Database,
    session: str,
    start_unix_s: float,
    coverage: Coverage,
    heard_until_unix_s: float | None = None,
) -> None:
    """Count the seconds of a span in the hours that it falls in, split in proportion.

    Args:
        db: the database, in a transaction.
        session: a session that has begun.
        start_unix_s: where the span begins; it is `coverage.audio_s` long.
        coverage: of the span.
        heard_until_unix_s: when the last sound of it came; None is its end, if there was any.
    """
    end_unix_s = start_unix_s + coverage.audio_s
    if heard_until_unix_s is None and coverage.processed_s > 0:
        heard_until_unix_s = end_unix_s
    for hour, at, share in _by_hour(start_unix_s, end_unix_s):
        heard = None if heard_until_unix_s is None else min(heard_until_unix_s, hour + _HOUR_S)
        db.execute(
            """INSERT INTO coverage
                (hour, session, start_unix_s, audio_s, processed_s, lost_s, heard_until_unix_s)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (hour, session) DO UPDATE SET
                audio_s = audio_s + excluded.audio_s,
                processed_s = processed_s + excluded.processed_s,
                lost_s = lost_s + excluded.lost_s,
                heard_until_unix_s = coalesce(
                    max(excluded.heard_until_unix_s, heard_until_unix_s),
                    excluded.heard_until_unix_s, heard_until_unix_s)""",
            hour,
            session,
            at,
            coverage.audio_s * share,
            coverage.processed_s * share,
            coverage.lost_s * share,
            heard,
        )


def move(db: Database, session: str, shift_s: float) -> None:
    """Shift all that a session covered, in a transaction."""
    rows = db.execute(
        """SELECT heard_until_unix_s, start_unix_s, audio_s, processed_s, lost_s
        FROM coverage WHERE session = ? ORDER BY hour""",
        session,
    ).fetchall()
    db.execute("DELETE FROM coverage WHERE session = ?", session)
    for heard_until_unix_s, start_unix_s, *seconds in rows:
        until = None if heard_until_unix_s is None else heard_until_unix_s + shift_s
        add(db, session, start_unix_s + shift_s, Coverage(*seconds), until)


def spans(db: Database, start_unix_s: float, end_unix_s: float) -> list[Span]:
    """What was covered in a stretch of time, in order; the first and last may jut out."""
    rows = db.execute(
        """SELECT start_unix_s, audio_s, processed_s, lost_s FROM coverage
        WHERE hour > ? AND hour < ? AND start_unix_s + audio_s >= ? ORDER BY start_unix_s""",
        start_unix_s - _HOUR_S,
        end_unix_s,
        start_unix_s,
    ).fetchall()
    return [Span(*row) for row in rows]


def between(db: Database, start_unix_s: float, end_unix_s: float) -> tuple[float, float]:
    """Monitored and lost seconds of a stretch, in which each hour's are taken as spread evenly."""
    monitored_s = lost_s = 0.0
    for span in spans(db, start_unix_s, end_unix_s):
        share = span.share_in(start_unix_s, end_unix_s)
        monitored_s += span.processed_s * share
        lost_s += span.lost_s * share
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

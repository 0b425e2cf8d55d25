"""The history at home: sessions, events, coverage and the outbox, in one SQLite file."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from uuid import uuid4

from edge.errors import BadInputError
from edge.messages import Message, OutboxRow
from edge.records import Coverage, Event, Night
from edge.store import hours, nights, outbox, retention
from edge.store.database import Database
from edge.store.nights import Summary
from edge.store.reading import IDENTITY
from edge.store.retention import Pruned

# A session that moves by more was in other nights than it seemed to be.
STIRRED_S = 3600.0


class Store:
    """The database; one connection, for the thread that opened it.

    What can be lost. An event and its outbox row are one transaction, committed with
    `synchronous=FULL`: once `add_event` or `add_message` returns, neither a kill nor a power
    cut takes it away, on a disk that honours fsync. Either can take only the event whose
    call has not returned. One fsync for each event is nothing at tens of events an hour.

    Coverage and deletions are committed with `synchronous=NORMAL`, since they come often and
    would wear out an SD card. A kill takes none of them. A power cut can take those since
    the last fsync (the last event, or the kernel's own write-back, about 30 s): lost
    coverage makes fewer seconds count as monitored, never more; a lost deletion repeats a
    message with the same `id`. The file itself stays consistent in each case.

    Any number of threads and processes may each open their own Store on one path. It raises
    what `Database` does.
    """

    def __init__(self, path: Path) -> None:
        self._db = Database(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        self._db.close()

    def start_session(
        self, session: str, source: str, start_unix_s: float, clock_synced: bool
    ) -> None:
        """Begin a capture session; the one place where its clock is tied to UTC.

        The first one gives the history an identity, so that two devices of the same name can be
        told apart elsewhere.

        Args:
            session: identifier, never used before.
            source: name of the microphone.
            start_unix_s: time of the session's sample 0, seconds since 1970.
            clock_synced: the device's clock was synchronised then.

        Raises:
            BadInputError: the session exists already.
        """
        with self._db.transaction():
            if self._db.one("SELECT 1 FROM session WHERE id = ?", session) is not None:
                raise BadInputError(f"session {session!r} exists already; give each its own name")
            self._db.execute("INSERT OR IGNORE INTO setting VALUES (?, ?)", IDENTITY, uuid4().hex)
            self._db.execute(
                "INSERT INTO session (id, source, start_unix_s, clock_synced) VALUES (?, ?, ?, ?)",
                session,
                source,
                start_unix_s,
                clock_synced,
            )

    def has_session(self, session: str) -> bool:
        """Whether the session has begun here."""
        with self._db.sentences():
            return self._db.one("SELECT 1 FROM session WHERE id = ?", session) is not None

    def move_session(
        self, session: str, start_unix_s: float, clock_synced: bool, now_unix_s: float
    ) -> None:
        """Repair the time of a session that began with a wrong clock, and of all it holds.

        A night that is not over by the new time was summed up by the wrong one: it is forgotten,
        and summed up when it is over. Where a session moves by more than `STIRRED_S`, the nights
        that it leaves and those that it comes into are counted anew; what was told of them stays.

        Args:
            session: a session that has begun.
            start_unix_s: when its sample 0 really was, seconds since 1970.
            clock_synced: the clock that says so is synchronised.
            now_unix_s: what the time is by that clock, seconds since 1970.

        Raises:
            BadInputError: there is no such session.
        """
        with self._db.transaction():
            seemed_unix_s, covered_s = self._session(session)
            shift_s = start_unix_s - seemed_unix_s
            self._db.execute(
                "UPDATE session SET start_unix_s = ?, clock_synced = ? WHERE id = ?",
                start_unix_s,
                clock_synced,
                session,
            )
            self._db.execute(
                "UPDATE event SET onset_unix_s = onset_unix_s + ? WHERE session = ?",
                shift_s,
                session,
            )
            hours.move(self._db, session, shift_s)
            self._db.execute("DELETE FROM night WHERE end_unix_s > ?", now_unix_s)
            if abs(shift_s) > STIRRED_S:
                for begin_unix_s in (seemed_unix_s, start_unix_s):
                    nights.recount(self._db, begin_unix_s, begin_unix_s + covered_s)

    def begin_unix_s(self) -> float | None:
        """When the first session began, seconds since 1970; None when there was none."""
        with self._db.sentences():
            return next(iter(self._db.one("SELECT min(start_unix_s) FROM session")), None)

    def add_event(self, session: str, event: Event, message: Message) -> None:
        """Keep an event, and its message for the broker, both or neither.

        Args:
            session: a session that has begun.
            event: what was heard.
            message: what to say of it; its `id` becomes the event's.

        Raises:
            BadInputError: there is no such session, or the `id` was used before.
        """
        id = message.payload["id"]
        with self._db.transaction():
            start_unix_s, _ = self._session(session)
            if self._db.one("SELECT 1 FROM event WHERE id = ?", id) is not None:
                raise BadInputError(f"event {id!r} exists already; give each event its own id")
            self._db.execute(
                "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                id,
                session,
                event.label,
                event.onset_s,
                event.offset_s,
                start_unix_s + event.onset_s,
                event.score,
                event.p,
            )
            outbox.post(self._db, message)

    def add_message(self, message: Message) -> None:
        """Keep a message for the broker."""
        with self._db.transaction():
            outbox.post(self._db, message)

    def add_night(self, night: Night, messages: Sequence[Message]) -> None:
        """Keep a night, and its messages for the broker; neither when it is kept already."""
        with self._db.transaction():
            if nights.add(self._db, night):
                for message in messages:
                    outbox.post(self._db, message)

    def nights(self, until_unix_s: float) -> list[Night]:
        """Every night that was summed up, is not too old and ends by then, the oldest first."""
        return nights.read(self._db, until_unix_s)

    def has_night(self, start_unix_s: float, end_unix_s: float) -> bool:
        """Whether a part of that span was summed up, as one night or as parts of several."""
        query = "SELECT 1 FROM night WHERE end_unix_s > ? AND start_unix_s < ?"
        with self._db.sentences():
            return self._db.one(query, start_unix_s, end_unix_s) is not None

    def put_setting(self, name: str, value: str) -> None:
        """Keep a value that a restart must not change."""
        with self._db.transaction():
            self._db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, value)

    def setting(self, name: str) -> str | None:
        """A value that was kept; None when there is none."""
        with self._db.sentences():
            row = self._db.one("SELECT value FROM setting WHERE name = ?", name)
        return None if row is None else str(row[0])

    def prune(self, now_unix_s: float, keep_days: int, max_bytes: int, keep_session: str) -> Pruned:
        """Delete what is too old or too much; see `retention.prune`."""
        return retention.prune(self._db, now_unix_s, keep_days, max_bytes, keep_session)

    def end_unix_s(self, but: str) -> float | None:
        """Until when the sessions but one covered, seconds since 1970; None when there is none."""
        with self._db.sentences():
            row = self._db.one(
                "SELECT max(start_unix_s + covered_s) FROM session WHERE id <> ?", but
            )
        return None if row[0] is None else float(row[0])

    def used_bytes(self) -> int:
        """Size of the database."""
        return retention.used_bytes(self._db)

    def add_coverage(self, session: str, coverage: Coverage, lag_s: float = 0.0) -> None:
        """Count what was listened to since the last call, in the hours (UTC) it falls in.

        The first call starts at the session's sample 0 and each later one where the last
        ended, so a session's coverage has no gaps: what was lost is counted as lost. Where
        it crosses an hour, its seconds are split in proportion.

        Args:
            session: a session that has begun.
            coverage: the seconds since the last call, not since the start.
            lag_s: by how much the seconds so far were longer than the device's own.

        Raises:
            BadInputError: there is no such session, or a number is negative or not finite.
        """
        numbers = (coverage.audio_s, coverage.processed_s, coverage.lost_s)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise BadInputError(f"{coverage} is not the coverage of a span; seconds are 0 or more")
        with self._db.transaction(durable=False):
            start_unix_s, covered_s = self._session(session)
            hours.add(self._db, session, start_unix_s + covered_s + lag_s, coverage)
            self._db.execute(
                "UPDATE session SET covered_s = covered_s + ? WHERE id = ?",
                coverage.audio_s,
                session,
            )

    def summary(self, start_unix_s: float, end_unix_s: float) -> Summary:
        """Counts and coverage from `start_unix_s` up to, not with, `end_unix_s`.

        Within one hour of a session, what was lost is taken as spread evenly; seconds that
        no session covered are in neither `monitored_s` nor `lost_s`.

        Raises:
            BadInputError: the span is empty.
        """
        return nights.summary(self._db, start_unix_s, end_unix_s)

    def pending(self, after_seq: int, limit: int) -> list[OutboxRow]:
        """Up to `limit` messages that wait, from `after_seq` + 1 on; see `outbox.pending`."""
        return outbox.pending(self._db, after_seq, limit)

    def delete(self, seq: int) -> None:
        """Forget a message that the broker has taken; nothing happens when it is gone."""
        with self._db.transaction(durable=False):
            self._db.execute("DELETE FROM outbox WHERE seq = ?", seq)

    def outbox_depth(self) -> int:
        """How many messages wait."""
        return outbox.depth(self._db)

    def last_seq(self) -> int:
        """Number of the latest message that waits; 0 when none does."""
        return outbox.last_seq(self._db)

    def outbox_oldest_unix_s(self) -> float | None:
        """When the oldest message that waits was stored, seconds since 1970."""
        return outbox.oldest_unix_s(self._db)

    def _session(self, session: str) -> tuple[float, float]:
        row = self._db.one("SELECT start_unix_s, covered_s FROM session WHERE id = ?", session)
        if row is None:
            raise BadInputError(f"no session {session!r} in {self._db.path}; start it first")
        return float(row[0]), float(row[1])

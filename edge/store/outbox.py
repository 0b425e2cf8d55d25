"""Messages that wait for the broker, in the database."""

import json
import time

from edge.messages import Message, OutboxRow, encode
from edge.store.database import Database


def post(db: Database, message: Message) -> None:
    """Keep a message, in a transaction."""
    # The one clock here: how long a message has waited is a matter of the device's time.
    db.execute(
        "INSERT INTO outbox (topic, payload, retain, created_unix_s) VALUES (?, ?, ?, ?)",
        message.topic,
        encode(message.payload).decode(),
        message.retain,
        time.time(),
    )


def pending(db: Database, after_seq: int, limit: int) -> list[OutboxRow]:
    """Up to `limit` messages that wait, in the order of `seq`, from `after_seq` + 1 on.

    One that a failing disk has spoilt is left where it is: those behind it go on.
    """
    with db.sentences():
        rows = db.execute(
            """SELECT seq, topic, payload, retain, created_unix_s FROM outbox
            WHERE seq > ? AND json_valid(payload) ORDER BY seq LIMIT ?""",
            after_seq,
            limit,
        ).fetchall()
    return [
        OutboxRow(seq, topic, json.loads(payload), bool(retain), created_unix_s)
        for seq, topic, payload, retain, created_unix_s in rows
    ]


def depth(db: Database) -> int:
    """How many messages wait."""
    with db.sentences():
        return int(db.one("SELECT count(*) FROM outbox")[0])


def last_seq(db: Database) -> int:
    """Number of the latest message that waits; 0 when none does."""
    with db.sentences():
        return int(db.one("SELECT coalesce(max(seq), 0) FROM outbox")[0])


def oldest_unix_s(db: Database) -> float | None:
    """When the oldest message that waits was stored, seconds since 1970."""
    with db.sentences():
        row = db.one("SELECT created_unix_s FROM outbox ORDER BY seq LIMIT 1")
    return None if row is None else float(row[0])

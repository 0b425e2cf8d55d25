"""Nights in the database: what each amounted to, and what was told of it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from edge.errors import BadInputError
from edge.records import Accuracy, Heard, Night
from edge.store import hours
from edge.store.database import Database

# Onsets closer than this are one spell: a bout of coughs, a piece of music on the television.
SPELL_GAP_S = 15.0
_COLUMNS = "date, start_unix_s, end_unix_s, heard, monitored_s, lost_s, model, alert"


@dataclass(frozen=True, slots=True)
class Summary:
    """What was heard in a span of time, and how much of it was listened to.

    Attributes:
        start_unix_s, end_unix_s: the span, seconds since 1970.
        counts: events that began in the span, by label; a label without events is absent.
        monitored_s: seconds of it that went through the model.
        lost_s: seconds of it that were dropped.
        spells: groups of events with less than `SPELL_GAP_S` from onset to onset, by label.
    """

    start_unix_s: float
    end_unix_s: float
    counts: dict[str, int]
    monitored_s: float
    lost_s: float
    spells: dict[str, int] = field(default_factory=dict)


def summary(db: Database, start_unix_s: float, end_unix_s: float) -> Summary:
    """Counts and coverage from `start_unix_s` up to, not with, `end_unix_s`.

    Raises:
        BadInputError: the span is empty.
    """
    if not start_unix_s < end_unix_s:
        raise BadInputError(f"no time between {start_unix_s} and {end_unix_s}; give a later end")
    span = (start_unix_s, end_unix_s)
    with db.sentences():
        rows = db.execute(
            """SELECT label, count(*), sum(gap_s IS NULL OR gap_s >= ?) FROM (
                SELECT label, onset_unix_s - lag(onset_unix_s)
                    OVER (PARTITION BY label ORDER BY onset_unix_s) AS gap_s
                FROM event WHERE onset_unix_s >= ? AND onset_unix_s < ?
            ) GROUP BY label ORDER BY label""",
            SPELL_GAP_S,
            *span,
        ).fetchall()
        monitored_s, lost_s = hours.between(db, *span)
    counts = {label: count for label, count, _ in rows}
    return Summary(*span, counts, monitored_s, lost_s, {label: n for label, _, n in rows})


def add(db: Database, night: Night) -> bool:
    """Keep a night, in a transaction; returns False, and keeps nothing, when it is there."""
    return bool(
        db.execute(
            """INSERT OR IGNORE INTO night
            (end_unix_s, date, start_unix_s, heard, monitored_s, lost_s, model, alert)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            night.end_unix_s,
            night.date.isoformat(),
            night.start_unix_s,
            _packed(night.heard),
            night.monitored_s,
            night.lost_s,
            night.model,
            night.alert,
        ).rowcount
    )


def recount(db: Database, start_unix_s: float, end_unix_s: float) -> None:
    """Count the nights that a span touches anew, in a transaction; nothing for an empty span.

    Whether an alert stood, and whose reports they were, stays as it was told. A night in which
    nothing is left that was listened to is forgotten.
    """
    if not start_unix_s < end_unix_s:
        return
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM night WHERE start_unix_s < ? AND end_unix_s > ?",
        end_unix_s,
        start_unix_s,
    ).fetchall()
    for night in _nights(rows):
        if not night.monitored_s > 0:
            continue
        now = summary(db, night.start_unix_s, night.end_unix_s)
        if not now.monitored_s > 0:
            db.execute("DELETE FROM night WHERE end_unix_s = ?", night.end_unix_s)
            continue
        counted = {
            label: replace(found, count=now.counts.get(label, 0), spells=now.spells.get(label, 0))
            for label, found in night.heard.items()
        }
        db.execute(
            "UPDATE night SET heard = ?, monitored_s = ?, lost_s = ? WHERE end_unix_s = ?",
            _packed(counted),
            now.monitored_s,
            now.lost_s,
            night.end_unix_s,
        )


def read(db: Database, until_unix_s: float) -> list[Night]:
    """Every night that is kept and over by then, the oldest first.

    Left out are those that a failing disk has spoilt. One that is not over was summed up when the
    clock was wrong.
    """
    with db.sentences():
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM night WHERE end_unix_s <= ? ORDER BY end_unix_s",
            until_unix_s,
        ).fetchall()
    return _nights(rows)


def _nights(rows: Iterable[tuple[Any, ...]]) -> list[Night]:
    return [night for night in map(_night, rows) if night is not None]


def _night(row: tuple[Any, ...]) -> Night | None:
    """A row as a night; None for one of before there were summaries, or with a spoilt value."""
    day, start, end, heard, monitored_s, lost_s, model, alert = row
    try:
        return Night(
            date.fromisoformat(day),
            float(start),
            float(end),
            {label: _heard(values) for label, values in json.loads(heard).items()},
            float(monitored_s),
            float(lost_s),
            str(model),
            None if alert is None else bool(alert),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _packed(heard: dict[str, Heard]) -> str:
    values = {label: asdict(found) for label, found in heard.items()}
    return json.dumps(values, allow_nan=False, separators=(",", ":"))


def _heard(values: dict[str, Any]) -> Heard:
    detector = values["detector"]
    return Heard(int(values["count"]), int(values["spells"]), detector and Accuracy(**detector))

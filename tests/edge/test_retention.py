"""The store over the years: what is deleted, what is moved, and what outlives a restart."""

import json
import math
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from edge.messages import Message, uuid7
from edge.records import Accuracy, Coverage, Event, Heard, Night
from edge.store import Reader, Store
from edge.store import database as database_module

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DAY_S = 86_400.0
LARGE = 10**9
NEVER = 1e11  # later than any night


def message(number: int, size: int = 0) -> Message:
    """A message with an identifier that follows from the number."""
    return Message("airway/n/mic/event", {"id": uuid7(number, bytes(10)), "ts": "x" * size})


def event(onset_s: float) -> Event:
    """An event of 0.4 s."""
    return Event("cough", onset_s, onset_s + 0.4, 0.9, 0.8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is made."""
    return tmp_path / "airway.db"


def night(end_unix_s: float) -> Night:
    """Two hours of a night, with three coughs in two spells."""
    detector = Accuracy(0.7, 300, 1.5, 12.0)
    heard = {"cough": Heard(3, 2, detector), "sneeze": Heard(0, 0)}
    return Night(
        date(2026, 1, 1), end_unix_s - 28_800.0, end_unix_s, heard, 7_200.0, 12.5, "ab" * 32, False
    )


def filled(path: Path, days: int, events_a_day: int = 50, size: int = 0) -> None:
    """A session for each day, each hour covered, and messages that nobody took."""
    Store(path).close()
    starts = {f"s{day:04}": T0 + day * DAY_S for day in range(days)}
    places = [(id, at + k * 60.0) for id, at in starts.items() for k in range(events_a_day)]
    ids = [(message(number + 1, size).payload) for number in range(len(places))]
    db = sqlite3.connect(path)
    with db:  # one transaction: a thousand calls of the store would wait for the disk each
        db.executemany("INSERT INTO session VALUES (?, 'mic', ?, 1, 86400)", list(starts.items()))
        db.executemany(
            """INSERT INTO coverage (hour, session, start_unix_s, audio_s, processed_s, lost_s)
            VALUES (?, ?, ?, 3600, 3600, 0)""",
            [(at + h * 3600, id, at + h * 3600) for id, at in starts.items() for h in range(24)],
        )
        db.executemany(
            "INSERT INTO event VALUES (?, ?, 'cough', 0.0, 0.4, ?, 0.9, 0.8)",
            [(payload["id"], id, at) for payload, (id, at) in zip(ids, places, strict=True)],
        )
        db.executemany(
            "INSERT INTO outbox (topic, payload, retain, created_unix_s) VALUES (?, ?, 0, ?)",
            [("a", json.dumps(payload), at) for payload, (_, at) in zip(ids, places, strict=True)],
        )
    db.close()


def outbox_ids(path: Path) -> list[str]:
    """What waits for the broker."""
    with Store(path) as store:
        return [row.payload["id"] for row in store.pending(0, 100_000)]


def test_what_is_too_old_goes(path):
    """Events, hours, nights and sessions beyond keep_days are deleted; messages that wait stay."""
    filled(path, 10)
    with Store(path) as store:
        for day in range(10):
            store.add_night(night(T0 + day * DAY_S), [message(10_000 + day)])
        pruned = store.prune(T0 + 10 * DAY_S, 3, LARGE, "s0009")
        assert (pruned.events, pruned.messages) == (7 * 50, 0)
        assert pruned.hours == 7 * 24
        summary = store.summary(0.0, T0 + 20 * DAY_S)
        assert summary.counts == {"cough": 150}
        assert summary.monitored_s == pytest.approx(3 * DAY_S)
        assert store.outbox_depth() == 510
        assert [store.has_session(f"s{day:04}") for day in (6, 7)] == [False, True]
        assert [store.has_night(T0 + day * DAY_S - 1, T0 + day * DAY_S) for day in (6, 7)] == [
            False,
            True,
        ]
        assert store.prune(T0 + 10 * DAY_S, 3, LARGE, "s0009").events == 0


def test_the_session_that_goes_on_is_kept(path):
    """A session without an event or an hour can still take some after the pruning."""
    filled(path, 1)
    with Store(path) as store:
        store.start_session("now", "mic", T0 + 9 * DAY_S, True)
        store.prune(T0 + 10 * DAY_S, 3, LARGE, "now")
        store.add_event("now", event(1.0), message(99_999))
        assert store.summary(0.0, 1e11).counts == {"cough": 1}


def test_a_large_file_loses_its_oldest_history_first(path):
    """Above max_mb the oldest events go and the newest stay, and the file really shrinks."""
    filled(path, 60, 100)
    with Store(path) as store:
        store._db.execute("DELETE FROM outbox")
        store.prune(T0 + 60 * DAY_S, 400, LARGE, "s0059")
        before = store.used_bytes()
        pruned = store.prune(T0 + 60 * DAY_S, 400, before // 2, "s0059")
        assert store.used_bytes() <= before // 2
        assert 1_000 <= pruned.events <= 5_000
        assert pruned.messages == 0
        kept = 6_000 - pruned.events
        assert store.summary(T0 + 59 * DAY_S, 1e11).counts == {"cough": 100}
        assert store.summary(0.0, 1e11).counts == {"cough": kept}
        store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        assert path.stat().st_size < 0.7 * before


def test_messages_go_last_and_are_counted(path):
    """With the broker away for ever the oldest messages go too, and the file stays small."""
    filled(path, 30, 100, size=400)
    with Store(path) as store:
        limit = store.used_bytes() // 3
        pruned = store.prune(T0 + 30 * DAY_S, 400, limit, "s0029")
        assert pruned.events == 3_000
        assert 1_000 <= pruned.messages <= 2_999
        assert store.used_bytes() <= limit
        left = store.pending(0, 100_000)
        assert len(left) == 3_000 - pruned.messages
        assert left[-1].payload["id"] == message(3_000).payload["id"]


def test_an_impossible_limit_ends(path):
    """A limit below the size of an empty file deletes all there is, and returns."""
    filled(path, 2)
    with Store(path) as store:
        pruned = store.prune(T0, 400, 1, "s0001")
        assert (pruned.events, pruned.messages) == (100, 100)


def test_the_file_itself_shrinks(path):
    """What was deleted is given back to the disk until the file is small enough."""
    filled(path, 50, size=1_500)
    limit = 1_000_000

    def size() -> int:
        db = sqlite3.connect(path)
        pages, page = (
            db.execute(f"PRAGMA {of}").fetchone()[0] for of in ("page_count", "page_size")
        )
        db.close()
        return pages * page

    assert size() > 3 * limit
    with Store(path) as store:
        store.prune(T0 + 50 * DAY_S, 36_500, limit, "s")
    assert size() <= limit


def test_a_session_is_moved_whole(path):
    """After a step of the clock events and hours are where they belong, and no second is lost."""
    shift_s = 366 * DAY_S + 1_234.5
    with Store(path) as store:
        store.start_session("s", "mic", T0 + 300.0, False)
        store.start_session("other", "mic", T0, True)
        for _ in range(300):
            store.add_coverage("s", Coverage(60.0, 50.0, 10.0))
        store.add_coverage("other", Coverage(3_600.0, 3_600.0, 0.0))
        store.add_event("s", event(10.0), message(1))
        before = store.summary(0.0, T0 + DAY_S)
        store.move_session("s", T0 + 300.0 + shift_s, True, NEVER)
        with Reader(path) as reader:
            session = reader.latest_session()
        assert session is not None
        assert session.start_unix_s == T0 + 300.0 + shift_s
        there = store.summary(T0 + 300.0 + shift_s, T0 + 300.0 + shift_s + 18_000.0)
        assert there.counts == {"cough": 1}
        assert there.monitored_s == pytest.approx(300 * 50.0)
        assert there.lost_s == pytest.approx(300 * 10.0)
        here = store.summary(0.0, T0 + DAY_S)
        assert here.monitored_s == pytest.approx(before.monitored_s - 300 * 50.0) == 3_600.0
        store.add_coverage("s", Coverage(60.0, 60.0, 0.0))
        later = store.summary(T0 + DAY_S, 1e11)
        assert later.monitored_s == pytest.approx(300 * 50.0 + 60.0)
        store.move_session("s", T0 + 300.0, True, NEVER)
        back = store.summary(0.0, T0 + DAY_S)
        assert back.monitored_s == pytest.approx(before.monitored_s + 60.0)


def test_a_night_that_a_wrong_clock_ended_is_forgotten(path):
    """A clock that was eight hours ahead summed the night up; it is not over, and comes again."""
    with Store(path) as store:
        store.start_session("s", "mic", T0 + 8 * 3_600.0, False)
        for end_unix_s in (T0 - DAY_S, T0 + 7 * 3_600.0):
            store.add_night(night(end_unix_s), [])
        store.move_session("s", T0, True, T0 + 60.0)
        assert store.nights(math.inf) == [night(T0 - DAY_S)]


def test_settings_and_nights_outlive_a_restart(path):
    """What was kept is there for the next daemon, and the last value counts."""
    with Store(path) as store:
        assert store.setting("mute") is None
        assert store.begin_unix_s() is None
        store.put_setting("mute", "on")
        store.put_setting("mute", "off")
        store.add_night(night(T0), [message(1)])
    with Store(path) as store:
        assert store.setting("mute") == "off"
        assert store.has_night(T0 - 1, T0)
        assert not store.has_night(T0, T0 + 1)
        assert store.outbox_depth() == 1
        assert store.nights(math.inf) == [night(T0)]
        store.add_night(replace(night(T0), alert=True), [message(2)])
        assert store.nights(math.inf) == [night(T0)], "a night is told once"
        assert store.outbox_depth() == 1


def test_an_older_file_is_brought_up_to_date(path, monkeypatch):
    """A database of the first schema keeps all it holds, and gets what it lacks."""
    with monkeypatch.context() as old:
        old.setattr(database_module, "_VERSIONS", database_module._VERSIONS[:1])
        old.setattr(database_module, "VERSION", 1)
        filled(path, 2)
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = DELETE")  # as the first release: no vacuum
    db.execute("PRAGMA auto_vacuum = NONE")
    db.execute("VACUUM")
    assert db.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    db.close()
    with Store(path) as store:
        store.put_setting("mute", "on")
        assert store.summary(0.0, 1e11).counts == {"cough": 100}
        assert store.outbox_depth() == 100
        assert store._db.one("PRAGMA auto_vacuum")[0] == 2
        assert store._db.one("PRAGMA user_version")[0] == 4
        assert store.nights(math.inf) == []
        store.add_night(night(T0 + DAY_S), [])
        assert store.nights(math.inf) == [night(T0 + DAY_S)]


A_DAY = """
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from test_retention import Coverage, Store, event, message, DAY_S
with Store(Path(sys.argv[1])) as store:
    store.start_session("s", "mic", 1.8e9, True)
    for step in range(500):
        store.add_event("s", event(step * 170.0), message(step, 350))
        for row in store.pending(0, 10):
            store.delete(row.seq)
        if step % 500 < 288:
            store.add_coverage("s", Coverage(300.0, 299.0, 1.0))
    store.prune(1.8e9 + DAY_S, 400, 10**8, "s")
io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
print(io["wchar"])
"""


def test_a_day_spares_the_card(path):
    """500 events, sent and deleted, and a day's coverage write less than 10 MB."""
    ran = subprocess.run(
        [sys.executable, "-c", A_DAY, str(path)],
        env={**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert 1_000_000 < int(ran.stdout) < 10_000_000

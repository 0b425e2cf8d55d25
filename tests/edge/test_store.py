"""The history at home: what is committed stays, whatever happens to the process."""

import itertools
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import BadInputError, ConfigError, InputOutputError, TryAgainError
from edge.messages import Message, Origin, Stamp, event_message, rfc3339, uuid7
from edge.records import Coverage, Event
from edge.store import OutboxRow, Store, Summary

ORIGIN = Origin("airway", "bedroom", "mic", "s1")
T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z, a full hour


def event(onset_s: float, label: str = "cough") -> Event:
    """An event of 0.4 s."""
    return Event(label, onset_s, onset_s + 0.4, 0.9, 0.8)


def message(number: int, onset_s: float = 0.0) -> Message:
    """The message of an event; its id follows from the number."""
    stamp = Stamp(ORIGIN, uuid7(number, bytes(10)), rfc3339(T0 + onset_s), clock_synced=True)
    return event_message(stamp, event(onset_s), model="room")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made, in a directory that is not there yet."""
    return tmp_path / "state" / "airway.db"


@pytest.fixture
def store(path: Path):
    """A new store with one session, `s1`, that began at T0."""
    with Store(path) as store:
        store.start_session("s1", "mic", T0, True)
        yield store


def tally(path: Path) -> tuple[set[str], set[str]]:
    """The ids of the events, and of the messages, in a database that must be in good order."""
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    events = {id for (id,) in db.execute("SELECT id FROM event")}
    rows = {id for (id,) in db.execute("SELECT json_extract(payload, '$.id') FROM outbox")}
    db.close()
    return events, rows


ADD_FOR_EVER = """
import sys
from pathlib import Path
from test_store import Store, event, message
store = Store(Path(sys.argv[1]))
store.start_session(sys.argv[2], "mic", 0.0, True)
for number in range(int(sys.argv[2]) * 1_000_000, 10**12):
    store.add_event(sys.argv[2], event(1.0), message(number))
    print(message(number).payload["id"], flush=True)
"""


def test_a_kill_loses_nothing_that_was_committed(path):
    """SIGKILL at any moment: an event and its message are there together or not at all."""
    told: set[str] = set()
    chance = random.Random(7)
    for session in range(1, 7):
        with subprocess.Popen(
            [sys.executable, "-c", ADD_FOR_EVER, path, str(session)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, "the process that adds events could not start"
            time.sleep(chance.uniform(0.0, 0.15))
            process.kill()
            # A line without its end was being written; its event is committed all the same.
            told |= {line.strip() for line in (first, *process.stdout) if line.endswith("\n")}
        events, rows = tally(path)
        assert events == rows
        assert told <= events
        with Store(path) as store:
            assert store.outbox_depth() == len(events)
    assert len(told) > 6


def test_a_power_cut_keeps_event_and_message_together(path, store, tmp_path):
    """With the journal cut off at any byte, what is left is a whole number of transactions."""
    for number in range(40):
        store.add_event("s1", event(number), message(number))
    journal = path.with_name(path.name + "-wal").read_bytes()
    chance = random.Random(3)
    seen = set()
    for cut in [0, len(journal), *(chance.randrange(len(journal)) for _ in range(40))]:
        copy = tmp_path / "cut.db"
        shutil.copy(path, copy)
        copy.with_name("cut.db-wal").write_bytes(journal[:cut])
        copy.with_name("cut.db-shm").unlink(missing_ok=True)
        with sqlite3.connect(copy) as db:
            tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        db.close()
        if tables:
            events, rows = tally(copy)
            assert events == rows
            seen.add(len(events))
        with Store(copy) as again:
            assert again.outbox_depth() == (len(events) if tables else 0)
    assert max(seen) == 40
    assert len(seen) > 10


def test_events_wait_for_the_disk_and_deletions_do_not(store):
    """An event is committed with FULL (2), coverage and deletions with NORMAL (1)."""
    level = "PRAGMA synchronous"
    store.add_event("s1", event(1.0), message(1))
    assert store._db.one(level) == (2,)
    store.delete(1)
    assert store._db.one(level) == (1,)
    store.add_message(message(2))
    assert store._db.one(level) == (2,)
    store.add_coverage("s1", Coverage(1, 1, 0))
    assert store._db.one(level) == (1,)


def test_outbox_rows_come_back_as_they_went_in(store):
    """Topic, payload and retain survive, in the order of `seq`, from any place on."""
    sent = [
        message(1),
        Message("airway/bedroom/summary/night", {"café": [1, None, {"雨": 0.5}]}, retain=True),
        message(3),
    ]
    before = time.time()
    store.add_event("s1", event(1.0), sent[0])
    store.add_message(sent[1])
    store.add_message(sent[2])
    rows = store.pending(0, 10)
    assert [(row.topic, row.payload, row.retain) for row in rows] == [
        (m.topic, m.payload, m.retain) for m in sent
    ]
    assert all(isinstance(row, OutboxRow) for row in rows)
    assert [row.seq for row in rows] == [1, 2, 3]
    assert store.pending(1, 1) == rows[1:2]
    assert store.pending(3, 10) == []
    assert before <= rows[0].created_unix_s <= time.time()
    assert store.outbox_oldest_unix_s() == rows[0].created_unix_s
    store.delete(1)
    store.delete(1)
    assert store.outbox_depth() == 2
    assert store.outbox_oldest_unix_s() == rows[1].created_unix_s


def test_seq_is_never_given_twice(path, store):
    """Numbers go on after every row was deleted and the database was opened again."""
    for number in range(3):
        store.add_message(message(number))
        store.delete(number + 1)
    assert store.outbox_oldest_unix_s() is None
    store.close()
    with Store(path) as again:
        again.add_message(message(9))
        assert [row.seq for row in again.pending(0, 10)] == [4]


def test_a_refused_event_leaves_nothing_behind(store):
    """An event of no session, or with a used id, adds neither event nor message."""
    store.add_event("s1", event(1.0), message(1))
    with pytest.raises(BadInputError, match=r"no session 's9' in .*airway\.db; start it first"):
        store.add_event("s9", event(1.0), message(2))
    with pytest.raises(BadInputError, match="exists already"):
        store.add_event("s1", event(1.0), message(1))
    unsayable = message(3)
    unsayable.payload["p"] = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        store.add_event("s1", event(1.0), unsayable)
    assert store.outbox_depth() == 1
    assert store.summary(T0, T0 + 10).counts == {"cough": 1}


def test_sessions(store):
    """A session ties its clock to UTC, once."""
    with pytest.raises(BadInputError, match="'s1' exists already"):
        store.start_session("s1", "mic", T0 + 1, True)
    assert store.begin_unix_s() == T0
    with pytest.raises(BadInputError, match="no session 's2'"):
        store.move_session("s2", T0, True, T0)


def test_summary_counts_what_began_in_the_span(store):
    """An event at the start counts, one at the end does not; labels are counted apart."""
    for number, (onset_s, label) in enumerate(
        [(9.9, "cough"), (10.0, "cough"), (15.0, "snore"), (19.9, "cough"), (20.0, "cough")]
    ):
        store.add_event("s1", event(onset_s, label), message(number))
    assert store.summary(T0 + 10, T0 + 20) == Summary(
        T0 + 10, T0 + 20, {"cough": 2, "snore": 1}, 0.0, 0.0, {"cough": 1, "snore": 1}
    )
    with pytest.raises(BadInputError, match="give a later end"):
        store.summary(T0, T0)


def test_a_spell_is_one_however_many_coughs_it_has(store):
    """Onsets less than 15 s apart are one spell, of each label by itself, within the span."""
    onsets_s = [(0, "cough"), (14, "cough"), (28, "cough"), (43, "cough"), (50, "snore")]
    for number, (onset_s, label) in enumerate(onsets_s):
        store.add_event("s1", event(onset_s, label), message(number))
    assert store.summary(T0, T0 + 100).spells == {"cough": 2, "snore": 1}
    assert store.summary(T0 + 10, T0 + 40).spells == {"cough": 1}


def test_coverage_falls_into_the_hours_it_belongs_to(path):
    """A span across an hour is split, and a summary takes its part of each hour."""
    with Store(path) as store:
        store.start_session("s1", "mic", T0 - 600, True)
        store.add_coverage("s1", Coverage(900, 880, 20))  # 10 minutes before the hour, 5 after
        store.add_coverage("s1", Coverage(300, 0, 300))
        before, after = store.summary(T0 - 3600, T0), store.summary(T0, T0 + 3600)
        assert before.monitored_s == pytest.approx(880 * 2 / 3)
        assert before.lost_s == pytest.approx(20 * 2 / 3)
        assert after.monitored_s == pytest.approx(880 / 3)
        assert after.lost_s == pytest.approx(20 / 3 + 300)
        # Half of what the session covered before the hour, although it is a sixth of an hour.
        assert store.summary(T0 - 300, T0).monitored_s == pytest.approx(880 / 3)
        assert store.summary(T0 + 1000, T0 + 3600).monitored_s == 0


def test_what_the_model_finishes_late_still_counts(store):
    """Seconds processed after the last audio arrived are monitored seconds too."""
    store.add_coverage("s1", Coverage(3600.0, 3599.0, 0.0))
    store.add_coverage("s1", Coverage(0.0, 1.0, 0.0))
    assert store.summary(T0, T0 + 7200).monitored_s == pytest.approx(3600.0)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_coverage_that_is_none_is_refused(store, bad):
    """Negative or endless seconds are an error, and change nothing."""
    for coverage in (Coverage(bad, 0, 0), Coverage(1, bad, 0), Coverage(1, 0, bad)):
        with pytest.raises(BadInputError, match="seconds are 0 or more"):
            store.add_coverage("s1", coverage)
    assert store.summary(T0 - 1e6, T0 + 1e6).monitored_s == 0


@settings(max_examples=25, deadline=None)
@given(
    offset_s=st.floats(0, 7200),
    spans=st.lists(st.tuples(st.floats(0, 9000), st.floats(0, 1)), max_size=12),
    cuts=st.lists(st.floats(0, 40_000), max_size=5),
)
def test_no_second_is_lost_or_counted_twice(tmp_path_factory, offset_s, spans, cuts):
    """However it came in and however it is cut up, the parts add up to the whole."""
    with Store(tmp_path_factory.mktemp("coverage") / "airway.db") as store:
        store.start_session("s", "mic", T0 + offset_s, True)
        for audio_s, share in spans:
            store.add_coverage("s", Coverage(audio_s, audio_s * share, audio_s * (1 - share)))
        edges = sorted({T0 - 1, *(T0 + cut for cut in cuts), T0 + 200_000})
        parts = [store.summary(*pair) for pair in itertools.pairwise(edges)]
    assert sum(p.monitored_s for p in parts) == pytest.approx(sum(a * s for a, s in spans))
    assert sum(p.lost_s for p in parts) == pytest.approx(sum(a * (1 - s) for a, s in spans))


def test_threads_may_open_a_new_database_at_once(path):
    """Eight threads, each with a store of its own: one makes the tables, all can write."""
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with Store(path) as store:
                store.start_session(str(number), "mic", T0, True)
                for k in range(5):
                    store.add_event(str(number), event(k), message(number * 100 + k))
        except BaseException as error:  # noqa: BLE001 - a thread can't raise in the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Store(path) as store:
        assert store.outbox_depth() == 40
        assert len({row.seq for row in store.pending(0, 100)}) == 40


def test_the_history_is_private(path, store):
    """Nobody but the owner may read the file, nor the journal beside it."""
    store.add_message(message(1))
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_text_file_is_not_a_database(tmp_path):
    """A wrong path in the configuration is refused, and the file is left as it was."""
    path = tmp_path / "notes.txt"
    path.write_text("Ask the doctor about the cough at night. " * 50)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"notes\.txt is not a database; set store\.path to"):
        Store(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_database_of_another_program_is_left_alone(tmp_path):
    """Another program's file is refused, and not even its journal mode changes."""
    path = tmp_path / "photos.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE photo (name TEXT)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="another program"):
        Store(path)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused(path, store):
    """A database that a newer release has written says so, and is left alone."""
    store._db.execute("PRAGMA user_version = 5")
    with pytest.raises(ConfigError, match=r"by a newer Airway \(schema 5, this one knows 4\)"):
        Store(path)


def test_a_path_that_cannot_be_opened(tmp_path):
    """A directory, and a path below a file, are refused with the remedy."""
    with pytest.raises(InputOutputError, match=r"can't open the database .*store\.path"):
        Store(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputOutputError, match=r"can't open the database .*store\.path"):
        Store(tmp_path / "file" / "airway.db")


def test_a_locked_database_is_a_passing_fault(path, store, monkeypatch):
    """A program that holds the file makes the call fail for now, not for good."""
    monkeypatch.setattr("edge.store.database.BUSY_TIMEOUT_S", 0.05)
    with Store(path) as hasty:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryAgainError, match="locked by another program"):
            hasty.add_message(message(1))
        other.execute("ROLLBACK")
        other.close()
        hasty.add_message(message(1))
        assert hasty.outbox_depth() == 1


def test_a_full_disk_is_one_sentence_and_a_clean_history(path, store):
    """What does not fit is refused whole; once there is space, the same store goes on."""
    pages = store._db.one("PRAGMA page_count")[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(1000):
            store.add_event("s1", event(number), message(number))

    with pytest.raises(InputOutputError, match="full; check the disk's space"):
        fill()
    events, rows = tally(path)
    assert events == rows
    store._db.execute("PRAGMA max_page_count = 100000")
    store.add_event("s1", event(1.0), message(5000))
    assert store.outbox_depth() == len(events) + 1


def test_a_wrong_thread_is_a_fault_of_the_code(store):
    """A store used by a thread that did not open it fails loudly, not as a bad disk."""
    caught: list[BaseException] = []

    def work() -> None:
        try:
            store.outbox_depth()
        except sqlite3.ProgrammingError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_many_threads_may_make_one_database(tmp_path):
    """Whoever opens a file while another makes its tables finds an empty or a finished one."""
    for number in range(60):
        path = tmp_path / f"{number}.db"
        with ThreadPoolExecutor(4) as pool:
            for opened in [pool.submit(lambda path=path: Store(path).close()) for _ in range(8)]:
                opened.result()

"""Looking at the history: all of it is seen, and nothing of it can be changed."""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ConfigError, InputOutputError
from edge.messages import Message, Origin, Stamp, event_message, rfc3339, uuid7
from edge.records import Coverage, Event, Heard, Night
from edge.store import Reader, Store

T0 = 1_772_359_200.0
ORIGIN = Origin("airway", "bedroom", "mic", "s1")
ID = uuid7(1, bytes(10))
NOBODY = 65_534


def fill(store: Store) -> None:
    """A session with an hour and a half of listening and one cough."""
    store.start_session("s1", "mic", T0, True)
    event = Event("cough", 60.0, 60.5, 0.9, 0.8)
    message = event_message(Stamp(ORIGIN, ID, rfc3339(T0 + 60), True), event, model="room")
    store.add_event("s1", event, message)
    store.add_coverage("s1", Coverage(5400.0, 5300.0, 100.0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is made."""
    return tmp_path / "airway.db"


def test_what_the_daemon_wrote_is_seen_while_it_writes(path: Path):
    """With the daemon's connection open, each figure comes out as it went in."""
    with Store(path) as store:
        fill(store)
        with Reader(path) as reader:
            event = reader.event(ID)
            assert event is not None
            assert (event.source, event.label, event.onset_unix_s) == ("mic", "cough", T0 + 60)
            assert (round(event.duration_s, 6), event.score, event.p) == (0.5, 0.9, 0.8)
            assert reader.event("other") is None
            assert reader.onsets("cough", T0, T0 + 61) == [T0 + 60]
            assert reader.onsets("snore", T0, T0 + 61) == []
            assert reader.events(T0, T0 + 60, 5) == []
            assert [span.audio_s for span in reader.spans(T0, T0 + 7200)] == [3600.0, 1800.0]
            assert sum(s.lost_s for s in reader.spans(T0, T0 + 7200)) == pytest.approx(100.0)
            assert reader.heard_until_unix_s(T0 + 5400) == T0 + 5400
            session = reader.latest_session()
            assert session is not None
            assert (session.source, session.clock_synced) == ("mic", True)
            assert reader.waiting()[0] == 1
            assert not reader.muted()
            store.put_setting("mute", "on")
            assert reader.muted()


@settings(max_examples=25, deadline=None)
@given(
    spans=st.lists(st.tuples(st.sampled_from([0, 60, 3600, 5000]), st.floats(0, 9)), max_size=9),
    cut_s=st.sampled_from([0, 60, 3600, 3660, 7200]),
)
def test_a_page_and_a_sum_agree(tmp_path_factory, spans, cut_s):
    """Whatever is cut out of the history, its hours add up to what a night's sum says."""
    path = tmp_path_factory.mktemp("spans") / "airway.db"
    with Store(path) as store, Reader(path) as reader:
        store.start_session("s1", "mic", T0, True)
        for audio_s, processed_s in spans:
            store.add_coverage("s1", Coverage(float(audio_s), processed_s, audio_s / 2))
        stretch = (T0 + cut_s, T0 + cut_s + 4000)
        shown = [(span, span.share_in(*stretch)) for span in reader.spans(*stretch)]
        wanted = store.summary(*stretch)
    assert sum(span.processed_s * share for span, share in shown) == wanted.monitored_s
    assert sum(span.lost_s * share for span, share in shown) == wanted.lost_s


def test_a_message_of_a_wrong_clock_waits_since_then(path: Path, monkeypatch):
    """The page and the daemon's figures name the same message: the first that waits."""
    with Store(path) as store, Reader(path) as reader:
        for told_s in (T0 + 9e6, T0):
            monkeypatch.setattr("time.time", lambda told_s=told_s: told_s)
            store.add_message(Message("airway/bedroom/alert", {}, False))
        assert reader.waiting() == (2, T0 + 9e6) == (2, store.outbox_oldest_unix_s())


def test_time_in_which_nothing_is_heard_is_no_listening(path: Path):
    """Muted, or with a dead microphone, time goes on, and what was last heard stays."""
    with Store(path) as store:
        store.start_session("s1", "mic", T0, True)
        with Reader(path) as reader:
            assert reader.heard_until_unix_s(T0 + 9e6) is None
            store.add_coverage("s1", Coverage(300.0, 300.0, 0.0))
            for _ in range(100):
                store.add_coverage("s1", Coverage(60.0, 0.0, 60.0))
            assert reader.heard_until_unix_s(T0 + 9e6) == T0 + 300
            store.add_coverage("s1", Coverage(10.0, 10.0, 0.0))
            assert reader.heard_until_unix_s(T0 + 9e6) == T0 + 6310
            store.move_session("s1", T0 + 5000.0, True, T0 + 9e6)
            assert reader.heard_until_unix_s(T0 + 9e6) == T0 + 11310
        store.start_session("s2", "mic", T0 + 20_000, True)
        store.add_coverage("s2", Coverage(600.0, 600.0, 0.0))
        store.add_coverage("s2", Coverage(900.0, 0.0, 0.0))
        store.move_session("s2", T0 + 24_000, True, T0 + 9e6)  # over the hour's end
        with Reader(path) as reader:
            assert reader.heard_until_unix_s(T0 + 9e6) == T0 + 24_600


def test_what_a_wrong_clock_told_of_the_future_is_left_out(path: Path):
    """A night and a coverage of next year, from before the clock was set, show nothing today."""
    ahead_s = 365 * 86_400.0
    heard = {"cough": Heard(1, 1)}
    with Store(path) as store:
        store.start_session("s0", "mic", T0 + ahead_s, False)
        store.add_coverage("s0", Coverage(60.0, 60.0, 0.0))
        for start in (T0 - 43_200, T0 + ahead_s):
            day = datetime.fromtimestamp(start, UTC).date()
            store.add_night(Night(day, start, start + 43_200, heard, 4e4, 0.0, "m"), [])
        with Reader(path) as reader:
            assert [night.end_unix_s for night in reader.nights(T0)] == [T0]
            assert reader.heard_until_unix_s(T0) is None
            assert len(reader.nights(T0 + 2 * ahead_s)) == 2


def test_nothing_can_be_written(path: Path):
    """SQLite itself refuses a change through the reader's connection."""
    with Store(path) as store:
        fill(store)
    with Reader(path) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._db.execute("DELETE FROM event")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
@pytest.mark.parametrize("running", [True, False])
def test_it_needs_no_right_to_write(path: Path, running: bool):
    """Who may only read the folder sees the history, with the daemon running and without."""
    store = Store(path)
    fill(store)
    if not running:
        store.close()
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        folder.chmod(0o755)
    for file in path.parent.iterdir():
        file.chmod(0o644)
    program = (
        "import os, sys; from pathlib import Path; from edge.store import Reader\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        f"assert not os.access({str(path.parent)!r}, os.W_OK)\n"
        f"with Reader(Path({str(path)!r})) as reader: print(reader.event({ID!r}).label)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "cough\n", done.stderr
    store.close()


def test_no_file_is_made(path: Path):
    """A history that is not there is one sentence, and still not there."""
    with pytest.raises(InputOutputError, match=r"no history at .*; start airway run first"):
        Reader(path)
    assert not path.exists()


def test_anothers_database_is_refused(path: Path):
    """A database of another program, and a text, are said to be none of ours."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (x)")
    db.commit()
    db.close()
    with pytest.raises(ConfigError, match="another program"):
        Reader(path)
    path.write_text("no database at all, and long enough to look at" * 5)
    with pytest.raises(ConfigError, match="not a database"):
        Reader(path)


def test_an_older_schema_is_named(path: Path):
    """A file of an older release is for the daemon to bring up to date."""
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    with pytest.raises(ConfigError, match=r"schema 1 .* start this release's daemon once"):
        Reader(path)

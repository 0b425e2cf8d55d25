"""A damaged database: put aside, and what can be read carried over, whole or not at all."""

import contextlib
import math
import random
import resource
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_retention import DAY_S, T0, event, filled, message, night, outbox_ids

from edge.errors import ConfigError, InputOutputError
from edge.store import DamagedError, Store, ensure_sound, rescue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is made."""
    return tmp_path / "airway.db"


def test_a_sound_database_is_left_alone(path):
    """The check at the start moves nothing, whether the file is there or not yet."""
    assert ensure_sound(path, T0) is None
    filled(path, 2)
    assert ensure_sound(path, T0) is None
    assert outbox_ids(path)[99:] == [message(100).payload["id"]]


def damage(path: Path, kind: str) -> None:
    """Break a closed database in one of the ways that cards and power cuts do."""
    data = bytearray(path.read_bytes())
    if kind == "header":
        data[:16] = b"\xff" * 16
    elif kind == "zeros":
        data[:4096] = bytes(4096)
    elif kind == "cut":
        del data[len(data) * 2 // 3 :]
    else:  # noise in the pages behind the first
        noise = random.Random(1)
        for at in range(8_192, len(data) - 512, 8_192):
            data[at : at + 300] = noise.randbytes(300)
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["header", "zeros", "cut", "noise"])
def test_a_damaged_database_is_put_aside(path, kind, caplog):
    """It is kept under a name with the time, said once, and a new one takes its place."""
    filled(path, 30)
    damage(path, kind)
    broken = path.read_bytes()
    aside = ensure_sound(path, T0 + 40 * DAY_S)
    assert aside == path.with_name("airway.damaged-20260210T000000000Z.db")
    assert aside.read_bytes() == broken
    assert len(caplog.records) == 1
    assert f"it is kept as {aside}, and recording goes on" in caplog.text
    with Store(path) as store:
        store.start_session("new", "mic", T0 + 40 * DAY_S, True)
        store.add_event("new", event(1.0), message(99_999))
        newest = store.pending(0, 100_000)[-1]
        assert newest.payload == message(99_999).payload
        assert newest.seq > T0, "a number that the damaged outbox may have given"
    assert ensure_sound(path, T0 + 40 * DAY_S) is None


def test_what_can_be_read_is_carried_over(path, caplog):
    """Noise in some pages costs what is in them, and not the rest."""
    filled(path, 30)
    damage(path, "noise")
    ensure_sound(path, T0)
    ids = outbox_ids(path)
    assert len(ids) == len(set(ids))
    with Store(path) as store:
        kept = store.summary(0.0, 1e11).counts.get("cough", 0)
    assert 0 < kept + len(ids) < 3_000
    assert f"with {sum(rows(path).values())} rows that could be read" in caplog.text


@pytest.mark.parametrize("cut", ["while copying", "before its name", "before its companions"])
def test_a_rescue_that_is_cut_short_loses_nothing(path, cut, monkeypatch):
    """A power cut at any moment of a rescue: the next start ends with the same rows."""
    filled(path, 30)
    damage(path, "noise")
    ensure_sound(path, T0)
    wanted = rows(path)
    for file in path.parent.iterdir():
        file.unlink()
    filled(path, 30)
    damage(path, "noise")
    broken = path.read_bytes()
    if cut == "while copying":
        monkeypatch.setattr(rescue, "_put_aside", power_cut)
        rescued = path.with_name("airway.rescued.db")
        rescued.write_bytes(b"half of a copy")
    else:
        monkeypatch.setattr(rescue, "_rename", cut_at(path, cut))
    with pytest.raises(KeyboardInterrupt):
        ensure_sound(path, T0)
    monkeypatch.undo()
    ensure_sound(path, T0 + 1)
    assert rows(path) == wanted
    aside = path.parent.glob("airway.damaged-*.db")
    assert [file.read_bytes() for file in aside] == [broken]
    assert not list(path.parent.glob("*rescued*"))


def power_cut(*_: object) -> None:
    """Nothing comes after this."""
    raise KeyboardInterrupt


def cut_at(path: Path, cut: str) -> Callable[[Path, Path], None]:
    """The renaming, up to where the power goes."""

    def rename(old: Path, new: Path) -> None:
        if cut == "before its name" and new == path:
            raise KeyboardInterrupt
        old.rename(new)
        if cut == "before its companions" and old == path:
            Path(f"{path}-wal").write_bytes(b"of the damaged one")
            raise KeyboardInterrupt

    return rename


@contextlib.contextmanager
def no_file_beyond(most_bytes: int) -> Iterator[None]:
    """Every file of this process ends there, as at the end of a disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_room_for_a_copy_recording_goes_on(path, caplog):
    """The rows stay in the damaged file, the settings go along, and no half copy takes the room."""
    with Store(path) as store:
        store.put_setting("mute", "on")
    filled(path, 60)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4_096 * 4_096
    data[middle : middle + 300] = b"\xff" * 300
    path.write_bytes(data)
    broken = path.read_bytes()
    with no_file_beyond(100_000):
        aside = ensure_sound(path, T0)
    assert aside is not None
    assert aside.read_bytes() == broken
    assert "not all could be carried over" in caplog.text
    assert not list(path.parent.glob("*.rescued*"))
    with Store(path) as store:
        assert store.setting("mute") == "on"
        store.start_session("after", "mic", T0, True)


def test_a_rescue_without_any_room_leaves_the_damaged_file(path):
    """Where not even an empty database can be made, it fails and nothing has changed."""
    filled(path, 30)
    damage(path, "noise")
    broken = path.read_bytes()
    with no_file_beyond(8_192), pytest.raises(InputOutputError, match="disk"):
        ensure_sound(path, T0)
    assert path.read_bytes() == broken


def test_an_index_without_a_row_is_found_by_the_close_look(path):
    """What a quick check passes and every deletion stumbles over is mended after it failed."""
    filled(path, 2)
    db = sqlite3.connect(path)
    with db:
        db.execute("PRAGMA writable_schema = ON")
        where = "FROM sqlite_schema WHERE name = 'event_by_time'"
        row = db.execute(f"SELECT * {where}").fetchone()
        db.execute(f"DELETE {where}")
    db.close()
    db = sqlite3.connect(path)
    with db:  # no index sees this
        one = "SELECT id FROM event LIMIT 1"
        db.execute(f"UPDATE event SET onset_unix_s = onset_unix_s + 0.5 WHERE id IN ({one})")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", row)
    db.close()
    assert ensure_sound(path, T0) is None
    assert ensure_sound(path, T0, "integrity_check") is not None
    assert ensure_sound(path, T0, "integrity_check") is None
    assert rows(path)["event"] == 100


def test_a_spoilt_value_stops_nothing_behind_it(path):
    """A bit that fell in a message or a night: it stays where it is, and the others go on."""
    filled(path, 1, 5)
    with Store(path) as store:
        store.add_night(night(T0), [])
        store.add_night(night(T0 + DAY_S), [])
    db = sqlite3.connect(path)
    with db:
        db.execute("UPDATE outbox SET payload = replace(payload, '\"id\"', '\"id') WHERE seq = 3")
        db.execute("UPDATE night SET heard = replace(heard, '{', '[') WHERE end_unix_s = ?", (T0,))
    db.close()
    with Store(path) as store:
        assert [row.seq for row in store.pending(0, 10)] == [1, 2, 4, 5]
        assert store.nights(math.inf) == [night(T0 + DAY_S)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("date", "2026-02-2?"),
        ("date", None),
        ("heard", '{"cough":5}'),
        ("heard", "[]"),
        ("heard", '{"cough":{"count":"x","spells":1,"detector":null}}'),
        ("monitored_s", "abc"),
        ("start_unix_s", None),
    ],
)
def test_a_spoilt_night_is_left_out(path, column, value):
    """Whatever is wrong with a night's row, the others are read, and counted anew."""
    filled(path, 1)
    with Store(path) as store:
        store.add_night(night(T0), [])
        store.add_night(night(T0 + DAY_S), [])
    db = sqlite3.connect(path)
    with db:
        db.execute(f"UPDATE night SET {column} = ? WHERE end_unix_s = ?", (value, T0))
    db.close()
    with Store(path) as store:
        assert store.nights(math.inf) == [night(T0 + DAY_S)]
        store.start_session("late", "mic", T0 + 2 * DAY_S, True)
        store.move_session("late", T0 - 2 * DAY_S, True, T0 + 9 * DAY_S)


def rows(path: Path) -> dict[str, int]:
    """How many rows each table holds."""
    db = sqlite3.connect(path)
    tables = ("session", "event", "coverage", "night", "setting", "outbox")
    counts = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
    db.close()
    return counts


def test_two_damages_in_one_second_keep_both_files(path):
    """A second file that is put aside at the same time gets a name of its own."""
    for _ in range(2):
        filled(path, 3)
        damage(path, "zeros")
        ensure_sound(path, T0)
    assert sorted(file.name for file in path.parent.glob("*.damaged-*.db")) == [
        "airway.damaged-20260101T000000000Z-2.db",
        "airway.damaged-20260101T000000000Z.db",
    ]


def test_damage_while_running_says_what_it_is(path):
    """A page that breaks under an open store is told apart from a full disk."""
    filled(path, 30)
    with Store(path) as store:
        damage(path, "noise")
        with pytest.raises(DamagedError, match="is damaged"):
            store.summary(0.0, 1e11)


def test_what_is_not_ours_is_never_moved(tmp_path):
    """A text file and another program's database are refused where they are."""
    notes = tmp_path / "notes.txt"
    notes.write_text("Ask the doctor about the cough at night. " * 50)
    with pytest.raises(ConfigError, match="not a database"):
        ensure_sound(notes, T0)
    photos = tmp_path / "photos.db"
    with sqlite3.connect(photos) as db:
        db.execute("CREATE TABLE photo (name TEXT)")
    db.close()
    with pytest.raises(ConfigError, match="another program"):
        ensure_sound(photos, T0)
    assert {file.name for file in tmp_path.iterdir()} == {"notes.txt", "photos.db"}


def test_half_a_message_is_not_carried_over(path):
    """A payload whose end is lost would stop the uplink; the rest of the outbox goes out."""
    filled(path, 2)
    db = sqlite3.connect(path)
    with db:
        db.execute("UPDATE outbox SET payload = substr(payload, 1, 20) WHERE seq = 7")
    db.close()
    damage(path, "cut")
    assert ensure_sound(path, T0) is not None
    ids = outbox_ids(path)
    assert message(7).payload["id"] not in ids

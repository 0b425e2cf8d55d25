"""Nights: when one is over, its summary, and the alerts that come of many."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bursts import ABOUT, Bursts, Live, configured, valid
from hypothesis import given
from hypothesis import strategies as st

from edge.config import NightSettings, Settings
from edge.daemon.diary import Diary
from edge.daemon.keeper import Backlog, Keeper
from edge.daemon.night import last_night
from edge.daemon.session import Clocks, Session
from edge.messages import Message, event_message
from edge.records import Accuracy, AudioBlock, Coverage, Event, Heard, Night
from edge.store import Store, Summary

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z


BERLIN = ZoneInfo("Europe/Berlin")


def local(year: int, month: int, day: int, hour: int, minute: int = 0) -> float:
    """A time in Berlin, seconds since 1970."""
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ((2026, 1, 10, 9, 0), (2026, 1, 9, 21, 0), (2026, 1, 10, 9, 0)),
        ((2026, 1, 10, 8, 59), (2026, 1, 8, 21, 0), (2026, 1, 9, 9, 0)),
        ((2026, 1, 10, 23, 0), (2026, 1, 9, 21, 0), (2026, 1, 10, 9, 0)),
        ((2026, 3, 29, 9, 0), (2026, 3, 28, 21, 0), (2026, 3, 29, 9, 0)),
        ((2026, 10, 25, 9, 30), (2026, 10, 24, 21, 0), (2026, 10, 25, 9, 0)),
    ],
)
def test_a_night_is_a_matter_of_local_time(now, start, end):
    """The latest night that is over, to the second, through both changes of the clocks."""
    settings = NightSettings("21:00", "09:00", "Europe/Berlin")
    assert last_night(local(*now), settings) == (local(*start), local(*end))


def test_a_night_may_be_within_a_day():
    """Somebody who sleeps by day has nights too."""
    settings = NightSettings("08:30", "16:00", "Europe/Berlin")
    found = last_night(local(2026, 5, 5, 16, 1), settings)
    assert found == (local(2026, 5, 5, 8, 30), local(2026, 5, 5, 16, 0))


@given(
    now=st.floats(1.75e9, 2.0e9),
    start=st.integers(0, 1439),
    length=st.integers(1, 1439),
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC"]),
)
def test_nights_are_over_and_follow_each_other(now, start, length, zone):
    """At any time and in any zone: the night is over, not longer than a day, and the last."""
    end = (start + length) % 1440
    settings = NightSettings(
        f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}", zone
    )
    begin_s, end_s = last_night(now, settings)
    assert end_s <= now < end_s + 26 * 3600
    assert abs((end_s - begin_s) - length * 60) <= 3600
    assert last_night(end_s, settings)[1] == end_s


def nightly(tmp_path: Path, port: int | None) -> Settings:
    """A night from midnight to one, in UTC."""
    return replace(configured(tmp_path, port), night=NightSettings("00:00", "01:00", "UTC"))


def test_a_night_is_summed_up_at_its_end(tmp_path, mosquitto, quick, wait_until):
    """A daemon that goes on publishes the night once, with its coverage, and again the next."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/#")
    skew_s = [0.0]

    def clock() -> float:
        return time.monotonic() + skew_s[0]

    begin_s = clock()

    def wall() -> float:
        return T0 - 600.0 + (clock() - begin_s)

    daemon = Live(nightly(tmp_path, mosquitto.port), clock=clock, wall=wall, synced=lambda _: True)
    daemon.hear(1, [0.5])
    assert wait_until(lambda: subscriber.on("/state"))
    assert not subscriber.on("/summary/night")
    for day in (1, 2):
        skew_s[0] += 1_200.0  # into the night
        daemon.hear(2, [0.5])
        time.sleep(0.4)
        skew_s[0] += 3_600.0  # and out of it
        daemon.hear(1, [])
        assert wait_until(lambda day=day: len(subscriber.on("/summary/night")) == day)
        time.sleep(0.3)
        skew_s[0] += 86_400.0 - 4_800.0
        daemon.hear(1, [])
    assert daemon.end() == [0]
    nights = [valid(message, "summary") for message in subscriber.on("/summary/night")]
    assert [summary["start"] for summary in nights] == [
        "2026-01-01T00:00:00.000Z",
        "2026-01-02T00:00:00.000Z",
    ]
    for summary in nights:
        assert summary["end"][11:] == "01:00:00.000Z"
        assert summary["monitored_s"] + summary["lost_s"] <= 3_601
        assert summary["monitored_s"] < 10, "a stalled source is not a monitored one"
    again = Live(nightly(tmp_path, mosquitto.port), clock=clock, wall=wall, synced=lambda _: True)
    again.hear(1, [])
    time.sleep(0.5)
    again.end()
    assert len(subscriber.on("/summary/night")) == 2, "a restart sums no night up again"


class Coughs(Bursts):
    """Bursts by the name whose nights are compared."""

    def push(self, block: AudioBlock) -> list[Event]:
        """Events that end in this block."""
        return [replace(event, label="cough") for event in super().push(block)]


def test_an_alert_is_told_once(tmp_path, mosquitto, quick, wait_until):
    """Raised after a month of quiet nights and two loud ones, kept over a restart, and cleared."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/#")
    settings = nightly(tmp_path, mosquitto.port)
    settings = replace(settings, night=NightSettings("00:00", "09:00", "UTC"))
    about = replace(ABOUT, labels=("cough",), detectors={"cough": Accuracy(0.7, 300, 1.0, 10.0)})
    day_s = 86_400.0
    counts = [18, 25, 20, 15, 22] * 6 + [60, 66] + [12] * 4
    begin_s = T0 - (len(counts) - 0.5) * day_s

    def sleep(store: Store, day: int) -> None:
        """A night that another run has listened to, with all but its summary."""
        start_unix_s = begin_s + day * day_s + 43_200.0
        store.start_session(f"s{day}", "mic", start_unix_s, True)
        store.add_coverage(f"s{day}", Coverage(32_400.0, 32_000.0, 400.0))
        for number in range(counts[day]):
            message = Message("airway/n/mic/event", {"id": f"{day}-{number}"})
            store.add_event(
                f"s{day}", Event("cough", 400.0 * number, 400.0 * number + 1, 1, 1), message
            )

    def morning(day: int) -> dict[str, Any]:
        """A daemon that starts at noon sums the night up, and ends; the payload of the night."""
        with Store(settings.store.path) as store:
            sleep(store, day)
        before = len(subscriber.on("/summary/night"))
        noon = begin_s + (day + 1) * day_s
        daemon = Live(settings, Coughs, about, wall=lambda: noon, synced=lambda _: True)
        daemon.hear(1, [])
        assert wait_until(lambda: len(subscriber.on("/summary/night")) > before)
        assert daemon.end() == [0]
        return valid(subscriber.on("/summary/night")[-1], "summary")

    with Store(settings.store.path) as store:
        store.start_session("first", "mic", begin_s, True)
        for day in range(30):
            store.add_night(
                Night(
                    date.fromtimestamp(begin_s + day * day_s),
                    begin_s + day * day_s + 43_200.0,
                    begin_s + day * day_s + 75_600.0,
                    {"cough": Heard(counts[day], counts[day], about.detectors["cough"])},
                    32_000.0,
                    400.0,
                    about.digest,
                    False if day > 20 else None,
                ),
                [],
            )
    nights = [morning(day) for day in range(30, len(counts))]
    assert [night["alert"] for night in nights][:2] == [False, True]
    assert nights[-1]["alert"] is False
    told = [valid(message, "alert") for message in subscriber.on("n/alert")]
    assert [alert["state"] for alert in told] == ["raised", "cleared"]
    assert [alert["cause"] for alert in told] == ["more", "usual"]
    raised = told[0]
    assert raised["nights"] == 2
    assert raised["rate_per_hour"] == pytest.approx(3600 * (60 + 66) / 64_000, rel=0.02)
    assert raised["usual_low_per_hour"] < 20 * 3600 / 32_000 < raised["usual_high_per_hour"]
    assert "More coughs than usual" in raised["reason"]["en"]
    assert "不作诊断" in raised["reason"]["zh"]
    estimate = nights[0]["estimated_per_hour"]["cough"]
    assert estimate["corrected"]
    assert estimate["low"] < (60 * 3600 / 32_000 - 1.0) / 0.7 < estimate["high"]


def test_a_night_without_the_daemon_says_so(tmp_path, mosquitto, quick, wait_until):
    """A night that nobody listened to is published with no second monitored and no rate."""
    mosquitto.start()
    subscriber = mosquitto.listen("airway/+/summary/night")
    settings = nightly(tmp_path, mosquitto.port)
    with Store(settings.store.path) as store:
        store.start_session("old", "mic", T0 - 10 * 86_400, True)
    daemon = Live(settings, wall=lambda: T0 + 10_000.0, synced=lambda _: True)
    daemon.hear(1, [])
    assert wait_until(lambda: subscriber.received)
    daemon.end()
    (summary,) = (valid(message, "summary") for message in subscriber.received)
    assert summary["monitored_s"] == 0.0
    assert summary["rate_per_hour"] == {"burst": None, "bang": None}


def test_a_night_with_other_ends_is_not_told_twice(tmp_path):
    """After night.end was set earlier, the night that was summed up already is left as it is."""
    store = Store(tmp_path / "a.db")
    store.add_night(Night(date(2026, 1, 9), T0, T0 + 36_000, {}, 36_000.0, 0.0, "ab" * 32), [])
    assert store.has_night(T0, T0 + 30_000)
    assert store.has_night(T0 + 3_600, T0 + 40_000)
    assert not store.has_night(T0 + 36_000, T0 + 72_000)
    assert not store.has_night(T0 - 36_000, T0)
    store.close()


UTC_NIGHT = NightSettings("21:00", "09:00", "UTC")
NINE_PM = T0 + 21 * 3600.0


class Life:
    """A device whose clocks are set by hand, writing its diary."""

    def __init__(self, path: Path) -> None:
        self.path, self.synced = path, True
        self.told: list[str] = []

    def boot(self, at_unix_s: float) -> None:
        """Begin a session."""
        self.up_s, self.wall = 0.0, at_unix_s
        clocks = Clocks(lambda: self.up_s, lambda: self.wall, lambda _: self.synced)
        self.session = Session.begin("airway", "bedroom", "mic", clocks)
        self.keeper = Keeper(self.path, Backlog(), lambda: self.up_s)
        self.diary = Diary(self.session, self.keeper, lambda: None)

    def listen(self, hours: float, coughs: int = 0) -> None:
        """Hear something for so long."""
        for number in range(coughs):
            onset_s = self.up_s + hours * 3600 * (number + 0.5) / coughs
            event = Event("cough", onset_s, onset_s + 0.4, 0.9, 0.8)
            stamp = self.session.stamp(self.session.start_unix_s + onset_s)
            self.diary.event(event, event_message(stamp, event, model="b"))
        self.up_s, self.wall = self.up_s + hours * 3600, self.wall + hours * 3600
        self.diary.coverage(Coverage(self.up_s, self.up_s, 0.0), 0.0, now=True)

    def nights(self, settings: NightSettings = UTC_NIGHT) -> list[tuple[str, int, float]]:
        """Let the diary look for nights that are over: date, coughs and hours of all of them."""
        for _ in range(4):  # one a call
            self.diary.night(settings, self._write_up)
        with Store(self.path) as store:
            return [
                (night.date.isoformat(), night.heard["cough"].count, night.monitored_s / 3600)
                for night in store.nights(self.wall)
            ]

    def _write_up(self, summary: Summary, before: Sequence[Night]) -> tuple[Night, list[Message]]:
        day = datetime.fromtimestamp(summary.start_unix_s, UTC).date()
        count = summary.counts.get("cough", 0)
        span = (summary.start_unix_s, summary.end_unix_s)
        heard = {"cough": Heard(count, count, None)}
        assert all(night.end_unix_s <= summary.start_unix_s for night in before)
        self.told.append(day.isoformat())
        return Night(day, *span, heard, summary.monitored_s, 0.0, "ab" * 32), []


@pytest.fixture
def life(tmp_path):
    """A device that heard eight hours and ten coughs of its first night."""
    device = Life(tmp_path / "a.db")
    device.boot(NINE_PM)
    device.listen(8, coughs=10)
    yield device
    device.keeper.close()


def test_a_night_is_summed_up_though_the_device_was_off_at_its_end(life):
    """Back after two more nights, it sums up the one it heard, and the last one as unheard."""
    life.keeper.close()
    life.boot(NINE_PM + 2.7 * 86_400)
    assert life.nights() == [("2026-01-01", 10, 8.0), ("2026-01-03", 0, 0.0)]
    assert life.nights() == [("2026-01-01", 10, 8.0), ("2026-01-03", 0, 0.0)]


def test_a_night_by_a_wrong_clock_is_not_counted_twice(tmp_path):
    """When the clock is set, what a night held moves with it, and is summed up there alone."""
    life = Life(tmp_path / "a.db")
    life.synced = False
    life.boot(NINE_PM)
    life.listen(12, coughs=10)
    life.listen(1)
    assert life.nights() == [("2026-01-01", 10, 12.0)]
    life.wall, life.synced = life.wall + 3 * 86_400, True
    life.diary.follow_clock()
    assert life.nights() == [("2026-01-04", 10, 12.0)]
    life.keeper.close()


def test_a_clock_that_was_nearly_right_leaves_the_nights(tmp_path):
    """A minute is no other night: what was told of it stays."""
    life = Life(tmp_path / "a.db")
    life.synced = False
    life.boot(NINE_PM)
    life.listen(13, coughs=10)
    told = life.nights()
    life.wall, life.synced = life.wall + 60, True
    life.diary.follow_clock()
    assert life.nights() == told
    life.keeper.close()


@pytest.mark.parametrize("behind_s", [2 * 3600.0, 40 * 86_400.0])
def test_a_session_that_heard_nothing_takes_no_night_along(tmp_path, behind_s):
    """A start by a saved clock, set right at once, leaves the night it seemed to be in as told."""
    life = Life(tmp_path / "a.db")
    life.boot(NINE_PM)
    life.listen(13, coughs=10)
    told = life.nights()
    life.keeper.close()
    life.synced = False
    life.boot(NINE_PM + 11 * 3600)
    life.wall, life.synced = life.wall + behind_s, True
    life.diary.follow_clock()
    assert life.nights()[:1] == told
    assert life.told.count("2026-01-01") == 1
    life.keeper.close()


def test_a_long_session_by_a_wrong_clock_is_counted_anew_and_not_told_again(tmp_path):
    """Three nights by a clock two hours slow keep their place, with what they really held."""
    life = Life(tmp_path / "a.db")
    life.synced = False
    life.boot(NINE_PM)
    for _ in range(3):
        life.listen(12, coughs=12)
        life.listen(12)
        life.nights()
    life.wall, life.synced = life.wall + 2 * 3600, True
    life.diary.follow_clock()
    days = ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert [(day, coughs) for day, coughs, _ in life.nights()] == [(day, 10) for day in days]
    assert life.told == days
    life.keeper.close()


@pytest.mark.parametrize("start", ["02:00", "02:30"])
def test_a_night_that_the_clocks_skip_is_none(life, start):
    """In spring there is no time between two and three: no night, and no error."""
    life.keeper.close()
    life.boot(local(2026, 3, 29, 12))
    skipped = NightSettings(start, "03:00", "Europe/Berlin")
    assert all(day != "2026-03-29" for day, _, _ in life.nights(skipped))

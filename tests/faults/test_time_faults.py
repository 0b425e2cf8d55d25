"""The clock jumps by a year; a month passes: events keep their time, and memory its size."""

import contextlib
import inspect
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import FULL, ROOT, wait_until
from subject import ABOUT, Bursts, sound

from edge.capture import elapsed_s, recorder
from edge.config import MqttSettings, Settings, SourceSettings, StoreSettings
from edge.daemon import listener as listener_module
from edge.daemon import run
from edge.store import Store

YEAR_S = 366 * 86_400.0


@dataclass
class Clocks:
    """What the daemon under test is told of time.

    Attributes:
        asleep_s: seconds that the machine was suspended.
        step_s: how far UTC was set.
        synced: whether UTC is trusted.
    """

    asleep_s: float = 0.0
    step_s: float = 0.0
    synced: bool = True


@contextlib.contextmanager
def listening(settings: Settings, clocks: Clocks) -> Iterator[Callable[[int], None]]:
    """The daemon in this process, on a pipe; gives what sends it so many bursts."""
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as stream, open(writing, "wb", buffering=0) as pipe:  # noqa: PTH123
        thread = threading.Thread(
            target=lambda: run(
                settings,
                Bursts,
                ABOUT,
                stdin=stream,
                clock=lambda: elapsed_s() + clocks.asleep_s,
                wall=lambda: time.time() + clocks.asleep_s + clocks.step_s,
                synced=lambda _: clocks.synced,
            ),
            daemon=True,
        )
        thread.start()
        yield lambda bursts: pipe.write(sound(bursts).tobytes())
        pipe.close()
        thread.join(20)


def from_stdin(folder: Path) -> Settings:
    """A source of raw samples, a store and no broker."""
    return Settings(
        "n",
        source=SourceSettings(kind="stdin", rate_hz=4_000),
        store=StoreSettings(folder / "airway.db"),
        mqtt=MqttSettings(enabled=False),
    )


def count(settings: Settings, begin_unix_s: float = 0.0) -> int:
    """Events in the store from an instant on."""
    with Store(settings.store.path) as store:
        return sum(store.summary(begin_unix_s, 1e11).counts.values())


@pytest.mark.parametrize(("name", "step_s"), [("forward", YEAR_S), ("back", -YEAR_S)])
@pytest.mark.parametrize("synced", [True, False])
def test_the_wall_clock_is_set(folder, row, monkeypatch, caplog, name, step_s, synced):
    """Told, and followed only when the new time is the trusted one; no event is lost."""
    line = row(f"wall clock a year {name}, {'synchronised' if synced else 'set by hand'}")
    monkeypatch.setattr(listener_module, "REPORT_EVERY_S", 0.1)
    began_unix_s = time.time()
    settings, clocks = from_stdin(folder), Clocks()
    with listening(settings, clocks) as send:
        send(10)
        assert wait_until(lambda: count(settings) == 10)
        clocks.synced, clocks.step_s = synced, step_s
        send(10)
        assert wait_until(lambda: "the clock was set by" in caplog.text)
        send(10)
        assert wait_until(lambda: count(settings) == 30)
    line.events_in, line.events_out = 30, count(settings)
    line.said = next(text for text in caplog.messages if "the clock was set by" in text)
    assert caplog.text.count("the clock was set by") == 1
    right = began_unix_s + (step_s if synced else 0.0)
    with Store(settings.store.path) as store:
        near = store.summary(right - 60, right + 600)
        everything = store.summary(0.0, 1e11)
    assert near.counts == {"burst": 30}
    assert near.monitored_s == pytest.approx(everything.monitored_s) == pytest.approx(3.0)


def test_the_machine_is_suspended(folder, row, monkeypatch, caplog):
    """Eight hours asleep are lost time, and no step of a clock: events before stay where they were.

    The clocks go on as the kernel's do: CLOCK_BOOTTIME and UTC together.
    """
    line = row("machine suspended for eight hours")
    monkeypatch.setattr(listener_module, "REPORT_EVERY_S", 0.1)
    settings, clocks = from_stdin(folder), Clocks()
    with listening(settings, clocks) as send:
        began_unix_s = time.time()
        send(10)
        assert wait_until(lambda: count(settings) == 10)
        time.sleep(0.3)  # the clock is looked at
        clocks.asleep_s = 8 * 3600.0
        woke_unix_s = time.time() + clocks.asleep_s
        send(10)
        assert wait_until(lambda: count(settings) == 20)
    line.events_in, line.events_out = 20, count(settings)
    line.said = next(text for text in caplog.messages if "the source was silent for" in text)
    assert "the clock was set" not in caplog.text
    assert count(settings, woke_unix_s - 5) == 10, "what came after is of the morning"
    with Store(settings.store.path) as store:
        evening = store.summary(began_unix_s - 5, began_unix_s + 30)
        everything = store.summary(0.0, 1e11)
    assert evening.counts == {"burst": 10}, "what was heard before stays in the evening"
    line.deaf_s = everything.lost_s
    assert everything.lost_s == pytest.approx(8 * 3600, abs=15)
    assert everything.monitored_s == pytest.approx(2.0)


def test_the_sessions_clock_goes_on_in_sleep(monkeypatch):
    """What the daemon and the capture process take is the kernel's clock that counts sleep."""
    assert inspect.signature(run).parameters["clock"].default is elapsed_s
    asked = []
    monkeypatch.setattr(time, "clock_gettime", lambda clock: asked.append(clock) or 1.5)
    assert elapsed_s() == recorder._now_s() == 1.5
    assert asked == [time.CLOCK_BOOTTIME] * 2


MONTH = """
import json, queue, sys
from pathlib import Path
import numpy as np
from subject import ABOUT, RATE_HZ, Bursts, sound
from edge.capture import elapsed_s, recorder
from edge.config import MqttSettings, NightSettings, Settings, SourceSettings, StoreSettings
from edge.daemon.board import Board
from edge.daemon.source import SourceFigures
from edge.daemon.keeper import Backlog, Keeper
from edge.daemon.listener import Listener, Mute
from edge.daemon.pace import Pace
from edge.daemon.reporter import Reporter
from edge.daemon.session import Clocks, Session
from edge.daemon.system import resident_bytes
from edge.records import AudioBlock
import contextlib

folder, days = Path(sys.argv[1]), int(sys.argv[2])
now = [0.0]
clocks = Clocks(lambda: now[0], lambda: 1.767e9 + now[0], lambda _: True)
settings = Settings("n", source=SourceSettings(kind="stdin", rate_hz=RATE_HZ),
    store=StoreSettings(folder / "airway.db", keep_days=5), mqtt=MqttSettings(enabled=False),
    night=NightSettings("21:00", "09:00", "UTC"))
session = Session.begin("airway", "n", "mic", clocks)
MINUTE = np.zeros(60 * RATE_HZ, np.int16)
LOUD = np.concatenate([sound(10), MINUTE[: 59 * RATE_HZ]])
sizes, events = [], 0

class Blocks(queue.Queue):
    minute = 0
    def get(self, timeout=None):
        global events
        if self.minute == days * 1440:
            return None
        loud = self.minute % 30 == 0
        events += 10 * loud
        block = AudioBlock(LOUD if loud else MINUTE, RATE_HZ, self.minute * 60 * RATE_HZ)
        self.minute += 1
        now[0] += 60.0
        if self.minute % 720 == 0:
            sizes.append(resident_bytes())
        return block

keeper = Keeper(settings.store.path, Backlog(), clocks.monotonic)

@contextlib.contextmanager
def reporter():
    with contextlib.closing(keeper):
        yield Reporter(session, ABOUT, settings, keeper, None, Board(),
                       lambda: SourceFigures("good"), live=True, drain=lambda: False)

listener = Listener(Bursts(RATE_HZ), Blocks(), live=True, open_reporter=reporter,
                    clock=clocks.monotonic, mute=Mute(False), pace=Pace(), ended=lambda: None)
listener._run()
from edge.store import Store
with Store(settings.store.path) as store:
    recent = store.summary(clocks.wall() - min(3, days - 1) * 86400, clocks.wall())
    used = store.used_bytes()
    nights = store._db.one("SELECT count(*) FROM night")[0]
print(json.dumps({"sizes": sizes, "events": events, "finished": listener.finished,
    "recent": recent.counts, "monitored_s": recent.monitored_s, "used": used, "nights": nights}))
"""


def test_a_month_passes(folder, row):
    """Days of minutes through the daemon's own threads' code: memory and the file stay small."""
    days = 30 if FULL else 3
    line = row(f"{days} days simulated")
    ran = subprocess.run(
        [sys.executable, "-c", MONTH, str(folder), str(days)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout)
    assert found["finished"], ran.stderr[-2000:]
    sizes = found["sizes"]
    growth_mb = (max(sizes[2:]) - sizes[1]) / 1e6
    kept_days = min(3, days - 1)
    line.events_in = kept_days * 48 * 10
    line.events_out = found["recent"]["burst"]
    line.said = f"memory {growth_mb:+.2f} MB, file {found['used'] / 1e6:.2f} MB"
    assert growth_mb <= 1.0
    assert found["events"] == days * 48 * 10
    assert line.lost == 0
    assert found["monitored_s"] == pytest.approx(kept_days * 86_400, rel=0.001)
    assert found["used"] < 2_000_000
    assert found["nights"] in (min(days, 5), min(days, 5) + 1)

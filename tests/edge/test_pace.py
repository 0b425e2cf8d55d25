"""How often a source is looked at, in a quiet room and in a busy one."""

import contextlib
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.leanness import rare
from edge.bundle import load_bundle
from edge.capture import elapsed_s
from edge.card import GateRule
from edge.classifier import Classifier
from edge.config import SourceSettings
from edge.daemon.blocks import BlockQueue
from edge.daemon.feeder import QUEUE_BLOCKS, Feeder
from edge.daemon.pace import HOLD_S, REST_S, Pace, Sheaf
from edge.daemon.source import Source, open_source
from edge.pipeline import Attention, Pipeline, ScoreStream
from edge.records import AudioBlock

RATE_HZ = 1_000
BLOCK = 100


class Clock:
    """Seconds that pass when it is told so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now_s


class Ear:
    """Hears a sample that is not 0."""

    def push(self, pcm: np.ndarray) -> bytes:
        """One step a sample."""
        return bytes(pcm != 0)

    def reset(self) -> None:
        """There is no past."""


STILL = Attention(0.3, 0.5, Ear())


class Room:
    """A source of a block each tenth of a second, and a rest, on a clock of arithmetic."""

    def __init__(
        self,
        pcm: np.ndarray,
        rate_hz: int = RATE_HZ,
        comes_s: Callable[[float], float] = lambda end_s: end_s,
    ) -> None:
        self.pcm, self.rate_hz, self.clock, self.pace = pcm, rate_hz, Clock(), Pace()
        self.wakes, self.woken = 0, False
        self.comes_s = comes_s  # end of a block -> when it can be had
        self.pace.rest, self.pace.wake = self._rest, self._wake

    def _rest(self, seconds: float) -> None:
        if seconds > 0 and not self.woken:
            self.wakes += 1
            self.clock.now_s += seconds
        self.woken = False

    def _wake(self) -> None:
        self.woken = True

    def blocks(self) -> Iterator[AudioBlock]:
        """As soon as each can be had."""
        size = self.rate_hz // 10
        for start in range(0, len(self.pcm) - size + 1, size):
            due_s = self.comes_s((start + size) / self.rate_hz)
            if due_s > self.clock.now_s + 1e-9:
                self.wakes += 1
                self.clock.now_s = due_s
            yield AudioBlock(self.pcm[start : start + size], self.rate_hz, start)


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.integers(0, 150), st.sampled_from([0, 0, 0, 40]), st.integers(0, 3)
        )
    ),
    st.sampled_from([None, Attention(0.3, 0.5, None), Attention(0.3, 0.16, Ear())]),
)
def test_a_sheaf_changes_no_sample(states, attention):
    """Whatever is quiet when, every sample and every loss comes through, once and in order."""
    pace, clock, out = Pace(), Clock(), []
    pace.rest = lambda seconds: None
    sheaf = Sheaf(out.append, pace, clock, attention)
    rng, start, given_pcm = np.random.default_rng(1), 0, []
    for quiet, samples, lost, late in states:
        pace.set_quiet(quiet)
        clock.now_s += late / 10
        pcm = rng.integers(-9, 9, samples).astype(np.int16) * rng.integers(2, dtype=np.int16)
        start += lost
        sheaf.add(AudioBlock(pcm, RATE_HZ, start, lost))
        given_pcm.append((start, pcm))
        start += samples
    sheaf.flush()
    at = 0
    for block in out:
        assert block.start == at + block.lost
        at = block.start + len(block.pcm)
    assert at == start
    assert sum(block.lost for block in out) == sum(lost for _, _, lost, _ in states)
    whole = np.concatenate([block.pcm for block in out]) if out else np.zeros(0)
    np.testing.assert_array_equal(whole, np.concatenate([p for _, p in given_pcm] or [[]]))


def test_a_still_room_wakes_nobody_twice():
    """One wake a rest, for all that has come; and a block in `HOLD_S` for the other thread."""
    room = Room(np.zeros(60 * RATE_HZ, np.int16))
    looks = []

    def put(block: AudioBlock) -> None:
        looks.append(room.clock.now_s)
        room.pace.set_quiet(True)

    sheaf = Sheaf(put, room.pace, room.clock, STILL)
    for block in room.blocks():
        sheaf.add(block)
        behind_s = room.clock.now_s - (block.start + len(block.pcm)) / RATE_HZ
        assert behind_s < REST_S + 0.11, "nothing piles up at the source"
    assert room.wakes <= 60 / REST_S + 8
    assert len(looks) <= 60 / HOLD_S + 2
    assert max(np.diff(looks)) <= HOLD_S + 2 * REST_S


@pytest.mark.parametrize("drift", [-1e-3, 1e-3])
def test_a_card_that_drifts_is_not_left_behind(drift):
    """A clock that is off by 1,000 ppm for an hour delays no look, and costs few more wakes."""
    room = Room(np.zeros(3_600 * RATE_HZ, np.int16))
    sheaf = Sheaf(lambda block: room.pace.set_quiet(True), room.pace, room.clock, STILL)
    for block in room.blocks():
        told = AudioBlock(block.pcm, round(RATE_HZ * (1 + drift)), block.start)
        sheaf.add(told)
        behind_s = room.clock.now_s - (block.start + len(block.pcm)) / RATE_HZ
        assert behind_s < REST_S + 0.25
    assert room.wakes <= 1.1 * 3_600 / REST_S


@pytest.mark.parametrize(
    ("stall_s", "often"), [(0.004, 0.01), (0.004, 0.5), (0.03, 0.1), (0.07, 0.5), (0.3, 0.1)]
)
def test_a_machine_that_stumbles_falls_behind_by_no_more(stall_s, often):
    """A read that is held up is not taken for a late source: the next look takes all there is."""
    room, rng = Room(np.zeros(600 * RATE_HZ, np.int16)), np.random.default_rng(1)
    sheaf = Sheaf(lambda block: room.pace.set_quiet(True), room.pace, room.clock, STILL)
    behind_s = []
    for block in room.blocks():
        end_s = (block.start + len(block.pcm)) / RATE_HZ
        if rng.random() < often:
            room.clock.now_s += stall_s
        looks = room.wakes
        before_s = room.clock.now_s
        sheaf.add(block)
        if room.wakes > looks:  # it rested, and left this much unread
            behind_s.append(before_s - end_s)
    assert max(behind_s) <= stall_s + 0.25
    assert np.mean(behind_s) <= stall_s + 0.11


@pytest.mark.parametrize("burst_s", [0.1, 0.125, 0.2])
@pytest.mark.parametrize("later_s", [0.5, 1.0, 3.0])
def test_a_source_that_becomes_later_is_followed(later_s, burst_s):
    """A pipe that stalls and goes on later, in bursts, is heard as soon as it gives."""

    def comes_s(end_s: float) -> float:
        return math.ceil(end_s / burst_s - 1e-9) * burst_s + (later_s if end_s > 60 else 0.0)

    pcm = np.zeros(300 * RATE_HZ, np.int16)
    room, late_s = Room(pcm, RATE_HZ, comes_s), []
    for second in np.arange(10, 290, 4.37):
        pcm[round(second * RATE_HZ)] = 1

    def put(block: AudioBlock) -> None:
        for at in np.flatnonzero(block.pcm):
            end_s = (block.start + at) // 100 / 10 + 0.1
            late_s.append(room.clock.now_s - comes_s(end_s))
        room.pace.set_quiet(True)

    sheaf = Sheaf(put, room.pace, room.clock, STILL)
    for block in room.blocks():
        sheaf.add(block)
    assert len(late_s) == 65
    assert max(late_s) <= REST_S + 0.35
    assert room.wakes <= 1.35 * 300 / REST_S


@pytest.mark.parametrize(("first_s", "every_s"), [(0.87, 0.48), (0.3, 0.16), (0.05, 0.9)])
def test_a_lively_room_is_passed_on_as_soon_as_it_matters(first_s, every_s):
    """What completes a score comes at once, and nobody wakes up in between."""
    room, ends_s = Room(np.zeros(60 * RATE_HZ, np.int16)), []

    def put(block: AudioBlock) -> None:
        ends_s.append((block.start + len(block.pcm)) / RATE_HZ)
        assert room.clock.now_s - ends_s[-1] <= 0.01

    sheaf = Sheaf(put, room.pace, room.clock, Attention(first_s, every_s, Ear()))
    for block in room.blocks():
        sheaf.add(block)
    due_s = np.arange(first_s, 59, every_s)
    passed = np.searchsorted(ends_s, due_s - 1e-9)
    assert (np.array(ends_s)[passed] - due_s).max() <= 0.1 + 1e-9, "with the block that has it"
    assert np.sum(np.array(ends_s) < 59) <= len(due_s)
    assert room.wakes <= 1.1 * len(due_s) + 5


@pytest.mark.parametrize("rate_hz", [4_000, 16_000, 44_100, 48_000])
def test_a_pipeline_knows_when_it_has_something_to_say(gated, rate_hz):
    """Scores come with the sample that it names, or just before, and never later."""
    stream = ScoreStream(gated, Classifier(gated), rate_hz)
    attention = Pipeline(gated, Classifier(gated), rate_hz).attention()
    at = 0
    for number in range(5):
        due = math.ceil((attention.first_s + number * attention.every_s) * rate_hz)
        early = round(0.004 * rate_hz)
        before = stream.push(np.zeros(due - early - at, np.int16))
        assert len(before) == 0
        assert len(stream.push(np.zeros(early, np.int16))) == gated.layout.patch_steps
        at = due


def test_an_open_event_is_no_quiet(gated):
    """An event that is open when the gate shuts is told with the next scores, not after a rest."""
    always = SimpleNamespace(
        labels=len(gated.labels), score=lambda patch: np.full((12, len(gated.labels)), 127, np.int8)
    )
    pipeline = Pipeline(gated, always, 16_000)
    hiss = np.random.default_rng(1).normal(0, 30, 16_000 * 12).astype(np.int16)
    shut = 0
    for at in range(0, len(hiss), 1_600):
        block = AudioBlock(hiss[at : at + 1_600], 16_000, at)
        pipeline.push(block)
        assert not (pipeline.quiet and pipeline._finder.is_open)
        shut += pipeline._scores.quiet and pipeline._finder.is_open
    assert shut, "the gate was shut and the event open"
    assert pipeline.quiet


def test_a_queue_is_full_by_time():
    """Ten seconds are ten seconds, in a hundred blocks or in three."""
    for seconds in (0.1, 0.48, 4.5):
        blocks, held_s = BlockQueue(QUEUE_BLOCKS), 0.0
        block = AudioBlock(np.zeros(round(seconds * RATE_HZ), np.int16), RATE_HZ, 0)
        with contextlib.suppress(queue.Full):
            while True:
                blocks.put_nowait(block)
                held_s += seconds
        assert 9.6 - 1e-9 <= held_s < 10.0 + seconds
        while not blocks.empty():
            blocks.get_nowait()
        blocks.put_nowait(None)
        assert blocks.qsize() == 1
        assert blocks.get_nowait() is None


def test_what_piled_up_is_taken_in_pieces():
    """A night that comes at once, after a machine slept, is no night in memory."""
    room = Room(np.zeros(3_600 * RATE_HZ, np.int16))
    room.pace.set_quiet(True)
    lengths = []
    sheaf = Sheaf(lambda block: lengths.append(len(block.pcm)), room.pace, room.clock, STILL)
    room.clock.now_s = 3_500.0
    for block in room.blocks():
        sheaf.add(block)
    sheaf.flush()
    assert sum(lengths) == len(room.pcm)
    assert max(lengths) <= 2 * HOLD_S * RATE_HZ
    assert room.clock.now_s < 3_610, "and without a rest in between"


def test_a_sound_ends_what_is_held():
    """What the ear hears is passed on with the rest in which it came."""
    pcm = np.zeros(20 * RATE_HZ, np.int16)
    room, passed_s = Room(pcm), []
    for second in (3.03, 7.77, 12.21, 16.98):
        pcm[round(second * RATE_HZ)] = 1

    def put(block: AudioBlock) -> None:
        for at in np.flatnonzero(block.pcm):
            passed_s.append(room.clock.now_s - (block.start + at) / RATE_HZ)
        room.pace.set_quiet(True)

    sheaf = Sheaf(put, room.pace, room.clock, STILL)
    for block in room.blocks():
        sheaf.add(block)
    assert len(passed_s) == 4
    assert max(passed_s) <= REST_S + 0.21


def test_a_quiet_source_is_looked_at_once_a_second():
    """Two seconds are three looks at most; then blocks come when they are due."""
    pace, waiting = Pace(), queue.Queue()
    go = threading.Event()

    def deliver(stop, clock):
        begin_s = time.monotonic()
        for number in range(60):
            time.sleep(max(0.0, begin_s + number / 10 - time.monotonic()))
            if stop.is_set():
                return
            yield AudioBlock(np.full(BLOCK, number, np.int16), RATE_HZ, number * BLOCK)
        go.wait(5)

    source = Source(RATE_HZ, True, deliver, keeps_s=10.0)
    feeder = Feeder(source, waiting, elapsed_s, lambda: None, pace, Attention(0.2, 0.2, None))
    pace.set_quiet(True)
    feeder.start()
    time.sleep(2.5)
    assert waiting.qsize() <= 4
    pace.set_quiet(False)
    time.sleep(1.0)
    lively = waiting.qsize()
    assert lively >= 5, "a look each fifth of a second"
    pace.set_quiet(True)
    time.sleep(0.5)  # something may be held
    go.set()
    feeder.stop(5.0)
    found = [waiting.get_nowait() for _ in range(waiting.qsize())]
    pcm = np.concatenate([block.pcm for block in found])
    assert sum(block.lost for block in found) == 0
    np.testing.assert_array_equal(pcm, np.repeat(np.arange(len(pcm) // BLOCK), BLOCK))
    assert feeder.remainder() is None, "what was held at the end is not lost"


def test_a_rest_ends_when_something_happens():
    """The thread that captures is woken at once, not after its rest."""
    pace = Pace()
    pace.set_quiet(True)
    threading.Timer(0.05, pace.set_quiet, (False,)).start()
    begin_s = time.monotonic()
    pace.rest(REST_S)
    assert time.monotonic() - begin_s < REST_S / 2
    assert not pace.resting
    threading.Timer(0.05, pace.wake).start()
    pace.rest(REST_S)
    assert time.monotonic() - begin_s < REST_S / 2


def test_only_what_can_be_left_alone_is(tmp_path):
    """A pipe that holds less than two rests, and a file that is not at real pace, are not left."""
    wide = SourceSettings(kind="stdin", rate_hz=48_000, channels=2)
    slow = SourceSettings(kind="stdin", rate_hz=16_000)
    fast = SourceSettings(kind="stdin", rate_hz=16_000, realtime=False)
    keeps_s = [open_source(settings, None).keeps_s for settings in (wide, slow, fast)]
    assert keeps_s[0] < 2 * REST_S <= keeps_s[1]
    assert keeps_s[2] == 0.0


@pytest.fixture(scope="module")
def gated():
    """The room bundle with a gate."""
    return replace(load_bundle("room"), gate=GateRule(rise_q7=160))


def test_a_pipeline_says_when_nothing_happens(gated):
    """Hiss is quiet once it is known; a knock is not, before the model could have heard it."""
    rng = np.random.default_rng(1)
    pipeline = Pipeline(gated, Classifier(gated), 16_000)
    hiss = rng.normal(0, 30, 16_000 * 20).astype(np.int16)
    for at in range(0, len(hiss), 16_000):
        pipeline.push(AudioBlock(hiss[at : at + 16_000], 16_000, at))
    assert pipeline.quiet
    knock = rng.normal(0, 30, 1_600)
    knock[800:] += rng.normal(0, 3_000, 800)
    scored = pipeline.skipped_s
    pipeline.push(AudioBlock(knock.astype(np.int16), 16_000, len(hiss)))
    assert not pipeline.quiet
    assert pipeline.skipped_s - scored < 0.5


def test_a_rest_delays_no_event(gated):
    """Coughs in a quiet room, on a clock of arithmetic: none is told later than without rests."""
    hiss = np.round(np.random.default_rng(1).normal(0, 10, 16_000 * 60)).astype(np.int16)
    pcm, classifier = rare(hiss), Classifier(gated)

    def played(rests: bool) -> tuple[list[float], int]:
        """How late each event is told, in seconds, and how often the source was looked at."""
        pipeline, room = Pipeline(gated, classifier, 16_000), Room(pcm, 16_000)
        late_s, looks = [], [0]

        def put(block: AudioBlock) -> None:
            looks[0] += 1
            late_s.extend(room.clock.now_s - event.offset_s for event in pipeline.push(block))
            room.pace.set_quiet(rests and pipeline.quiet)

        sheaf = Sheaf(put, room.pace, room.clock, pipeline.attention())
        for block in room.blocks():
            sheaf.add(block)
        return late_s, looks[0]

    without_s, every = played(False)
    with_s, looks = played(True)
    assert len(with_s) == len(without_s) >= 5
    assert max(with_s) <= max(without_s) + 0.1 <= 1.1
    assert looks < every / 2


def test_a_pipeline_without_a_gate_is_never_quiet():
    """Where the model hears everything, each block is worth something."""
    bundle = load_bundle("room")
    ungated = replace(bundle, gate=None)
    pipeline = Pipeline(ungated, Classifier(ungated), 16_000)
    pipeline.push(AudioBlock(np.zeros(16_000 * 5, np.int16), 16_000, 0))
    assert not pipeline.quiet
    assert pipeline.attention().ear is None

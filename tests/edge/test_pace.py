"""How often a source is looked at, in a quiet room and in a busy one."""

import queue
import threading
import time
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.leanness import rare
from edge.bundle import load_bundle, write_bundle
from edge.capture import elapsed_s
from edge.card import GateRule
from edge.classifier import Classifier
from edge.config import SourceSettings
from edge.daemon.feeder import Feeder, Source, open_source
from edge.daemon.pace import REST_S, Pace, Sheaf
from edge.gate import Gate
from edge.pipeline import Pipeline
from edge.records import AudioBlock

RATE_HZ = 1_000
BLOCK = 100
STEP_FRAMES = 4
RULE = GateRule(rise_q7=128, settle_steps=0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 150), st.sampled_from([0, 0, 0, 40]))))
def test_a_sheaf_changes_no_sample(states):
    """Whatever is quiet when, every sample and every loss comes through, once and in order."""
    pace, out = Pace(), []
    pace.rest = lambda: None
    sheaf = Sheaf(out.append, pace)
    rng, start, given_pcm = np.random.default_rng(1), 0, []
    for quiet, samples, lost in states:
        pace.set_quiet(quiet)
        pcm = rng.integers(-9, 9, samples).astype(np.int16)
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
    assert sum(block.lost for block in out) == sum(lost for _, _, lost in states)
    whole = np.concatenate([block.pcm for block in out]) if out else np.zeros(0)
    np.testing.assert_array_equal(whole, np.concatenate([p for _, p in given_pcm] or [[]]))


def test_a_quiet_source_is_looked_at_once_a_second():
    """Two seconds are three looks at most; once something happens, each block comes at once."""
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
    feeder = Feeder(source, waiting, elapsed_s, lambda: None, pace)
    pace.set_quiet(True)
    feeder.start()
    time.sleep(2.5)
    assert waiting.qsize() <= 4
    pace.set_quiet(False)
    time.sleep(1.0)
    lively = waiting.qsize()
    assert lively >= 6, "a block each tenth of a second"
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
    pace.rest()
    assert time.monotonic() - begin_s < REST_S / 2
    assert not pace.resting


def test_only_what_can_be_left_alone_is(tmp_path):
    """A pipe that holds less than two rests, and a file that is not at real pace, are not left."""
    wide = SourceSettings(kind="stdin", rate_hz=48_000, channels=2)
    slow = SourceSettings(kind="stdin", rate_hz=16_000)
    fast = SourceSettings(kind="stdin", rate_hz=16_000, realtime=False)
    keeps_s = [open_source(settings, None).keeps_s for settings in (wide, slow, fast)]
    assert keeps_s[0] < 2 * REST_S <= keeps_s[1]
    assert keeps_s[2] == 0.0


@given(
    st.lists(st.integers(0, 3500), min_size=12, max_size=36),
    st.lists(st.integers(0, 3500), max_size=11),
)
def test_a_gate_stirs_when_it_would_open(past, coming):
    """It says beforehand what a push of the same frames would say, and keeps still."""

    def frames_of(levels):
        steps = np.array(levels, np.int16).reshape(-1)
        return np.repeat(steps, STEP_FRAMES)[:, None].repeat(40, axis=1)

    gate = Gate(RULE, STEP_FRAMES)
    gate.push(frames_of(past))
    for _ in range(20):  # until what was open is shut
        gate.push(frames_of([past[-1]] * 12))
    stirs = gate.stirs(frames_of(coming))
    assert gate.stirs(frames_of(coming)) is stirs, "asking changes nothing"
    if len(coming) == 1:
        assert gate.push(frames_of(coming)) is stirs


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    """The room bundle with a gate."""
    folder = tmp_path_factory.mktemp("gated")
    shipped = load_bundle("room")
    card = shipped.card | {"gate": asdict(GateRule(rise_q7=160))}
    write_bundle(folder, card, model=shipped.model, tables=shipped.tables, golden=shipped.golden)
    return load_bundle(str(folder))


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
    pcm, size = rare(hiss), 1_600
    classifier = Classifier(gated)

    def played(rests: bool) -> tuple[list[float], int]:
        """How late each event is told, in seconds, and how often the source was looked at."""
        pipeline, pace, now_s = Pipeline(gated, classifier, 16_000), Pace(), [0.0]
        late_s, looks = [], [0]

        def put(block: AudioBlock) -> None:
            looks[0] += 1
            late_s.extend(now_s[0] - event.offset_s for event in pipeline.push(block))
            pace.set_quiet(rests and pipeline.quiet)

        def rest() -> None:
            now_s[0] += REST_S * pace.resting

        pace.rest = rest
        sheaf = Sheaf(put, pace)
        for number in range(len(pcm) // size):
            now_s[0] = max(now_s[0], (number + 1) / 10)
            start = number * size
            sheaf.add(AudioBlock(pcm[start : start + size], 16_000, start))
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

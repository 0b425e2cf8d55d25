"""The capture thread alone: what it drops, what it waits for, and what it counts as lost."""

import itertools
import queue
import threading
import time
from typing import Any

import numpy as np
import pytest
from bursts import RATE_HZ

from edge.daemon.feeder import GAP_S, Feeder
from edge.daemon.source import Source
from edge.records import AudioBlock


def blocks_of(pcm: np.ndarray, size: int) -> list[AudioBlock]:
    """Consecutive blocks."""
    return [AudioBlock(pcm[at : at + size], RATE_HZ, at) for at in range(0, len(pcm), size)]


def fed(
    blocks: list[AudioBlock], *, live: bool, room: int, nap_s: float = 0.0
) -> tuple[list[AudioBlock], AudioBlock | None]:
    """What comes out of a queue of `room` blocks for a consumer that naps before each."""
    waiting: queue.Queue[AudioBlock | None] = queue.Queue(room)
    ended = threading.Event()
    source = Source(RATE_HZ, live, lambda stop, clock: iter(blocks))
    feeder = Feeder(source, waiting, time.monotonic, ended.set)
    feeder.start()
    taken: list[AudioBlock] = []
    while not (ended.is_set() and waiting.empty()):
        time.sleep(nap_s)
        try:
            block = waiting.get(timeout=0.05)
        except queue.Empty:
            continue
        assert block is not None
        taken.append(block)
    feeder.stop(5.0)
    return taken, feeder.remainder()


@pytest.mark.parametrize("nap_s", [0.0, 0.001, 0.01])
def test_a_live_source_is_never_held_up(nap_s, caplog):
    """What does not fit is dropped, counted exactly, and told once; the clock stays right."""
    pcm = np.arange(40_000, dtype=np.int16)
    taken, remainder = fed(blocks_of(pcm, 100), live=True, room=4, nap_s=nap_s)
    every = [*taken, remainder] if remainder else taken
    ends = itertools.accumulate([block.lost + len(block.pcm) for block in every], initial=0)
    for block, before in zip(every, ends, strict=False):
        assert block.start == before + block.lost
        np.testing.assert_array_equal(block.pcm, pcm[block.start :][: len(block.pcm)])
    assert sum(block.lost + len(block.pcm) for block in every) == len(pcm)
    lost = sum(block.lost for block in every)
    assert caplog.text.count("can't keep up") == (1 if lost else 0)
    if nap_s == 0.01:
        assert lost > len(pcm) / 2


def test_a_recording_waits_for_the_model():
    """A source that can wait loses nothing, however slow the model is."""
    pcm = np.arange(4_000, dtype=np.int16)
    taken, remainder = fed(blocks_of(pcm, 100), live=False, room=2, nap_s=0.002)
    assert remainder is None
    assert [block.lost for block in taken] == [0] * 40
    np.testing.assert_array_equal(np.concatenate([block.pcm for block in taken]), pcm)


def test_a_stalled_source_is_lost_time():
    """Audio that a live source did not deliver is lost, so that later events keep their time."""
    now_s = 0.0
    blocks = blocks_of(np.ones(4 * RATE_HZ, np.int16), RATE_HZ)

    def deliver(stop: Any, clock: Any) -> Any:
        nonlocal now_s
        for second, block in zip((1.0, 2.0, 102.0, 103.0), blocks, strict=True):
            now_s = second
            yield block
        now_s = 103.0 + 2 * GAP_S

    waiting: queue.Queue[AudioBlock | None] = queue.Queue()
    ended = threading.Event()
    feeder = Feeder(Source(RATE_HZ, True, deliver), waiting, lambda: now_s, ended.set)
    feeder.start()
    assert ended.wait(5)
    feeder.stop(5.0)
    found = [waiting.get_nowait() for _ in blocks]
    assert [block and (block.start / RATE_HZ, block.lost / RATE_HZ) for block in found] == [
        (0, 0),
        (1, 0),
        (101, 99),
        (102, 0),
    ]
    remainder = feeder.remainder()
    assert remainder is not None
    assert (remainder.start / RATE_HZ, remainder.lost / RATE_HZ) == (123, 20)

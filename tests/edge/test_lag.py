"""The clock of standard input: it follows the card's crystal, and nothing else."""

import queue
import random
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edge.daemon.feeder import Feeder
from edge.daemon.lag import Lag
from edge.daemon.source import Source
from edge.records import AudioBlock

DAY_S = 86_400.0


@pytest.mark.parametrize("ppm", [-200, -50, 0, 50, 200])
def test_a_month_of_a_crystal_s_error_is_followed(ppm):
    """Within a tenth of a second, however late a busy machine reads some of the blocks."""
    lag, jitter, counted_s = Lag(), random.Random(1), 0.0
    while counted_s < 30 * DAY_S:
        counted_s += 10.0
        true_s = counted_s * (1 - ppm * 1e-6)  # a fast card gives its samples early
        lag.push(true_s + jitter.choice([0.0, 0.01, 4.0]), counted_s)
    assert lag.seconds == pytest.approx(true_s - counted_s, abs=0.1)


def test_a_quick_or_a_stalled_source_is_no_crystal():
    """A file at once, or a pipe that was held up, moves the clock by no more than a crystal."""
    lag = Lag()
    for second in range(60):
        lag.push(second, 3600.0 + second)
    assert -0.02 <= lag.seconds <= 0
    lag = Lag()
    for second in range(60):
        lag.push(second, second - 8.0)
    assert 0 <= lag.seconds <= 0.02


@pytest.mark.parametrize("ppm", [-250, 250])
def test_a_slow_card_is_not_silent(ppm, caplog):
    """In a day such a card is 22 s off: nothing is said to be lost, and the clock is put right."""
    now_s, ended = [0.0], threading.Event()
    pcm = np.random.default_rng(1).integers(-900, 900, 40_000).astype(np.int16)

    def blocks(stop: threading.Event, clock: Callable[[], float]) -> Iterator[AudioBlock]:
        for number in range(8_640):
            now_s[0] += 10.0 * (1 - ppm * 1e-6)
            yield AudioBlock(pcm, 4_000, number * len(pcm))

    feeder = Feeder(Source(4_000, True, blocks), queue.Queue(1), lambda: now_s[0], ended.set)
    feeder.start()
    assert ended.wait(60)
    assert "silent" not in caplog.text
    assert feeder.figures().lag_s == pytest.approx(now_s[0] - DAY_S, abs=0.2)

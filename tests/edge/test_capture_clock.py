"""The sample clock of a microphone, on simulated cards: losses, jitter and a crystal's error."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.capture.sampleclock import SampleClock

RATE_HZ = 16_000
BLOCK = 1_600
BEGIN_S = 1_000.0


class Card:
    """A card that starts `open_s` after the session, runs `ppm` fast and is delivered late."""

    def __init__(self, ppm: float = 0.0, jitter_s: float = 0.0, open_s: float = 0.0) -> None:
        self.clock = SampleClock(RATE_HZ, BEGIN_S)
        self.rate_hz = RATE_HZ * (1 + ppm * 1e-6)
        self.jitter = random.Random(1)
        self.jitter_s = jitter_s
        self.now_s = BEGIN_S + open_s
        self.lost: list[tuple[int, int]] = []

    def run(self, seconds: float, **flags: bool | int) -> None:
        """Deliver blocks; `flags` go with the first."""
        for _ in range(round(seconds * RATE_HZ / BLOCK)):
            self.now_s += BLOCK / self.rate_hz
            late_s = self.jitter.random() ** 4 * self.jitter_s
            lost = self.clock.place(self.now_s + late_s, BLOCK, **flags)
            if lost:
                self.lost.append((self.clock.end - BLOCK - lost, lost))
            flags = {}

    def lose(self, seconds: float) -> None:
        """The card drops audio, and does not say so."""
        self.now_s += seconds

    @property
    def error_s(self) -> float:
        """How far the clock's idea of the last sample's time is off."""
        told_s = BEGIN_S + self.clock.end / RATE_HZ + self.clock.lag_s
        return told_s - self.now_s


@pytest.mark.parametrize("ppm", [-300, 7])
def test_a_crystal_is_measured_and_never_taken_for_a_loss(ppm):
    """Over an hour of jitter nothing counts as lost, the drift is known and time stays right."""
    card = Card(ppm, jitter_s=0.08)
    card.run(240)
    assert card.clock.drift_ppm is None
    card.run(3_600)
    assert [lost for start, lost in card.lost if start > 0] == []
    assert card.clock.drift_ppm == pytest.approx(ppm, abs=1.0)
    assert abs(card.error_s) < 0.02
    assert card.clock.lag_s == pytest.approx(-ppm * 1e-6 * 3_840, abs=0.02)


@settings(max_examples=20, deadline=None)
@given(
    st.floats(-200, 200),
    st.lists(st.tuples(st.floats(2.0, 20.0), st.floats(0.2, 30.0)), max_size=5),
)
def test_a_loss_without_a_word_is_found(ppm, breaks):
    """What a card dropped is counted within 2 s, to the jitter."""
    card = Card(ppm, jitter_s=0.03)
    card.run(5)
    for seconds, gap_s in breaks:
        card.lose(gap_s)
        card.run(2.5)
        assert abs(card.error_s) < 0.05
        card.run(seconds)
    found_s = [lost / RATE_HZ for _, lost in card.lost]
    assert found_s == pytest.approx([gap_s for _, gap_s in breaks], abs=0.032)


def test_an_overrun_makes_small_losses_count():
    """20 ms are lost when the device says so, and may be jitter when it does not."""
    card = Card()
    card.run(5)
    card.lose(0.02)
    card.run(5, overrun=True)
    assert [lost for _, lost in card.lost] == [320]
    card.run(5, overrun=True)  # it said so, and nothing was lost
    assert len(card.lost) == 1
    card.lose(0.02)
    card.run(5)
    assert len(card.lost) == 1


def test_a_machine_that_was_held_up_lost_nothing():
    """Blocks that come 3 s late, all at once, are not a loss."""
    card = Card()
    card.run(10)
    for _ in range(30):
        card.now_s += BLOCK / RATE_HZ
        assert card.clock.place(card.now_s + 3.0 - _ / 10, BLOCK) == 0
    card.run(20)
    assert card.lost == []
    assert abs(card.error_s) < 0.001


def test_the_time_before_the_device_is_open_is_lost():
    """A session begins before its first sample; so does one that follows a replug."""
    card = Card(open_s=1.5)
    card.run(10)
    assert card.lost == [(0, 24_000)]
    card.clock.open()
    card.lose(60.0)
    card.run(10)
    assert card.lost[1:] == [(24_000 + 160_000, 960_000)]
    assert abs(card.error_s) < 0.001


def test_an_outage_is_told_while_it_lasts():
    """`lost_until` counts on while nothing comes, and the next recording meets it."""
    card = Card(ppm=100)
    card.run(3_600)
    end = card.clock.end
    told = [card.clock.lost_until(card.now_s + k - 1.0) for k in range(0, 100)]
    assert told[0] == 0
    assert sum(told) == pytest.approx(98 * RATE_HZ, abs=RATE_HZ * 0.02)
    card.clock.open()
    card.lose(99)
    card.run(5)
    assert card.clock.end - end == pytest.approx(104 * RATE_HZ, abs=RATE_HZ * 0.02)
    assert abs(card.error_s) < 0.01


def test_skipped_blocks_are_exactly_lost():
    """What the capture process had to drop is known to the sample."""
    card = Card()
    card.run(10)
    card.lose(12_345 / RATE_HZ)
    card.run(10, skipped=12_345)
    assert [lost for _, lost in card.lost] == [12_345]
    assert abs(card.error_s) < 0.001


def test_a_device_that_overruns_all_the_time_is_counted_too():
    """A loss before each block leaves no second unaccounted for."""
    card = Card()
    card.run(5)
    for _ in range(300):
        card.lose(0.05)
        card.run(0.1, overrun=True)
    assert abs(card.error_s) < 0.5  # what was lost since the last look
    card.run(3)
    assert abs(card.error_s) < 0.001
    assert sum(lost for _, lost in card.lost) == pytest.approx(15 * RATE_HZ, abs=5)

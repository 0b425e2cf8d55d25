"""Whether a signal can be sound, and how a level is shown: samples in, a verdict out."""

import queue
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.listing import FLOOR_DBFS, level_dbfs, meter_line
from edge.capture.signal_health import CLIPPED_SHARE, DEAD_S, OFFSET, WINDOW_S, SignalHealth
from edge.daemon.feeder import Feeder
from edge.daemon.source import Source, SourceFigures
from edge.records import AudioBlock

RATE_HZ = 100  # the rules are in seconds: a low rate makes small examples
DEAD = round(DEAD_S * RATE_HZ)
WINDOW = round(WINDOW_S * RATE_HZ)


def noise(samples: int, level: int = 100, offset: int = 0) -> np.ndarray:
    """Sound that nothing is wrong with."""
    values = np.random.default_rng(samples).normal(offset, level, samples)
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)


def verdict(pcm: np.ndarray) -> str:
    """The state after one push."""
    return SignalHealth(RATE_HZ).push(np.asarray(pcm, np.int16))


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, -5, 32_767, -32_768, None]), st.integers(0, 1_500)),
        max_size=5,
    ),
    st.lists(st.integers(0, 400), max_size=30),
)
def test_blocks_of_any_size_give_the_same_verdict(parts, sizes):
    """After the same samples the state is the same, however they were cut into blocks."""
    pcm = np.concatenate(
        [np.zeros(0, np.int16)]
        + [noise(n, 5_000) if value is None else np.full(n, value, np.int16) for value, n in parts]
    )
    whole, cut = SignalHealth(RATE_HZ), SignalHealth(RATE_HZ)
    whole.push(pcm)
    for size in sizes:
        part, pcm = pcm[:size], pcm[size:]
        cut.push(part)
    assert cut.push(pcm) == cut.state == whole.state
    assert cut.dead == whole.dead == (whole.state in ("zeros", "stuck"))


@given(st.integers(-32_768, 32_767), st.integers(0, 3 * DEAD), st.integers(0, 300))
def test_a_constant_is_dead_after_ten_seconds(value, length, before):
    """A constant for `DEAD_S` is dead, zeros and stuck told apart; a sample less is not."""
    health = SignalHealth(RATE_HZ)
    health.push(
        np.concatenate([noise(before), [value - 1 if value > 0 else value + 1]]).astype("i2")
    )
    health.push(np.full(length, value, np.int16))
    assert health.dead == (length >= DEAD)
    if health.dead:
        assert health.state == ("stuck" if value else "zeros")


@given(st.integers(DEAD, 2 * DEAD), st.integers(1, 50))
def test_one_sound_ends_it_at_once(length, after):
    """A single sample that differs, and the source is alive."""
    pcm = np.zeros(length + after, np.int16)
    health = SignalHealth(RATE_HZ)
    health.push(pcm[:length])
    assert health.dead
    pcm[length] = 1
    health.push(pcm[length:])
    assert not health.dead


@pytest.mark.parametrize(
    ("pcm", "state"),
    [
        (np.zeros(0), "good"),
        (noise(WINDOW), "good"),
        (noise(WINDOW, 100, OFFSET - 50), "good"),
        (noise(WINDOW, 100, OFFSET + 50), "offset"),
        (noise(WINDOW, 100, -OFFSET - 50), "offset"),
        (noise(WINDOW, 30_000), "clipping"),
        (noise(WINDOW - 1, 30_000), "good"),  # the first window is not over
        (np.concatenate([noise(WINDOW, 30_000), noise(WINDOW)]), "good"),
    ],
)
def test_each_fault_has_its_word(pcm, state):
    """A window of ten seconds decides, and the next one decides anew."""
    assert verdict(pcm) == state


@pytest.mark.parametrize("rail", [32_767, -32_768, -32_767])
def test_a_loud_cough_is_not_clipping(rail):
    """Full scale for less than 10 ms of 10 s is allowed; from there on it is clipping."""
    rate_hz = 16_000
    pcm = noise(round(WINDOW_S * rate_hz))
    count = round(CLIPPED_SHARE * len(pcm))
    pcm[:: len(pcm) // count][:count] = rail
    assert SignalHealth(rate_hz).push(pcm) == "clipping"
    pcm[np.flatnonzero(pcm == rail)[0]] = 0
    assert SignalHealth(rate_hz).push(pcm) == "good"


@pytest.mark.parametrize("live", [True, False])
def test_a_dead_source_is_lost_time_and_a_silent_recording_is_not(live, caplog):
    """Zeros of a live source count as lost after ten seconds, and sound counts again at once."""
    rate_hz, second = 4_000, np.ones(4_000, np.int16)
    pcm = [*[noise(rate_hz)] * 2, *[0 * second] * 60, *[noise(rate_hz)] * 2]
    blocks = [AudioBlock(part, rate_hz, k * rate_hz) for k, part in enumerate(pcm)]
    waiting: queue.Queue[AudioBlock | None] = queue.Queue()
    ended = threading.Event()
    source = Source(rate_hz, live, lambda stop, clock: iter(blocks))
    feeder = Feeder(source, waiting, lambda: 0.0, ended.set)
    feeder.start()
    assert ended.wait(10)
    found = [waiting.get_nowait() for _ in blocks]
    heard = [k for k, block in enumerate(found) if block is not None and len(block.pcm)]
    lost = [block.lost if block else 0 for block in found]
    assert heard == ([*range(11), 62, 63] if live else [*range(64)])
    assert sum(lost) == (51 * rate_hz if live else 0)
    assert max(lost) <= rate_hz
    for k, block in enumerate(found):
        assert block is not None
        assert block.start + len(block.pcm) == (k + 1) * rate_hz
    assert caplog.text.count("delivers only zeros") == int(live)
    assert feeder.figures() == SourceFigures("good")


@given(st.integers(1, 32_768))
def test_levels_are_decibels_below_full_scale(value):
    """Half the magnitude is 6 dB less, full scale is 0, and nothing lies under the floor."""
    assert level_dbfs(32_768) == 0
    assert level_dbfs(0) == FLOOR_DBFS
    assert level_dbfs(value) - level_dbfs(value / 2) == pytest.approx(6.02, abs=0.01) or (
        level_dbfs(value / 2) == FLOOR_DBFS
    )


def test_the_meter_shows_level_peak_and_faults():
    """A louder block has a longer bar; clipping and zeros are said in words."""
    bars = []
    for level in (0, 10, 1_000, 20_000):
        line = meter_line(np.array([level, -level, 0, 0], np.int16))
        bars.append(line.count("#"))
        assert ("ZEROS" in line) == (level == 0)
        assert len(line) < 80
    assert bars == sorted(bars)
    assert len(set(bars)) == 4
    assert "CLIPPED" in meter_line(np.array([32_767, 0], np.int16))
    assert "rms   -9.0  peak   -6.0 dBFS" in meter_line(np.array([16_384, 0], np.int16))
    assert meter_line(np.full(9, -32_768, np.int16)).count("#") == 37  # the mark takes a place

"""The pipeline: the same events however the audio arrives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundle import load_bundle
from edge.classifier import Classifier
from edge.demo import demo_night
from edge.pipeline import Pipeline
from edge.records import AudioBlock, Event

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def room():
    """The shipped bundle and its classifier."""
    bundle = load_bundle("room")
    return bundle, Classifier(bundle)


@pytest.fixture(scope="module")
def night():
    """A minute of a synthetic night, int16 at 16 kHz."""
    return np.asarray(demo_night(5, 1.0)[0])


def listen(room, pcm: np.ndarray, sizes: list[int]) -> tuple[list[Event], Pipeline]:
    """Feed a recording in blocks of these sizes, then the rest."""
    pipeline = Pipeline(*room, RATE_HZ)
    events, start = [], 0
    for size in [*sizes, len(pcm)]:
        block = pcm[start : start + size]
        events += pipeline.push(AudioBlock(block, RATE_HZ, start))
        start += len(block)
    return events + pipeline.finish(), pipeline


def test_a_synthetic_night_has_coughs(room, night):
    """The shipped model finds coughs in the project's own synthetic night."""
    events, _ = listen(room, night, [])
    assert [event for event in events if event.label == "cough"]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 40_000), max_size=30))
def test_blocks_of_any_size_give_the_same_events(room, night, sizes):
    """Streaming equals batch, empty and one-sample blocks included."""
    assert listen(room, night, [0, 1, *sizes])[0] == listen(room, night, [])[0]


def test_scores_do_not_depend_on_where_patches_fall(room, night):
    """Shifting the audio by whole steps shifts the events with it, and changes nothing else."""
    step = 640
    quiet = np.zeros(step * 7, dtype=np.int16)
    moved, _ = listen(room, np.concatenate([quiet, night]), [])
    kept = [event for event in listen(room, night, [])[0] if event.onset_s > 3]
    later = [event for event in moved if event.onset_s > 3 + 7 * 0.04]
    assert [round(event.onset_s + 7 * 0.04, 4) for event in kept] == [
        round(event.onset_s, 4) for event in later
    ]
    assert [event.score for event in kept] == [event.score for event in later]


def test_coverage_counts_what_was_lost(room):
    """Lost samples keep their place in time and are told apart from heard ones."""
    pipeline = Pipeline(*room, RATE_HZ)
    pipeline.push(AudioBlock(np.zeros(16_000, dtype=np.int16), RATE_HZ, 0))
    pipeline.push(AudioBlock(np.zeros(8_000, dtype=np.int16), RATE_HZ, 24_000, lost=8_000))
    coverage = pipeline.coverage
    assert (coverage.audio_s, coverage.processed_s, coverage.lost_s) == (2.0, 1.5, 0.5)


def test_a_gap_moves_later_events(room, night):
    """An event after lost samples keeps its place on the session's clock."""
    plain, _ = listen(room, night, [])
    pipeline = Pipeline(*room, RATE_HZ)
    lost = 64_000
    events = pipeline.push(AudioBlock(night, RATE_HZ, lost, lost=lost)) + pipeline.finish()
    last = max(event.onset_s for event in plain)
    assert max(event.onset_s for event in events) == pytest.approx(last + 4.0, abs=1e-9)


def test_silence_and_nothing_give_no_events(room):
    """Digital silence, a single sample and an empty recording end without an event."""
    for length in (0, 1, 159, 160_000):
        events, pipeline = listen(room, np.zeros(length, dtype=np.int16), [])
        assert events == []
        assert pipeline.coverage.processed_s == length / RATE_HZ

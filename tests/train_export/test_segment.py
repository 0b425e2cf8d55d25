"""The segmenter: its promises on bursts of noise, and coughs whose authors say where they begin."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import segmentation
from train_export.datasets import read_corpus
from train_export.segment import HOP_S, SegmentRules, find_sounds

RATE_HZ = 16_000
# When it begins, how long it swells and fades, in seconds, and how loud it gets.
BURST = st.tuples(
    st.floats(0.0, 1.8), st.floats(0.005, 0.4), st.floats(0.02, 0.4), st.floats(0.01, 0.5)
)


def clip_of(bursts):
    """Two seconds of int16 noise that swells and fades at stated times over a faint floor."""
    at = np.arange(2 * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(0).normal(0, 1, at.size)
    envelope = np.full(at.size, 1e-4)
    for begin, swell, fade, loud in bursts:
        shape = np.interp(at, [begin, begin + swell, begin + swell + fade], [0, 1, 0], 0, 0)
        envelope = np.maximum(envelope, loud * shape**2)
    return np.clip(noise * envelope * 8000, -32768, 32767).astype(np.int16)


@given(st.lists(BURST, max_size=6))
def test_sounds_stand_in_order_and_apart(bursts):
    """Within the clip, none inside another, and never two onsets closer than the rule says."""
    rules = SegmentRules()
    sounds = find_sounds(clip_of(bursts), RATE_HZ)
    assert all(0 <= onset < offset <= 2.0 for onset, offset in sounds)
    assert all(offset - onset <= rules.max_s + 1e-9 for onset, offset in sounds)
    assert all(before[1] <= after[0] for before, after in pairwise(sounds))
    onsets = np.array([onset for onset, _ in sounds])
    assert (np.diff(onsets) > rules.spacing_s - HOP_S / 2).all()


def test_a_click_ahead_of_a_swell_is_its_beginning():
    """Peaks 0.3 s apart whose onsets are 0.1 s apart are one sound, from the first on."""
    click, swell = (0.5, 0.005, 0.03, 0.4), (0.6, 0.25, 0.2, 0.4)
    assert len(find_sounds(clip_of([click]), RATE_HZ)) == 1
    ((onset, offset),) = find_sounds(clip_of([click, swell]), RATE_HZ)
    assert 0.45 < onset < 0.52
    assert offset > 0.85


@pytest.mark.corpus
def test_coughs_cut_out_by_hand_are_found_where_they_begin(corpus):
    """At 20 dB nearly every cough of a bout is found, by its own onset, within 0.1 s."""
    clips = [
        clip
        for clip in read_corpus(corpus)
        if clip.source == segmentation.SOURCE and clip.label == "cough"
    ]
    outcomes = [segmentation.outcome(bout) for bout in segmentation.bouts(clips, 20.0)[::3]]
    sensitivity, precision = segmentation.rates(outcomes)
    errors = [error for one in outcomes for error in one.errors_s]
    assert sensitivity > 0.95
    assert precision > 0.9
    assert 0 <= np.median(errors) < 0.1

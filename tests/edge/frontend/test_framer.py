"""The framer: overlapping frames from blocks of any size."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from signals import any_signal, block_sizes, in_blocks

from edge.frontend.framer import Framer


@given(any_signal(600), block_sizes(), st.integers(1, 60), st.integers(0, 60))
def test_blocks_do_not_matter(pcm, sizes, hop_samples, overlap_samples):
    """Any blocks give the frames that a sliding window over the whole gives."""
    window_samples = hop_samples + overlap_samples
    framer = Framer(window_samples, hop_samples)
    frames = np.concatenate([framer.push(block) for block in in_blocks(pcm, sizes)])
    if len(pcm) < window_samples:
        assert frames.shape == (0, window_samples)
    else:
        whole = sliding_window_view(pcm, window_samples)[::hop_samples]
        np.testing.assert_array_equal(frames, whole)


def test_reset():
    """A used framer differs from a new one; reset makes them alike."""
    pcm = np.arange(100, dtype=np.int16)
    framer = Framer(40, 10)
    first = framer.push(pcm)
    assert not np.array_equal(framer.push(pcm), first)
    framer.reset()
    np.testing.assert_array_equal(framer.push(pcm), first)

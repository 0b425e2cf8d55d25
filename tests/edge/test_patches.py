"""Patches of segments and recordings: everything is heard, nothing is invented."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle import load_bundle
from edge.card import Layout
from edge.classifier import Classifier
from edge.patches import STATISTICS, patches, pooled, recording_logits

LAYOUT = Layout(
    patch_frames=32, patch_steps=1, step_frames=4, before_frames=14,
    input_multiplier_q20=1, input_zero=0, logit_scale=0.1, logit_zero=0,
)  # fmt: skip


def frames_of(count: int) -> np.ndarray:
    """int16 [count, 2], each frame with a number of its own from 1."""
    return np.repeat(np.arange(1, count + 1, dtype=np.int16)[:, None], 2, axis=1)


@given(st.integers(0, 300))
def test_patches_cover_every_frame(count):
    """Each frame is in a patch, each patch is whole, and only short input is padded."""
    cut = patches(frames_of(count), LAYOUT)
    assert cut.shape[1:] == (32, 2)
    assert cut.dtype == np.int16
    assert set(range(1, count + 1)) == set(cut.ravel().tolist()) - {0}
    assert (cut == 0).any() == (count < 32)


def test_a_short_segment_stands_in_the_middle():
    """Silence is laid evenly around what is shorter than a patch."""
    (patch,) = patches(frames_of(10), LAYOUT)
    assert np.flatnonzero(patch[:, 0]).tolist() == list(range(11, 21))


def test_long_input_overlaps_by_half_and_ends_at_the_end():
    """Patches start half a patch apart and the last one ends with the recording."""
    cut = patches(frames_of(75), LAYOUT)
    assert [patch[0, 0] - 1 for patch in cut] == [0, 16, 32, 43]


def test_pooled_keeps_means_and_peaks():
    """The statistics are those of each label; one patch stands for all of them."""
    logits = np.array([[1.0, -4.0], [3.0, 0.0], [2.0, -2.0]])
    assert pooled(logits).tolist() == [2, -2, 3, 0, 2, -2]
    assert pooled(logits[:1]).tolist() == [1, -4] * len(STATISTICS)


def test_recording_logits_are_those_of_the_patches():
    """Each row is the classifier's answer to its patch, in real logits."""
    bundle = load_bundle("room")
    classifier = Classifier(bundle)
    layout = bundle.layout
    frames = bundle.golden["features"][: layout.patch_frames + 7]
    found = recording_logits(classifier, frames)
    assert found.shape == (2, len(bundle.labels))
    last = classifier.score(frames[7:])[0].astype(float)  # of several steps, the first
    assert found[1] == pytest.approx((last - layout.logit_zero) * layout.logit_scale)

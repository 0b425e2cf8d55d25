"""The segmenter against coughs whose authors say where they begin."""

import numpy as np
import pytest

from benchmarks import segmentation
from train_export.datasets import read_corpus


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

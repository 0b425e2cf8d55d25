"""Synthetic music: repeatable, in range, and struck often enough to be mistaken for coughs."""

import numpy as np

from train_export import rhythm
from train_export.rhythm import RATE_HZ, TRACK_S, tracks
from train_export.segment import find_sounds
from train_export.synthetic import bank_of


def test_tracks_repeat_from_their_seed():
    """The same generator state gives the same samples; another gives others."""
    first, again, other = (tracks(np.random.default_rng(seed), 1)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_tracks_are_loud_and_within_full_scale():
    """Every track has its length, peaks at 0.7 of full scale and is never silent for seconds."""
    for track in tracks(np.random.default_rng(rhythm.SEED), 8):
        assert len(track) == TRACK_S * RATE_HZ
        assert np.abs(track).max() <= 0.7001
        seconds = track[: len(track) // RATE_HZ * RATE_HZ].reshape(-1, RATE_HZ)
        quiet = (np.abs(seconds).max(axis=1) < 0.01).astype(int)
        assert np.convolve(quiet, np.ones(4), "valid").max() < 4


def test_tracks_have_beats():
    """The segmenter that finds coughs finds at least one sound in two seconds of a track."""
    for track in tracks(np.random.default_rng(5), 4):
        assert len(find_sounds((track * 32767).astype(np.int16), RATE_HZ)) >= TRACK_S / 2


def test_a_bank_holds_as_many_as_were_asked_for():
    """Synthetic music joins the backgrounds when asked for, and only then."""
    plain, more = bank_of([]), bank_of([], tracks=2)
    kinds = [sound.kind for sound in more.sounds["background"]]
    assert kinds.count("synthetic_music") == 2
    assert len(plain.sounds["background"]) == len(kinds) - 2

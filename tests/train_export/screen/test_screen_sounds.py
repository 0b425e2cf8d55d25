"""Wheezes and crackles of a stretch, learned from whole recordings."""

from pathlib import Path

import numpy as np
import pytest

from edge.screening import FALSE_SHARE
from train_export.screen.corpus import Recorded
from train_export.screen.sounds import heard_in, sound_head


@pytest.mark.parametrize(
    ("label", "wheeze", "crackle"),
    [
        ("normal", False, False),
        ("I E W", True, False),
        ("wheeze(expiratory)", True, False),
        ("crackle(inspiratory)", False, True),
        ("crackle+wheeze", True, True),
        ("crackle+bronchial", False, True),
        ("bronchial", False, False),
    ],
)
def test_the_sources_words_name_the_sounds(label, wheeze, crackle):
    """Every way in which KAUH writes a sound is known."""
    recorded = Recorded(Path("a.wav"), "a.wav", "", "P", "", "", {}, frozenset({label}))
    assert (heard_in(recorded, "wheeze"), heard_in(recorded, "crackle")) == (wheeze, crackle)


def test_a_sound_is_heard_where_it_is():
    """Half of the stretches of every second person's recordings hold it: those are found."""
    rng = np.random.default_rng(0)
    present = np.arange(40) % 2 == 0
    people = np.array([f"P{number:02}" for number in range(40)])
    stretches = [rng.normal(size=6) + rng.normal(size=(20, 6)) for _ in present]
    for own, there in zip(stretches, present, strict=True):
        own[:10, 0] += 10.0 * there
    head = sound_head(stretches, present.tolist(), people, seed=0)
    heard = [own @ head.weights + head.offset >= head.limit for own in stretches]
    found = np.stack([own for own, there in zip(heard, present, strict=True) if there])
    assert found[:, :10].mean() > 0.9
    assert found[:, 10:].mean() < 0.2
    assert head.figures["auroc"] > 0.95
    assert head.figures["stretches_of_others"] == pytest.approx(FALSE_SHARE, abs=0.01)
    assert head.figures["stretches_of_recordings_with_it"] > 0.4

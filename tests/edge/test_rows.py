"""Rows that are computed when somebody looks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.frontend import PRESETS, Frontend, build_tables
from edge.rows import Rows

ROOM, CHEST = PRESETS["room-16k"], PRESETS["chest-4k"]
SPECS = {
    "room": ROOM,
    "chest": CHEST,
    "gaps of nothing": replace(ROOM, hop_samples=ROOM.window_samples),
    "wavelet": replace(ROOM, denoise="wavelet"),
    "spectral": replace(ROOM, denoise="spectral"),
    "band": replace(ROOM, low_cut_hz=100),
}
TABLES = {name: build_tables(spec) for name, spec in SPECS.items()}


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 60), st.integers(0, 30)), max_size=12),
    st.integers(0, 9),
)
def test_what_is_taken_is_what_a_frontend_gives(name, moves, seed):
    """Blocks of any size, rows forgotten, left out or taken twice: the frontend's bits."""
    spec, tables = SPECS[name], TABLES[name]
    total = sum(samples for samples, _, _ in moves)
    pcm = np.random.default_rng(seed).integers(-3_000, 3_000, total).astype(np.int16)
    every = Frontend(spec, tables).push(pcm)
    rows, at, first = Rows(spec, tables), 0, -20
    for samples, ahead, count in moves:
        rows.push(pcm[at : at + samples])
        at += samples
        known = Frontend(spec, tables).push(pcm[:at])
        assert rows.received == len(known)
        first = max(first, min(first + ahead, len(known)))  # never back to what is forgotten
        wanted = np.zeros((count, spec.coefficients), np.int16)
        for place in range(count):
            if 0 <= first + place < len(known):
                wanted[place] = every[first + place]
        np.testing.assert_array_equal(rows.take(first, count), wanted)
        rows.forget(max(0, first + count // 2))
        first += count // 2


def test_rows_that_nobody_takes_are_never_computed(monkeypatch):
    """A quiet night leaves the frontend in peace, and memory as it was."""
    rows = Rows(ROOM, build_tables(ROOM))
    pushed = []
    push = rows._frontend.push
    monkeypatch.setattr(rows._frontend, "push", lambda pcm: pushed.append(len(pcm)) or push(pcm))
    for minute in range(1, 61):
        rows.push(np.zeros(60 * 16_000, np.int16))
        rows.forget(minute * 6_000 - 200)
    assert pushed == []
    assert len(rows._pcm) < 40_000
    assert rows.received == 60 * 6_000 - 2
    rows.take(rows.received - 100, 100)
    assert sum(pushed) == 99 * 160 + 400

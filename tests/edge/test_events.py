"""Event detection: hysteresis, smoothing, joining, refractory time."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.card import EventRule
from edge.errors import BadInputError
from edge.events import Detector, Span

RULE = EventRule(label="cough", open=20, close=0, min_steps=2, gap_steps=2)

rules = st.builds(
    lambda opened, below, smooth, shortest, gap, rest: EventRule(
        label="cough", open=opened, close=opened - below, smooth_steps=smooth,
        min_steps=shortest, gap_steps=gap, refractory_steps=rest, max_steps=shortest + 10,
    ),
    st.integers(-60, 100), st.integers(0, 60), st.sampled_from([1, 3, 5, 7, 9]),
    st.integers(1, 4), st.integers(1, 4), st.integers(0, 9),
)  # fmt: skip
logit_rows = st.lists(st.integers(-128, 127), max_size=120)


def find(rule: EventRule, logits: list[int]) -> list[Span]:
    """All events of a whole row of logits."""
    detector = Detector(rule, ("cough",))
    return detector.push(column(logits)) + detector.finish()


def column(logits: list[int]) -> np.ndarray:
    """Scores of the one label."""
    return np.array(logits, dtype=np.int8)[:, None]


def test_opens_above_one_threshold_and_closes_below_another():
    """An event spans all steps at or above `close` around a peak at or above `open`."""
    assert find(RULE, [-9, 5, 30, 5, -9, -9, -9]) == [Span("cough", 1, 4, 30)]


def test_a_peak_below_open_is_no_event():
    """Scores that never reach `open` give nothing."""
    assert find(RULE, [-9, 19, 19, 19, -9, -9]) == []


def test_a_short_dip_is_joined_and_a_long_one_splits():
    """A dip shorter than gap_steps stays inside the event; a longer one ends it."""
    assert find(RULE, [30, 30, -1, 30, 30, -1, -1, -1]) == [Span("cough", 0, 5, 30)]
    assert find(RULE, [30, 30, -1, -1, 30, 30, -1, -1]) == [
        Span("cough", 0, 2, 30),
        Span("cough", 4, 6, 30),
    ]


def test_too_short_is_dropped():
    """One step above the threshold is not an event when two are asked for."""
    assert find(RULE, [-9, 99, -9, -9, -9]) == []


def test_refractory_time_keeps_onsets_apart():
    """No event begins within refractory_steps of the last one's onset."""
    rule = EventRule(label="cough", open=20, close=0, gap_steps=1, refractory_steps=6)
    assert [span.onset for span in find(rule, [30, -9, 30, -9, -9, -9, -9, 30, -9])] == [0, 7]


def test_an_endless_event_is_cut():
    """A sound that never stops is told once it has lasted max_steps."""
    rule = EventRule(label="cough", open=20, close=0, max_steps=10)
    detector = Detector(rule, ("cough",))
    assert detector.push(column([50] * 9)) == []
    assert detector.push(column([50])) == [Span("cough", 0, 10, 50)]


def test_what_its_rival_reaches_is_no_event():
    """A cough that is a sneeze in one of its steps is none; one beside it, or a lower one, is."""
    rule = replace(RULE, rival="sneeze", rival_open=10)
    coughs = [30, 30, -9, -9, 30, 30, -9, -9, 30, 30, -9, -9]
    sneezes = [-9, 10, 40, 40, 9, 9, 40, -9, -9, -9, 40, 40]
    detector = Detector(rule, ("sneeze", "cough"))
    scores = np.array([sneezes, coughs], dtype=np.int8).T
    found = detector.push(scores) + detector.finish()
    assert [(span.onset, span.offset) for span in found] == [(4, 6), (8, 10)]


@given(rules, logit_rows, st.lists(st.integers(0, 9)))
def test_blocks_of_any_size_give_the_same_events(rule, logits, sizes):
    """Streaming equals batch, empty blocks included."""
    detector = Detector(rule, ("cough",))
    found, start = [], 0
    for size in [*sizes, len(logits)]:
        found += detector.push(column(logits[start : start + size]))
        start = min(start + size, len(logits))
    assert found + detector.finish() == find(rule, logits)


@given(rules, logit_rows)
def test_every_event_keeps_the_rule(rule, logits):
    """Events rise, never overlap, keep their least length, peak and distance."""
    spans = find(rule, logits)
    for span in spans:
        assert 0 <= span.onset < span.offset <= len(logits)
        assert rule.min_steps <= span.offset - span.onset <= rule.max_steps
        assert span.peak >= rule.open
    for earlier, later in itertools.pairwise(spans):
        assert later.onset >= max(earlier.offset, earlier.onset + rule.refractory_steps)


def test_a_gap_makes_no_event_longer_than_the_rule():
    """What falls silent just before its greatest length ends there, and does not reach beyond."""
    rule = EventRule(label="cough", open=0, close=0, gap_steps=2, max_steps=11)
    assert [(span.onset, span.offset) for span in find(rule, [0] * 10 + [-1, 0, -1, -1])] == [
        (0, 10),
        (11, 12),
    ]


@given(rules, logit_rows, logit_rows)
def test_reset_forgets(rule, before, after):
    """After a reset the past has no influence."""
    detector = Detector(rule, ("cough",))
    detector.push(column(before))
    detector.reset()
    found = detector.push(column(after)) + detector.finish()
    assert found == find(rule, after)


@pytest.mark.parametrize(
    ("field", "value"),
    [("open", 128), ("close", 21), ("smooth_steps", 2), ("min_steps", 0), ("gap_steps", 0),
     ("refractory_steps", -1), ("max_steps", 1), ("rival", "cough"), ("rival_open", 128)],
)  # fmt: skip
def test_a_rule_that_cannot_work_is_refused(field, value):
    """A number out of range is named with its value."""
    with pytest.raises(BadInputError, match=f"{field}={value}"):
        EventRule.from_dict(RULE.to_dict() | {field: value})

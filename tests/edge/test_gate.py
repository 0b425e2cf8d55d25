"""The gate ahead of the model."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import gate as gates_module
from edge.bundle import load_bundle, write_bundle
from edge.card import GateRule
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.frontend import native
from edge.gate import Gate, ReferenceGate, bundle_gate, source_gate
from edge.pipeline import Pipeline, ScoreStream
from edge.records import AudioBlock

STEP = 640
RULE = GateRule(rise_q7=160, groups=4, hold_steps=12, settle_steps=0)
needs_core = pytest.mark.skipif(not native.available(), reason="the C core was not built")


@pytest.fixture(scope="module")
def room():
    """The shipped bundle."""
    return load_bundle("room")


def hiss(steps: float, deviation: float = 100.0, seed: int = 1) -> np.ndarray:
    """A fan."""
    rng = np.random.default_rng(seed)
    return np.round(rng.normal(0, deviation, round(steps * STEP))).astype(np.int16)


def tone(steps: float, cycles: float, amplitude: float) -> np.ndarray:
    """A sine of so many cycles a sample."""
    phase = 2 * np.pi * cycles * np.arange(round(steps * STEP))
    return np.round(amplitude * np.sin(phase)).astype(np.int16)


class Flags:
    """A gate's steps as an array."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.reset = gate.reset

    def push(self, pcm: np.ndarray) -> np.ndarray:
        """Bool [steps]."""
        return np.frombuffer(self._gate.push(pcm), np.bool_)


def gate_of(*numbers: object) -> Flags:
    """A gate of any backend."""
    return Flags(gates_module.gate_of(*numbers))


def gates(rule: GateRule = RULE, step: int = STEP, skip: int = 0) -> list[Flags]:
    """Every backend."""
    backends = ["reference", "native"] if native.available() else ["reference"]
    return [gate_of(rule, step, skip, backend) for backend in backends]


def test_steady_sound_is_quiet_at_any_level():
    """A fan that runs all night costs the model nothing, loud or soft, and no sound at all does."""
    for deviation in (0, 3, 100, 8_000):
        for gate in gates():
            assert not gate.push(hiss(250, deviation)).any()


def test_a_rise_of_its_threshold_in_one_octave_opens_it():
    """Power in a single octave is enough, from just above the threshold on."""
    for cycles in (0.375, 0.1875, 0.09375, 0.046875):  # the middle of each octave from the top
        for rise_db, opens in ((3.4, False), (4.1, True)):  # the rule's is 3.76 dB
            for gate in gates():
                quiet = tone(60, cycles, 1_000)
                loud = tone(4, cycles, 1_000 * 10 ** (rise_db / 20))
                assert not gate.push(quiet).any()
                assert gate.push(loud).any() == opens, (cycles, rise_db)


def test_hum_and_an_offset_do_not_open_it():
    """An offset is nothing to it, and a hum of twice the hiss leaks too little into an octave."""
    for gate in gates():
        assert not gate.push(hiss(50)).any()
        assert not gate.push(hiss(50) + np.int16(900)).any()
        assert not gate.push(hiss(50) + tone(50, 50 / 16_000, 300)).any()


def test_it_stays_open_for_the_tail():
    """The steps after a rise are scored as well, so that an event's end is heard."""
    for gate in gates():
        gate.push(hiss(20))
        assert gate.push(hiss(1, 1_000)).tolist() == [True]
        assert gate.push(hiss(20)).tolist() == [True] * 11 + [False] * 9


def test_a_new_loud_background_is_learned_and_a_sound_above_it_heard():
    """Half a minute after a fan was switched on the gate is shut again, and a cough opens it."""
    for gate in gates():
        gate.push(hiss(20))
        assert gate.push(hiss(20, 1_000)).all()
        assert not gate.push(hiss(750, 1_000))[-25:].any()
        assert gate.push(hiss(1, 3_000)).all()


def test_it_begins_open_and_skips_what_no_step_stands_for():
    """The first steps settle the floor; a step begins where its first frame's hop does."""
    for gate in gates(replace(RULE, settle_steps=3), skip=100):
        assert gate.push(hiss(1)).tolist() == []
        assert gate.push(hiss(6)).tolist() == [True] * 3 + [False] * 3


rules = st.builds(
    GateRule,
    rise_q7=st.integers(1, 500),
    groups=st.integers(1, 6),
    hold_steps=st.integers(1, 9),
    settle_steps=st.integers(0, 9),
)


@needs_core
@settings(max_examples=100, deadline=None)
@given(
    rules,
    st.integers(64, 200),
    st.integers(0, 150),
    st.lists(st.tuples(st.integers(0, 32_767), st.integers(1, 700)), max_size=12),
    st.lists(st.integers(0, 5_000), max_size=5),
    st.integers(0, 9),
)
def test_the_core_opens_at_the_references_steps(rule, step, skip, sounds, cuts, seed):
    """Any rule, any sound, blocks of any size, and once more after a reset: the same steps."""
    levels = np.repeat([level for level, _ in sounds], [count for _, count in sounds])
    noise = np.random.default_rng(seed).choice([-1.0, -0.3, 0.1, 1.0], len(levels))
    pcm = np.floor(levels * noise).astype(np.int16)
    expected = gate_of(rule, step, skip, "reference").push(pcm)
    assert len(expected) == max(0, len(pcm) - skip) // step
    for backend in ("reference", "native"):
        gate = gate_of(rule, step, skip, backend)
        for _ in range(2):
            parts = [gate.push(part) for part in np.split(pcm, sorted(cuts))]
            np.testing.assert_array_equal(np.concatenate(parts), expected)
            gate.reset()


@needs_core
def test_the_loudest_sound_fits_its_integers():
    """Full scale at the highest frequency, in the longest step, overflows nothing."""
    pcm = np.tile(np.array([32_767, -32_768], np.int16), 1 << 20)
    rule = replace(RULE, groups=6)
    for step in (64, 1 << 20):
        steps = [gate_of(rule, step, 0, backend).push(pcm) for backend in ("reference", "native")]
        np.testing.assert_array_equal(*steps)


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 16_000, 44_100, 48_000])
def test_a_source_of_another_rate_is_heard_as_early(room, rate_hz):
    """What opens the model's gate opens the source's, at the same step or one beside it."""
    gate = Flags(source_gate(replace(room.gate, settle_steps=0), room.layout, room.spec, rate_hz))
    rng = np.random.default_rng(2)
    pcm = rng.normal(0, 30, rate_hz * 4)
    at = round(3.0 * rate_hz)
    pcm[at : at + rate_hz // 10] += rng.normal(0, 400, rate_hz // 10)
    steps = gate.push(np.round(pcm).astype(np.int16))
    assert abs(int(np.argmax(steps)) - 3.0 / 0.04) <= 1
    assert steps.sum() <= 2 + room.gate.hold_steps + 1


def test_a_source_with_too_many_octaves_has_no_gate(room):
    """One that lacked the lowest would call still what the model's gate opens for."""
    assert source_gate(room.gate, room.layout, room.spec, 192_000) is None
    bundle = replace(room)
    assert Pipeline(bundle, Classifier(bundle), 192_000).attention().ear is None


def test_the_source_of_the_models_rate_has_the_models_gate(room):
    """Then both open at exactly the same steps: nothing waits that the model would hear."""
    pcm = np.concatenate([hiss(99.3), hiss(3.1, 300), hiss(47.7)])
    own = bundle_gate(room.gate, room.layout, room.spec).push(pcm)
    heard = source_gate(room.gate, room.layout, room.spec, room.spec.rate_hz).push(pcm)
    assert own == heard


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_blocks_of_any_size_skip_the_same_steps(seed):
    """What is skipped hangs on the sound alone, not on how it arrived; the rest scores the same."""
    bundle = replace(load_bundle("room"), gate=RULE)
    classifier = Classifier(bundle)
    rng = np.random.default_rng(seed)
    pcm = rng.normal(0, 30, 16_000 * 6)
    for at in rng.integers(16_000, len(pcm) - 2_000, 3):
        pcm[at : at + 1_600] += rng.normal(0, 2_000, 1_600)
    pcm = np.round(pcm).astype(np.int16)[: rng.integers(16_000, len(pcm))]
    free = ScoreStream(replace(bundle, gate=None), classifier, 16_000)
    scores = np.concatenate([free.push(pcm), free.finish()])
    whole = ScoreStream(bundle, classifier, 16_000)
    expected = np.concatenate([whole.push(pcm), whole.finish()])
    shut = (expected == -128).all(axis=1)
    np.testing.assert_array_equal(expected[~shut], scores[~shut])
    assert len(expected) == len(scores)
    parts = ScoreStream(bundle, classifier, 16_000)
    cuts = np.sort(rng.integers(0, len(pcm), 9))
    found = [parts.push(part) for part in np.split(pcm, cuts)]
    np.testing.assert_array_equal(np.concatenate([*found, parts.finish()]), expected)
    assert whole.skipped_s == parts.skipped_s


def test_a_pipeline_skips_a_quiet_room_and_says_how_much(room):
    """A bundle whose card has a gate leaves most of a minute of hiss to the gate alone."""
    bundle = replace(room, gate=GateRule(rise_q7=160))
    pipeline = Pipeline(bundle, Classifier(bundle), 16_000)
    pcm = np.random.default_rng(1).normal(0, 30, 60 * 16_000).astype(np.int16)
    assert pipeline.push(AudioBlock(pcm, 16_000, 0)) == []
    assert pipeline.skipped_s > 50
    assert pipeline.coverage.processed_s == 60
    ungated = replace(bundle, gate=None)
    everything = Pipeline(ungated, Classifier(ungated), 16_000)
    everything.push(AudioBlock(pcm, 16_000, 0))
    assert everything.skipped_s == 0


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"rise_q7": 0, "groups": 0}, "rise_q7=0, groups=0"),
        ({"rise_q7": 1 << 23, "groups": 7}, "rise_q7=8388608, groups=7"),
        ({"rise_q7": 160, "hold_steps": 0, "settle_steps": -1}, "hold_steps=0, settle_steps=-1"),
        ({"rise_q7": 1.5}, "rise_q7=1.5"),
        ({"rise_q7": "loud"}, "rise_q7='loud'"),
    ],
)
def test_a_card_with_an_impossible_gate_is_refused(tmp_path, room, numbers, words):
    """A gate that could never open, or has no groups, is named with its value."""
    with pytest.raises(BadInputError, match=words):
        GateRule(**numbers)
    card = room.card | {"gate": numbers}
    write_bundle(tmp_path, card, model=room.model, tables=room.tables, golden=room.golden)
    assert json.loads((tmp_path / "card.json").read_text())["gate"] == numbers
    with pytest.raises(BadInputError, match=words):
        load_bundle(str(tmp_path))


def test_a_step_too_short_for_its_octaves_is_refused():
    """It would hear nothing, ever."""
    with pytest.raises(BadInputError, match="6 groups need steps of 64 samples or more, not 63"):
        gate_of(replace(RULE, groups=6), 63)


@needs_core
def test_the_core_refuses_what_it_could_not_hold():
    """Numbers from elsewhere never reach its integers."""
    rule = asdict(RULE)
    for change in ({"rise_q7": 1 << 23}, {"groups": 7}, {"step_samples": 15}, {"skip_samples": -1}):
        numbers = {"skip_samples": 0, "step_samples": STEP} | rule | change
        with pytest.raises(BadInputError, match="gate: "):
            native.NativeGate(**numbers)
    with pytest.raises(BadInputError, match="gate: "):
        native.NativeGate(**{"skip_samples": 0, "step_samples": 1 << 40} | rule)


def test_the_reference_serves_where_there_is_no_core(monkeypatch):
    """Without the C core the same gate runs in NumPy."""
    monkeypatch.setattr(native, "_core", None)
    assert isinstance(gates_module.gate_of(RULE, STEP), ReferenceGate)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"step_frames": 0}, "step_frames=0"),
        ({"patch_steps": -1, "before_frames": -3}, "patch_steps=-1, before_frames=-3"),
        ({"patch_frames": "193"}, "patch_frames='193'"),
        ({"before_frames": 146}, "193 frames does not hold 146 before it and 48 of its own"),
    ],
)
def test_a_layout_that_can_not_lie_on_a_stream_is_refused(room, change, words):
    """A patch without steps, or smaller than what it stands for, is named with its numbers."""
    with pytest.raises(BadInputError, match=words):
        replace(room.layout, **change)

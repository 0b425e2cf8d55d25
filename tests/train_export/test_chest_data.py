"""Chest manifests, folds and batches: what is learned from is what was annotated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import BadInputError, InputOutputError
from edge.frontend import PRESETS
from train_export.chest.folds import fold_of_subject, training_units
from train_export.chest.labels import CYCLES, EVENTS, HEARD, KINDS, OUTPUTS, RECORDS, columns
from train_export.chest.sampling import Piece, Sampler, augment, heard, key, stretch_label
from train_export.chest.units import Unit, frame_at, read_units, stretch

SPEC = PRESETS["chest-4k"]
HEADER = "path,source,subject,label_event,start_s,end_s,recorder,split\n"
PATCH = 64


def unit(label: str, start_s: float = 0.0, end_s: float = 4.0, person: int = 0) -> Unit:
    """A unit of someone's only recording."""
    kind = next(kind for kind, labels in KINDS.items() if label in labels)
    return Unit(
        Path("a.wav"), f"{kind == 'cycle'}{person}.wav", kind, label, start_s, end_s,
        "toy", f"P{person}", "scope", "train",
    )  # fmt: skip


@pytest.fixture(scope="module")
def units() -> list[Unit]:
    """Twelve people with a record, two events and a cycle each."""
    rows = []
    for person in range(12):
        sick = person % 3
        rows += [
            unit(("record:Normal", "record:DAS", "record:CAS")[sick], person=person),
            unit("Normal", 0.2, 1.4, person),
            unit(("Normal", "Fine Crackle", "Wheeze")[sick], 2.0, 2.8, person),
            unit(CYCLES[person % 4], 0.5, 2.5, person),
        ]
    return rows


@pytest.fixture(scope="module")
def frames(units) -> dict[str, np.ndarray]:
    """Random features of each recording, 4 s long."""
    rng = np.random.default_rng(0)
    return {key(row): rng.integers(500, 2500, (398, 40), dtype=np.int16) for row in units}


def test_a_manifest_gives_its_units(tmp_path):
    """Events, records and cycles are read with their place; other profiles' rows are not."""
    path = tmp_path / "m.csv"
    path.write_text(
        HEADER + "a.flac,s,P1,record:CAS & DAS,0,9.2,scope,train\n"
        "a.flac,s,P1,Wheeze,1.5,2,scope,train\n"
        "b.flac,s,,crackle+wheeze,0,3,scope,test\nc.flac,s,P2,cough,0,1,,test\n"
    )
    units = read_units(path)
    assert [row.kind for row in units] == ["record", "event", "cycle"]
    assert (units[1].start_s, units[1].end_s, units[1].subject) == (1.5, 2.0, "P1")
    assert units[2].subject == "b.flac"  # nobody is named: the file stands for them
    assert units[0].path == tmp_path / "a.flac"


def test_a_bad_manifest_is_told(tmp_path):
    """A missing file, a missing column, and a time that runs backwards are named."""
    path = tmp_path / "m.csv"
    with pytest.raises(InputOutputError, match=r"m\.csv"):
        read_units(path)
    path.write_text("path,start_s,end_s\na,0,1\n")
    with pytest.raises(BadInputError, match="label_event"):
        read_units(path)
    path.write_text(HEADER + "a,s,P,Wheeze,2,1,,train\n")
    with pytest.raises(BadInputError, match="line 2: start 2 and end 1 must rise"):
        read_units(path)
    path.write_text(HEADER + "a,s,P,Wheeze,1\n")
    with pytest.raises(BadInputError, match="line 2: not 8 values"):
        read_units(path)


def test_an_event_without_a_length_is_the_frame_it_lies_in(tmp_path):
    """One that begins where it ends is scored like one of a millisecond, and ends no evaluation."""
    path = tmp_path / "m.csv"
    path.write_text(HEADER + "a,s,P,Wheeze,1,1,,train\na,s,P,Wheeze,1,1.001,,train\n")
    frames = np.arange(400, dtype=np.int16)[:, None]
    parts = [stretch(frames, row.start_s, row.end_s, SPEC) for row in read_units(path)]
    assert [part.shape for part in parts] == [(1, 1), (1, 1)]
    assert parts[0] == parts[1] == frame_at(1.0, SPEC)


@pytest.mark.parametrize(
    ("spelled", "label", "kind"),
    [
        ("normal", "normal_cycle", "cycle"),
        ("both", "crackle+wheeze", "cycle"),
        ("wheeze(expiratory)", "wheeze", "cycle"),
        ("I E W", "wheeze", "cycle"),
        ("Normal", "Normal", "event"),
    ],
)
def test_other_spellings_of_a_class_are_known(tmp_path, spelled, label, kind):
    """The project's four classes and KAUH's words are units, and keep their own spelling."""
    path = tmp_path / "m.csv"
    path.write_text("\ufeff" + HEADER + f"a.flac,s,P1,{spelled},0,3,scope,test\n")
    (unit,) = read_units(path)
    assert (unit.label, unit.kind, unit.spelled) == (label, kind, spelled)


def test_outputs_are_the_kinds_side_by_side():
    """Each kind's columns are its own, all names differ, and the heard sounds come last."""
    assert len(set(OUTPUTS)) == len(OUTPUTS)
    assert OUTPUTS[columns("event")] == EVENTS
    assert OUTPUTS[columns("record")] == RECORDS
    assert OUTPUTS[columns("cycle")] == tuple(f"cycle:{label}" for label in CYCLES)
    assert OUTPUTS[-2:] == HEARD


def test_a_stretch_is_the_frames_of_its_seconds():
    """A second is a hundred frames, from the frame whose middle is the beginning."""
    frames = np.arange(900, dtype=np.int16)[:, None]
    part = stretch(frames, 2.0, 3.0, SPEC)
    assert len(part) == 100
    middle_s = (part[0, 0] * SPEC.hop_samples + SPEC.window_samples / 2) / SPEC.rate_hz
    assert abs(middle_s - 2.0) <= SPEC.hop_samples / SPEC.rate_hz
    assert frame_at(0.0, SPEC) == 0
    assert len(stretch(frames, 8.9, 30.0, SPEC)) <= 11


def test_folds_keep_people_apart(units):
    """Everyone is in one fold, every fold has someone, and dealing again gives the same."""
    folds = fold_of_subject(units, 3)
    assert set(folds) == {row.subject for row in units}
    assert set(folds.values()) == {0, 1, 2}
    assert fold_of_subject(units[::-1], 3) == folds


def test_test_halves_and_people_of_both_halves_do_not_train(units):
    """Only the training split trains, without the two ICBHI patients of both halves."""
    both = replace(units[0], subject="ICBHI-156")
    test = replace(units[0], split="test_intra")
    assert training_units([units[0], both, test]) == [units[0]]


def test_batches_repeat_and_know_their_rows(units, frames):
    """A batch is the same when drawn again; each row knows the target of its kind alone."""
    sampler = Sampler(units, frames, SPEC, PATCH, seed=3)
    first, again, other = sampler.batch(0), sampler.batch(0), sampler.batch(1)
    np.testing.assert_array_equal(first.features, again.features)
    assert (first.features != other.features).any()
    assert first.features.shape == (64, PATCH, 40, 1)
    kinds = np.stack([first.known[:, columns(kind)].all(axis=1) for kind in KINDS])
    assert (kinds.sum(axis=0) == 1).all()
    for kind in KINDS:
        rows = first.known[:, columns(kind).start] == 1
        np.testing.assert_allclose(first.targets[rows, columns(kind)].sum(axis=1), 1, rtol=1e-5)


def test_rare_classes_are_drawn_more_often_than_they_occur(frames, units):
    """A class of a twentieth of the events makes up more than a tenth of the draws."""
    many = [unit("Normal", 0.1, 1.0) for _ in range(190)]
    few = [unit("Stridor", 0.1, 1.0) for _ in range(10)]
    sampler = Sampler([*many, *few], frames, SPEC, PATCH, seed=0)
    drawn = np.concatenate(
        [sampler.batch(n).targets[:, EVENTS.index("Stridor")] for n in range(20)]
    )
    assert 0.1 < drawn.mean() < 0.3


def test_a_stretch_is_labelled_by_what_is_in_it(frames):
    """A patch beside the wheeze is normal, around it continuous, around both mixed."""

    def piece(label: str, first: int, last: int) -> Piece:
        return Piece(unit(label), frames["toy/False0.wav"], first, last)

    events = [piece("Wheeze", 100, 180), piece("Coarse Crackle", 250, 330), piece("Normal", 0, 90)]
    assert stretch_label(events, 0, 95) == "record:Normal"
    assert stretch_label(events, 0, 120) == "record:Normal"  # 20 frames of it can't be told
    assert stretch_label(events, 0, 160) == "record:CAS"
    assert stretch_label(events, 200, 400) == "record:DAS"
    assert stretch_label(events, 0, 400) == "record:CAS & DAS"
    assert heard(events, 140).tolist() == [0, 1]
    assert heard(events, 250).tolist() == [0.5, 0]
    assert heard(events, 215).tolist() == [0, 0]


def test_a_moved_band_does_not_come_in_at_the_other_end():
    """Whatever is drawn, what sounds in the highest band alone is never in the lowest one."""
    loud = np.zeros((192, 40), np.float32)
    loud[:, -1] = 1
    moved = [augment(np.random.default_rng(seed), loud) for seed in range(200)]
    assert all(one[:, 0].max() == 0 for one in moved)
    assert any(one[:, -2].max() > 0 for one in moved)

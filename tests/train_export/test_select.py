"""Feature selection: finds what tells the labels apart, inside the folds, and pays for it."""

import json
import re

import numpy as np
import pytest

from edge.errors import BadInputError
from edge.frontend import PRESETS, Frontend, FrontendSpec
from train_export.cli import main
from train_export.feature_report import smaller
from train_export.feature_select import Selection, rank, select
from train_export.feature_table import (
    FeatureTable,
    Segment,
    candidates,
    coefficient_names,
    levelled,
    subsample,
    summary,
)

KEEP = 2


def synthetic(people: int = 20, seed: int = 0) -> FeatureTable:
    """Six coefficients: 1 and 4 tell the labels apart, 5 repeats 4, the rest is noise."""
    rng = np.random.default_rng(seed)
    labels = np.array(["a", "b", "c"] * (people * 4))
    values = rng.normal(0, 1, (len(labels), 6, 3))
    values[:, 1, 0] += 3 * (labels == "a")
    values[:, 4, 1] += 3 * (labels == "b")
    values[:, 5] = values[:, 4] * 7 + 1
    groups = np.array([f"P{number // 12}" for number in range(len(labels))])
    return FeatureTable(values, labels, groups)


@pytest.fixture(scope="module")
def selection() -> Selection:
    """What three folds of the synthetic table find."""
    return select(synthetic(), KEEP, folds=3)


def test_it_finds_what_tells_the_labels_apart(selection):
    """The two informative coefficients come first, in every fold too."""
    assert set(selection.kept(KEEP)) in ({1, 4}, {1, 5})
    assert selection.stability(KEEP) == 1.0
    assert selection.accuracy[KEEP].value > 0.8
    assert selection.accuracy[KEEP].low <= selection.accuracy[KEEP].value
    assert abs(selection.gain.value) < 0.1


def test_what_repeats_is_dropped(selection):
    """Of two coefficients that say the same one is pruned, and ranks last."""
    assert selection.pruned[4].all() != selection.pruned[5].all()
    assert selection.ranking[-1] in (4, 5)


def test_a_fold_never_sees_the_held_out_people():
    """Coefficients that tell the labels only among held-out people do not rank first."""
    table = synthetic()
    first, rest = table.groups == "P0", table.groups != "P0"
    table.values[first, 0, 0] += 50 * (table.labels[first] == "c")
    ranking, _, _ = rank(table.values[rest], table.labels[rest], 0)
    assert 0 not in ranking[:KEEP]


def test_too_few_people_or_too_many_kept_are_refused():
    """Both say what to change."""
    table = synthetic()
    with pytest.raises(BadInputError, match="keep=6 must be from 1 to 5"):
        select(table, 6)
    few = FeatureTable(table.values[:24], table.labels[:24], table.groups[:24])
    with pytest.raises(BadInputError, match="'a' has 2 people for 5 folds"):
        select(few, 2)


@pytest.mark.parametrize("profile", ["room", "chest"])
def test_the_smaller_spec_computes_exactly_the_kept_values(profile):
    """Rows of the smaller frontend equal the kept columns of the whole one, bit for bit."""
    spec = candidates(profile)
    names = coefficient_names(spec)
    assert len(names) == spec.coefficients
    pcm = np.random.default_rng(1).normal(0, 3000, spec.rate_hz).astype(np.int16)
    whole = Frontend(spec).push(pcm)
    for kept in ((0, 3, 12), (2, 43, 53), (1, 52), (45,), tuple(range(54))):
        order = (*kept, *(index for index in range(54) if index not in kept))
        found = Selection(order, np.zeros((54, 3)), np.zeros((54, 3), bool), (), {}, None)
        small = smaller(spec, found, len(kept))
        np.testing.assert_array_equal(Frontend(small).push(pcm), whole[:, list(kept)])
        assert FrontendSpec.from_dict(json.loads(json.dumps(small.to_dict()))) == small


def test_a_summary_is_mean_spread_and_slope():
    """A ramp of 3 a frame has that slope everywhere, so its change is 0; a sine's is not."""
    t = np.arange(100)
    frames = np.stack([3 * t, 1000 * np.sin(t / 3)], axis=1).astype(np.int16)
    values = summary(frames)
    assert values.shape == (2, 3)
    assert values[0] == pytest.approx([148.5, np.std(3 * t), 0.0])
    assert values[1, 2] > 50


def test_loudness_says_nothing(tmp_path):
    """The same sound at two levels is brought to the same samples."""
    segment = Segment(tmp_path / "a.wav", 0.0, 1.0, "cough", "P1")
    pcm = np.round(8000 * np.sin(np.arange(4000) / 5)).astype(np.int16)
    np.testing.assert_allclose(levelled(pcm, segment), levelled(pcm // 4, segment), atol=12)


def test_a_subsample_takes_people_by_turns(tmp_path):
    """Nobody gives a second sound before everybody gave one; the choice repeats."""
    segments = [
        Segment(tmp_path / f"{who}-{number}.wav", 0.0, 1.0, "cough", f"P{who}")
        for who in range(5)
        for number in range(1 + 20 * (who == 0))
    ]
    chosen = subsample(segments, 7)
    assert [sum(s.group == f"P{who}" for s in chosen) for who in range(5)] == [3, 1, 1, 1, 1]
    assert subsample(segments[::-1], 7) == chosen


@pytest.mark.parametrize(
    "option", [("--folds", "1"), ("--clips", "0"), ("--keep", "0"), ("--seed", "-1")]
)
def test_numbers_out_of_range_are_refused_at_once(option, tmp_path, capsys):
    """Before a corpus is read."""
    assert main(["select", "--corpus", "nowhere", "--out", str(tmp_path), *option]) == 64
    assert re.search(f"{option[0]}: {option[1]} .*give", capsys.readouterr().err)


def test_the_command_writes_report_figure_and_spec(toy_corpus, tmp_path):
    """From a corpus to a spec that loads, in one command."""
    out = tmp_path / "selected"
    command = ["select", "--corpus", str(toy_corpus), "--keep", "8", "--folds", "2"]
    assert main([*command, "--clips", "12", "--out", str(out)]) == 0
    spec = FrontendSpec.from_dict(json.loads((out / "spec.json").read_text()))
    assert spec.coefficients == 8
    assert spec.rate_hz == PRESETS["room-16k"].rate_hz
    assert (out / "selection.png").stat().st_size > 10_000
    assert "Jaccard" in (out / "report.md").read_text()

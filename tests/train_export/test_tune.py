"""A bundle's operating point is chosen again on the corpus that it was trained on."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge.bundle import bundle_path, load_bundle
from edge.errors import BadInputError, UsageError
from train_export import room
from train_export.cli import main
from train_export.tune import tune


@pytest.fixture
def hiccups(tmp_path):
    """A folder of one's own that is about something else."""
    rng = np.random.default_rng(0)
    for number in range(4):
        path = tmp_path / "corpus" / "hiccup" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, rng.integers(-900, 900, 16_000).astype(np.int16), 16_000)
    return tmp_path / "corpus"


@pytest.fixture
def few_scenes(monkeypatch):
    """Six minutes of each kind instead of hours."""
    for hours in ("VALIDATION_HOURS", "HOME_HOURS"):
        monkeypatch.setattr(room, hours, 1 / 10)


@pytest.mark.usefixtures("few_scenes")
def test_rules_change_and_the_network_stays(toy_corpus, tmp_path):
    """Tuned in its own folder, twice: rules, odds, figures and provenance are the last ones."""
    folder, work = tmp_path / "mine", tmp_path / "work"
    shutil.copytree(bundle_path("room"), folder)
    before = load_bundle(str(folder))
    bound = tune(before, toy_corpus, "auto", work, folder, 0.0)
    assert bound.card["protocol"]["false_alarms_asked"] == 0.0
    free = tune(bound, toy_corpus, "auto", work, folder, None)
    assert "false_alarms_asked" not in free.card["protocol"]
    assert free.card["protocol"]["tuned_by"]
    assert free.card["files"] == before.card["files"]
    assert free.digest == load_bundle(str(folder)).digest
    for tuned in (bound, free):
        assert tuned.card["figures"]["home"]["cough"]["hours"] == pytest.approx(0.1, abs=0.01)
        assert tuned.rules != before.rules
    assert [bound.card[name] for name in ("data", "commit")] == [
        before.card[name] for name in ("data", "commit")
    ]


@pytest.mark.usefixtures("few_scenes")
def test_a_shipped_name_is_a_folder_where_it_is_written(toy_corpus, tmp_path, monkeypatch):
    """`--out room` writes a folder here, and that bundle is what comes back."""
    monkeypatch.chdir(tmp_path)
    shipped = load_bundle("room")
    tuned = tune(shipped, toy_corpus, "auto", tmp_path / "work", Path("room"), None)
    assert tuned.digest == load_bundle(str(tmp_path / "room")).digest != shipped.digest


def test_a_corpus_of_other_labels_is_refused(hiccups, tmp_path):
    """No cough, or other labels than the bundle's: nothing is mixed and nothing written."""
    bundle, out = load_bundle("room"), tmp_path / "out"
    with pytest.raises(BadInputError, match="lists no cough"):
        tune(bundle, hiccups, "auto", tmp_path / "work", out, None)
    own = replace(bundle, labels=("beep", "other"))
    with pytest.raises(BadInputError, match="has the labels hiccup and bundle room has beep, oth"):
        tune(own, hiccups, "auto", tmp_path / "work", out, None)
    assert not out.exists()


def test_what_can_not_be_tuned_is_refused(hiccups, tmp_path):
    """The chest's rules come with its training; a card that does not say how it was made is bad."""
    with pytest.raises(UsageError, match="chest is no bundle of the room"):
        tune(load_bundle("chest"), hiccups, "auto", tmp_path, tmp_path / "out", None)
    bundle = load_bundle("room")
    bare = replace(bundle, card=bundle.card | {"protocol": {}})
    with pytest.raises(BadInputError, match="does not say 'seed'"):
        tune(bare, hiccups, "auto", tmp_path, tmp_path / "out", None)


def test_the_layout_is_the_one_that_was_named(hiccups, tmp_path, capsys):
    """A folder that is not of the named layout is refused as such, by `train` and by `tune`."""
    out = ["--corpus", str(hiccups), "--layout", "coswara", "--out", str(tmp_path / "out")]
    told = []
    for command in ("train", "tune"):
        assert main([command, *out]) != 0
        told.append(capsys.readouterr().err)
    assert told[0] == told[1]
    assert "coswara" in told[0].lower()


@pytest.mark.parametrize("asked", ["-1", "nan", "few"])
def test_a_bound_that_can_not_be_is_refused(tmp_path, capsys, asked):
    """A negative number of false alarms, or none at all, is a usage error."""
    command = ["tune", "--corpus", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*command, "--false-alarms", asked]) == 64
    assert f"{asked} is no number of false alarms" in capsys.readouterr().err

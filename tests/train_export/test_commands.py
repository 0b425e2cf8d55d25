"""What the subcommands share: what is refused before any work, and how `airway-train` ends."""

import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf
from test_readers import icbhi, sprsound

from edge.demo import demo_night
from edge.errors import UsageError
from train_export.chest.folds import training_units
from train_export.chest.network import corpus_units
from train_export.cli import main
from train_export.commands import index
from train_export.features import prepare_scenes
from train_export.room import TRAINING, Plan, scene_steps

AIRWAY_TRAIN = f"{sys.executable} -m train_export.cli"
# Each command with an output, as far as that output: what it would read is not there.
INTO_FOLDERS = (
    ["train", "--corpus", "nowhere", "--out"],
    ["train", "--features", "nowhere.csv", "--out"],
    ["train", "--corpus", "nowhere", "--out", "new", "--work"],
    ["tune", "--corpus", "nowhere", "--out"],
    ["select", "--corpus", "nowhere", "--out"],
    ["prepare", "--corpus", "nowhere", "--out"],
    ["export", "--target", "c", "--bundle", "nowhere", "--out"],
    ["compile", "--target", "edgetpu", "--bundle", "nowhere", "--out"],
)
QUANTIZE = ["quantize", "--weights", "no.h5", "--scenes", "no", "--validation", "no", "--out"]
INTO_FILES = (
    ["compare", "--corpus", "nowhere", "--out"],
    ["ablate", "--corpus", "nowhere", "--out"],
    ["index", "--corpus", "nowhere", "--out"],
    ["evaluate", "--manifest", "nowhere.csv", "--predictions"],
    ["evaluate", "--manifest", "nowhere.csv", "--html"],
    QUANTIZE,
)


@pytest.fixture
def own(tmp_path) -> Path:
    """Three files of one label of one's own."""
    pcm, _ = demo_night(7, 1.0)
    for number in range(3):
        path = tmp_path / "own" / "hiccup" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, pcm[number * 16_000 :][:16_000], 16_000)
    return tmp_path / "own"


@pytest.mark.parametrize("command", INTO_FOLDERS, ids=" ".join)
def test_a_file_is_no_folder_to_write(command, tmp_path, capsys):
    """Before anything is read: an output that is a file, or lies in one, is told, and stays."""
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for place in (taken, taken / "deeper" / "still"):
        assert main([*command, str(place)]) == 74
        assert f"{place} can't be written: {taken} is a file" in capsys.readouterr().err
    assert taken.read_text() == "mine"


@pytest.mark.parametrize("command", INTO_FILES, ids=" ".join)
def test_a_folder_is_no_file_to_write(command, tmp_path, capsys):
    """The same of commands that write a file: a folder has its place, or a file its folder's."""
    (tmp_path / "taken").write_text("mine")
    for place, words in ((tmp_path, "is a folder"), (tmp_path / "taken" / "out", "is a file")):
        assert main([*command, str(place)]) == 74
        assert words in capsys.readouterr().err


def test_more_coefficients_than_there_are_is_refused_before_they_are_computed(tmp_path, capsys):
    """The number to keep is known to be too large from the profile alone."""
    command = ["select", "--corpus", "nowhere", "--out", str(tmp_path), "--keep"]
    for profile, most in (("room", 53), ("chest", 53)):
        assert main([*command, str(most + 1), "--profile", profile]) == 64
        assert f"the {profile}'s {most + 1} coefficients" in capsys.readouterr().err
        assert main([*command, str(most), "--profile", profile]) == 74  # the corpus is not there


@pytest.mark.parametrize(
    "way", [["--profile", "chest"], ["--profile", "screen-chest"], ["--features", "F.csv"]]
)
def test_a_layout_that_nobody_reads_is_refused(way, tmp_path, capsys):
    """Neither the chest's folders nor a table have a layout to name."""
    given = way if "--features" in way else [*way, "--corpus", "nowhere"]
    assert main(["train", *given, "--layout", "icbhi", "--out", str(tmp_path / "out")]) == 64
    assert f"--layout does not go with {' '.join(way[:1])}" in capsys.readouterr().err


def test_hours_without_a_batch_are_refused_before_a_scene_is_mixed(own, tmp_path, capsys):
    """The least hours are named: two scenes for one processor, three for two."""
    command = ["train", "--corpus", str(own), "--out", str(tmp_path / "out"), "--epochs", "1"]
    for processors, least in (("1", "0.033"), ("2", "0.050")):
        given = ["--processors", processors, "--work", str(tmp_path / "work"), "--hours", "0.02"]
        assert main([*command, *given]) == 64
        assert f"give {least} hours or more" in capsys.readouterr().err
        assert Plan(hours=float(least), epochs=1, seed=1, processors=int(processors))
    assert not (tmp_path / "work").exists()
    for model in ("cnn", "gru", "transformer"):
        with pytest.raises(UsageError, match="fill no batch"):
            Plan(hours=1 / 60, epochs=1, seed=1, model=model)


def test_a_scene_has_as_many_scores_as_a_plan_counts_on(toy_corpus):
    """A training scene, mixed, has the scores that its length gives."""
    made = prepare_scenes(toy_corpus, "train", 1, TRAINING)
    assert made.targets.shape[1] == scene_steps()


def test_the_chest_reads_what_index_writes(tmp_path):
    """As the guide says it: the manifests of two public data sets, and what of them trains."""
    for tree, name in ((sprsound, "sprsound"), (icbhi, "icbhi2017_cycles")):
        tree(tmp_path / name)
        out = tmp_path / "C" / name / "manifest.csv"
        assert main(["index", "--corpus", str(tmp_path / name), "--out", str(out)]) == 0
    units = corpus_units(tmp_path / "C")
    assert {unit.kind for unit in units} == {"event", "record", "cycle"}
    assert {unit.split for unit in units} == {"train", "test_intra", "test"}
    assert {unit.source for unit in training_units(units)} == {"sprsound"}  # 156 is in both halves


def test_an_interrupted_command_ends_quietly(own, monkeypatch, capsys):
    """Ctrl-C is no fault: its own code, and nothing is said."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(index, "read_rows", interrupted)
    assert main(["index", "--corpus", str(own)]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("into", "said"), [(">&-", "standard output is closed"), (">/dev/full", "No space left")]
)
def test_a_result_that_cannot_be_written_is_74(own, into, said):
    """A closed standard output, or a full disk behind it, is told, and no success."""
    done = subprocess.run(
        ["sh", "-c", f"{AIRWAY_TRAIN} index --corpus '{own}' {into}"],
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 74
    assert f"airway-train: {said}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("into", ["2>&-", "2>/dev/full"])
def test_progress_that_cannot_be_written_changes_nothing(own, into):
    """With standard error closed or full the result is there, and an error keeps its code."""
    for corpus, code, said in ((own, 0, "layout folder"), (own / "nowhere", 74, "")):
        done = subprocess.run(
            ["sh", "-c", f"{AIRWAY_TRAIN} index --corpus '{corpus}' {into}"],
            stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code
        assert said in done.stdout

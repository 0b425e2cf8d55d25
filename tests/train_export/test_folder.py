"""A folder of one's own sounds: whose they are, what is read of it, and how it is split."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge.errors import BadInputError, InputOutputError, UsageError
from train_export.cli import main
from train_export.datasets import SPLITS, split_corpus, split_of
from train_export.readers import read_rows

RATE_HZ = 8_000


def audio(path: Path, seed: int = 0) -> None:
    """Half a second of noise, another for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = np.random.default_rng(seed).normal(0, 3000, RATE_HZ // 2)
    sf.write(path, np.clip(pcm, -32768, 32767).astype(np.int16), RATE_HZ)


def people_of(root: Path) -> dict[str, set[str]]:
    """The splits that each person's clips are in."""
    found: dict[str, set[str]] = {}
    for clip in split_corpus(root):
        found.setdefault(clip.group, set()).add(split_of(clip))
    return found


def test_a_person_s_folders_are_one_person(tmp_path):
    """Sessions inside a person's folder are that person's: nobody is in two splits."""
    for person in range(4):
        for session in range(3):
            for label in ("wheeze", "hiccup"):
                seed = 100 * person + 10 * session + len(label)
                audio(tmp_path / label / f"p{person}" / f"s{session}" / "a.wav", seed)
    assert {row.subject for row in read_rows(tmp_path)} == {f"p{n}" for n in range(4)}
    assert all(len(splits) == 1 for splits in people_of(tmp_path).values())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("wheeze/anna", "hiccup/Anna"),
        ("wheeze/anna", "Wheeze/bert"),
        ("wheeze/Jos\u00e9", "hiccup/Jose\u0301"),
    ],
)
def test_names_that_look_alike_are_refused(tmp_path, first, second):
    """They are one label, or one person, and would be two."""
    audio(tmp_path / first / "a.wav", 1)
    audio(tmp_path / second / "b.wav", 2)
    with pytest.raises(BadInputError, match="in case or in the spelling of an accent only"):
        read_rows(tmp_path)


def test_a_folder_keeps_its_splits_under_another_name(tmp_path):
    """Whom a bundle never heard is found again in a copy of the folder."""
    for number in range(12):
        audio(tmp_path / "one" / "hiccup" / f"p{number}" / "a.wav", number)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert people_of(tmp_path / "one") == people_of(tmp_path / "two")


def test_bins_and_hidden_folders_are_no_labels(tmp_path, capsys):
    """What a system hides is not read, and a recording in no label's folder is told."""
    audio(tmp_path / "wheeze" / "a.wav")
    audio(tmp_path / ".Trash-1000" / "files" / "b.wav")
    audio(tmp_path / "stray.wav")
    assert [row.label for row in read_rows(tmp_path)] == ["wheeze"]
    assert "stray.wav" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told_so(tmp_path):
    """Neither a missing folder nor a file is taken for an empty corpus."""
    audio(tmp_path / "a.wav")
    for path in (tmp_path / "nowhere", tmp_path / "a.wav"):
        with pytest.raises(InputOutputError, match="is no folder"):
            read_rows(path)


def test_a_name_that_is_no_text_is_told(tmp_path):
    """A file name in another encoding than UTF-8 gets its sentence, not a traceback."""
    audio(tmp_path / "wheeze" / "a.wav")
    named = tmp_path / "wheeze" / os.fsdecode(b"gr\xfc\xdfe.wav")
    named.write_bytes((tmp_path / "wheeze" / "a.wav").read_bytes())
    with pytest.raises(BadInputError, match="not UTF-8; rename"):
        read_rows(tmp_path)


@pytest.mark.parametrize("draw", range(40))
def test_people_who_make_several_sounds_leave_no_label_out(tmp_path, draw):
    """Each label trains, validates and tests, or the sentence says for what nobody is left."""
    rng = np.random.default_rng(draw)
    for number, label in enumerate(("hiccup", "stridor", "wheeze")):
        for person in rng.choice(7, size=int(rng.integers(3, 5)), replace=False):
            audio(tmp_path / label / f"p{person}" / "a.wav", 100 * number + int(person))
    try:
        clips = split_corpus(tmp_path)
    except BadInputError as error:
        assert "nobody left to" in str(error)  # noqa: PT017 - either outcome is right
        return
    for label in ("hiccup", "stridor", "wheeze"):
        assert {split_of(clip) for clip in clips if clip.label == label} == set(SPLITS)


def test_a_manifest_never_replaces_one_s_own_labels(tmp_path):
    """Neither `index` nor `prepare` writes one into the folder whose labels are one's own."""
    for number in range(3):
        audio(tmp_path / "own" / "hiccup" / f"{number}.wav", number)
        audio(tmp_path / "own" / "other" / f"{number}.wav", 10 + number)
    own = tmp_path / "own"
    inside = ["--corpus", str(own), "--out"]
    assert main(["index", *inside, str(own / "manifest.csv")]) == UsageError.exit_code
    assert main(["prepare", *inside, str(own / "scenes")]) == UsageError.exit_code
    assert main(["prepare", *inside, str(tmp_path / "x"), "--hours", "inf"]) == UsageError.exit_code
    assert main(["index", *inside, str(tmp_path / "manifest.csv")]) == 0
    assert {row.label for row in read_rows(own)} == {"hiccup", "other"}


def test_two_spellings_of_a_kind_share_a_file(tmp_path):
    """Kinds whose names become the same file's are heard in it one after the other."""
    head = "path,source,subject,session,label_event,start_s,end_s"
    rows = []
    for number, label in enumerate(["door knock", "door_knock"]):
        audio(tmp_path / "all" / f"{number}.wav", number)
        rows.append(f"{number}.wav,toy,same person,,{label},0,1")
    (tmp_path / "all" / "manifest.csv").write_text("\n".join([head, *rows]))
    (split,) = people_of(tmp_path / "all")["toy/same person"]
    arguments = ["prepare", "--corpus", str(tmp_path / "all"), "--split", split]
    assert main([*arguments, "--kind", "household", "--out", str(tmp_path / "scenes")]) == 0
    (path,) = (tmp_path / "scenes").glob("*.wav")
    assert sf.info(path).duration > 2 * sf.info(tmp_path / "all" / "0.wav").duration


@pytest.mark.parametrize(
    "wrong", [["--seed", "-1"], ["--hours", "0.005"], ["--epochs", "0"], ["--steps", "x"]]
)
def test_an_amount_that_makes_no_sense_is_refused(tmp_path, wrong, capsys):
    """It ends with the code of a wrong command line before anything is read."""
    arguments = ["train", "--corpus", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*arguments, *wrong]) == UsageError.exit_code
    assert wrong[1] in capsys.readouterr().err


def test_household_sounds_are_those_without_events(tmp_path):
    """One's own labels are left out of a recording in which nothing is to be found."""
    for number in range(3):
        audio(tmp_path / "own" / "hiccup" / f"{number}.wav", number)
        audio(tmp_path / "own" / "other" / f"{number}.wav", 10 + number)
    arguments = ["prepare", "--corpus", str(tmp_path / "own"), "--split", "test"]
    arguments += ["--kind", "household", "--out", str(tmp_path / "scenes")]
    assert main(arguments) == 0
    assert [path.name for path in (tmp_path / "scenes").glob("*.wav")] == ["household-other.wav"]

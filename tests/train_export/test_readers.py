"""Readers: tiny trees of each public layout, and what is said of broken ones."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge.errors import BadInputError, InputOutputError, UsageError
from train_export.cli import main
from train_export.datasets import balance, read_corpus, split_corpus, split_of
from train_export.readers import LAYOUTS, Row, layout_of, read_rows

RATE_HZ = 8_000
UUIDS = tuple(f"{n:08x}-0000-4000-8000-000000000000" for n in range(3))


def audio(path: Path, seed: int = 0, seconds: float = 0.5) -> None:
    """A short noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = np.random.default_rng(seed).normal(0, 3000, round(seconds * RATE_HZ))
    sf.write(path, np.clip(pcm, -32768, 32767).astype(np.int16), RATE_HZ)


def text(path: Path, content: str) -> None:
    """A text file in a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def manifest(root: Path) -> None:
    """One clip of one person."""
    audio(root / "a" / "x.wav")
    text(
        root / "a" / "manifest.csv",
        "path,source,subject,session,label_event,start_s,end_s\nx.wav,mine,P1,,cough,0,0.5\n",
    )


def icbhi(root: Path) -> None:
    """Two patients, both lists."""
    folder = root / "ICBHI_final_database"
    for name, cycles in (
        ("101_1b1_Al_sc_Meditron", "0.036\t0.2\t0\t0\n0.2\t0.45\t1\t0\n"),
        ("156_2b3_Tc_mc_AKGC417L", "0.0\t0.3\t0\t1\n0.3\t0.5\t1\t1\n"),
    ):
        audio(folder / f"{name}.wav")
        text(folder / f"{name}.txt", cycles)
    text(root / "patient_diagnosis.csv", "101,URTI\n156,COPD\n")
    text(
        root / "ICBHI_challenge_train_test.txt",
        "101_1b1_Al_sc_Meditron\ttest\n156_2b3_Tc_mc_AKGC417L\ttrain\n",
    )


def sprsound(root: Path) -> None:
    """A record of training and one of the test, annotations in folders of their own."""
    for folder, name, record, events in (
        ("train", "40638274_9.7_1_p1_1696", "DAS", [("100", "400", "Fine Crackle")]),
        ("test2022_intra", "40638275_3_0_p4_17", "Normal", [("0", "250", "Normal")]),
    ):
        audio(root / f"{folder}_wav" / f"{name}.wav")
        note = {
            "record_annotation": record,
            "event_annotation": [
                {"start": start, "end": end, "type": kind} for start, end, kind in events
            ],
        }
        text(root / f"{folder}_json" / f"{name}.json", json.dumps(note))


def esc50(root: Path) -> None:
    """Three clips of two uploads."""
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    for name, category, upload in (
        ("1-100032-A-0.wav", "dog", 100032),
        ("1-100032-B-0.wav", "dog", 100032),
        ("2-55-A-24.wav", "coughing", 55),
    ):
        audio(root / "audio" / name)
        lines.append(f"{name},{name[0]},0,{category},False,{upload},A")
    text(root / "meta" / "esc50.csv", "\n".join(lines) + "\n")


def coswara(root: Path) -> None:
    """A participant with metadata beside the tasks, and one of the table."""
    for day, person in (("20200413", "abc"), ("20200414", "def")):
        for task in ("cough-heavy", "breathing-deep", "vowel-a"):
            audio(root / day / person / f"{task}.wav")
    text(root / "20200413" / "abc" / "metadata.json", '{"a": 37, "covid_status": "healthy"}')
    text(root / "combined_data.csv", "id,a,covid_status\ndef,51,positive_mild\n")


def coughvid(root: Path) -> None:
    """A certain cough and an uncertain one, annotated by JSON files."""
    for uuid, certain in zip(UUIDS, ("0.97", "0.12", "0.85"), strict=True):
        audio(root / "public_dataset" / f"{uuid}.ogg")
        note = {"cough_detected": certain, "age": "28", "status": "healthy"}
        text(root / "public_dataset" / f"{uuid}.json", json.dumps(note))


def kauh(root: Path) -> None:
    """One take through two filters, and a healthy person."""
    for name in (
        "BP1_Asthma,I E W,P L L,70,M",
        "DP1_Asthma,I E W,P L L,70,M",
        "BP2_N,N,A R U,18,F",
    ):
        audio(root / "Audio Files" / f"{name}.wav")


def folder(root: Path) -> None:
    """Two labels, one with people, and a background."""
    for number in range(4):
        audio(root / "hiccup" / f"person{number}" / "1.wav", number)
        audio(root / "Coughing" / f"{number}.wav", 10 + number)
    audio(root / "noise" / "fan.flac", 99)


TREES = {
    tree.__name__: tree
    for tree in (manifest, icbhi, sprsound, esc50, coswara, coughvid, kauh, folder)
}


def first(rows: list[Row], label: str) -> Row:
    """The first row of a label."""
    return next(row for row in rows if row.label == label)


def test_every_layout_has_a_tree():
    """No layout goes untested."""
    assert set(TREES) == set(LAYOUTS)


@pytest.mark.parametrize("name", TREES)
def test_a_layout_is_known_and_becomes_a_manifest(tmp_path, name, capsys):
    """Each layout is recognised; the manifest that `index` writes of it reads back alike."""
    root = tmp_path / "data"
    TREES[name](root)
    assert layout_of(root) == name
    rows = read_rows(root)
    out = tmp_path / "indexed" / "manifest.csv"
    assert main(["index", "--corpus", str(root), "--out", str(out)]) == 0
    assert f"layout {name}: " in capsys.readouterr().out
    again = read_rows(out.parent)
    facts = [
        [(row.path.resolve(), row.label, row.subject, row.start_s, row.end_s) for row in some]
        for some in (rows, again)
    ]
    assert facts[0] == facts[1]


def test_icbhi_facts(tmp_path):
    """Cycles get their label, the patient a diagnosis, the recording its half."""
    icbhi(tmp_path)
    rows = read_rows(tmp_path)
    assert [row.label for row in rows] == ["normal_cycle", "crackle", "wheeze", "crackle+wheeze"]
    both = first(rows, "crackle+wheeze")
    assert (both.subject, both.disease, both.split) == ("ICBHI-156", "COPD", "train")
    assert (both.body_site, both.recorder) == ("trachea", "AKGC417L/multichannel")
    assert (both.start_s, both.end_s) == (0.3, 0.5)


def test_sprsound_facts(tmp_path):
    """Milliseconds become seconds, folders the half, the record a row of its own."""
    sprsound(tmp_path)
    rows = read_rows(tmp_path)
    crackle = first(rows, "Fine Crackle")
    assert (crackle.start_s, crackle.end_s) == (0.1, 0.4)
    assert (crackle.split, crackle.body_site) == ("train", "left posterior")
    assert first(rows, "record:Normal").split == "test_intra"
    assert "sex=F" in crackle.extra


def test_sprsound_of_2024(tmp_path):
    """Its annotations have no label of the whole record, and there are sites beyond the fourth."""
    name = "40638274_9.7_1_p6_1696"
    audio(tmp_path / f"{name}.wav")
    event = {"start": "50", "end": "300", "type": "Wheeze"}
    text(tmp_path / f"{name}.json", json.dumps({"event_annotation": [event]}))
    (row,) = read_rows(tmp_path)
    assert (row.label, row.start_s, row.body_site) == ("Wheeze", 0.05, "chest")


def test_esc50_lies_in_any_folder(tmp_path):
    """As it comes from its archive, and as others pass it on: a table, and clips somewhere."""
    audio(tmp_path / "audio" / "audio" / "1-100-A-24.wav")
    text(tmp_path / "esc50.csv", "filename,fold,category\n1-100-A-24.wav,1,coughing\n")
    (row,) = read_rows(tmp_path)
    assert (row.label, row.session) == ("coughing", "freesound-100")
    audio(tmp_path / "augmented" / "1-100-A-24.wav")
    with pytest.raises(BadInputError, match="take one out"):
        read_rows(tmp_path)


def test_room_layouts_meet_the_taxonomy(tmp_path):
    """Coughs of ESC-50, Coswara and COUGHVID are coughs; what is uncertain is left out."""
    expected = {
        esc50: {"dog": "other", "coughing": "cough"},
        coswara: {"cough": "cough", "breath": "breath", "vowel": "speech"},
        coughvid: {"cough": "cough"},
    }
    for tree, labels in expected.items():
        root = tmp_path / tree.__name__
        tree(root)
        clips = read_corpus(root)
        assert {clip.kind: clip.label for clip in clips} == labels
    uploads = {clip.group for clip in read_corpus(tmp_path / "esc50")}
    assert uploads == {"esc50/freesound-100032", "esc50/freesound-55"}


def test_disease_comes_from_either_metadata(tmp_path):
    """Coswara's JSON beside the tasks and its table both give the status."""
    coswara(tmp_path)
    found = {row.subject: row.disease for row in read_rows(tmp_path)}
    assert found == {"COS-abc": "healthy", "COS-def": "positive_mild"}


def test_kauh_names_are_parsed(tmp_path):
    """A name gives filter, patient, sound and site; filters of a take share the patient."""
    kauh(tmp_path)
    wheeze = first(read_rows(tmp_path), "wheeze")
    assert (wheeze.subject, wheeze.session, wheeze.disease) == ("KAUH-P1", "bell", "Asthma")
    assert wheeze.body_site == "posterior left lower"
    assert len({row.subject for row in read_rows(tmp_path)}) == 2


def test_a_chest_data_set_is_no_room(tmp_path):
    """What a stethoscope recorded never becomes a clip of a room."""
    kauh(tmp_path)
    assert read_corpus(tmp_path) == []


def test_own_folders_keep_their_labels_and_fill_every_split(tmp_path):
    """Folder names are labels; every label trains, validates and tests."""
    folder(tmp_path)
    clips = split_corpus(tmp_path)
    assert {clip.label for clip in clips} == {"hiccup", "cough", "background"}
    for label in ("hiccup", "cough"):
        splits = {split_of(clip) for clip in clips if clip.label == label}
        assert splits == {"train", "val", "test"}


def test_the_same_sound_in_another_container_stays_with_its_copy(tmp_path):
    """A FLAC copy of a WAV file joins its group; too few people for a label are told."""
    folder(tmp_path)
    pcm, rate = sf.read(tmp_path / "Coughing" / "0.wav", dtype="int16")
    sf.write(tmp_path / "Coughing" / "copy.flac", pcm, rate)
    groups = {clip.group for clip in split_corpus(tmp_path) if clip.path.stem in ("0", "copy")}
    assert len(groups) == 1
    two = [clip for clip in read_corpus(tmp_path) if clip.label == "cough"][:2]
    with pytest.raises(BadInputError, match="'cough' has 2 people"):
        balance(two)


def break_icbhi(root: Path) -> None:
    """A cycle with a flag of 2."""
    text(root / "ICBHI_final_database" / "101_1b1_Al_sc_Meditron.txt", "0\t1\t0\t0\n1\t2\t2\t0\n")


def break_sprsound(root: Path) -> None:
    """An event of an unknown type."""
    note = {
        "record_annotation": "DAS",
        "event_annotation": [{"start": "0", "end": "9", "type": "Crackel"}],
    }
    text(root / "train_json" / "40638274_9.7_1_p1_1696.json", json.dumps(note))


def break_esc50(root: Path) -> None:
    """A clip that is not there."""
    (root / "audio" / "2-55-A-24.wav").unlink()


def break_coswara(root: Path) -> None:
    """Metadata that is cut off."""
    text(root / "20200413" / "abc" / "metadata.json", '{"a": 37,')


def break_coughvid(root: Path) -> None:
    """A certainty that is no number."""
    text(root / "public_dataset" / f"{UUIDS[0]}.json", '{"cough_detected": "yes"}')


def break_kauh(root: Path) -> None:
    """A sound that nobody knows."""
    audio(root / "Audio Files" / "BP9_COPD,X Y,P L L,70,M.wav")


def break_folder(root: Path) -> None:
    """A file that only claims to be audio."""
    text(root / "hiccup" / "person0" / "1.wav", "no sound here")


def break_manifest(root: Path) -> None:
    """An end before its start."""
    text(
        root / "a" / "manifest.csv",
        "path,source,subject,session,label_event,start_s,end_s\nx.wav,mine,P1,,cough,3,1\n",
    )


@pytest.mark.parametrize(
    ("name", "fault", "says"),
    [
        ("manifest", break_manifest, r"manifest\.csv, line 2: start 3 and end 1"),
        ("icbhi", break_icbhi, r"Meditron\.txt, line 2: '1\\t2\\t2\\t0'"),
        ("sprsound", break_sprsound, r"1696\.json, event 1: type 'Crackel'"),
        ("esc50", break_esc50, r"esc50\.csv, line 4: no file .*2-55-A-24\.wav"),
        ("coswara", break_coswara, r"abc/metadata\.json is not JSON"),
        ("coughvid", break_coughvid, r"\.json: cough_detected 'yes' is no number"),
        ("kauh", break_kauh, r"BP9_COPD,X Y,P L L,70,M\.wav: sound 'X Y'"),
        ("folder", break_folder, r"1\.wav is no audio file"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, name, fault, says):
    """A broken tree of each layout gives one sentence with the file and the line or field."""
    TREES[name](tmp_path)
    fault(tmp_path)
    with pytest.raises(BadInputError, match=says):
        read_rows(tmp_path)


def test_a_missing_annotation_is_named(tmp_path):
    """A recording without its annotation is not passed over."""
    icbhi(tmp_path)
    (tmp_path / "ICBHI_final_database" / "156_2b3_Tc_mc_AKGC417L.txt").unlink()
    with pytest.raises(BadInputError, match=r"no 156_2b3_Tc_mc_AKGC417L\.txt"):
        read_rows(tmp_path)


def test_a_browser_s_container_comes_with_its_remedy(tmp_path):
    """WebM can't be read; the sentence says how to convert it."""
    coughvid(tmp_path)
    (tmp_path / "public_dataset" / f"{UUIDS[0]}.ogg").rename(
        tmp_path / "public_dataset" / f"{UUIDS[0]}.webm"
    )
    with pytest.raises(BadInputError, match=r"ffmpeg -i .*\.webm .*\.wav"):
        read_rows(tmp_path)


def test_a_name_of_another_data_set_makes_no_data_set(tmp_path):
    """One of one's own recordings that is called like a task of Coswara stays one's own."""
    folder(tmp_path)
    audio(tmp_path / "Coughing" / "cough-heavy.wav", 30)
    assert layout_of(tmp_path) == "folder"
    assert len(read_rows(tmp_path)) == 10


def test_what_a_layout_leaves_out_is_told(tmp_path, capsys):
    """Where a data set is less than half of what is there, that is no silent choice."""
    folder(tmp_path)
    audio(tmp_path / "hiccup" / "101_1b1_Al_sc_Meditron.wav", 30)
    text(tmp_path / "hiccup" / "101_1b1_Al_sc_Meditron.txt", "0.0\t0.4\t0\t0\n")
    read_rows(tmp_path)
    said = capsys.readouterr().err
    assert "9 recordings are none of layout icbhi, and left out" in said
    assert "--layout folder" in said


def test_a_file_without_samples_is_left_out_and_told(tmp_path, capsys):
    """An empty recording does not stop the others."""
    coswara(tmp_path)
    audio(tmp_path / "20200413" / "abc" / "cough-heavy.wav", seconds=0)
    assert len(read_rows(tmp_path)) == 5
    assert "1 files hold no sample" in capsys.readouterr().err


def test_a_folder_that_is_nothing_or_two_things_is_refused(tmp_path):
    """Two data sets in one folder need a name; an empty one lists what is known."""
    with pytest.raises(InputOutputError, match=r"no manifest\.csv below .*esc50\.csv"):
        read_rows(tmp_path)
    icbhi(tmp_path)
    esc50(tmp_path)
    with pytest.raises(UsageError, match="like icbhi and like esc50"):
        read_rows(tmp_path)
    assert {row.source for row in read_rows(tmp_path, "esc50")} == {"esc50"}
    with pytest.raises(UsageError, match="no layout 'wav'"):
        read_rows(tmp_path, "wav")


def test_index_tells_of_contradictions(tmp_path, capsys):
    """The same sound under two labels is told."""
    folder(tmp_path)
    pcm, rate = sf.read(tmp_path / "Coughing" / "1.wav", dtype="int16")
    sf.write(tmp_path / "noise" / "again.wav", pcm, rate)
    assert main(["index", "--corpus", str(tmp_path)]) == 0
    assert "1 of them under labels that contradict" in capsys.readouterr().out


def test_index_refuses_what_lies_behind_the_end(tmp_path, capsys):
    """A manifest's times are compared with the files."""
    audio(tmp_path / "a.wav", seconds=1)
    (tmp_path / "manifest.csv").write_text(
        "path,source,subject,session,label_event,start_s,end_s\na.wav,s,P1,1,cough,0,500\n"
    )
    assert main(["index", "--corpus", str(tmp_path)]) == 65
    assert "lasts 1.00 s, but a row of it (cough) ends at 500 s" in capsys.readouterr().err


@pytest.mark.corpus
def test_the_real_lists_of_icbhi_agree_with_the_corpus(corpus, tmp_path):
    """The official annotation files, read as on a user's disk, give the corpus' own rows."""
    notes = corpus / "_meta" / "icbhi_annotations_all920"
    with (corpus / "icbhi2017_partial" / "manifest.csv").open(newline="") as file:
        known = list(csv.DictReader(file))
    names = sorted({Path(row["path"]).stem for row in known})[:20]
    for name in names:
        audio(tmp_path / f"{name}.wav")
        (tmp_path / f"{name}.txt").write_text((notes / f"{name}.txt").read_text())
    (tmp_path / "patient_diagnosis.csv").write_text(
        (corpus / "_meta" / "patient_diagnosis.csv").read_text()
    )
    (tmp_path / "ICBHI_challenge_train_test.txt").write_text(
        (corpus / "_meta" / "ICBHI_challenge_train_test.txt").read_text()
    )
    expected = [
        (Path(row["path"]).stem, row["label_event"], row["label_disease"], row["split"],
         row["subject"], row["body_site"], row["recorder"])
        for row in known if Path(row["path"]).stem in names
    ]  # fmt: skip
    found = [
        (row.path.stem, row.label, row.disease, row.split, row.subject, row.body_site, row.recorder)
        for row in read_rows(tmp_path)
    ]
    assert sorted(found) == sorted(expected)

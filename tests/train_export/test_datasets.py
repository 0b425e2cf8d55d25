"""Reading a corpus: typed clips, people kept apart, faults named."""

import csv
import shutil

import numpy as np
import pytest
import soundfile as sf

from edge.errors import BadInputError, InputOutputError
from train_export.datasets import (
    SPLITS,
    decoded,
    decoded_blocks,
    load_clip,
    load_pcm,
    merge_duplicates,
    read_corpus,
    split_corpus,
    split_of,
)
from train_export.taxonomy import room_label


def test_labels_meet_the_taxonomy(toy_corpus):
    """Each source label becomes one of the project's; what fits none is other."""
    clips = read_corpus(toy_corpus)
    labels = {clip.kind: clip.label for clip in clips}
    assert labels == {
        "cough": "cough",
        "speech": "speech",
        "laugh": "other",
        "sneeze": "sneeze",
        "background:fan": "background",
    }


def test_no_cough_is_no_cough():
    """Adjectives are known by name: what denies a cough is never taken for one."""
    assert {room_label(kind) for kind in ("dry cough", "wet_cough", "Coughs")} == {"cough"}
    denied = ("no_cough", "non cough", "not-cough", "throat clear no cough")
    assert {room_label(kind) for kind in denied} == {"other"}


def test_a_person_is_in_one_split(toy_corpus):
    """No group stands in two splits, and each split gets some."""
    clips = read_corpus(toy_corpus)
    splits: dict[str, set[str]] = {}
    for clip in clips:
        splits.setdefault(clip.group, set()).add(split_of(clip))
    assert all(len(found) == 1 for found in splits.values())
    assert {split for found in splits.values() for split in found} == set(SPLITS)


def test_the_same_content_goes_the_same_way(toy_corpus, tmp_path):
    """A file that stands twice under two names joins the groups of both."""
    root = tmp_path / "corpus"
    shutil.copytree(toy_corpus, root)
    manifest = root / "toy" / "manifest.csv"
    rows = list(csv.DictReader(manifest.open()))
    first = next(row for row in rows if row["label_event"] == "cough")
    shutil.copy(root / "toy" / first["path"], root / "toy" / "copy.wav")
    with manifest.open("a", newline="") as file:
        csv.DictWriter(file, list(first)).writerow(first | {"path": "copy.wav", "subject": "P99"})
    clips = merge_duplicates(read_corpus(root))
    groups = {clip.group for clip in clips if clip.path.name in ("copy.wav", first["path"])}
    assert len(groups) == 1


def test_a_copy_of_what_only_trains_only_trains(tmp_path):
    """A file that is too degraded to test on is so under a person's name as well."""
    rng = np.random.default_rng(1)
    rows = []
    for number in range(12):
        name = f"{number}.wav"
        sf.write(tmp_path / name, rng.integers(-9000, 9000, 1600).astype(np.int16), 16_000)
        shutil.copy(tmp_path / name, tmp_path / f"copy-{name}")
        rows += [f"{name},ghchen_coughs,,,cough,0,0.1", f"copy-{name},mine,P{number},,cough,0,0.1"]
    head = "path,source,subject,session,label_event,start_s,end_s"
    (tmp_path / "manifest.csv").write_text("\n".join([head, *rows]))
    assert {split_of(clip) for clip in merge_duplicates(read_corpus(tmp_path))} == {"train"}


@pytest.mark.parametrize(("start_s", "end_s"), [(1.5, 1.5), (1500, 2500)])
def test_a_row_that_holds_nothing_is_named(tmp_path, start_s, end_s):
    """Times of another file, or in milliseconds, are told with the file's length."""
    sf.write(tmp_path / "a.wav", np.zeros(32_000, np.int16), 16_000)
    head = "path,source,subject,session,label_event,start_s,end_s"
    row = f"a.wav,x,p,,background:fan,{start_s},{end_s}"
    (tmp_path / "manifest.csv").write_text(f"{head}\n{row}\n")
    (clip,) = read_corpus(tmp_path)
    with pytest.raises(BadInputError, match=r"a\.wav lasts 2\.00 s and holds nothing of a"):
        load_clip(clip, 16_000)


def test_stretches_of_one_recording_are_clips_of_their_own(tmp_path):
    """Timed rows give what lies between their times; an end near the file's is the file's."""
    rng = np.random.default_rng(1)
    pcm = rng.integers(-9000, 9000, 80_000).astype(np.int16)
    sf.write(tmp_path / "night.wav", pcm, 16_000, "PCM_16")
    (tmp_path / "manifest.csv").write_text(
        "path,source,subject,session,label_event,start_s,end_s\n"
        "night.wav,x,p,,speech,3.5,4.95\n"
        "night.wav,x,p,,cough,1,1.5\n"
        "night.wav,x,p,,cough,2,2.25\n"
        "night.wav,x,p,,cough,2,2.25\n"
    )
    first, second, last = split_corpus(tmp_path)
    assert [clip.label for clip in (first, second, last)] == ["cough", "cough", "speech"]
    np.testing.assert_array_equal(load_clip(first, 16_000), pcm[16_000:24_000])
    np.testing.assert_array_equal(load_clip(second, 16_000), pcm[32_000:36_000])
    np.testing.assert_array_equal(load_clip(last, 16_000), pcm[56_000:])
    assert len({clip.group for clip in (first, second, last)}) == 1
    with (tmp_path / "manifest.csv").open("a") as file:
        file.write("night.wav,x,p,,sneeze,1,1.5\n")
    with pytest.raises(BadInputError, match=r"1 to 1\.5 s, is listed as cough and as sneeze"):
        read_corpus(tmp_path)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE", "PCM_24", "PCM_32"])
def test_every_kind_of_sample_has_its_loudness(tmp_path, subtype):
    """A float file is as loud as its 16-bit copy, within a unit; one that is no number is told."""
    wave = np.random.default_rng(2).uniform(-0.9, 0.9, 4_000)
    for name, kind in (("a.wav", "PCM_16"), ("b.wav", subtype)):
        sf.write(tmp_path / name, wave, 16_000, kind)
    plain, other = (load_pcm(tmp_path / name, 16_000).astype(int) for name in ("a.wav", "b.wav"))
    assert np.abs(plain - other).max() <= 1
    wave[7] = np.nan
    if subtype in ("FLOAT", "DOUBLE"):
        sf.write(tmp_path / "c.wav", wave, 16_000, subtype)
        with pytest.raises(BadInputError, match="no numbers"):
            load_pcm(tmp_path / "c.wav", 16_000)
    with pytest.raises(InputOutputError, match=r"none\.wav is no file"):
        load_pcm(tmp_path / "none.wav", 16_000)


@pytest.mark.parametrize("kind", [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_a_lossy_codec_s_overshoot_is_clipped(tmp_path, kind):
    """What a decoder gives beyond full scale stays there, and never comes back with other sign."""
    square = np.where(np.sin(2 * np.pi * 180 * np.arange(48_000) / 48_000) >= 0, 0.999, -0.999)
    path = tmp_path / "a.audio"
    sf.write(path, square, 48_000, format=kind[0], subtype=kind[1])
    true, _ = sf.read(path, dtype="float32")
    assert np.abs(true).max() > 1.0  # else this would prove nothing
    pcm, _ = decoded(path)
    assert np.abs(pcm[:, 0] / 32768 - np.clip(true, -1, 1)).max() < 1e-4
    rate, blocks = decoded_blocks(path, 1_000)
    off = np.abs(np.concatenate(list(blocks)).astype(int) - pcm)
    assert off.max() <= (kind[0] == "MP3")  # whose decoder rounds by where a read begins
    assert rate == 48_000


def test_integers_written_as_floats_are_told(tmp_path):
    """Full scale is 1.0: samples in the thousands would all be clipped."""
    path = tmp_path / "a.wav"
    sf.write(path, np.random.default_rng(0).normal(0, 3000, 4_000), 8_000, subtype="FLOAT")
    with pytest.raises(BadInputError, match=r"full scale being 1\.0"):
        decoded(path)


def test_a_rate_that_no_one_records_at_is_told_with_its_file(tmp_path):
    """The sentence names the file."""
    path = tmp_path / "slow.wav"
    sf.write(path, np.zeros(2_000), 2_000)
    with pytest.raises(BadInputError, match=r"slow\.wav"):
        load_pcm(path, 16_000)


def test_faults_are_named(tmp_path):
    """No manifest, a missing column and a missing file each get their sentence."""
    with pytest.raises(InputOutputError, match="no manifest"):
        read_corpus(tmp_path)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,source\na.wav,x\n")
    with pytest.raises(BadInputError, match="label_event"):
        read_corpus(tmp_path)
    manifest.write_text(
        "path,source,subject,session,label_event,start_s,end_s\na.wav,x,p,,cough,0,1\n"
    )
    with pytest.raises(BadInputError, match=r"line 2: no file .*a\.wav"):
        read_corpus(tmp_path)


@pytest.mark.corpus
def test_the_real_corpus_splits_by_person(corpus):
    """Over the real corpus no group and no content crosses a split."""
    clips = merge_duplicates(read_corpus(corpus))
    coughs = [clip for clip in clips if clip.label == "cough"]
    assert len(coughs) > 1500
    splits: dict[str, set[str]] = {}
    for clip in clips:
        if not clip.train_only:
            splits.setdefault(clip.group, set()).add(split_of(clip))
    assert all(len(found) == 1 for found in splits.values())

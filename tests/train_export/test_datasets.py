"""Reading a corpus: typed clips, people kept apart, faults named."""

import csv
import shutil

import pytest

from edge.errors import BadInputError, InputOutputError
from train_export.datasets import SPLITS, merge_duplicates, read_corpus, split_of


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

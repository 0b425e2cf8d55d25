"""A folder of labelled recordings becomes scenes of its own labels; the room's stay as they are."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from edge.demo import demo_night
from edge.errors import BadInputError
from train_export.datasets import read_corpus, split_corpus
from train_export.features import prepare_scenes
from train_export.own_sounds import labels_of, recipe_of, survey
from train_export.readers.rows import fingerprint
from train_export.room import TRAINING
from train_export.sounds import RATE_HZ, SoundBank, cut
from train_export.soundscape import Recipe, mix_scene
from train_export.synthetic import bank_of
from train_export.taxonomy import ROOM_LABELS, events_of, own_label


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    """Coughs, beeps and a steady hum of one's own, and no background."""
    root = tmp_path_factory.mktemp("own") / "my_folder"
    rng = np.random.default_rng(5)
    night, marks = demo_night(7, 6.0)
    coughs = [mark for mark in marks if mark[2] == "cough"][:8]
    t = np.arange(RATE_HZ) / RATE_HZ

    def write(label: str, number: int, pcm: np.ndarray) -> None:
        path = root / label / f"{number:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, pcm.astype(np.int16), RATE_HZ, "PCM_16")

    for number in range(8):
        onset_s, offset_s, _ = coughs[number]
        start = max(0, round((onset_s - 0.3) * RATE_HZ))
        write("cough", number, np.asarray(night[start : round((offset_s + 0.5) * RATE_HZ)]))
        beep = 6000 * np.sin(2 * np.pi * (700 + 40 * number) * t) * ((t > 0.3) & (t < 0.6))
        write("beep", number, beep + rng.normal(0, 5, RATE_HZ))
        write("hum", number, np.tile(3000 * np.sin(2 * np.pi * (120 + 7 * number) * t), 7))
    return root


def test_the_room_s_scenes_are_what_they_were(toy_corpus):
    """The same seed lays the same sounds at the same places as ever: a digest of the truth."""
    bank = SoundBank(read_corpus(toy_corpus))
    digest = hashlib.sha256()
    for seed in range(3):
        scene = mix_scene(np.random.default_rng(seed), bank, TRAINING)
        for truth in scene.truths:
            place = f"{truth.label} {truth.group} {truth.onset_s:.6f} {truth.offset_s:.6f}\n"
            digest.update(place.encode())
    assert digest.hexdigest()[:16] == "ebae6d964e9a6a80"


def test_own_labels_come_from_the_folders(own_folder):
    """Every folder is a label and all are told as events; the room tells coughs alone."""
    labels = labels_of(split_corpus(own_folder))
    assert labels == ("beep", "cough", "hum")
    assert events_of(labels) == labels
    assert events_of(ROOM_LABELS) == ("cough",)
    assert events_of(("hiccup", "other")) == ("hiccup",)
    assert [own_label(folder) for folder in ("Cough", "Coughs", "Noise", "Hiccup")] == [
        "cough", "cough", "background", "Hiccup",
    ]  # fmt: skip


def test_own_scenes_hold_every_label_where_their_targets_say(own_folder):
    """Scenes of the folder fill the targets of each label, whichever split."""
    labels = labels_of(split_corpus(own_folder))
    recipe = recipe_of(Recipe(bouts_per_hour=900, others_per_hour=900), labels)
    for split in ("train", "val"):
        made = prepare_scenes(own_folder, split, 2, recipe, layout="folder", labels=labels, seed=1)
        assert made.labels == labels
        assert made.targets.shape[2] == len(labels)
        assert (made.targets.reshape(-1, len(labels)).max(axis=0) == 255).all()


def test_a_sound_without_pause_is_all_sound(own_folder):
    """A steady hum has no onset over its floor; of one's own label all of it is used."""
    clip = next(clip for clip in read_corpus(own_folder) if clip.label == "hum")
    spans = [sound.spans[0] for sound in cut(clip)]
    assert spans == [(0.0, 5.0), (0.0, 2.0)]


def test_beds_and_rooms_are_made_where_there_are_none(own_folder, toy_corpus):
    """Without backgrounds and impulse responses there are synthetic ones, the same every time."""
    clips = split_corpus(own_folder)
    first, again = bank_of(clips), bank_of(clips)
    for label in ("background", "rir"):
        kinds = {sound.kind for sound in first.sounds[label]}
        assert all(kind.startswith("synthetic_") for kind in kinds)
        np.testing.assert_array_equal(first.sounds[label][0].pcm, again.sounds[label][0].pcm)
    real = bank_of(read_corpus(toy_corpus)).sounds["background"]
    assert {sound.kind for sound in real} == {"background:fan"}


def test_the_recipe_leaves_out_what_the_folder_lacks():
    """No bouts without coughs, no interludes without `other`, and no synthetic music at all."""
    assert recipe_of(TRAINING, ("hiccup",)).bouts_per_hour == 0
    assert recipe_of(TRAINING, ("hiccup",)).interludes == 0
    assert recipe_of(TRAINING, ("cough",)).others_per_hour == 0
    assert recipe_of(TRAINING, ("cough", "hiccup", "other")) == replace(TRAINING, tracks=0)


def test_a_folder_is_surveyed_before_anything_is_mixed(own_folder, tmp_path):
    """Each label gets a line; one in which nothing is heard is refused by name."""
    lines = survey(split_corpus(own_folder))
    assert any(line.startswith("cough: 8 files, 8 people or files; used: train") for line in lines)
    for label, level in (("cough", 0), ("tone", 3000)):
        for number in range(4):
            path = tmp_path / label / f"{number}.wav"
            path.parent.mkdir(exist_ok=True)
            wave = level * np.sin(np.arange(RATE_HZ) * (0.1 + number / 50))
            sf.write(path, np.append(wave, [number]).astype(np.int16), RATE_HZ)
    with pytest.raises(BadInputError, match="'cough': no sound stands out"):
        survey(split_corpus(tmp_path))
    with pytest.raises(BadInputError, match="no label to find"):
        survey([])


def test_another_folder_has_another_fingerprint(own_folder):
    """Cached scenes of one folder never serve another."""
    clips = split_corpus(own_folder)
    assert fingerprint(clips) == fingerprint(split_corpus(own_folder))
    assert fingerprint(clips) != fingerprint(clips[1:])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs the train extra")
def test_a_folder_becomes_a_bundle_that_replays(own_folder, tmp_path):
    """Train on the folder, verify the bundle, replay a file with it: the commands of the page.

    Tuned without a bound it gets the rules and odds that training chose, on the same network.
    """
    bundle, tuned = tmp_path / "my_bundle", tmp_path / "tuned"
    corpus = ["--corpus", own_folder, "--work", tmp_path / "work"]
    recording = own_folder / "cough" / "00.wav"
    for command in (
        ["train_export.cli", "train", *corpus, "--out", bundle, "--hours", "0.05", "--epochs", "1"],
        ["train_export.cli", "tune", *corpus, "--out", tuned, "--bundle", bundle],
        ["edge.cli", "model", "verify", bundle],
        ["edge.cli", "replay", "--json", "--bundle", bundle, recording],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *map(str, command)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["type"], last["lost_s"]) == ("coverage", 0.0)
    card = json.loads((bundle / "card.json").read_text())
    assert card["labels"] == ["beep", "cough", "hum"]
    assert [rule["label"] for rule in card["events"]] == card["labels"]
    assert card["figures"]["int8"]["top_class"] > 0.95
    again = json.loads((tuned / "card.json").read_text())
    for same in ("events", "calibration", "files", "name"):
        assert again[same] == card[same]
    assert again["figures"]["validation"] == card["figures"]["validation"]
    assert set(again["protocol"]) - set(card["protocol"]) == {"tuned_by"}

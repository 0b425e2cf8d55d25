"""Scenes: deterministic, true to their recipe, with their coughs where they say."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from edge.frontend import PRESETS
from train_export.datasets import SPLITS, read_corpus
from train_export.evaluate import read_manifest
from train_export.features import ROOM_LABELS, clips_of, prepare_scenes, step_targets
from train_export.prepare import prepare
from train_export.segment import find_sounds
from train_export.sounds import RATE_HZ, SoundBank
from train_export.soundscape import Recipe, Truth, mix_scene


@pytest.fixture(scope="module")
def bank(toy_corpus) -> SoundBank:
    """Every sound of the toy corpus."""
    return SoundBank(read_corpus(toy_corpus))


def test_find_sounds_times_bursts():
    """Bursts over a floor are found one by one, within 40 ms (the reach of the smoothing)."""
    rng = np.random.default_rng(0)
    pcm = rng.normal(0, 20, 4 * RATE_HZ)
    onsets = [0.5, 1.0, 1.45, 3.0]
    for onset in onsets:
        start = round(onset * RATE_HZ)
        burst = rng.normal(0, 6000, RATE_HZ // 4) * np.exp(-np.arange(RATE_HZ // 4) / 1200)
        pcm[start : start + len(burst)] += burst
    found = find_sounds(np.clip(pcm, -32768, 32767).astype(np.int16), RATE_HZ)
    assert [start for start, _ in found] == pytest.approx(onsets, abs=0.04)


def test_silence_has_no_sounds():
    """A flat clip has nothing that leaves its floor."""
    assert find_sounds(np.zeros(RATE_HZ, dtype=np.int16), RATE_HZ) == []
    assert find_sounds(np.zeros(10, dtype=np.int16), RATE_HZ) == []


def test_a_scene_repeats_from_its_seed(bank):
    """The same generator state gives the same samples and the same truth."""
    recipe = Recipe(bouts_per_hour=600, others_per_hour=600)
    first, again = (mix_scene(np.random.default_rng(4), bank, recipe) for _ in range(2))
    np.testing.assert_array_equal(first.pcm, again.pcm)
    assert first.truths == again.truths
    assert len(first.truths) > 3


def test_coughs_stand_out_where_the_truth_says(bank):
    """At a high signal-to-noise ratio the sound rises at each annotated onset."""
    recipe = Recipe(snr_db=(25.0, 30.0), others_per_hour=0, reverb=0, music=0, narrow=0)
    scene = mix_scene(np.random.default_rng(1), bank, recipe)
    x = scene.pcm.astype(float) ** 2
    coughs = [truth for truth in scene.truths if truth.label == "cough"]
    assert coughs
    for truth in coughs:
        at, width = round(truth.onset_s * RATE_HZ), RATE_HZ // 20
        assert x[at : at + 2 * width].mean() > 4 * x[max(0, at - width) : at].mean()


def test_two_processes_give_the_features_of_one(toy_corpus):
    """Scenes and features don't depend on the number of workers."""
    recipe = Recipe(duration_s=5)
    one, two = (
        prepare_scenes(toy_corpus, "train", 4, recipe, seed=3, workers=workers)
        for workers in (1, 2)
    )
    np.testing.assert_array_equal(one.features, two.features)
    np.testing.assert_array_equal(one.targets, two.targets)
    assert one.truths == two.truths


def test_kept_scenes_are_those_of_the_corpus_as_it_is(toy_corpus, tmp_path):
    """A label or a person that was corrected is heard, and not what was mixed before."""
    root = tmp_path / "corpus"
    shutil.copytree(toy_corpus, root)
    (manifest,) = root.rglob("manifest.csv")
    cache, recipe = tmp_path / "cache", Recipe(duration_s=5)
    prepare_scenes(root, "train", 1, recipe, workers=1, cache=cache)
    prepare_scenes(root, "train", 1, recipe, workers=1, cache=cache)
    assert len(list(cache.iterdir())) == 1
    manifest.write_text(manifest.read_text().replace(",P03,", ",P04,"))
    prepare_scenes(root, "train", 1, recipe, workers=1, cache=cache)
    assert len(list(cache.iterdir())) == 2


def test_step_targets_fill_by_overlap():
    """A cough fills its steps up to 0.3 s; a step half covered counts half."""
    shift = 0.0075  # half of window less hop
    truth = Truth("cough", "cough", 0.08 + shift + 0.02, 0.9, "p", 10.0)
    targets = step_targets([truth], 20, PRESETS["room-16k"])[:, ROOM_LABELS.index("cough")]
    assert targets[:3].tolist() == [0, 0, 128]
    assert targets[3:10].tolist() == [255] * 7
    assert not targets[10:].any()


def test_prepare_writes_what_it_mixed(toy_corpus, tmp_path):
    """WAV files and a manifest that the evaluation reads back."""
    manifest = prepare(toy_corpus, "train", "home", 1 / 6, 0, tmp_path)
    (annotation,) = read_manifest(manifest)
    info = sf.info(annotation.path)
    assert (info.samplerate, info.channels, info.duration) == (RATE_HZ, 1, 600.0)
    assert annotation.events
    assert all(0 <= event.onset_s < event.offset_s <= 600 for event in annotation.events)


def test_splits_share_nobody(toy_corpus):
    """A scene of one split holds nobody of another."""
    clips = read_corpus(toy_corpus)
    train, val, test = ({clip.group for clip in clips_of(clips, split)} for split in SPLITS)
    assert train.isdisjoint(val)
    assert train.isdisjoint(test)
    assert val.isdisjoint(test)


def test_a_cough_rests_before_the_next():
    """However close two coughs of a bout are, a step between them has no target."""
    truths = tuple(
        Truth("cough", "cough", onset, onset + 0.3, "toy/P01", 10.0) for onset in (1.0, 1.26)
    )
    targets = step_targets(truths, 50, PRESETS["room-16k"])[:, ROOM_LABELS.index("cough")]
    (heard,) = np.nonzero(targets)
    assert len(heard) < heard[-1] - heard[0] + 1
    assert targets.max() == 255


def test_beds_are_played_at_other_speeds_and_mixed(bank):
    """Speed and a second bed change the background, and what was drawn before stays the same."""
    plain = Recipe(bouts_per_hour=0, others_per_hour=0, music=0)
    scenes = [
        mix_scene(np.random.default_rng(6), bank, recipe).pcm.astype(float)
        for recipe in (
            plain,
            replace(plain, bed_speed=(0.7, 0.8)),
            replace(plain, second_bed=1.0),
        )
    ]
    assert not np.array_equal(scenes[0], scenes[1])
    assert not np.array_equal(scenes[0], scenes[2])
    levels = [10 * np.log10(np.mean(scene**2)) for scene in scenes]
    assert max(levels) - min(levels) < 3


def test_coughs_and_backgrounds_alone_make_scenes(bank):
    """Where a corpus has nothing else, stretches of background are the other sounds."""
    poor = SoundBank((), [*bank.sounds["cough"], *bank.sounds["background"]])
    recipe = Recipe(bouts_per_hour=600, others_per_hour=600, interludes=0.2)
    scene = mix_scene(np.random.default_rng(1), poor, recipe)
    assert {truth.label for truth in scene.truths} == {"cough", "other"}

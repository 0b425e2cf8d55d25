"""The teacher: what it is asked, what it answers, and that a student lines up with it."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_network import SMALL

from edge.errors import BadInputError, InputOutputError, UsageError
from train_export.features import BEFORE_FRAMES, STEP_FRAMES, SceneSet, prepare_scenes
from train_export.room import Plan, in_own_process
from train_export.soundscape import Recipe
from train_export.taxonomy import ROOM_LABELS
from train_export.teacher import CLASSES, HOP_STEPS, RATE_HZ, WINDOW_STEPS, Teacher

needs_keras = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)


def marked_scenes() -> SceneSet:
    """Scenes whose targets say which step they are, and whose hints say which window."""
    steps = 400
    step = np.arange(steps) % 256
    targets = np.repeat(step[None, :, None], len(ROOM_LABELS), axis=2).astype(np.uint8)
    windows = (steps - WINDOW_STEPS) // HOP_STEPS + 1
    hints = np.repeat(np.arange(windows)[None, :, None], CLASSES, axis=2).astype(np.uint8)
    rng = np.random.default_rng(0)
    features = rng.integers(0, 3000, (1, steps * STEP_FRAMES, 40)).astype(np.int16)
    return SceneSet(features, targets, ((),), ROOM_LABELS, hints)


def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """Steps and windows of some batches of stretches."""
    from train_export.stretches import Stretches

    data = Stretches(marked_scenes(), SMALL, batch_steps=1024, seed=0)
    rows = []
    for number in range(20):
        _, (labels, hints) = data[number]
        rows += list(
            zip(np.round(labels[..., 0] * 255), np.round(hints[..., 0] * 255), strict=True)
        )
    return rows


def taught() -> dict[str, object]:
    """A short training with hints, and what came of it."""
    import tempfile

    from train_export.train import TrainConfig, train

    scenes = marked_scenes()
    run = TrainConfig(epochs=2, batch_steps=128)
    with tempfile.TemporaryDirectory() as folder:
        student = train(scenes, scenes, SMALL, run, Path(folder))
    return {
        "outputs": [tuple(tensor.shape) for tensor in student.outputs],
        "finite": all(np.isfinite(weight).all() for weight in student.get_weights()),
        "largest": max(np.prod(weight.shape) for weight in student.get_weights()),
    }


@needs_keras
def test_hints_lie_on_the_steps_of_their_windows():
    """A stretch begins where a window does, and carries the windows that lie within it."""
    seen = set()
    for steps, windows in in_own_process(batches):
        first = int(windows[0])
        assert steps[0] == first * HOP_STEPS % 256
        np.testing.assert_array_equal(windows, first + np.arange(len(windows)))
        assert (len(windows) - 1) * HOP_STEPS + WINDOW_STEPS <= len(steps)
        assert first * HOP_STEPS >= BEFORE_FRAMES // STEP_FRAMES
        seen.add(first)
    assert len(seen) > 5


@needs_keras
def test_a_student_keeps_nothing_of_the_teacher():
    """Training with hints gives the plain network, with nothing as wide as the teacher."""
    result = in_own_process(taught)
    assert result["outputs"] == [(None, 128, len(ROOM_LABELS))]
    assert result["finite"]
    assert result["largest"] < CLASSES * 16


def test_a_plan_is_refused_before_it_costs_hours():
    """A network that can't be taught and no processor are refused when they are named."""
    with pytest.raises(UsageError, match="the cnn only, not the gru; leave --teacher out"):
        Plan(hours=1, epochs=1, seed=1, model="gru", teacher=Path("yamnet.tflite"))
    with pytest.raises(UsageError, match="0 processors; give 1 or more"):
        Plan(hours=1, epochs=1, seed=1, processors=0)
    for wrong in ({"hours": 0}, {"epochs": 0}, {"seed": -1}):
        with pytest.raises(UsageError, match="give more than 0 hours"):
            Plan(**({"hours": 1, "epochs": 1, "seed": 1} | wrong))


def test_scenes_with_hints_are_other_scenes():
    """A training with another teacher, or none, is not the one to go on with."""
    scenes = marked_scenes()
    others = [replace(scenes, hints=None), replace(scenes, hints=scenes.hints + np.uint8(1))]
    assert len({kept.digest() for kept in (scenes, *others)}) == 3


def test_hints_are_kept_with_their_scenes(yamnet, toy_corpus, tmp_path):
    """A window each half second, and what is read again is what was made."""
    recipe = Recipe(duration_s=10, bouts_per_hour=600)
    made, kept = (
        prepare_scenes(toy_corpus, "train", 2, recipe, teacher_model=yamnet, cache=tmp_path)
        for _ in range(2)
    )
    assert made.hints.shape == (2, 19, CLASSES)
    np.testing.assert_array_equal(made.hints, kept.hints)
    assert prepare_scenes(toy_corpus, "train", 2, recipe, cache=tmp_path).hints is None


def test_the_teacher_hears_a_window_each_half_second(yamnet):
    """Ten seconds make nineteen windows; noise is no silence, and silence is."""
    teacher = Teacher(yamnet)
    rng = np.random.default_rng(1)
    pcm = np.concatenate([np.zeros(5 * RATE_HZ), rng.normal(0, 3000, 5 * RATE_HZ)])
    scores = teacher.scores(pcm.astype(np.int16))
    assert scores.shape == (19, CLASSES)
    silence = 494  # of the class map that comes with YAMNet
    assert scores[0, silence] > 200
    assert scores[-1, silence] < 100
    np.testing.assert_array_equal(scores, teacher.scores(pcm.astype(np.int16)))


def test_another_model_is_no_teacher(tmp_path):
    """A missing file, text and a model of another shape are refused with the remedy."""
    with pytest.raises(InputOutputError, match="leave --teacher out"):
        Teacher(tmp_path / "none.tflite")
    (tmp_path / "text.tflite").write_text("no model")
    with pytest.raises(BadInputError, match="no TFLite model"):
        Teacher(tmp_path / "text.tflite")
    room = Path(__file__).parents[2] / "edge" / "models" / "room" / "model.tflite"
    with pytest.raises(BadInputError, match="YAMNet takes 15600"):
        Teacher(room)

"""Training: it goes on after a kill, ends when nothing improves, and uses several devices."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_network import SMALL

from edge.errors import BadInputError, UsageError
from train_export.features import SceneSet, load_scenes, prepare_scenes
from train_export.room import in_own_process
from train_export.soundscape import Recipe

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
    ),
    # A process compiles each network that it trains; a slow machine takes half a minute for one.
    pytest.mark.timeout(900),
]

EPOCHS = 3


@pytest.fixture(scope="module")
def scenes_folder(toy_corpus, tmp_path_factory) -> Path:
    """Two dense half minutes of the toy corpus, kept as training keeps them."""
    cache = tmp_path_factory.mktemp("scenes")
    recipe = Recipe(duration_s=30, bouts_per_hour=1200, others_per_hour=600)
    prepare_scenes(toy_corpus, "train", 2, recipe, seed=1, cache=cache)
    return next(cache.iterdir())


def run(scenes: SceneSet, folder: Path, epochs: int = EPOCHS, **options) -> list[np.ndarray]:
    """Train the small network; gives the weights that it ended with."""
    from train_export.train import TrainConfig, train

    # Ten batches an epoch: with two, a resumed run that drew another order may meet the same one.
    config = TrainConfig(epochs=epochs, batch_steps=128)
    return train(scenes, scenes, SMALL, config, folder, **options).get_weights()


def main(scenes_folder: str, folder: str) -> None:
    """Train until somebody kills this process: epochs enough for a long life."""
    run(load_scenes(Path(scenes_folder)), Path(folder), resume=True)


def without_interruption(scenes_folder: Path, folder: Path) -> tuple[list, dict]:
    """The weights of a whole run, and of variants that share its process."""
    import keras

    from train_export.losses import squared_error
    from train_export.train import TrainConfig, train

    scenes = load_scenes(scenes_folder)
    weights = run(scenes, folder / "whole")
    still = TrainConfig(epochs=6, batch_steps=512, rate=0.0, patience=2)
    train(scenes, scenes, SMALL, still, folder / "still")
    with np.load(folder / "still" / "resume.npz") as arrays:
        progress = str(arrays["progress"])
    targets = scenes.targets[:, 27:].astype(np.float32) / 255
    errors = []
    for epochs in (1, 30):
        regress = TrainConfig(epochs=epochs, batch_steps=256, rate=1e-2, loss="squared-error")
        model = train(scenes, scenes, SMALL, regress, folder / f"mse{epochs}")
        from train_export.train import score_scenes

        found = score_scenes(model, SMALL, scenes)[:, 27:]
        errors.append(float(squared_error(keras.ops.convert_to_tensor(targets), found)))
    logs = [path.name for path in (folder / "whole" / "log").rglob("*tfevents*")]
    return weights, {"still": progress, "errors": errors, "logs": logs}


def resumed(scenes_folder: Path, folder: Path) -> tuple[list[np.ndarray], str]:
    """Go on where the killed process was: the weights, and what another length is told."""
    scenes = load_scenes(scenes_folder)
    weights = run(scenes, folder, resume=True)
    with pytest.raises(UsageError) as refused:
        run(scenes, folder, epochs=EPOCHS + 1, resume=True)
    return weights, str(refused.value)


def on_two_devices(scenes_folder: Path, folder: Path) -> tuple[int, int, list[np.ndarray]]:
    """Train mirrored on two logical processors: replicas, steps and the last weights."""
    from train_export.mirrored import mirrored
    from train_export.train import TrainConfig, train

    strategy = mirrored(2)
    scenes = load_scenes(scenes_folder)
    config = TrainConfig(epochs=1, batch_steps=512)
    model = train(scenes, scenes, SMALL, config, folder, strategy=strategy)
    taken = int(np.asarray(model.optimizer.iterations))
    over = train(scenes, scenes, SMALL, config, folder, strategy=strategy, resume=True)
    for kept, weight in zip(over.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)
    return strategy.num_replicas_in_sync, taken, model.get_weights()


def too_few(scenes_folder: Path, folder: Path) -> str:
    """What a batch that is larger than all scenes is told."""
    from train_export.train import TrainConfig, train

    scenes = load_scenes(scenes_folder)
    with pytest.raises(BadInputError) as refused:
        train(scenes, scenes, SMALL, TrainConfig(batch_steps=2048), folder)
    return str(refused.value)


@pytest.fixture(scope="module")
def whole(scenes_folder, tmp_path_factory):
    """The weights of a run without interruption, and what its process saw besides."""
    return in_own_process(without_interruption, scenes_folder, tmp_path_factory.mktemp("whole"))


def test_a_killed_training_goes_on_to_the_same_weights(scenes_folder, whole, tmp_path):
    """Killed after its first epoch and resumed, a run ends with the weights of a whole one."""
    command = [sys.executable, "-c", f"import {__name__} as t, sys; t.main(*sys.argv[1:])"]
    process = subprocess.Popen(
        [*command, str(scenes_folder), str(tmp_path)],
        cwd=Path(__file__).parents[2],
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        while not (tmp_path / "resume.npz").is_file():
            assert process.poll() is None, "it ended before its first epoch did"
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with np.load(tmp_path / "resume.npz") as arrays:
        assert '"epochs": 1' in str(arrays["progress"])
    weights, refusal = in_own_process(resumed, scenes_folder, tmp_path)
    for found, expected in zip(weights, whole[0], strict=True):
        np.testing.assert_array_equal(found, expected)
    assert "of a training with another" in refusal


def environment() -> dict[str, str]:
    """This process's, and where its modules are."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_training_ends_when_nothing_improves(whole):
    """At a rate of zero no epoch is better than the first: two more, and it ends."""
    assert '"epochs": 3' in whole[1]["still"]
    assert '"stale": 2' in whole[1]["still"]


def test_scenes_that_fill_no_batch_are_refused(scenes_folder, tmp_path):
    """Two half minutes hold fewer scores than the usual batch: both numbers are told."""
    assert "hold 1498 scores, fewer than the 2048 of a batch" in in_own_process(
        too_few, scenes_folder, tmp_path
    )


def test_squared_error_fits_quantities(whole):
    """With squared error the outputs come closer to the targets themselves, epoch by epoch."""
    first, last = whole[1]["errors"]
    assert last < first
    assert last < 1


def test_training_leaves_a_log(whole):
    """TensorBoard finds the events of training and of validation."""
    assert len(whole[1]["logs"]) == 2


def test_two_devices_train_together(scenes_folder, tmp_path):
    """Mirrored on two devices, an epoch takes its steps, twice the same way, and is resumed."""
    first, again = (in_own_process(on_two_devices, scenes_folder, tmp_path / name) for name in "ab")
    replicas, steps, weights = first
    assert replicas == 2
    assert steps == 2 * 750 // 512
    assert all(np.isfinite(weight).all() for weight in weights)
    for found, expected in zip(again[2], weights, strict=True):
        np.testing.assert_array_equal(found, expected)

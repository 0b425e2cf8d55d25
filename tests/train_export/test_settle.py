"""What int8 costs: told on scenes, and mended where it is too much."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from edge.card import EventRule
from edge.errors import InputOutputError, UsageError
from edge.frontend import PRESETS
from train_export import settle as settling
from train_export.agreement import Agreement, agreement
from train_export.cli import main
from train_export.features import SceneSet
from train_export.models.config import CnnConfig, RnnConfig
from train_export.soundscape import Truth

STEPS = 250
RULE = EventRule(label="cough", open=20, close=10)


@pytest.fixture
def scenes() -> SceneSet:
    """One scene of ten seconds with four coughs."""
    onsets = (1.0, 3.0, 5.0, 7.0)
    truths = tuple(Truth("cough", "cough", on, on + 0.4, "p", 10.0) for on in onsets)
    targets = np.zeros((1, STEPS, 6), np.uint8)
    for onset in onsets:
        targets[0, round(onset / 0.04) : round(onset / 0.04) + 8, 0] = 255
    return SceneSet(np.zeros((1, STEPS * 4, 40), np.int16), targets, (truths,))


def logits_of(scenes: SceneSet) -> np.ndarray:
    """Float logits that find every cough."""
    return np.where(scenes.targets > 0, 3.0, -3.0).astype(np.float32)


BUNDLE = SimpleNamespace(
    layout=SimpleNamespace(logit_scale=0.1, logit_zero=0), spec=PRESETS["room-16k"]
)


def test_equal_logits_agree(scenes):
    """The same logits in float and int8 agree everywhere, and cost nothing."""
    floats = logits_of(scenes)
    found = agreement(BUNDLE, floats, (floats * 10).astype(np.int8), scenes, [RULE])
    assert (found.top_class, found.top_label, found.loss, found.true) == (1.0, 1.0, 0.0, 4)
    assert found.f1_int8 == 1.0


def test_a_lost_cough_is_counted(scenes):
    """Int8 logits that miss one cough of four: its steps disagree, and F1 falls to 6 / 7."""
    floats = logits_of(scenes)
    integers = (floats * 10).astype(np.int8)
    integers[0, 75:83, 0] = -30
    found = agreement(BUNDLE, floats, integers, scenes, [RULE])
    assert found.top_class == pytest.approx(1 - 8 / STEPS)
    assert found.f1_float == 1.0
    assert found.f1_int8 == pytest.approx(6 / 7)


def stand_in(losses: list[float], monkeypatch) -> list[str]:
    """Replace the heavy steps: attempts that lose what is given, and a note of each call."""
    calls: list[str] = []

    def attempt(weights, *_):
        calls.append(f"attempt {weights}")
        return f"bundle {weights}", Agreement(1.0, 1.0, 0.0, 0.9, 0.9 - losses.pop(0), 100)

    def elsewhere(work, *_):
        calls.append(work.__name__)
        return "tuned" if work is settling.fine_tune else ("plain", None)

    monkeypatch.setattr(settling, "_attempt", attempt)
    monkeypatch.setattr(settling, "in_own_process", elsewhere)
    return calls


@pytest.fixture
def weights(tmp_path):
    """A weights file with a CNN's shape beside it."""
    path = tmp_path / "best.weights.h5"
    path.write_bytes(b"")
    (tmp_path / "network.json").write_text(json.dumps(CnnConfig().to_dict()))
    return path


@pytest.mark.parametrize(
    ("losses", "kept", "tuned"),
    [
        ([0.004], "post-training", False),
        ([0.02, 0.001], "fine-tuned", True),
        ([0.02, 0.03], "post-training", True),
    ],
)
def test_fine_tuning_follows_the_loss(weights, monkeypatch, losses, kept, tuned):
    """A loss over half a point brings the fine-tuning, and the better of the two is kept."""
    calls = stand_in(losses, monkeypatch)
    settled = settling.settle(weights, None, None, "auto")
    assert settled.kept == kept
    assert ("fine_tune" in calls) == tuned == (settled.fine_tuned is not None)
    assert settled.bundle == ("bundle tuned" if kept == "fine-tuned" else "bundle plain")


def test_only_the_cnn_is_fine_tuned(weights, monkeypatch):
    """Asked to fine-tune a recurrent network, it says so before it works."""
    calls = stand_in([], monkeypatch)
    (weights.parent / "network.json").write_text(json.dumps(RnnConfig().to_dict()))
    with pytest.raises(UsageError, match="not for the gru"):
        settling.settle(weights, None, None, "always")
    assert calls == []


def test_weights_without_their_shape_are_refused(tmp_path):
    """Weights that have no network.json beside them are refused by name."""
    with pytest.raises(InputOutputError, match=r"network\.json"):
        settling.settle(tmp_path / "best.weights.h5", None, None, "auto")


def test_the_commands_refuse_what_is_not_there(tmp_path, capsys):
    """A folder without scenes, and an unknown architecture, end with their exit codes."""
    pytest.importorskip("sklearn")
    arguments = ["--scenes", str(tmp_path), "--validation", str(tmp_path), "--out", "m.tflite"]
    assert main(["quantize", "--weights", "w.h5", *arguments]) == 74
    assert "holds no scenes" in capsys.readouterr().err
    arguments = ["--corpus", str(tmp_path), "--out", str(tmp_path / "m.md")]
    assert main(["compare", "--models", "cnn,perceptron", *arguments]) == 64
    assert "no architecture perceptron" in capsys.readouterr().err

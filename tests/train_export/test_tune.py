"""A bundle's operating point is chosen again on the corpus that it was trained on."""

import numpy as np
import pytest
import soundfile as sf

from edge.bundle import load_bundle
from edge.errors import BadInputError
from train_export.cli import main
from train_export.tune import tune


def test_a_corpus_of_other_labels_is_refused(tmp_path):
    """The room's bundle is not tuned on a folder of other sounds; both sets of labels are named."""
    rng = np.random.default_rng(0)
    for number in range(4):
        path = tmp_path / "corpus" / "hiccup" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, rng.integers(-900, 900, 16_000).astype(np.int16), 16_000)
    room, corpus, out = load_bundle("room"), tmp_path / "corpus", tmp_path / "out"
    with pytest.raises(BadInputError, match="has the labels hiccup and bundle room has cough, "):
        tune(room, corpus, "auto", tmp_path / "work", out, None)
    assert not out.exists()


@pytest.mark.parametrize("asked", ["-1", "nan", "few"])
def test_a_bound_that_can_not_be_is_refused(tmp_path, capsys, asked):
    """A negative number of false alarms, or none at all, is a usage error."""
    command = ["tune", "--corpus", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*command, "--false-alarms", asked]) == 64
    assert f"{asked} is no number of false alarms" in capsys.readouterr().err

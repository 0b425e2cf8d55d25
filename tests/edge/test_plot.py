"""The picture of `airway features --plot`, and what a person reads when there can be none."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge import cli
from edge.errors import BadInputError, InputOutputError, UsageError
from edge.frontend import PRESETS
from edge.plot import plot_features

ROOM = PRESETS["room-16k"]
PCM = np.random.default_rng(0).integers(-3_000, 3_000, 30_000).astype(np.int16)


@pytest.mark.parametrize("name", PRESETS)
def test_picture(name: str, tmp_path: Path):
    """Each preset gives a picture of three rows and columns, wide enough to read."""
    image = pytest.importorskip("matplotlib.image")
    path = tmp_path / "out.png"
    plot_features(PCM, 8_000, PRESETS[name], path, name)
    pixels = image.imread(path)
    assert pixels.shape[0] > 600
    assert pixels.shape[1] > 1_200
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 100


def test_stages_behind_the_bands_are_left_out(tmp_path: Path):
    """A spec with LPC, energy, few bands and kept values is drawn like any other."""
    pytest.importorskip("matplotlib")
    spec = dataclasses.replace(
        ROOM, mel_bands=6, lpc_order=8, energy=True, kept=(1, 9), denoise="wavelet"
    )
    plot_features(PCM, 16_000, spec, tmp_path / "out.svg", "few")
    text = (tmp_path / "out.svg").read_text()
    assert text.rstrip().endswith("</svg>")


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Without the extra, one sentence names it."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        UsageError, match=r"needs matplotlib; in Airway's checkout: pip install '.\[plot\]'"
    ):
        plot_features(PCM, 16_000, ROOM, tmp_path / "out.png", "")


def test_bad_files(tmp_path: Path):
    """An unknown suffix, a missing folder and a recording without a frame are refused in words."""
    pytest.importorskip("matplotlib")
    with pytest.raises(UsageError, match=r"must end in one of .*png"):
        plot_features(PCM, 16_000, ROOM, tmp_path / "out.wav", "")
    with pytest.raises(InputOutputError, match="choose another --plot"):
        plot_features(PCM, 16_000, ROOM, tmp_path / "none" / "out.png", "")
    with pytest.raises(BadInputError, match="200 samples at 16000 Hz make no frame"):
        plot_features(PCM[:200], 16_000, ROOM, tmp_path / "out.png", "")


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`features` writes the picture, the array or both, and asks for one of them."""
    pytest.importorskip("matplotlib")
    wav, png, npy = (str(tmp_path / name) for name in ("a.wav", "a.png", "a.npy"))
    sf.write(wav, PCM, 16_000, "PCM_16")
    assert cli.main(["features", wav, "--plot", png, "--out", npy]) == 0
    assert Path(png).read_bytes().startswith(b"\x89PNG")
    assert np.load(npy).shape == (186, 40)
    assert cli.main(["features", wav]) == 64
    assert "give --out F.npy, --plot F.png or both" in capsys.readouterr().err

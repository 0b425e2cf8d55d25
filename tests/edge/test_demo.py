"""The synthetic night: reproducible, as loud and as long as it says, and played end to end."""

import itertools
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.demo import RATE_HZ, Mark, demo_night, write_demo
from edge.errors import InputOutputError, UsageError
from edge.records import Pcm

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "demo.py"


@pytest.fixture(scope="module")
def night() -> tuple[Pcm, list[Mark]]:
    """Two minutes of one seed."""
    return demo_night(seed=3, minutes=2)


def _coughs(marks: list[Mark]) -> list[tuple[float, float]]:
    return [(onset_s, offset_s) for onset_s, offset_s, label in marks if label == "cough"]


def _decibel(pcm: Pcm) -> float:
    return float(10 * np.log10(np.mean((pcm / 32768.0) ** 2) + 1e-12))


def test_the_seed_decides_every_sample() -> None:
    """The same seed gives the same night, another seed another one."""
    first, marks = demo_night(seed=1, minutes=1)
    again, marks_again = demo_night(seed=1, minutes=1)
    other, _ = demo_night(seed=2, minutes=1)
    np.testing.assert_array_equal(first, again)
    assert marks == marks_again
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("minutes", [1, 1.99, 2.5])
def test_a_night_has_the_length_asked_for(minutes: float) -> None:
    """Whole minutes or not, the samples are int16 and as many as asked."""
    pcm, marks = demo_night(seed=5, minutes=minutes)
    assert pcm.dtype == np.int16
    assert pcm.shape == (round(minutes * 60 * RATE_HZ),)
    assert marks[-1][1] < minutes * 60


@pytest.mark.parametrize("minutes", [0, 0.99, 121, float("nan"), float("inf")])
def test_a_length_out_of_range_is_refused(minutes: float) -> None:
    """The refusal names the value."""
    with pytest.raises(UsageError, match=f"not {minutes:g}"):
        demo_night(seed=1, minutes=minutes)


def test_marks_are_in_order_and_apart(night: tuple[Pcm, list[Mark]]) -> None:
    """Nothing overlaps, and every kind of sound is there, coughs in bouts and alone."""
    _, marks = night
    assert {label for _, _, label in marks} == {"cough", "snore", "speech", "other"}
    for (_, offset_s, _), (onset_s, _, _) in itertools.pairwise(marks):
        assert offset_s < onset_s
    coughs = _coughs(marks)
    gaps_s = np.diff([onset_s for onset_s, _ in coughs])
    assert 12 <= len(coughs) <= 24
    assert np.any((gaps_s > 0.4) & (gaps_s < 0.7))
    assert np.any(gaps_s > 1)


def test_coughs_are_built_like_coughs(night: tuple[Pcm, list[Mark]]) -> None:
    """Each begins within milliseconds, is broadband, and lasts and peaks as coughs do."""
    pcm, marks = night
    for onset_s, offset_s in _coughs(marks):
        start = round(onset_s * RATE_HZ)
        cough = pcm[start : round(offset_s * RATE_HZ)]
        assert 0.15 < offset_s - onset_s < 0.5
        assert -28 < 20 * np.log10(np.abs(cough / 32768.0).max()) < -6
        assert _decibel(pcm[start + 32 : start + 192]) > _decibel(pcm[start - 160 : start]) + 15
        power = np.abs(np.fft.rfft(cough)) ** 2
        hz = np.fft.rfftfreq(len(cough), 1 / RATE_HZ)
        centroid_hz = float(np.sum(hz * power) / np.sum(power))
        assert 500 < centroid_hz < 2500
        assert np.sum(power[hz > 3000]) > 0.005 * np.sum(power)


def test_a_quiet_room_is_quiet(night: tuple[Pcm, list[Mark]]) -> None:
    """Away from every sound the level is that of the room tone and the fan."""
    pcm, marks = night
    quiet = np.ones(len(pcm), dtype=bool)
    for onset_s, offset_s, label in marks:
        margin_s = 3.0 if label == "snore" else 0.5  # a snore is followed by a breath out
        quiet[round((onset_s - 0.1) * RATE_HZ) : round((offset_s + margin_s) * RATE_HZ)] = False
    assert np.mean(quiet) > 0.2
    assert -62 < _decibel(pcm[quiet]) < -55


def test_the_file_holds_the_night(tmp_path: Path) -> None:
    """The WAV is 16-bit mono at 16 kHz, with the samples of `demo_night`."""
    path = tmp_path / "new" / "night.wav"
    marks = write_demo(path, seed=4, minutes=1)
    pcm, rate_hz = soundfile.read(path, dtype="int16")
    assert (soundfile.info(path).subtype, rate_hz) == ("PCM_16", RATE_HZ)
    expected, expected_marks = demo_night(4, 1)
    np.testing.assert_array_equal(pcm, expected)
    assert marks == expected_marks


def test_a_path_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder in the way gives one sentence with its path."""
    with pytest.raises(InputOutputError, match=str(tmp_path)):
        write_demo(tmp_path, minutes=1)


def test_the_module_writes_a_file_and_says_that_it_is_synthetic(tmp_path: Path) -> None:
    """`python -m edge.demo` lists the sounds; a bad length ends with the usage code."""
    command = [sys.executable, "-m", "edge.demo", str(tmp_path / "night.wav"), "--minutes"]
    good = subprocess.run([*command, "1"], capture_output=True, text=True, cwd=ROOT, check=False)
    bad = subprocess.run([*command, "0"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert good.returncode == 0
    assert "cough" in good.stdout
    assert "synthetic" in good.stdout
    assert (bad.returncode, bad.stdout) == (UsageError.exit_code, "")
    assert "not 0." in bad.stderr


def _play(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    return subprocess.Popen(
        [sys.executable, SCRIPT, *arguments, "--folder", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _running(folder: Path) -> list[str]:
    """Command lines of the processes that name the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended in the meantime
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_the_demonstration_counts_coughs_through_a_broker(tmp_path: Path) -> None:
    """A subscriber receives cough events of the synthetic night, and nothing is left running."""
    output, _ = (demo := _play(tmp_path)).communicate(timeout=120)
    assert demo.returncode == 0, output
    assert "SYNTHETIC" in output
    assert "airway/demo/bedroom/event" in output
    assert "Seconds monitored:             180" in output
    assert _running(tmp_path) == []


def test_a_recording_without_a_cough_is_no_failure(tmp_path: Path) -> None:
    """What a person's own recording holds is told, and nothing is promised of it."""
    wav = tmp_path / "a \N{GRINNING FACE}.wav"
    with wav.open("wb") as file:  # a name that only its bytes are told by
        soundfile.write(file, np.zeros(5 * RATE_HZ, np.int16), RATE_HZ, format="WAV")
    output, _ = (demo := _play(tmp_path / "run", str(wav))).communicate(timeout=60)
    assert demo.returncode == 0, output
    assert "Cough events received: 0" in output


def test_a_recording_that_does_not_exist_fails_the_demonstration(tmp_path: Path) -> None:
    """The daemon's own sentence reaches the person, and nothing is left running."""
    output, _ = (demo := _play(tmp_path, "missing.wav")).communicate(timeout=60)
    assert demo.returncode != 0
    assert "missing.wav" in output.splitlines()[-1]
    assert _running(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_demonstration_and_its_processes(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C leaves no broker and no daemon behind."""
    demo = _play(tmp_path)
    deadline_s = time.monotonic() + 30
    while len(_running(tmp_path)) < 2 and demo.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.02)  # until the broker runs beside it
    demo.send_signal(number)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, output
    assert _running(tmp_path) == []

"""The `airway` command: results on standard output, one sentence and an exit code for faults."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge.bundle import bundle_path, load_bundle
from edge.demo import demo_night
from edge.frontend import Frontend

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def night_wav(tmp_path_factory):
    """A minute of a synthetic night as a WAV file."""
    path = tmp_path_factory.mktemp("night") / "night.wav"
    sf.write(path, np.asarray(demo_night(5, 1.0)[0]), RATE_HZ, "PCM_16")
    return path


def airway(*arguments) -> subprocess.CompletedProcess:
    """Run the command as a person would."""
    command = [sys.executable, "-m", "edge.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def assert_one_sentence(done: subprocess.CompletedProcess, code: int, *words: str) -> None:
    """One line on standard error with these words, and this exit code."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    for word in words:
        assert word in line


def test_replay_prints_events_then_coverage(night_wav):
    """Each line is one JSON object with the contract's fields; coverage comes last."""
    done = airway("replay", "--json", night_wav)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [line["type"] for line in lines[:-1]] == ["event"] * (len(lines) - 1)
    assert set(lines[0]) == {"type", "file", "label", "onset_s", "offset_s", "score", "p"}
    assert set(lines[-1]) == {"type", "file", "audio_s", "processed_s", "lost_s"}
    assert lines[-1]["audio_s"] == lines[-1]["processed_s"] == 60.0
    assert "cough" in {line.get("label") for line in lines}


def test_replay_is_deterministic(night_wav):
    """Same input, same output."""
    assert (
        airway("replay", "--json", night_wav).stdout == airway("replay", "--json", night_wav).stdout
    )


def test_flac_and_two_channels_give_the_same_events(night_wav, tmp_path):
    """The container and a second identical channel change nothing."""
    pcm, _ = sf.read(night_wav, dtype="int16")
    flac, stereo = tmp_path / "night.flac", tmp_path / "stereo.wav"
    sf.write(flac, pcm, RATE_HZ, "PCM_16")
    sf.write(stereo, np.stack([pcm, pcm], axis=1), RATE_HZ, "PCM_24")
    done = airway("replay", "--json", night_wav, flac, stereo)
    events = {}
    for line in map(json.loads, done.stdout.splitlines()):
        events.setdefault(line.pop("file"), []).append(line)
    first, *others = events.values()
    assert len(others) == 2
    assert all(other == first for other in others)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_any_common_rate_finds_the_coughs(rate_hz, night_wav, tmp_path):
    """A recording at another rate is resampled, and its coughs are found."""
    from scipy.signal import resample_poly

    pcm, _ = sf.read(night_wav, dtype="float64")
    path = tmp_path / "other.wav"
    sf.write(path, resample_poly(pcm, rate_hz, RATE_HZ), rate_hz, "PCM_16")
    done = airway("replay", "--json", path)
    assert '"cough"' in done.stdout


def test_features_are_the_frontends(night_wav, tmp_path):
    """The file holds int16 [frames, coefficients], the same as from the library."""
    out = tmp_path / "f.npy"
    assert airway("features", night_wav, "--out", out).returncode == 0
    found = np.load(out)
    bundle = load_bundle("room")
    pcm, _ = sf.read(night_wav, dtype="int16")
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, Frontend(bundle.spec, bundle.tables).push(pcm))


def test_truncated_wav(night_wav, tmp_path):
    """A recording that ends before its header says is bad input."""
    path = tmp_path / "cut.wav"
    path.write_bytes(night_wav.read_bytes()[:50_000])
    assert_one_sentence(airway("replay", path), 65, "cut.wav")


def test_text_named_wav(tmp_path):
    """A text file is no recording, whatever its name."""
    path = tmp_path / "text.wav"
    path.write_text("this is not audio\n" * 100)
    assert_one_sentence(airway("replay", path), 65, "text.wav")


def test_missing_recording(tmp_path):
    """A file that is not there is an input error, told with its name."""
    assert_one_sentence(airway("replay", tmp_path / "gone.wav"), 74, "gone.wav")


def test_one_bad_file_does_not_take_the_others(night_wav, tmp_path):
    """The good recordings of a list are replayed; the exit code tells of the bad one."""
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"")
    done = airway("replay", "--json", bad, night_wav)
    assert_one_sentence(done, 65, "bad.wav")
    assert '"coverage"' in done.stdout


def test_missing_and_changed_bundle(night_wav, tmp_path):
    """No bundle is 74, a bundle with a changed byte 65."""
    assert_one_sentence(airway("replay", "--bundle", tmp_path / "none", night_wav), 74, "none")
    folder = tmp_path / "room"
    shutil.copytree(bundle_path("room"), folder)
    content = bytearray((folder / "model.tflite").read_bytes())
    content[1000] ^= 1
    (folder / "model.tflite").write_bytes(content)
    assert_one_sentence(airway("replay", "--bundle", folder, night_wav), 65, "model.tflite")


def test_unknown_key_in_the_configuration(tmp_path):
    """A misspelt key is a configuration error that names the nearest valid one."""
    path = tmp_path / "config.toml"
    path.write_text('node = "bedroom"\n[mqtt]\nhots = "localhost"\n')
    for command in (("check-config", path), ("run", "--config", path)):
        done = airway(*command)
        assert done.returncode == 78
        assert "Traceback" not in done.stderr
        assert "hots" in done.stderr
        assert "host" in done.stderr


def test_usage_errors_are_64():
    """A command or an option that does not exist is a usage error."""
    assert_one_sentence(airway("listen"), 64, "listen")
    assert_one_sentence(airway("replay"), 64, "FILE")
    assert_one_sentence(airway("replay", "--profile", "nope", "a.wav"), 64, "'nope'")


@pytest.mark.parametrize(
    "command", ["run", "replay", "features", "check-config", "model", "doctor", ""]
)
def test_every_command_has_help(command):
    """--help tells what a command does, and ends with 0."""
    done = airway(*([command] if command else []), "--help")
    assert done.returncode == 0
    assert "usage" in done.stdout


def test_doctor_and_model_verify():
    """The doctor says which backend and runtime are in use; the shipped bundle verifies."""
    found = json.loads(airway("doctor", "--json").stdout)
    assert found["frontend_backend"] in ("native", "reference")
    assert found["runtime"] in found["runtimes"]
    assert found["golden_features_equal"] is True
    verified = airway("model", "verify", "room")
    assert verified.returncode == 0
    assert "features exact" in verified.stdout
    assert "room" in airway("model", "list").stdout
    assert json.loads(airway("model", "show", "room").stdout)["name"] == "room"


def test_the_name_of_a_recording_says_nothing(night_wav, tmp_path):
    """A WAV file is one by its bytes, whatever its name ends with and however it is encoded."""
    expected = airway("replay", "--json", night_wav).stdout.splitlines()
    for name in (b"night.raw", b"n\xffight.wav"):
        path = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
        shutil.copy(night_wav, path)
        lines = airway("replay", "--json", path).stdout.splitlines()
        assert len(lines) == len(expected) > 1
        assert json.loads(lines[0])["onset_s"] == json.loads(expected[0])["onset_s"]


def test_output_that_cannot_be_written_is_74(night_wav):
    """A full disk behind standard output ends the command with one sentence and its code."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edge.cli", "replay", "--json", night_wav],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 74
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


def test_an_error_that_cannot_be_written_changes_nothing(night_wav, tmp_path):
    """With a full disk behind standard error the other files are played, and the code is kept."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edge.cli", "replay", "--json", tmp_path / "no.wav", night_wav],
            stdout=subprocess.PIPE, stderr=full, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 74
    assert '"coverage"' in done.stdout


def test_features_do_not_replace_the_recording(night_wav):
    """Named as its own output, a recording stays what it is."""
    before = night_wav.read_bytes()
    for option in ("--out", "--plot"):
        done = airway("features", night_wav, option, night_wav)
        assert_one_sentence(done, 64, "is the recording itself")
    assert night_wav.read_bytes() == before


def test_a_closed_output_is_74():
    """A command whose standard output was closed before its start says so."""
    command = f"{sys.executable} -m edge.cli doctor --json >&-"
    done = subprocess.run(
        ["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 74
    assert done.stderr.startswith("airway: standard output is closed")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('bundle = "rom"', ["model.bundle", "did you mean 'room'?"]),
        ('bundle = "screen-chest"', ["model.bundle", "finds no events"]),
        ('runtime = "edgetpu"', ["was not compiled for the Edge TPU"]),
    ],
)
def test_a_model_that_cannot_listen_is_a_wrong_configuration(text, words, tmp_path):
    """check-config finds what run would refuse, or run without ever telling an event."""
    path = tmp_path / "config.toml"
    path.write_text(f'node = "n"\n[source]\nkind = "stdin"\n[model]\n{text}\n')
    for command in (["check-config", path], ["run", "--config", path]):
        assert_one_sentence(airway(*command), 78, *words)


def test_a_recording_that_cannot_be_played_is_a_wrong_configuration(night_wav, tmp_path):
    """check-config looks at the recording that it names: gone, no recording, and good."""
    path, text = tmp_path / "config.toml", tmp_path / "text.wav"
    text.write_text("no sound")
    for recording, words in (("gone.wav", ["gone.wav"]), (text, ["text.wav"]), (night_wav, None)):
        path.write_text(f'node = "n"\n[source]\nkind = "wav"\npath = "{tmp_path / recording}"\n')
        checked = airway("check-config", path)
        if words:
            assert_one_sentence(checked, 78, "source.path", *words)
        else:
            assert checked.returncode == 0


def test_check_config_says_every_error(tmp_path):
    """A recording that is gone, an unknown bundle and a folder for the history come at once."""
    path = tmp_path / "config.toml"
    path.write_text(
        'node = "n"\n[source]\nkind = "wav"\npath = "gone.wav"\n[model]\nbundle = "rom"\n'
        f'[store]\npath = "{tmp_path}"\n[mqtt]\ntls = true\nca_file = "none.pem"\n'
    )
    done = airway("check-config", path)
    assert done.returncode == 78
    assert done.stderr.startswith("airway: 4 errors:\n")
    for words in ("gone.wav", "did you mean 'room'?", "store.path", "none.pem"):
        assert words in done.stderr


def test_json_fits_the_encoding_of_its_output(night_wav, tmp_path):
    """A name that the output's encoding has no letters for is escaped as JSON escapes it."""
    path = tmp_path / "\N{GRINNING FACE}\N{LATIN SMALL LETTER E WITH ACUTE}.wav"
    shutil.copy(night_wav, path)
    for encoding in ("utf-8", "latin-1"):
        done = subprocess.run(
            [sys.executable, "-m", "edge.cli", "replay", "--json", path], check=True,
            env=os.environ | {"PYTHONIOENCODING": encoding}, stdout=subprocess.PIPE,
        )  # fmt: skip
        last = json.loads(done.stdout.decode(encoding).splitlines()[-1])
        assert last["file"] == str(path)


def test_a_closed_error_output_does_not_go_to_the_result(tmp_path):
    """What would be said on standard error is not said among the JSON lines."""
    command = f"{sys.executable} -m edge.cli replay --json {tmp_path / 'none.wav'} 2>&-"
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (74, "")


def test_the_doctor_speaks_where_no_runtime_loads(tmp_path):
    """A runtime that is installed and broken is named, beside what else was found."""
    broken = tmp_path / "tflite_runtime"
    broken.mkdir()
    (broken / "__init__.py").touch()
    (broken / "interpreter.py").write_text("raise ImportError('numpy.core failed to import')")
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli", "doctor", "--json"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (78, "")
    found = json.loads(done.stdout)
    assert found["runtime"] is None
    assert "numpy.core failed to import" in found["problem"]
    assert found["frontend_backend"] in ("native", "reference")


def test_a_screen_finds_no_events(night_wav):
    """A recording is not said to be without coughs by a model that hears none."""
    assert_one_sentence(airway("replay", "--bundle", "screen-chest", night_wav), 65, "no events")

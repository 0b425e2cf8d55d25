"""A guided recording is measured and checked, and claims nothing."""

import json
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
import scipy.signal
import soundfile as sf

from edge import checkin
from edge.checkin import TASKS, frame_levels, in_words, longest_held_s, measure, voiced
from edge.commands.checkin import record
from edge.demo import demo_night
from edge.records import AudioBlock

RATE_HZ = 16_000
BY_NAME = {task.name: task for task in TASKS}


def tone(seconds: float, peak: float = 8_000.0) -> np.ndarray:
    """A steady 200 Hz tone, int16 [samples]."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.round(peak * np.sin(2 * np.pi * 200 * time_s)).astype(np.int16)


def between_pauses(pcm: np.ndarray, hiss: float = 10.0) -> np.ndarray:
    """The sound with a second of faint hiss on both sides."""
    rng = np.random.default_rng(0)
    pause = np.round(rng.normal(0, hiss, RATE_HZ)).astype(np.int16)
    return np.concatenate([pause, pcm, pause])


def test_levels_are_decibels_below_full_scale():
    """A full-scale square is 0 dBFS, a tenth of it -20, silence and a mere offset the floor."""
    square = np.tile(np.array([32_767, -32_767], np.int16), RATE_HZ // 2)
    assert frame_levels(square, RATE_HZ) == pytest.approx(0, abs=0.01)
    assert frame_levels(square // 10, RATE_HZ) == pytest.approx(-20, abs=0.01)
    assert (frame_levels(np.zeros(10, np.int16), RATE_HZ) == -100).all()
    assert (frame_levels(np.full(RATE_HZ, 700, np.int16), RATE_HZ) == -100).all()


def held_s(pcm: np.ndarray) -> float:
    """The longest held stretch of a recording."""
    return longest_held_s(frame_levels(pcm, RATE_HZ), voiced(pcm, RATE_HZ))


def test_a_held_vowel_is_timed():
    """The pauses around it do not count, and a dip ends it."""
    held = between_pauses(tone(3.0))
    assert held_s(held) == pytest.approx(3.0, abs=0.1)
    broken = np.concatenate([tone(1.0), np.zeros(RATE_HZ // 2, np.int16), tone(2.0)])
    assert held_s(broken) == pytest.approx(2.0, abs=0.1)
    for silent in (np.zeros(RATE_HZ, np.int16), np.zeros(0, np.int16)):
        assert held_s(silent) == 0.0


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("pitch_hz", [80, 130, 220, 390])
def test_a_voice_is_heard_in_noise(rate_hz, pitch_hz):
    """Pulses through a throat, at a low or a high pitch, 15 dB over white noise, are voiced."""
    rng = np.random.default_rng(pitch_hz)
    pulses = np.zeros(3 * rate_hz)
    pulses[(np.arange(0, 2.99, 1 / pitch_hz) * rate_hz).astype(int)] = 1.0
    throat = scipy.signal.lfilter([1.0], [1.0, -1.6, 0.8], pulses)
    wave = throat / throat.std() + rng.normal(0, 10 ** (-15 / 20), len(throat))
    pcm = np.round(wave * 2_000).astype(np.int16)
    assert voiced(pcm, rate_hz).mean() > 0.9


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("pole", [0.0, 0.9, 0.99])
def test_a_fan_is_no_voice(rate_hz, pole):
    """Noise, white or as dull as a fan's, holds no vowel, and the person is asked again."""
    rng = np.random.default_rng(1)
    noise = scipy.signal.lfilter([1.0], [1.0, -pole], rng.normal(0, 1, 10 * rate_hz))
    pcm = np.round(noise / noise.std() * 2_000).astype(np.int16)
    found = measure(BY_NAME["vowel"], pcm, rate_hz)
    assert found.held_s is not None
    assert found.held_s < 0.3
    assert voiced(pcm, rate_hz).mean() < 0.1


def test_a_long_vowel_takes_little_memory():
    """Two minutes at 48 kHz, the longest that is taken, fit beside a small device's daemon."""
    pcm = (8_000 * np.sin(2 * np.pi * 150 * np.arange(120 * 48_000) / 48_000)).astype(np.int16)
    tracemalloc.start()
    heard = voiced(pcm, 48_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert heard.shape == (2_400,)
    assert heard.all()
    assert most < 4 * pcm.size * 8  # of float64 samples: the wave, and pieces of it


def test_no_voice_at_all_is_a_problem():
    """White noise has no held voice, and no number of seconds is told of it."""
    noise = np.round(np.random.default_rng(2).normal(0, 500, 5 * RATE_HZ)).astype(np.int16)
    found = measure(BY_NAME["vowel"], noise, RATE_HZ)
    assert checkin.UNVOICED in found.problems
    assert "held for" not in in_words([found])["en"]


def test_coughs_are_loud_however_long_the_pauses():
    """Three coughs in half a minute are as loud as in a few seconds; one in ten is enough."""
    burst = np.random.default_rng(3).normal(0, 6_000, round(0.35 * RATE_HZ))
    burst = np.clip(burst, -30_000, 30_000).astype(np.int16)
    for count, gap_s in ((3, 9.0), (1, 9.6)):
        pause = np.zeros(round(gap_s * RATE_HZ), np.int16)
        found = measure(BY_NAME["cough"], np.concatenate([burst, pause] * count), RATE_HZ)
        assert found.problems == ()
        assert found.level_dbfs > -20


@pytest.mark.parametrize(
    ("pcm", "problem"),
    [
        (tone(0.5), checkin.SHORT),
        (between_pauses(tone(3.0, 40.0), 1.0), checkin.QUIET),
        (np.clip(4 * tone(3.0, 32_000.0).astype(int), -32_768, 32_767).astype(np.int16), "clipped"),
        (between_pauses(tone(3.0), 2_000.0), checkin.NOISY),
    ],
)
def test_what_is_wrong_is_named(pcm, problem):
    """Too short, too quiet, clipped and too noisy are told apart."""
    assert problem in measure(BY_NAME["sentence"], pcm, RATE_HZ).problems


def test_a_good_recording_has_no_problem():
    """A clear sound between quiet pauses passes, with its level and its noise."""
    found = measure(BY_NAME["sentence"], between_pauses(tone(3.0)), RATE_HZ)
    assert found.problems == ()
    assert found.level_dbfs == pytest.approx(-15.3, abs=0.2)
    assert found.noise_dbfs < -65


def test_words_claim_nothing():
    """Every text says in both languages that it is no result about illness."""
    words = in_words([measure(task, between_pauses(tone(3.0)), RATE_HZ) for task in TASKS])
    assert "no result about illness" in words["en"]
    assert "不是关于疾病的结果" in words["zh"]
    assert "not a diagnosis" in words["en"]
    assert "不是诊断" in words["zh"]


@pytest.mark.parametrize("name", ["breath", "sentence"])
def test_a_good_recording_is_told(name):
    """Who breathes or reads well hears so, and not that nothing was measured."""
    words = in_words([measure(BY_NAME[name], between_pauses(tone(6.0)), RATE_HZ)])
    assert "is good" in words["en"]
    assert "录音良好" in words["zh"]
    assert "Nothing was measured" not in words["en"]


def test_record_takes_as_long_as_the_task_asks():
    """Blocks are joined, what was lost is silence, the source is stopped."""
    stop = threading.Event()
    block = np.full(RATE_HZ, 5, np.int16)
    blocks = (
        AudioBlock(block, RATE_HZ, 0, lost=RATE_HZ if number == 1 else 0) for number in range(99)
    )
    task = BY_NAME["cough"]
    pcm = record(blocks, task, RATE_HZ, stop)
    assert len(pcm) == task.record_s * RATE_HZ
    assert (pcm[RATE_HZ : 2 * RATE_HZ] == 0).all()
    assert stop.is_set()


def run(*arguments) -> subprocess.CompletedProcess:
    """Run the command as a person would."""
    command = [sys.executable, "-m", "edge.cli", "checkin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_counts_coughs_and_decides_nothing(tmp_path):
    """From files: each task is measured, coughs are counted, the decision is to abstain."""
    night, marks = demo_night(5, 1.0)
    sf.write(tmp_path / "cough.wav", np.asarray(night), RATE_HZ, "PCM_16")
    sf.write(tmp_path / "vowel.wav", between_pauses(tone(4.0)), RATE_HZ, "PCM_16")
    done = run("--json", "--cough", tmp_path / "cough.wav", "--vowel", tmp_path / "vowel.wav")
    assert done.returncode == 0, done.stderr
    (line,) = map(json.loads, done.stdout.splitlines())
    assert line["type"] == "checkin"
    assert line["decision"] == "abstain"
    assert line["reasons"] == ["no_evidence"]
    assert line["probabilities"] == {}
    cough, vowel = line["tasks"]
    assert 0 < cough["coughs"] <= sum(mark[2] == "cough" for mark in marks) + 2
    assert vowel["held_s"] == pytest.approx(4.0, abs=0.1)
    assert set(line["explanation"]) == {"en", "zh"}


def test_a_night_is_no_check_in(tmp_path):
    """A long recording is refused before it is decoded, with its length and the limit."""
    sf.write(tmp_path / "night.wav", np.zeros(121 * 4_000, np.int16), 4_000, "PCM_16")
    done = run("--cough", tmp_path / "night.wav")
    assert done.returncode == 65
    assert "lasts 121 s; cut a stretch of at most 120 s" in done.stderr


def test_a_bundle_needs_coughs_to_screen(tmp_path):
    """Naming a bundle without a cough recording is a usage error in one sentence."""
    sf.write(tmp_path / "vowel.wav", tone(2.0), RATE_HZ, "PCM_16")
    done = run("--bundle", "screen-chest", "--vowel", tmp_path / "vowel.wav")
    assert done.returncode == 64
    assert "--cough" in done.stderr
    assert "Traceback" not in done.stderr


def test_coughs_are_not_put_to_a_screen_of_lung_sounds(tmp_path):
    """A bundle that was trained on another sound is refused before anything is measured."""
    sf.write(tmp_path / "cough.wav", tone(2.0), RATE_HZ, "PCM_16")
    done = run("--bundle", "screen-chest", "--cough", tmp_path / "cough.wav")
    assert done.returncode == 65
    assert "is no screen of coughs" in done.stderr
    assert done.stdout == ""


def test_silence_is_too_quiet_and_not_too_noisy():
    """A muted microphone is told once what is wrong with it."""
    (cough, *_) = TASKS
    assert measure(cough, np.zeros(5 * RATE_HZ, np.int16), RATE_HZ).problems == ("too_quiet",)

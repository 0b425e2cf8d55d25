"""`airway screen`: the contract's line, in JSON and in words, and one sentence for each fault."""

import json
import subprocess
import sys
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
import soundfile as sf

from edge.bundle import load_bundle
from edge.commands.screen import _say_words
from edge.demo import demo_night
from edge.store import Store


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A made-up chest, ten seconds of a synthetic bedroom, and a text file."""
    path = tmp_path_factory.mktemp("screen")
    sf.write(path / "chest.wav", load_bundle("screen-chest").golden["pcm"], 4_000, "PCM_16")
    sf.write(path / "room.flac", np.asarray(demo_night(5, 1.0)[0])[:160_000], 16_000)
    sf.write(path / "long.wav", np.zeros(4_000 * 121, np.int16), 4_000, "PCM_16")
    (path / "text.wav").write_text("no sound")
    return path


def airway(*arguments) -> subprocess.CompletedProcess:
    """Run the command as a person would."""
    command = [sys.executable, "-m", "edge.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_each_file_gives_the_contracts_line(folder):
    """Type, file, probabilities, decision and both languages; the same again the second time."""
    command = ("screen", "--json", folder / "chest.wav", folder / "room.flac")
    done = airway(*command)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(path) for path in command[2:]]
    for line in lines:
        assert line["type"] == "screening"
        assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert line["decision"] in {*line["probabilities"], "abstain"}
        assert set(line["explanation"]) == set(line["clinician"]) == {"en", "zh"}
        assert (line["decision"] == "abstain") == bool(line["reasons"])
    assert airway(*command).stdout == done.stdout


def test_a_bedroom_is_refused(folder):
    """Coughs and speech in a room are no chest: no decision, and the words say why."""
    line = json.loads(airway("screen", "--json", folder / "room.flac").stdout)
    assert "unfamiliar" in line["reasons"]
    assert line["novelty"] > 1
    assert "nothing is concluded" in line["explanation"]["en"]


def test_words_come_in_both_languages(folder):
    """Without --json a person reads the result, English first, and no odds of what is refused."""
    done = airway("screen", folder / "room.flac")
    head, english, chinese = done.stdout.splitlines()
    assert head.endswith(": no result. 没有结果。")
    assert "screening aid, not a diagnosis" in english
    assert "不是诊断" in chinese


@pytest.mark.parametrize(
    ("reasons", "head"),
    [
        (
            [],
            "a.wav: resembles the group “obstructive” (obstructive 0.80, other 0.20). "
            "更接近“气道阻塞组”（气道阻塞组 0.80、对照组 0.20）。",
        ),
        (
            ["uncertain"],
            "a.wav: no result (obstructive 0.80, other 0.20). "
            "没有结果（气道阻塞组 0.80、对照组 0.20）。",
        ),
        (["unfamiliar", "uncertain"], "a.wav: no result. 没有结果。"),
    ],
)
def test_a_refused_recording_shows_no_odds(reasons, head, capsys):
    """A group is only resembled, and what a refused recording's odds are nobody has to see."""
    _say_words(
        {
            "file": "a.wav",
            "probabilities": {"obstructive": 0.8, "other": 0.2},
            "decision": "abstain" if reasons else "obstructive",
            "reasons": reasons,
            "explanation": {"en": "words", "zh": "话"},
        }
    )
    assert capsys.readouterr().out.splitlines() == [head, "words", "话"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--bundle", "room", "chest.wav"), 65, "does not screen"),
        (("--bundle", "nowhere", "chest.wav"), 74, "no bundle 'nowhere'"),
        (("long.wav",), 65, "at most 120 s"),
        (("text.wav",), 65, "text.wav"),
        (("missing.wav",), 74, "missing.wav"),
    ],
)
def test_faults_are_one_sentence(folder, arguments, code, words):
    """Each fault ends with its exit code and one sentence that names the value."""
    named = [folder / part if part.endswith(".wav") else part for part in arguments]
    done = airway("screen", *named)
    assert done.returncode == code
    (line,) = done.stderr.strip().splitlines()
    assert words in line


def test_the_bundle_verifies():
    """Every byte is as its card says, and this machine gives the golden features and scores."""
    done = airway("model", "verify", "screen-chest")
    assert done.returncode == 0, done.stderr
    assert "within 0 of the golden ones" in done.stdout


def test_a_result_waits_for_the_daemon_to_publish_it(folder, tmp_path):
    """--publish puts each result into the daemon's outbox, valid by the schema that ships."""
    config = tmp_path / "config.toml"
    config.write_text(f'node = "n"\n[store]\npath = "{tmp_path}/airway.db"\n')
    done = airway("screen", "--json", "--publish", config, folder / "chest.wav")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    with Store(tmp_path / "airway.db") as store:
        (row,) = store.pending(0, 10)
    assert row.topic == "airway/n/mic/screening"
    assert not row.retain
    schema = json.loads((files("edge") / "schemas" / "screening.json").read_text())
    jsonschema.validate({**row.payload, "seq": row.seq, "historical": False}, schema)
    for name in ("probabilities", "decision", "explanation"):
        assert row.payload[name] == line[name]


def test_without_a_broker_nothing_is_said_to_be_published(folder, tmp_path):
    """A configuration without MQTT is refused before anything is screened."""
    config = tmp_path / "config.toml"
    config.write_text('node = "n"\n[mqtt]\nenabled = false\n')
    done = airway("screen", "--publish", config, folder / "chest.wav")
    assert (done.returncode, done.stdout) == (78, "")
    assert "mqtt.enabled" in done.stderr

"""Evaluation: the device's pipeline against a manifest, with intervals over people."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge.bundle import load_bundle
from edge.demo import demo_night
from edge.errors import BadInputError, InputOutputError
from edge.records import Event
from train_export.annotations import TrueEvent, read_manifest
from train_export.cli import main
from train_export.closer_look import closer_look
from train_export.curve import sensitivity_at
from train_export.evaluate import evaluate, in_words
from train_export.intervals import bootstrap, ratio
from train_export.outcome import Outcome

RATE_HZ = 16_000
FIELDS = ("path", "subject", "label_event", "start_s", "end_s")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Three minutes of synthetic nights with their truth."""
    folder = tmp_path_factory.mktemp("nights")
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for seed in (5, 6, 7):
            night, marks = demo_night(seed, 1.0)
            sf.write(folder / f"{seed}.wav", np.asarray(night), RATE_HZ, "PCM_16")
            for onset, offset, label in marks:
                row = (f"{seed}.wav", f"P{seed}", label, onset, offset)
                writer.writerow(dict(zip(FIELDS, row, strict=True)))
    return folder / "manifest.csv"


def test_evaluate_prints_one_object_and_a_row_an_event(manifest, tmp_path):
    """The report counts what the predictions file lists, and every rate has its interval."""
    rows_file = tmp_path / "rows.csv"
    done = subprocess.run(
        [sys.executable, "-m", "train_export.cli", "evaluate", "--bundle", "room", "--json",
         "--manifest", manifest, "--predictions", rows_file],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    cough = json.loads(done.stdout)["labels"]["cough"]
    rows = list(csv.DictReader(rows_file.open()))
    assert list(rows[0]) == ["path", "start_s", "end_s", "truth", "predicted", "p_cough"]
    assert sum(row["truth"] == "cough" for row in rows) == cough["true"]
    assert sum(row["predicted"] == "cough" for row in rows) == cough["found"]
    assert sum(row["truth"] == row["predicted"] for row in rows) == cough["matched"]
    assert cough["recordings"] == cough["people"] == 3
    assert cough["sensitivity_at"]["1"] is None  # three minutes can't tell one an hour
    low, high = cough["interval_95"]["sensitivity"]
    assert low <= cough["sensitivity"] <= high
    alarms = cough["found"] - cough["matched"]
    assert sum(cough["false_alarms_by_sound"].values()) == alarms
    assert sum(part["count"] for part in cough["reliability"]) == cough["found"]
    rates = [point["false_alarms_per_hour"] for point in cough["det"]]
    assert rates[0] >= rates[-1]
    at = [sensitivity_at(cough["det"], rate, hours=4.0) for rate in (10.0, 1.0)]
    assert at[0] >= at[1]


def manifest_of(folder, recording, label, start_s, end_s):
    """A manifest of one sound."""
    row = f"{recording},P5,{label},{start_s},{end_s}\n"
    (folder / "m.csv").write_text(",".join(FIELDS) + "\n" + row)
    return folder / "m.csv"


def test_times_of_another_file_are_refused(manifest, tmp_path):
    """Milliseconds, or a sound after the recording's end, are no missed coughs."""
    late = manifest_of(tmp_path, manifest.parent / "5.wav", "cough", 300, 450)
    with pytest.raises(BadInputError, match="give seconds of that file"):
        evaluate(load_bundle("room"), late)


def test_labels_that_the_bundle_does_not_find_are_told(manifest, tmp_path, capsys):
    """A manifest without a single cough among its sounds says which labels it has."""
    evaluate(
        load_bundle("room"),
        manifest_of(tmp_path, manifest.parent / "5.wav", "throat clearing", 1, 2),
    )
    said = capsys.readouterr().err
    assert "no row is labelled cough" in said
    assert "throat clearing" in said


@pytest.mark.parametrize("label", ["Coughs", "dry cough", "Coughing"])
def test_a_cough_is_a_cough_however_it_is_called(manifest, tmp_path, label):
    """Sources spell it in many ways; none of them makes it another sound."""
    found = manifest_of(tmp_path, manifest.parent / "5.wav", label, 1, 2)
    report, _ = evaluate(load_bundle("room"), found)
    assert report["labels"]["cough"]["true"] == 1


def test_a_bad_manifest_is_told(tmp_path):
    """A missing file, a missing column and a time that is no number are named."""
    path = tmp_path / "m.csv"
    with pytest.raises(InputOutputError, match=r"m\.csv"):
        read_manifest(path)
    path.write_text("path,start_s,end_s\na.wav,0,1\n")
    with pytest.raises(BadInputError, match="label_event"):
        read_manifest(path)
    for row, words in {
        "a.wav,cough,zero,1": "line 2.*no number",
        "a.wav,cough": "line 2: not 4 values",
        "a.wav,cough,0,inf": "line 2.*must rise",
        "a.wav,cough,2,1": "line 2.*must rise",
        "": "lists no recording",
        f"a.wav,{'c' * 200_000},0,1": "line 2.*field larger",
    }.items():
        path.write_text(f"path,label_event,start_s,end_s\n{row}\n")
        with pytest.raises(BadInputError, match=words):
            read_manifest(path)
    path.write_bytes(b"\xef\xbb\xbfpath,label_event,start_s,end_s\na.wav,cough,0,1\n")
    assert len(read_manifest(path)) == 1


def test_a_source_may_spell_a_cough_in_its_own_way(manifest, tmp_path):
    """ESC-50's `coughing` is found as a cough, whatever its case and the spaces around it."""
    spelled = tmp_path / "manifest.csv"
    spelled.write_text(manifest.read_text().replace(",cough,", ", Coughing ,"))
    for audio in manifest.parent.glob("*.wav"):
        (tmp_path / audio.name).symlink_to(audio)
    room = load_bundle("room")
    as_listed, as_spelled = (
        evaluate(room, path)[0]["labels"]["cough"] for path in (manifest, spelled)
    )
    assert as_spelled["true"] == as_listed["true"] > 0
    assert as_spelled["matched"] == as_listed["matched"] > 0


def test_what_a_corpus_holds_beside_wav_is_scored(manifest, tmp_path):
    """Ogg is read like WAV, and rows keep the manifest's own spelling of a path."""
    for audio in manifest.parent.glob("*.wav"):
        pcm, rate_hz = sf.read(audio)
        with sf.SoundFile(tmp_path / f"{audio.stem}.ogg", "w", rate_hz, 1) as file:
            for start in range(0, len(pcm), 16_000):  # libsndfile dies of long writes
                file.write(pcm[start : start + 16_000])
    listed = tmp_path / "manifest.csv"
    listed.write_text(manifest.read_text().replace(".wav", ".ogg"))
    room = load_bundle("room")
    (as_wav, rows), (as_ogg, ogg_rows) = (evaluate(room, path) for path in (manifest, listed))
    wav, ogg = (report["labels"]["cough"] for report in (as_wav, as_ogg))
    assert wav["hours"] == ogg["hours"]
    assert abs(wav["matched"] - ogg["matched"]) <= 2
    assert {row["path"] for row in rows} == {"5.wav", "6.wav", "7.wav"}
    assert {row["path"] for row in ogg_rows} == {"5.ogg", "6.ogg", "7.ogg"}


def test_clips_without_times_are_heard_or_not(manifest, tmp_path):
    """A row over a whole recording says that a cough is in it: it is heard once, or missed."""
    night, marks = demo_night(5, 1.0)
    coughs = [(on, off) for on, off, label in marks if label == "cough"]
    on, off = coughs[0]
    cough = np.asarray(night)[round((on - 1) * RATE_HZ) : round((off + 1) * RATE_HZ)]
    length_s = len(cough) / RATE_HZ
    sf.write(tmp_path / "cough.wav", cough, RATE_HZ, "PCM_16")
    sf.write(tmp_path / "none.wav", np.zeros_like(cough), RATE_HZ, "PCM_16")
    path = tmp_path / "m.csv"
    path.write_text(
        "path,label_event,start_s,end_s\n"
        f"cough.wav,cough,0,{length_s:.2f}\nnone.wav,cough,0,{length_s:.2f}\n"
    )
    report, rows = evaluate(load_bundle("room"), path)
    told = report["labels"]["cough"]
    assert told["clips"] == {"true": 2, "heard": 1, "sensitivity": 0.5}
    assert (told["true"], told["found"], told["hours"]) == (0, 0, 0.0)
    assert [(row["truth"], row["predicted"]) for row in rows] == [("cough", "cough"), ("cough", "")]
    assert "heard in 1 of 2 clips without times" in in_words(report)[0]
    path.write_text("path,label_event,start_s,end_s\ncough.wav,cough,,\nnone.wav,cough,,\n")
    again, its_rows = evaluate(load_bundle("room"), path)
    assert again["labels"] == report["labels"]
    assert [row["truth"] for row in its_rows] == ["cough", "cough"]
    path.write_text("path,label_event,start_s,end_s\ncough.wav,cough,,1\n")
    with pytest.raises(BadInputError, match="line 2: start '' is no number"):
        evaluate(load_bundle("room"), path)


def test_a_short_clip_has_no_times_either(tmp_path):
    """A cough late in a recording of less than a second is heard, and is no false alarm."""
    night, marks = demo_night(5, 1.0)
    on = next(on for on, _, label in marks if label == "cough")
    cough = np.asarray(night)[round((on - 0.45) * RATE_HZ) : round((on + 0.5) * RATE_HZ)]
    sf.write(tmp_path / "late.wav", cough, RATE_HZ, "PCM_16")
    path = tmp_path / "m.csv"
    path.write_text("path,label_event,start_s,end_s\nlate.wav,cough,0,0.95\n")
    page = tmp_path / "page.html"
    assert main(["evaluate", "--manifest", str(path), "--html", str(page)]) == 0
    assert evaluate(load_bundle("room"), path)[0]["labels"]["cough"]["clips"]["heard"] == 1
    assert "<td>clips without times it is heard in<td>1 of 1" in page.read_text()


def test_a_row_over_the_whole_file_beside_timed_ones_is_no_clip(manifest, tmp_path):
    """The coughs with times are scored as they are without that row."""
    path = tmp_path / "m.csv"
    header, *rows = manifest.read_text().replace("5.wav", str(manifest.parent / "5.wav")).split()
    kept = [row for row in rows if row.startswith("/")]
    reports = []
    for whole in ([], [f"{manifest.parent / '5.wav'},P5,cough,0,60"]):
        path.write_text("\n".join([header, *whole, *kept]))
        reports.append(evaluate(load_bundle("room"), path))
    assert reports[0] == reports[1]
    assert reports[0][0]["labels"]["cough"]["true"] > 3


def test_a_row_twice_counts_once(manifest, capsys):
    """A sound that is listed again changes no figure, and its row is named."""
    lines = manifest.read_text().splitlines()
    path = manifest.parent / "twice.csv"
    path.write_text("\n".join([*lines, lines[1], lines[1]]) + "\n")
    room = load_bundle("room")
    assert evaluate(room, path) == evaluate(room, manifest)
    said = f"line {len(lines) + 1}: the same sound as in a row above; 2 such rows are left out"
    assert said in capsys.readouterr().err


def test_a_recording_has_one_name(manifest, capsys):
    """A path or a label that is spelled otherwise is the same recording, and the same sound."""
    header, *lines = manifest.read_text().splitlines()
    again = [f"./{line}".replace(",cough,", ",Cough,") for line in lines[::2]]
    path = manifest.parent / "spelled.csv"
    path.write_text("\n".join([header, *lines, *again]) + "\n")
    room = load_bundle("room")
    assert evaluate(room, path) == evaluate(room, manifest)
    assert f"{len(again)} such rows are left out" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "  ", "a\0b"])
def test_a_path_that_is_none_is_told_with_its_line(name, manifest):
    """No recording has this name."""
    path = manifest.parent / "nameless.csv"
    path.write_text(f"path,label_event,start_s,end_s\n{name},cough,0,1\n")
    with pytest.raises(BadInputError, match=r"nameless\.csv, line 2: path .* names no recording"):
        evaluate(load_bundle("room"), path)


def test_what_a_false_alarm_was_on():
    """A cough heard twice, one whose onset was missed, another sound, and nothing at all."""
    sound = lambda label, at: TrueEvent(label, at, at + 1.0, "P")  # noqa: E731
    found = [Event("cough", at, at + 0.3, 0.9, 0.9) for at in (1.0, 1.6, 5.6, 9.2, 20.0)]
    outcome = Outcome(
        "a.wav", "cough", (sound("cough", 1.0), sound("cough", 5.0)), tuple(found), ((0, 0),),
        0.1, (sound("sneeze", 9.0), sound("snore", 30.0)), np.zeros((0, 6), np.int8),
    )  # fmt: skip
    bundle = load_bundle("room")
    told = closer_look(bundle, bundle.rules[0], [outcome])
    assert told["false_alarms_by_sound"] == {
        "cough counted twice": 1,
        "cough at another onset": 1,
        "sneeze": 1,
        "background": 1,
    }
    assert told["false_alarms_per_1000_others"] == 500.0


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--predictions", "m.csv"], 64, "named twice"),
        (["--predictions", "x.csv", "--html", "x.csv"], 64, "named twice"),
        (["--predictions", "nowhere/x.csv"], 74, "no folder nowhere"),
    ],
)
def test_outputs_are_checked_before(options, code, said, tmp_path, monkeypatch, capsys):
    """No output takes the manifest's place or another's, and a folder that is not there is told."""
    monkeypatch.chdir(tmp_path)
    Path("m.csv").write_text("path,label_event,start_s,end_s\nno.wav,cough,0,1\n")
    assert main(["evaluate", "--manifest", "m.csv", *options]) == code
    assert said in capsys.readouterr().err
    assert "no.wav" in Path("m.csv").read_text()


def test_a_recording_in_which_nothing_is_heard_counts(tmp_path):
    """A row without a label needs no times, and gives hours without a sound; the columns stay."""
    sf.write(tmp_path / "quiet.wav", np.zeros(16_000 * 9), RATE_HZ, "PCM_16")
    path, rows_file = tmp_path / "m.csv", tmp_path / "rows.csv"
    path.write_text("path,label_event,start_s,end_s\nquiet.wav,,,\n")
    command = ["evaluate", "--manifest", str(path), "--predictions", str(rows_file), "--json"]
    assert main(command) == 0
    assert rows_file.read_text() == "path,start_s,end_s,truth,predicted,p_cough\n"
    report, rows = evaluate(load_bundle("room"), path)
    assert rows == []
    assert report["labels"]["cough"]["hours"] == 0.0025
    cough = report["labels"]["cough"]
    assert cough["others"] == 0
    for share_of_nothing in ("sensitivity", "precision", "f1", "count_concordance"):
        assert cough[share_of_nothing] is None
    assert cough["false_alarms_per_hour"] == 0.0
    assert "sensitivity –" in in_words(report)[0]


def test_the_bootstrap_resamples_clusters():
    """One person with every hit widens the interval; many alike people do not."""
    alike = [(5, 10)] * 50
    assert bootstrap(alike, lambda s: ratio(s[0], s[1])) == (0.5, 0.5)
    uneven = [(10, 10), *[(0, 1)] * 10]
    low, high = bootstrap(uneven, lambda s: ratio(s[0], s[1]))
    assert low < 0.1 < 0.7 < high
    assert all(math.isnan(bound) for bound in bootstrap([(1, 2)], lambda s: ratio(s[0], s[1])))


def test_the_bootstrap_of_nothing_is_not_a_number():
    """A ratio that is undefined in every resample has no interval, and no warning."""
    low, high = bootstrap([[0.0, 0.0]] * 5, lambda sums: ratio(sums[0], sums[1]))
    assert math.isnan(low)
    assert math.isnan(high)


def test_the_bootstrap_covers_a_known_rate():
    """For people drawn around a known rate, about 95 of 100 intervals hold it."""
    rng = np.random.default_rng(1)
    held = 0
    for trial in range(100):
        rates = rng.beta(6, 4, 40)
        people = [(rng.binomial(10, rate), 10) for rate in rates]
        low, high = bootstrap(people, lambda s: ratio(s[0], s[1]), seed=trial)
        held += low <= 0.6 <= high
    assert 88 <= held <= 100

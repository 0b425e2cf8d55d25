"""`airway-train evaluate` on recordings labelled by disease: a row each, figures by person too."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf

from edge.bundle import load_bundle
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.screening import Screener
from train_export.screen.corpus import read_manifest
from train_export.screen.evaluate import evaluate, figures, in_words

COLUMNS = ("path", "subject", "label_event", "label_disease", "start_s", "end_s", "recorder")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Eight made-up chests of four people, two of them asthmatic, and one without a disease."""
    folder = tmp_path_factory.mktemp("screen")
    pcm = load_bundle("screen-chest").golden["pcm"]
    rng = np.random.default_rng(0)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(9):
            noisy = pcm + rng.normal(0, 40 * (number + 1), len(pcm))
            sf.write(folder / f"{number}.wav", noisy.round().astype(np.int16), 4_000, "PCM_16")
            disease = "" if number == 8 else ("Asthma", "Normal")[number // 2 % 2]
            writer.writerow((f"{number}.wav", f"P{number // 2}", "", disease, "", "", "Littmann"))
    return folder / "manifest.csv"


def test_the_command_writes_the_report_and_a_row_for_each_recording(manifest, tmp_path):
    """JSON on standard output, the contract's columns first in the predictions file."""
    rows_csv = tmp_path / "rows.csv"
    command = [
        sys.executable, "-m", "train_export.cli", "evaluate", "--bundle", "screen-chest",
        "--manifest", str(manifest), "--json", "--predictions", str(rows_csv),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["recordings"] == 8
    assert (report["people"], report["people_positive"]) == (4, 2)
    for name in ("auroc", "auroc_by_person", "ece", "error_100", "error_80"):
        low, high = report[name]["interval_95"]
        assert low <= high
    with rows_csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:7] == [
        "path", "start_s", "end_s", "truth", "predicted", "p_obstructive", "p_other",
    ]  # fmt: skip
    assert [row["truth"] for row in rows] == ["obstructive"] * 2 + ["other"] * 2 + [
        "obstructive"
    ] * 2 + ["other"] * 2
    for row in rows:
        chances = {label: float(row[f"p_{label}"]) for label in ("obstructive", "other")}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-3)
        assert row["predicted"] == max(chances, key=chances.get)


def test_rows_are_what_the_device_says(manifest):
    """Evaluation has no path of its own: a row is the screener's result."""
    bundle = load_bundle("screen-chest")
    _, rows = evaluate(bundle, manifest)
    pcm, _ = sf.read(manifest.parent / rows[0]["path"], dtype="int16")
    found = Screener(bundle, Classifier(bundle)).screen(pcm, 4_000)
    assert rows[0]["p_obstructive"] == round(found.probabilities["obstructive"], 4)
    assert rows[0]["decision"] == found.decision


def test_figures_follow_the_rows():
    """Perfect probabilities score 1, reversed ones 0, and abstentions count as coverage."""

    def rows(p_of: dict[str, float]) -> list[dict]:
        return [
            {
                "truth": truth, "p_obstructive": p_of[truth], "reasons": "uncertain",
                "decision": "abstain" if number % 2 else truth, "recorder": "Littmann",
            }
            for number, truth in enumerate(["obstructive", "other"] * 6)
        ]  # fmt: skip

    people = np.array([f"P{number}" for number in range(12)])
    good = figures(rows({"obstructive": 0.9, "other": 0.1}), people, "obstructive")
    assert good["auroc"]["value"] == good["auroc_by_person"]["value"] == 1.0
    assert good["decisions"]["coverage"] == 0.5
    assert good["decisions"]["wrong_among_decided"] == 0.0
    bad = figures(rows({"obstructive": 0.1, "other": 0.9}), people, "obstructive")
    assert bad["auroc"]["value"] == 0.0
    assert bad["by_recorder"]["Littmann"]["auroc"] == 0.0


def test_people_that_can_not_be_told_apart_have_no_figure():
    """One name for all, or a person in both groups: figures by recording alone, and an end."""
    rows = [
        {
            "truth": truth, "p_obstructive": 0.5, "reasons": "", "decision": truth,
            "recorder": "",
        }
        for truth in ["obstructive", "other"] * 6
    ]  # fmt: skip
    for people in (["anon"] * 12, ["P1", "P1", *(f"P{number}" for number in range(2, 12))]):
        found = figures(rows, np.array(people), "obstructive")
        assert found["auroc"]["value"] == 0.5
        assert "auroc_by_person" not in found


def test_a_recording_has_one_disease(tmp_path):
    """Two that contradict are told, not chosen from."""
    path = tmp_path / "m.csv"
    path.write_text("path,label_disease\na.wav,Asthma\na.wav,Normal\n")
    with pytest.raises(BadInputError, match=r"line 3: a\.wav is Asthma and Normal"):
        read_manifest(path)


def test_what_the_device_refuses_is_left_out(manifest, tmp_path):
    """A recording longer than the screen takes has no row, and is counted."""
    long = np.zeros(4_000 * 121, np.int16)
    sf.write(manifest.parent / "long.wav", long, 4_000, "PCM_16")
    path = manifest.parent / "long.csv"
    path.write_text("path,label_disease\nlong.wav,Asthma\n0.wav,Asthma\n2.wav,Normal\n")
    report, rows = evaluate(load_bundle("screen-chest"), path)
    assert [row["path"] for row in rows] == ["0.wav", "2.wav"]
    assert report["left_out"] == {"longer than 120 s": 1}


def test_a_disease_may_stand_in_any_row_of_a_file(tmp_path):
    """Rows of events come before the one with the diagnosis; a person need not be named."""
    path = tmp_path / "m.csv"
    path.write_text(
        "\ufeffpath,label_event,start_s,end_s,label_disease\n"
        "b.wav,wheeze,0.5,1,\nb.wav,record:CAS,0,9,Asthma\na.wav,,,,Normal\n"
    )
    first, second = read_manifest(path)
    assert (first.disease, second.disease) == ("Normal", "Asthma")
    assert (second.subject, second.name) == ("b.wav", "b.wav")
    assert second.sounds == {"wheeze"}
    path.write_text("path,label_disease\na.wav\n")
    with pytest.raises(BadInputError, match="line 2: not 2 values"):
        read_manifest(path)


def test_what_no_group_holds_is_left_out(manifest, tmp_path):
    """A disease that nobody knows costs its own recordings alone, and is named."""
    path = tmp_path / "m.csv"
    path.write_text(manifest.read_text().replace("P0,,Asthma", "P0,,Lassitude"))
    for audio in manifest.parent.glob("*.wav"):
        (tmp_path / audio.name).symlink_to(audio)
    report, rows = evaluate(load_bundle("screen-chest"), path)
    assert report["left_out"] == {"Lassitude": 2}
    assert len(rows) == report["recordings"] == 6
    assert "2 of 'Lassitude' left out" in in_words(report)
    path.write_text("path,label_disease\n0.wav,Lassitude\n")
    with pytest.raises(BadInputError, match="'Lassitude' is unknown; use one of"):
        evaluate(load_bundle("screen-chest"), path)


def test_a_manifest_without_a_disease_is_told(tmp_path):
    """Nothing to score is one sentence, not an empty report."""
    (tmp_path / "m.csv").write_text(",".join(COLUMNS) + "\na.wav,P1,,,,,\n")
    with pytest.raises(BadInputError, match="names no disease"):
        evaluate(load_bundle("screen-chest"), tmp_path / "m.csv")

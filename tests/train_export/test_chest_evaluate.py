"""The shipped chest bundle on the device's path: every unit is scored, in the manifest's words."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf

from edge.bundle import load_bundle, shipped_bundles
from edge.capture import open_wav_or_flac
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.pipeline import Pipeline, golden_difference
from edge.readout import readouts_of
from train_export.chest.evaluate import evaluate
from train_export.chest.golden import RATE_HZ, chest_pcm
from train_export.chest.labels import KINDS
from train_export.chest.units import sorted_out
from train_export.quantize import float_tensors

pytestmark = pytest.mark.skipif("chest" not in shipped_bundles(), reason="no chest bundle here")

FIELDS = ("path", "subject", "recorder", "label_event", "start_s", "end_s")
UNITS = (
    ("record:CAS & DAS", 0, 8),
    ("Normal", 0.1, 1.3),
    ("Wheeze", 2.7, 3.6),
    ("Fine Crackle", 5.3, 6.3),
    ("crackle+wheeze", 2.6, 6.4),
)


@pytest.fixture(scope="module")
def bundle():
    """The one that ships."""
    return load_bundle("chest")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Three synthetic children with the same five units each, one at another rate."""
    folder = tmp_path_factory.mktemp("chest")
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for person in range(3):
            pcm, rate_hz = chest_pcm(person), RATE_HZ
            if person == 2:
                pcm, rate_hz = np.repeat(pcm, 2), 2 * RATE_HZ
            sf.write(folder / f"{person}.wav", pcm, rate_hz, "PCM_16")
            for label, start_s, end_s in UNITS:
                row = (f"{person}.wav", f"P{person}", "scope", label, start_s, end_s)
                writer.writerow(dict(zip(FIELDS, row, strict=True)))
            writer.writerow({"path": f"{person}.wav", "label_event": "cough", "start_s": 0})
    return folder / "manifest.csv"


def test_the_shipped_bundle_is_small_and_exact(bundle):
    """At most 150 kB, integers throughout, a readout a kind, and its golden vectors hold."""
    assert len(bundle.model) <= 150_000
    assert float_tensors(bundle.model) == []
    assert {kind: readout.labels for kind, readout in readouts_of(bundle.card).items()} == KINDS
    assert bundle.card["task"] == "chest"
    assert "not a diagnosis" in bundle.card["purpose"]
    features_equal, difference = golden_difference(bundle, Classifier(bundle))
    assert features_equal
    assert difference <= 1


def test_every_unit_is_a_row_in_the_manifests_words(manifest, tmp_path):
    """The command writes a row a unit, and its report counts what the rows say."""
    rows_file = tmp_path / "rows.csv"
    done = subprocess.run(
        [sys.executable, "-m", "train_export.cli", "evaluate", "--bundle", "chest", "--json",
         "--manifest", manifest, "--predictions", rows_file],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    report = json.loads(done.stdout)
    rows = list(csv.DictReader(rows_file.open()))
    assert [row["truth"] for row in rows] == [label for label, _, _ in UNITS] * 3
    for row in rows:
        labels = next(labels for labels in KINDS.values() if row["truth"] in labels)
        assert row["predicted"] in labels
        chances = [float(row[f"p_{label}"]) for label in labels]
        assert sum(chances) == pytest.approx(1, abs=0.002)
    assert set(report["tasks"]) == {"1-1", "1-2", "2-1", "2-2"}
    right = sum(row["truth"] == row["predicted"] == "Normal" for row in rows)
    assert report["tasks"]["1-2"]["SP"] == pytest.approx(right / 3, abs=1e-4)
    assert report["tasks"]["2-2"]["units"] == report["tasks"]["2-2"]["people"] == 3
    assert set(report["icbhi"]["devices"]) == {"scope"}


def test_evaluation_repeats(bundle, manifest):
    """The same bundle and manifest give the same report and rows."""
    assert evaluate(bundle, manifest) == evaluate(bundle, manifest)


def test_a_stretch_behind_the_end_is_told(bundle, manifest, tmp_path):
    """Nothing is scored where there is no sound."""
    lines = manifest.read_text().splitlines()
    path = tmp_path / "m.csv"
    name = str((manifest.parent / lines[1].split(",")[0]).resolve())
    row = dict.fromkeys(lines[0].split(","), "") | {
        "path": name, "label_event": "Wheeze", "start_s": "1000", "end_s": "1001",
    }  # fmt: skip
    path.write_text(lines[0] + "\n" + ",".join(row.values()) + "\n")
    with pytest.raises(BadInputError, match="ends before 1001 s"):
        evaluate(bundle, path)
    path.write_text(path.read_text().replace("1000", "0"))
    with pytest.raises(BadInputError, match="ends before 1001 s"):
        evaluate(bundle, path)


def test_rows_keep_the_manifests_order(bundle, manifest, tmp_path):
    """However the units of several recordings are mixed, a row stands where its unit does."""
    header, *lines = manifest.read_text().splitlines()
    mixed = [f"{manifest.parent.resolve()}/{line}" for line in lines[::2] + lines[1::2]]
    (tmp_path / "m.csv").write_text("\n".join([header, *mixed]))
    listed = [line.split(",") for line in mixed if ",cough," not in line]
    rows = evaluate(bundle, tmp_path / "m.csv")[1]
    assert [(row["path"], row["truth"]) for row in rows] == [(r[0], r[3]) for r in listed]


def test_a_row_twice_stands_at_both_its_places(bundle, manifest, tmp_path):
    """A row a unit, also where a unit is listed again: who compares row by row finds them."""
    header, *lines = manifest.read_text().splitlines()
    chest = [f"{manifest.parent.resolve()}/{line}" for line in lines if ",cough," not in line]
    twice = [*chest, chest[0]]
    (tmp_path / "m.csv").write_text("\n".join([header, *twice]))
    rows = evaluate(bundle, tmp_path / "m.csv")[1]
    assert [(row["path"], row["truth"]) for row in rows] == [
        (fields[0], fields[3]) for fields in (line.split(",") for line in twice)
    ]
    assert rows[0] == rows[-1]


def test_the_last_moment_of_a_recording_is_scored(bundle, manifest, tmp_path):
    """An event too short and too late for a frame is silence to the network, and no fault."""
    wav = (manifest.parent / "0.wav").resolve()
    end_s = open_wav_or_flac(wav).duration_s
    path = tmp_path / "m.csv"
    path.write_text(f"path,label_event,start_s,end_s\n{wav},Wheeze,{end_s - 0.001},{end_s}\n")
    report, rows = evaluate(bundle, path)
    assert report["tasks"]["1-2"]["units"] == len(rows) == 1


def test_a_recording_that_was_cut_short_is_refused(bundle, manifest, tmp_path):
    """As by the device: what its header promises and the file lacks would be scored as sound."""
    whole = (manifest.parent / "0.wav").read_bytes()
    (tmp_path / "half.wav").write_bytes(whole[: len(whole) // 2])
    path = tmp_path / "m.csv"
    path.write_text("path,label_event,start_s,end_s\nhalf.wav,record:Normal,0,9\n")
    with pytest.raises(BadInputError, match="cut short"):
        evaluate(bundle, path)


def test_a_record_without_times_is_its_whole_file(bundle, manifest, tmp_path):
    """Blank times score as the times of the whole recording do."""
    wav = (manifest.parent / "0.wav").resolve()
    whole = open_wav_or_flac(wav)
    path = tmp_path / "m.csv"
    found = []
    for times in (",", f"0,{whole.duration_s}"):
        path.write_text(f"path,label_event,start_s,end_s\n{wav},record:Normal,{times}\n")
        report, rows = evaluate(bundle, path)
        found.append((report["tasks"]["2-2"]["units"], rows))
    assert found[0] == found[1]
    assert found[0][0] == 1


def test_records_are_not_mistaken_for_events(tmp_path):
    """SPRSound's own words for records are refused with the ones that tell them from events."""
    path = tmp_path / "m.csv"
    path.write_text("path,label_event,start_s,end_s\na.wav,CAS & DAS,0,9\nb.wav,Normal,0,9\n")
    with pytest.raises(BadInputError, match="write record:CAS & DAS and record:Normal"):
        sorted_out(path)


def test_a_label_in_other_letters_is_the_same(tmp_path):
    """Letters matter where they tell an event from a cycle; other labels are told."""
    path = tmp_path / "m.csv"
    labels = ("fine crackle", "RECORD:cas", "wheeze", "Wheeze", "cough")
    path.write_text(
        "path,label_event,start_s,end_s\n" + "".join(f"a.wav,{label},0,1\n" for label in labels)
    )
    units, others = sorted_out(path)
    assert [(unit.kind, unit.label) for unit in units] == [
        ("event", "Fine Crackle"), ("record", "record:CAS"), ("cycle", "wheeze"),
        ("event", "Wheeze"),
    ]  # fmt: skip
    assert others == {"cough": 1}


def test_a_manifest_without_units_is_refused(bundle, tmp_path):
    """A room's manifest has nothing to score, and that is told."""
    path = tmp_path / "m.csv"
    path.write_text("path,label_event,start_s,end_s\na.wav,cough,0,1\n")
    with pytest.raises(BadInputError, match="no event, record or cycle"):
        evaluate(bundle, path)


def test_replay_hears_the_same_in_blocks_of_any_size(bundle, manifest):
    """Events of the stream keep their order and do not depend on how the audio arrives."""
    found = []
    for block_s in (0.07, 1.0):
        recording = open_wav_or_flac(manifest.parent / "0.wav")
        pipeline = Pipeline(bundle, Classifier(bundle), recording.rate_hz)
        blocks = recording.blocks(int(block_s * recording.rate_hz))
        events = [event for block in blocks for event in pipeline.push(block)]
        found.append(events + pipeline.finish())
    assert found[0] == found[1]
    for event in found[0]:
        assert event.label in ("crackle", "wheeze")
        assert 0 <= event.onset_s < event.offset_s
        assert 0 <= event.p <= 1

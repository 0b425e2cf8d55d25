"""A table of features: read with its faults named, trained, int8, reported."""

import json

import numpy as np
import pytest

from edge.errors import BadInputError, UsageError
from train_export import table as tables
from train_export.cli import main
from train_export.quantize import float_tensors
from train_export.readers.table import Table, read_features


def write_table(path, people=24, rows_each=8, grouped=True):
    """Synthetic: three labels around three centres; features of very different sizes.

    One label is four times as rare. Returns the header.
    """
    rng = np.random.default_rng(0)
    sizes = np.array([1.0, 4000.0, 0.002, 1.0, 50.0])
    centres = np.array([[0, 0, 0, 0, 1], [2.5, -2, 0, 0, 1], [0, 2.5, 2.5, 0, 1]])
    names = ["subject"] * grouped + ["rate", "power", "slope", "noise", "offset", "label"]
    lines = [",".join(names)]
    for person in range(people):
        habit = rng.normal(0, 0.3, 5)
        for _ in range(rows_each):
            kind = int(rng.choice(3, p=[0.45, 0.45, 0.1]))
            values = (centres[kind] + habit + rng.normal(0, 0.6, 5)) * sizes
            who = [f"P{person}"] * grouped
            lines.append(",".join([*who, *(f"{value:.6g}" for value in values), "abc"[kind]]))
    path.write_text("\n".join(lines) + "\n")
    return names


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The command's output for a synthetic table; skips without TensorFlow."""
    pytest.importorskip("sklearn")
    if not tables_can_train():
        pytest.skip("the train extra is not installed")
    folder = tmp_path_factory.mktemp("table")
    write_table(folder / "sample_data.csv")
    out = folder / "model"
    command = ["train", "--features", str(folder / "sample_data.csv"), "--out", str(out)]
    assert main([*command, "--seed", "0"]) == 0
    return folder / "sample_data.csv", out


def tables_can_train() -> bool:
    """Whether TensorFlow is there."""
    import importlib.util

    return importlib.util.find_spec("keras") is not None


def test_a_table_becomes_an_int8_model_that_tells_the_labels(trained):
    """int8 throughout, most of the people it never saw right, and near the float network."""
    _, out = trained
    assert float_tensors((out / "model.tflite").read_bytes()) == []
    card = json.loads((out / "labels.json").read_text())
    matrix = np.array(card["test"]["confusion"])
    recalls = np.diag(matrix) / matrix.sum(axis=1)
    assert recalls.mean() > 0.8  # three labels: chance is 0.33
    assert card["test"]["agreement_with_float"] >= 0.95
    report = (out / "report.md").read_text()
    assert "| label | precision | recall | F1 | samples |" in report


def test_the_card_is_enough_to_use_the_model(trained):
    """The formula of labels.json, applied by hand, gives the report's own confusion matrix."""
    path, out = trained
    card = json.loads((out / "labels.json").read_text())
    table = read_features(path)
    _, _, test = tables.split(table, 0)
    raw = table.features[test] * card["input"]["multiplier"] + card["input"]["offset"]
    samples = np.clip(np.round(raw), -128, 127).astype(np.int8)
    found = tables.predict((out / "model.tflite").read_bytes(), samples)
    matrix = np.zeros((3, 3), int)
    for label, number in zip(table.labels[test].tolist(), found, strict=True):
        matrix[card["labels"].index(label), number] += 1
    assert matrix.tolist() == card["test"]["confusion"]


def test_nobody_is_in_two_parts(tmp_path):
    """People of a group column train, validate or test; without one, rows do."""
    for grouped in (True, False):
        write_table(tmp_path / "t.csv", grouped=grouped)
        table = read_features(tmp_path / "t.csv")
        parts = tables.split(table, 0)
        people = [set(table.groups[part].tolist()) for part in parts]
        assert people[0].isdisjoint(people[1] | people[2])
        assert people[1].isdisjoint(people[2])
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(table.labels)))
        assert all(set(table.labels[part].tolist()) == set("abc") for part in parts)


def test_every_part_has_every_label_or_none_is_made():
    """Three people a label are few: where a part would lack one, the split is refused."""
    refused = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        people = {label: rng.choice(9, 3, replace=False) for label in "abc"}
        rows = [(label, f"P{who}") for label in "abc" for who in (*people[label], *people[label])]
        labels, groups = (np.array(column) for column in zip(*rows, strict=True))
        table = Table(np.zeros((len(rows), 1)), labels, groups, ("f",), True)
        try:
            parts = tables.split(table, seed)
        except BadInputError as error:
            refused += "is left to train on" in str(error)
        else:
            assert all(set(labels[part].tolist()) == set("abc") for part in parts)
    assert refused > 0


@pytest.mark.parametrize(
    "name",
    ["patient", "Subject_ID", "patient id", "PatientID", "participant", "Speaker", "user_no"],
)
def test_whose_a_sample_is_goes_by_many_names(tmp_path, name):
    """However people call that column, it keeps people apart and is no feature."""
    write_table(tmp_path / "t.csv")
    content = (tmp_path / "t.csv").read_text().replace("subject", name, 1)
    (tmp_path / "t.csv").write_text(content)
    table = read_features(tmp_path / "t.csv")
    assert table.grouped
    assert name not in table.names


def test_a_group_may_be_the_label(tmp_path):
    """Where a subject is named, the last column is the label, whatever it is called."""
    write_table(tmp_path / "t.csv")
    content = (tmp_path / "t.csv").read_text().replace("label", "group", 1)
    (tmp_path / "t.csv").write_text(content)
    table = read_features(tmp_path / "t.csv")
    assert table.grouped
    assert set(table.labels) == set("abc")


def test_the_group_column_is_no_feature(tmp_path):
    """Names of people never reach the network."""
    names = write_table(tmp_path / "t.csv")
    assert read_features(tmp_path / "t.csv").names == tuple(names[1:-1])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1,2,a\n3,4,b\n", r"line 1: give a header"),
        ("x,y,label\n1,2,a\n1,oops,b\n", r"line 3, column 'y': 'oops'"),
        ("x,y,label\n1,nan,a\n", r"line 2, column 'y': 'nan'"),
        ("x,y,label\n1,2\n", r"line 2: 2 values, the header has 3"),
        ("x,y,label\n1,2,\n", r"line 2, column 'label': no label"),
        ("x,y,label\n1,2,a\n1,2,a\n1,2,a\n", r"1 labels in the last column"),
        ("x,y,label\n1,2,a\n1,2,a\n1,2,a\n1,2,b\n", r"label 'b' has 1 people or rows"),
        ("x,y,subject\n1,2,a\n", r"the last column is 'subject'"),
        ("id,x,label\n1,2,a\n", r"'id' is no feature; call it subject"),
        ("patient,person,x,label\n1,2,3,a\n", r"'patient' and 'person' say whose"),
        ("subject,label\n1,a\n", r"no column of a feature"),
        ('x,y,label\n1,"2,a\n' + "1,2,a\n" * 40_000, r"line \d+: field larger"),
    ],
)
def test_faults_name_the_line_and_the_column(tmp_path, content, says):
    """Each fault of a table gets one sentence with its place."""
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(BadInputError, match=says):
        read_features(path)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--features", "t.csv", "--teacher", "y.tflite"], "--teacher does not go with --features"),
        (["--features", "t.csv", "--processors", "2"], "--processors does not go with --features"),
        (["--features", "t.csv", "--epochs", "2"], "--epochs does not go with --features"),
        (["--corpus", "c", "--pretrained", "y"], "--pretrained does not go with --profile room"),
        (["--corpus", "c", "--steps", "9"], "--steps does not go with --profile room"),
        (
            ["--profile", "chest", "--corpus", "c", "--false-alarms", "1"],
            "--false-alarms does not go with --profile chest",
        ),
        (
            ["--corpus", ".", "--profile", "chest", "--resume"],
            "--resume does not go with --profile chest",
        ),
        (
            ["--corpus", ".", "--profile", "screen-chest", "--epochs", "12"],
            "--epochs does not go with --profile screen-chest",
        ),
    ],
)
def test_what_only_another_way_knows_is_refused(tmp_path, capsys, given, says):
    """An option that a way of training would ignore ends it before it begins, as wrong usage."""
    assert main(["train", *given, "--out", str(tmp_path / "out")]) == UsageError.exit_code
    assert f"{says}; leave it out" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

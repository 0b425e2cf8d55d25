"""The one page of all benchmarks: rows with their commands and labels, and failures that show."""

import json
import sys

import pytest

from benchmarks import overview
from benchmarks.overview import Step, carry_out, kept, main, page, steps
from benchmarks.rows import Row, read, write
from edge.bundle import load_bundle, shipped_bundles

GOOD = """
import json, sys
row = dict(section="Frontend", what="a | b", figure="7 times", how="measured", peer=True)
json.dump([row], open(sys.argv[sys.argv.index("--rows") + 1], "w"))
"""
BAD = GOOD + "sys.exit('the board is on fire: ' + __file__)"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place for the page beside two benchmarks of which one fails after its first row."""
    package = tmp_path / "benchmarks"
    package.mkdir()
    (package / "good.py").write_text(GOOD)
    (package / "bad.py").write_text(BAD)
    monkeypatch.setattr(overview, "HERE", package)
    monkeypatch.setattr(overview, "steps", lambda yamnet: [Step("good", "good.md"), Step("bad")])
    return package


def run(monkeypatch, *words: str) -> int:
    """The command's exit code."""
    monkeypatch.setattr(sys, "argv", ["overview", *words])
    return main()


def test_a_row_comes_with_its_command_and_label(folder, monkeypatch):
    """What a benchmark writes is on the page, a peer as such, and its bar breaks no table."""
    assert run(monkeypatch, "--only", "good") == 1  # the other one has not run yet
    text = (folder / "README.md").read_text()
    command = "`python -m benchmarks.good`"
    assert f"| *peer:* a / b | 7 times | measured | {command} |" in text
    assert f"| {command} | [good.md](good.md) |" in text
    for name in shipped_bundles():
        assert f"{name} {load_bundle(name).version} (card {load_bundle(name).digest[:12]})" in text


def test_a_failure_is_on_the_page(folder, monkeypatch):
    """A benchmark that ends badly is named with its last words, keeps its row, and is code 1."""
    assert run(monkeypatch) == 1
    text = (folder / "README.md").read_text()
    assert "- `python -m benchmarks.bad`: the board is on fire: benchmarks/bad.py\n" in text
    assert text.count("| 7 times |") == 2
    (folder / "bad.py").write_text(GOOD)
    assert run(monkeypatch, "--only", "bad") == 0
    assert "on fire" not in (folder / "README.md").read_text()
    assert json.loads((folder / "rows.json").read_text())[1]["failure"] == ""


def test_no_machine_path_is_kept(folder, tmp_path):
    """A peer's model is told by its name, not by where it lies."""
    step = Step("good", options=("--yamnet", str(tmp_path / "yamnet.tflite")))
    outcome = carry_out(step)
    overview.keep(folder / "rows.json", [outcome])
    assert outcome.command == "python -m benchmarks.good --yamnet yamnet.tflite"
    assert str(tmp_path) not in (folder / "rows.json").read_text()
    assert page([outcome]) == page(list(kept(folder / "rows.json").values()))


def test_every_step_is_a_benchmark_that_takes_rows():
    """The real steps name modules beside the page, and each of them offers --rows."""
    for step in steps(None):
        source = (overview.HERE / f"{step.name}.py").read_text()
        assert "add_option(parser)" in source
        assert "write(arguments.rows" in source
        assert not step.page or 'with_suffix(".md")' in source or step.page in source


def test_rows_are_read_as_written(tmp_path):
    """A row survives its file, and one that fits no section or label is refused."""
    rows = [Row("Watch", "on a core", "3 bytes", "counted"), Row("Fleet", "ü", "1 s", "measured")]
    write(tmp_path / "rows.json", rows)
    assert read(tmp_path / "rows.json") == rows
    with pytest.raises(ValueError, match="section='Wat'"):
        Row("Wat", "", "", "measured")
    with pytest.raises(ValueError, match="how='guessed'"):
        Row("Watch", "", "", "guessed")

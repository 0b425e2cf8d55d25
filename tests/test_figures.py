"""The figures in docs are those of the cards, to the last digit that is written."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edge.card import measured_detectors

ROOT = Path(__file__).resolve().parents[1]
SPRSOUND = ("SE", "SP", "AS", "HS")


def card(name: str) -> dict[str, Any]:
    """A shipped bundle's card."""
    return json.loads((ROOT / "edge" / "models" / name / "card.json").read_text())


def rows(page: str, heading: str = "") -> dict[str, list[str]]:
    """Rows of the tables below a line of text, by their first cell, up to the next prose."""
    text = (ROOT / "docs" / page).read_text()
    assert heading in text
    lines = text[text.index(heading) :].splitlines()[1:]
    table: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("|"):
            first, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            table[first] = cells
        elif table and line.strip():
            break
    return table


def interval(value: float, bounds: list[float]) -> str:
    """As pages write a figure with its interval."""
    return f"{value:.3f} [{bounds[0]:.3f}, {bounds[1]:.3f}]"


def chest_row(numbers: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """The cells of a task."""
    return [
        f"{numbers['units']:,}, {numbers['people']}",
        *(f"{numbers[name]:.3f}" for name in names),
        interval(numbers["Score"], numbers["Score_95"]),
    ]


@pytest.mark.parametrize(
    ("heading", "figures"),
    [
        ("Patient-grouped cross-validation on", "cross_validation"),
        ("SPRSound's intra-subject test. Events", "test_intra"),
    ],
)
def test_the_tasks_are_the_cards(heading: str, figures: str):
    """SPRSound's four tasks, cross-validated and on the intra-subject test."""
    measured = card("chest")["figures"][figures]
    shown = {
        name[:3]: cells for name, cells in rows("chest.md", heading).items() if name[0] in "12"
    }
    assert shown == {
        task: chest_row(numbers, SPRSOUND) for task, numbers in measured.items() if task != "icbhi"
    }
    assert len(shown) == 4


def test_the_cycles_are_the_cards():
    """ICBHI's score on both halves, and of each device."""
    figures = card("chest")["figures"]
    shown = list(rows("chest.md", "ICBHI, four classes").values())[2:]
    test = figures["icbhi_test"]
    wanted = [figures["cross_validation"]["icbhi"], test["all"], *test["devices"].values()]
    assert shown == [chest_row(numbers, ("Sp", "Se")) for numbers in wanted]


def test_a_weak_result_is_said():
    """What is not surely better than always saying normal says so, on the page and on the card."""
    chest = card("chest")
    assert chest["figures"]["icbhi_test"]["all"]["Score_95"][0] < 0.5
    said = "not surely better than always saying"
    assert said in (ROOT / "docs" / "chest.md").read_text()
    assert any(said in limit for limit in chest["limits"])


def test_the_network_is_the_one_that_the_card_names():
    """The page says of whom the shipped network was trained as the card does."""
    text = (ROOT / "docs" / "chest.md").read_text()
    assert "trained on everybody" in card("chest")["protocol"]["network"]
    assert "ships trains on everybody" in text
    assert f"{card('chest')['protocol']['steps']:,} steps a" in text


def test_the_stream_is_the_cards():
    """Each sound's events found in a stream, as the card has them."""
    shown = rows("chest.md", "| sound | annotated")
    figures = card("chest")["figures"]["events_cross_validation"]
    for sound, found in figures.items():
        rates = (f"{found[name]:.2f}" for name in ("sensitivity", "precision", "f1"))
        assert shown[sound] == [str(found["true"]), *rates]
    assert len(figures) == 2


def test_the_screens_figures_are_the_cards():
    """Main figures, baselines, other questions and every refused kind."""
    figures = card("screen-chest")["figures"]
    table = rows("screening.md", "| figure |")
    main, bases = figures["obstructive"], figures["baselines"]

    def said(entry: dict[str, Any], value: str = "value") -> str:
        return interval(entry[value], entry["interval_95"])

    assert table["AUROC"][0] == said(main["auroc"])
    assert table["AUROC by person"][0] == said(main["auroc_by_person"])
    assert table["baseline: age and sex"][0] == said(bases["metadata_age_sex"], "auroc")
    device = table["baseline: the device's filter mode"][0]
    assert device == said(bases["device_filter_mode"], "auroc")
    assert table["error, every recording decided"][0] == said(main["error_100"])
    assert table["error, the surest 80 % decided"][0] == said(main["error_80"])
    error = table["calibration error (ECE, 5 bins)"][0]
    assert error.startswith(said(main["ece"]))
    assert f"{main['ece_of_perfect_probabilities']:.3f}" in error
    others = rows("screening.md", "| label | people |")
    for label, entry in figures["other_questions"].items():
        alone = said(entry["metadata_age_sex"], "auroc")
        assert others[label] == [str(entry["people_positive"]), said(entry, "auroc"), alone]
    networks = rows("screening.md", "| network |")
    for number, entry in enumerate(figures["other_networks"], start=1):
        assert networks[f"without part {number}"] == [said(entry, "auroc")]
    sounds = rows("screening.md", "| sound | people |")
    for sound, entry in figures["sounds"].items():
        shares = [
            f"{100 * entry[name]:.0f} %"
            for name in ("stretches_of_recordings_with_it", "stretches_of_others")
        ]
        assert sounds[sound] == [str(entry["people_positive"]), said(entry, "auroc"), *shares]
    kinds = rows("screening.md", "| kind |")
    for kind, entry in figures["novelty"].items():
        refused = f"{100 * entry['refused']:.0f} %"
        assert kinds[kind] == [str(entry["recordings"]), f"{entry['auroc']:.3f}", refused]


def test_the_trends_summary_is_that_of_its_tables():
    """How many homes reach the aim, and in how many nobody could, are counted from the cells."""
    measured = (ROOT / "benchmarks" / "trend.md").read_text()
    year = measured[: measured.index("## Coughs in spells")]
    cells = re.findall(r"(\*\*)?([\d.]+) / (\d+) %(?:\*\*)? · (\d+) % · (\d+) %", year)
    assert len(cells) == 96
    for bold, false, found, _, _ in cells:
        assert bool(bold) == (float(false) <= 1 and int(found) >= 90)
    reached, knowing = (sum(bool(c[0]) for c in cells), sum(int(c[3]) >= 90 for c in cells))
    beyond = sum(int(c[4]) < 90 for c in cells)
    flat = {
        name: " ".join((ROOT / name / "trend.md").read_text().split())
        for name in ("benchmarks", "docs")
    }
    said = f"reaches the aim in {reached}, the knowing chart in {knowing}, and in {beyond} no alert"
    assert said in flat["benchmarks"]
    assert f"Of the 96 kinds of home, the bound lies below 90 % in {beyond};" in flat["docs"]
    assert (
        f"reaches the aim in {reached}, and one that knows the household in {knowing}"
        in (flat["docs"])
    )
    worst = max(float(c[1]) for c in cells)
    assert f"up to {worst:.1f} in the simulation" in flat["docs"]


def test_nights_are_corrected_by_figures_of_a_home():
    """The shipped room's detector is the one measured at a home's density of other sounds."""
    shipped = card("room")
    home, dense = (shipped["figures"][name]["cough"] for name in ("home", "validation"))
    assert home["false_alarms_per_hour"] < dense["false_alarms_per_hour"]
    detector = measured_detectors(shipped, ("cough",))["cough"]
    assert detector.false_alarms_per_hour == home["false_alarms_per_hour"]
    assert (detector.sensitivity, detector.sounds) == (home["sensitivity"], home["true"])

"""The report: one page that reads, a table that pandas reads, and FHIR R4 that validates."""

import io
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edge import cli
from edge.errors import BadInputError, TryAgainError, UsageError
from edge.pages.texts import language
from edge.records import Heard, Night
from edge.report import csv_table, fhir_bundle, html_page, pdf_page, report_of
from edge.report.content import MOST_DAYS, Report
from edge.store import Reader, Store
from edge.trend import NightView, views

EN, ZH = language("en"), language("zh")
FIRST, LAST = date(2026, 2, 1), date(2026, 3, 1)
START_S = 1_769_979_600.0  # 2026-02-01T21:00:00Z
MISSING = [date(2026, 2, 12), date(2026, 2, 13)]


@pytest.fixture(scope="module")
def report(history: Path) -> Report:
    """February of the synthetic history."""
    with Reader(history) as reader:
        return report_of(views(reader.nights(math.inf)), "bedroom", FIRST, LAST)


def long_report(days: int) -> Report:
    """So many nights, each second one with an alert: the most that there can be to tell."""
    nights = [
        NightView(
            FIRST + timedelta(days=k),
            9,
            3e4,
            3.0,
            1.0,
            900.0,
            1.5,
            4.0,
            k % 2 == 0,
            True,
            START_S + k * 86_400.0,
            START_S + k * 86_400.0 + 32_400.0,
        )
        for k in range(days)
    ]
    return report_of(nights, "n" * 64, FIRST, nights[-1].date)


def test_the_figures_are_those_of_the_nights(report: Report):
    """Coverage, counts and alerts are sums over the monitored nights, and no night is invented."""
    assert len(report.days) == 29
    assert len(report.monitored) == 27
    assert report.coughs == sum(night.coughs for night in report.monitored)
    assert report.listened_s == pytest.approx(sum(n.covered_s for n in report.monitored))
    (alert,) = report.alerts
    assert date(2026, 2, 24) <= alert.first <= date(2026, 2, 27)  # ill since the 24th
    assert alert.last == LAST
    figures = dict(report.figures(EN))
    assert figures["Nights monitored"] == "27 of 29"
    assert figures["Coughs reported"] == str(report.coughs)


def test_an_alert_keeps_its_first_day(history: Path, report: Report):
    """A period that begins inside an alert says when it really began, and ends where it ends."""
    (alert,) = report.alerts
    inside = LAST - timedelta(days=1)
    with Reader(history) as reader:
        short = report_of(views(reader.nights(math.inf)), "bedroom", inside, inside)
    assert short.alerts == [replace(alert, last=inside)]
    assert EN("alert_span", first=EN.day(alert.first), last=EN.day(inside)) in html_page(
        short, EN, "1.0"
    )


def test_pandas_reads_the_table(report: Report):
    """Types come out right, and an unmonitored night is empty instead of zero."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(io.StringIO(csv_table(report)), parse_dates=["night"])
    assert list(table["night"].dt.date) == [day for day, _ in report.days]
    empty = table[table["coughs_per_h"].isna()]
    assert list(empty["night"].dt.date) == MISSING
    assert (empty["listened_h"] == 0).all()
    assert empty["coughs_reported"].isna().all()
    full = table.dropna(subset=["coughs_per_h"])
    assert (full["coughs_per_h_low95"] <= full["coughs_per_h"]).all()
    assert (full["coughs_per_h"] <= full["coughs_per_h_high95"]).all()
    assert full["coughs_reported"].sum() == report.coughs
    assert full["alert"].sum() == sum(night.alert for night in report.kept) > 1


@pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])
def test_fhir_validates_as_r4(report: Report, t):
    """Each resource passes the strict models of FHIR 4.0.1, and comes back as it was."""
    bundle_model = pytest.importorskip("fhirclient.models.bundle")
    bundle = json.loads(json.dumps(fhir_bundle(report, t, "1.0")))
    parsed = bundle_model.Bundle(bundle, strict=True)
    assert parsed.as_json() == bundle
    kinds = [entry.resource.resource_type for entry in parsed.entry]
    assert kinds == ["Device"] + ["Observation"] * 29


def test_the_r4_models_can_refuse(report: Report):
    """The check above is one: a wrong type, an unknown element and a missing code are found."""
    observation = pytest.importorskip("fhirclient.models.observation")
    from fhirclient.models.fhirabstractbase import FHIRValidationError

    good = fhir_bundle(report, EN, "1.0")["entry"][1]["resource"]
    observation.Observation(good, strict=True)
    for change in ({"valueQuantity": {"value": "3"}}, {"rate": 3}, {"code": None}):
        with pytest.raises(FHIRValidationError):
            observation.Observation({**good, **change}, strict=True)


def test_fhir_says_no_more_than_is_known(report: Report):
    """No published code is claimed, references resolve, and an unmonitored night has no value."""
    bundle = fhir_bundle(report, EN, "1.0")
    text = json.dumps(bundle)
    assert "loinc" not in text.lower()
    assert "snomed" not in text.lower()
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    device, *nights = (entry["resource"] for entry in bundle["entry"])
    assert "not a diagnosis" in device["note"][0]["text"]
    for (day, _), night in zip(report.days, nights, strict=True):
        assert night["device"]["reference"] == urls[0]
        assert ("valueQuantity" in night) != ("dataAbsentReason" in night)
        assert ("dataAbsentReason" in night) == (day in MISSING)
        if day not in MISSING:
            assert night["valueQuantity"]["code"] == "/h"
        period = night["effectivePeriod"]  # a night lies on two days
        start, end = (datetime.fromisoformat(period[name]) for name in ("start", "end"))
        assert start.date() == day
        assert end - start == timedelta(hours=12)


def test_nothing_is_told_of_a_day_without_a_night(report: Report):
    """Who imported a night before it was deleted here keeps what was told of it."""
    gone = replace(report, days=[(report.first, None), *report.days[1:]])
    entries = fhir_bundle(gone, EN, "1.0")["entry"]
    assert len(entries) == 29
    assert entries[1:] == fhir_bundle(report, EN, "1.0")["entry"][2:]
    assert csv_table(gone).splitlines()[1] == "2026-02-01,bedroom" + "," * 9


def test_what_is_being_learnt_is_not_told_as_no_alert(report: Report):
    """Before the usual range is known a night has no alert and no lack of one, in every form."""
    night = replace(report.monitored[0], alert=None)
    young = report_of([night], "bedroom", night.date, night.date)
    (resource,) = (entry["resource"] for entry in fhir_bundle(young, EN, "1.0")["entry"][1:])
    codes = [part["code"]["coding"][0]["code"] for part in resource["component"]]
    assert "alert" not in codes
    assert csv_table(young).splitlines()[1].endswith(",")
    assert young.alerts == []


@pytest.mark.parametrize(("t", "words"), [(EN, "not a diagnosis"), (ZH, "不作诊断")])
@pytest.mark.parametrize("days", [1, 29, MOST_DAYS])
def test_the_pdf_is_one_page_that_holds_everything(t, words: str, days: int):
    """Also with a year of nights and alerts: one A4 page, with the figures and the notice."""
    pypdf = pytest.importorskip("pypdf")
    report = long_report(days)
    reader = pypdf.PdfReader(io.BytesIO(pdf_page(report, t, "1.0")))
    assert len(reader.pages) == 1
    page = reader.pages[0]
    assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]
    heights: list[float] = []

    def note(part, matrix, text_matrix, _font, _size):
        if part.strip() and not part.startswith("Airway 1.0"):  # the foot of the page
            heights.append(matrix[3] * text_matrix[5] + matrix[5])

    text = page.extract_text(visitor_text=note)
    flat = re.sub(r"\s", "", text)
    assert re.sub(r"\s", "", words) in flat
    for name, value in report.figures(t):
        assert re.sub(r"\s", "", name) in flat
        assert re.sub(r"\s", "", value) in flat
    assert re.sub(r"\s", "", t("corrected"))[:40] in flat
    assert 42 < min(heights) < 300


@pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])
def test_the_latest_alerts_are_told_and_the_others_counted(t):
    """Of twenty, page and PDF name the same six, and how many there were before them."""
    pypdf = pytest.importorskip("pypdf")
    report = long_report(39)
    assert len(report.alerts) == 20
    lines = report.alert_lines(t)
    told = [t("alert_span", first=t.day(x.first), last=t.day(x.last)) for x in report.alerts[-6:]]
    assert lines == [*told, t("alerts_earlier", count=14)]
    page = html_page(report, t, "1.0")
    assert re.findall(r"<li>(.*?)</li>", page) == lines
    pdf = pypdf.PdfReader(io.BytesIO(pdf_page(report, t, "1.0"))).pages[0].extract_text()
    assert all(re.sub(r"\s", "", line) in re.sub(r"\s", "", pdf) for line in lines)


def test_no_chinese_line_begins_with_a_comma(report: Report):
    """Marks that close stay with the character before them, and words are not cut."""
    pypdf = pytest.importorskip("pypdf")
    page = pypdf.PdfReader(io.BytesIO(pdf_page(report, ZH, "1.0"))).pages[0]
    lines = [line.strip() for line in page.extract_text().splitlines() if line.strip()]
    whole = "".join(lines)
    for text in (ZH("disclaimer"), ZH("report_method_text")):
        assert re.sub(r"\s", "", text) in re.sub(r"\s", "", whole)
        assert text not in lines  # it does go over several lines
    assert not [line for line in lines if line[0] in "，。、：；！？）"]


def test_the_pdf_is_the_same_each_time(report: Report):
    """No time of day and no random identifier is in the file."""
    assert pdf_page(report, EN, "1.0") == pdf_page(report, EN, "1.0")


class Tags(HTMLParser):
    """The tags that were opened and not closed, and the addresses that a page asks for."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses = [], []

    def handle_starttag(self, tag, attrs):
        """Note the tag and what it loads."""
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag, attrs):
        """An empty element of SVG."""

    def handle_endtag(self, tag):
        """Close the innermost tag."""
        assert self.open.pop() == tag


@pytest.mark.parametrize(("t", "words"), [(EN, "not a diagnosis"), (ZH, "不作诊断")])
def test_the_html_needs_nothing_else(report: Report, t, words: str):
    """The page is well nested, asks for no address, and holds notice, figures and plots."""
    page = html_page(report, t, "1.0")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.addresses == []
    assert words in page
    assert page.count('<svg class="plot wide"') == page.count('<svg class="plot narrow"') == 2
    assert all(value in page for _, value in report.figures(t))


def test_a_period_without_listening_says_so():
    """Nights that were not monitored give a report without figures, in each form."""
    nights = [NightView(FIRST, 0, 0.0, None, None, None, None, None, None, False, 0.0, 3e4)]
    report = report_of(nights, "bedroom", FIRST, FIRST + timedelta(days=3))
    assert "No night in this period was monitored" in html_page(report, EN, "1.0")
    assert pdf_page(report, EN, "1.0").startswith(b"%PDF")
    assert csv_table(report).count(",,,") >= 4
    assert "valueQuantity" not in json.dumps(fhir_bundle(report, EN, "1.0"))


def test_a_night_too_short_for_a_rate_was_listened_to_all_the_same():
    """Its coughs and its time are told, and no form calls it not monitored."""
    night = NightView(FIRST, 20, 3_000.0, None, None, None, None, None, None, False, 0.0, 3e4)
    report = report_of([night], "bedroom", FIRST, FIRST)
    page = html_page(report, EN, "1.0")
    assert "No night in this period was monitored" not in page
    assert "1 of 1" in page
    assert "too short for a rate" in page
    assert "not monitored" not in page
    assert "no rate" in page
    assert "1 nights were monitored" in page
    assert csv_table(report).splitlines()[1].startswith("2026-02-01,bedroom,0.8333,20,")
    (_, told) = (entry["resource"] for entry in fhir_bundle(report, EN, "1.0")["entry"])
    assert told["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert [part["code"]["coding"][0]["code"] for part in told["component"]] == [
        "coughs-reported", "listened",
    ]  # fmt: skip
    assert told["component"][0]["valueInteger"] == 20
    model = pytest.importorskip("fhirclient.models.observation")
    model.Observation(told, strict=True)


def test_two_devices_of_one_name_have_other_identifiers(report: Report):
    """The same nights of two histories share no identifier; those of one keep theirs."""

    def ids(identity: str, node: str = "bedroom") -> set[str]:
        bundle = fhir_bundle(replace(report, identity=identity, node=node), EN, "1.0")
        return {bundle["id"], *(entry["resource"]["id"] for entry in bundle["entry"])}

    assert ids("a") == ids("a")
    assert not ids("a") & ids("b")
    assert ids("a") == ids("a", "attic"), "under another name as well"
    assert not ids("", "bedroom") & ids("", "attic")


def test_a_day_with_two_nights_tells_both():
    """Where the hours of a night were changed, both nights of a day count, each by its own name."""
    first = long_report(2)
    night = first.days[0][1]
    assert night is not None
    twice = [night, replace(night, coughs=5), *(view for _, view in first.days[1:] if view)]
    report = report_of(twice, "bedroom", FIRST, None)
    assert report.coughs == first.coughs + 5
    assert len(csv_table(report).splitlines()) == 1 + 3
    names = [entry["fullUrl"] for entry in fhir_bundle(report, EN, "1")["entry"]]
    assert len(set(names)) == len(names) == 1 + 3


def test_a_history_has_one_identity(tmp_path: Path):
    """It comes with the first session and stays; no other history has it."""
    found = []
    for name in ("one.db", "other.db"):
        with Store(tmp_path / name) as store:
            for session in ("s", "t"):
                store.start_session(session, "mic", 0.0, True)
                with Reader(tmp_path / name) as reader:
                    found.append(reader.identity())
    assert found[0] == found[1] != found[2] == found[3]
    assert all(found)


def test_a_night_that_is_not_over_is_no_result(history: Path, capsys):
    """A report up to tonight, or to a day in the years to come, is refused with the latest day."""
    for day in (datetime.now().astimezone().date(), date(9999, 12, 31)):
        assert cli.main(["report", "--db", str(history), "--fhir", "--to", str(day)]) == 64
        assert f"the night of {day} is not over" in capsys.readouterr().err


def test_a_wrong_period_is_refused(report: Report):
    """No night at all, an empty period and one too long are one sentence each."""
    with pytest.raises(TryAgainError, match="no night has been summed up"):
        report_of([], "bedroom", None, None)
    with pytest.raises(UsageError, match="is empty"):
        report_of(report.kept, "bedroom", LAST, FIRST)
    with pytest.raises(UsageError, match="has 367 days"):
        report_of(report.kept, "bedroom", LAST - timedelta(days=366), LAST)
    assert len(report_of(report.kept, "bedroom", None, None).days) == 29, "no more are kept"
    assert len(report_of(report.kept[9:], "bedroom", None, None).days) == 20


@pytest.mark.parametrize("form", ["html", "pdf", "csv", "fhir"])
def test_the_command_writes_the_file(form: str, history: Path, tmp_path: Path):
    """Each form comes out of the command, the same to a file and to standard output."""
    out = tmp_path / "report"
    chosen = ["--db", str(history), f"--{form}", "--from", "2026-02-01", "--lang", "zh"]
    assert cli.main(["report", *chosen, "--out", str(out)]) == 0
    command = [sys.executable, "-m", "edge.cli", "report", *chosen]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    assert done.stdout == out.read_bytes()
    assert len(done.stdout) > 1000


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--csv", "--from", "yesterday"], 64, "write it like 2026-03-01"),
        ([], 64, "one of the arguments --html --pdf --csv --fhir is required"),
        (["--csv", "--from", "2026-03-01", "--to", "2026-02-01"], 64, "is empty"),
        (["--csv", "--out", "/nowhere/at/all"], 74, "choose another --out"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, code, words, history: Path, capsys):
    """A wrong option ends with its exit code and one clear sentence."""
    assert cli.main(["report", "--db", str(history), *arguments]) == code
    assert words in capsys.readouterr().err


def test_a_night_that_goes_on_is_refused(history: Path, tmp_path: Path, capsys):
    """A night is reported when it is over, not as one that nobody monitored."""
    end = datetime.now(UTC) + timedelta(hours=2)
    start = end - timedelta(hours=23, minutes=59)  # a night as long as a day, in its last hours
    config = tmp_path / "config.toml"
    config.write_text(
        f'node = "bedroom"\n[store]\npath = "{history}"\n'
        f'[night]\nstart = "{start:%H:%M}"\nend = "{end:%H:%M}"\ntimezone = "UTC"\n'
    )
    ask = ["report", "--config", str(config), "--csv", "--from"]
    begun, over = start.date(), str(start.date() - timedelta(days=1))
    assert cli.main([*ask, str(begun), "--to", str(begun)]) == UsageError.exit_code
    assert f"the night of {begun} is not over; the latest that is began on {over}" in (
        capsys.readouterr().err
    )
    assert cli.main([*ask, over, "--to", over]) == 0


def test_any_name_of_a_database_will_do(history: Path, tmp_path: Path, capfdbinary):
    """A name that is not UTF-8 is told with a replacement character, in every form."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xffd.db"))
    odd.write_bytes(history.read_bytes())
    for form in ("--html", "--pdf", "--csv", "--fhir"):
        assert cli.main(["report", "--db", str(odd), form]) == 0
    assert "b\ufffdd".encode() in capfdbinary.readouterr().out


def test_nights_of_another_profile_are_named(tmp_path: Path, capsys):
    """A device that has only listened for crackles is told so, and not to wait for tomorrow."""
    path = tmp_path / "airway.db"
    with Store(path) as store:
        night = Night(FIRST, START_S, START_S + 3e4, {"crackle": Heard(2, 1)}, 3e4, 0.0, "ab" * 32)
        store.add_night(night, [])
    assert cli.main(["report", "--db", str(path), "--csv"]) == BadInputError.exit_code
    assert "1 nights are kept, and none of a bundle that counts coughs" in capsys.readouterr().err

"""The pages: what they show, in which language, and that no address breaks them."""

import re
from dataclasses import replace
from datetime import UTC, date, timedelta
from pathlib import Path
from shutil import copyfile
from xml.etree import ElementTree

import pytest
from asking import get
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.messages import Origin, Stamp, event_message, rfc3339, uuid7
from edge.pages.nights import correction
from edge.pages.texts import language
from edge.records import Accuracy, Coverage, Event, Heard, Night
from edge.store import Reader, Store
from edge.trend import NightView, views
from edge.web import Gate, Pages, Site
from edge.web.http import read_request
from scripts.synthetic_history import Scenario

NOW_UNIX_S = Scenario().now_unix_s
PATHS = ("/", "/nights", "/trend", "/trend?days=365", "/device", "/night/2026-03-01")


def test_a_young_history_has_no_empty_year(site: Site):
    """The year's trend of a device of 60 nights begins with its first night, not months before."""
    picture = re.search(r"<svg.*?</svg>", site.answer(get("/trend?days=365")).body, re.DOTALL)
    texts = [text for text in ElementTree.fromstring(picture[0]).itertext() if text.strip()]
    days = [text for text in texts if re.fullmatch(r"\d+ [A-Z][a-z]{2}", text)]
    assert days[0] == "1 Jan"
    assert days[-1].endswith(("Feb", "Mar"))


def test_an_interval_is_not_broken(site: Site):
    """A narrow phone keeps both ends of an interval on one line."""
    page = site.answer(get("/")).body
    assert re.search(r"95\u00a0% interval [\d.]+\u2060–\u2060[\d.]+", page)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_each_page_is_whole(site: Site, path: str, lang: str):
    """A page has its language, its notice and pictures with words, and no script and no style."""
    answer = site.answer(get(path, cookies={"lang": lang}))
    assert answer.status == "200 OK"
    page = answer.body
    assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}">' in page
    assert ("不作诊断" if lang == "zh" else "not a diagnosis") in page
    assert "<script" not in page
    assert "style=" not in page
    assert "None" not in page
    for picture in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        assert ElementTree.fromstring(picture).attrib["aria-label"]


def test_today_tells_what_the_history_holds(site: Site, history: Path):
    """The alert, the count of the last 24 hours and the latest event are those of the database."""
    page = site.answer(get("/")).body
    with Reader(history) as reader:
        start = (NOW_UNIX_S // 3600 - 23) * 3600
        coughs = len(reader.onsets("cough", start, NOW_UNIX_S))
        latest = reader.events(0, NOW_UNIX_S, 1)[0]
    assert coughs > 20
    assert f">{coughs} coughs" in page
    assert "More coughs than usual: " in page
    assert f"/event/{latest.id}" in page
    assert "Listening" in page


def test_a_night_whose_hours_were_deleted_does_not_show_silence(history: Path, tmp_path: Path):
    """Its sum stays; a note takes the place of a chart of nothing, or stands above what is left."""
    path = tmp_path / "airway.db"
    copyfile(history, path)
    site = Site(Pages(path, "bed", UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S))
    with Reader(path) as reader:
        night = reader.nights(NOW_UNIX_S)[-1]
        first = reader.onsets("cough", night.start_unix_s, night.end_unix_s)[0]
    address, note = f"/night/{night.date}", "are no longer kept"
    assert note not in site.answer(get(address)).body
    middle = (night.start_unix_s + night.end_unix_s) / 2
    for until, charts in ((first + 1, True), (middle, True), (night.end_unix_s, False)):
        with Store(path) as store:
            store.prune(until, 0, 10**9, "none")
        page = site.answer(get(address)).body
        assert note in page
        assert ("<svg" in page) == charts
        assert page.count("coughs an hour") >= 1


def test_what_was_lost_is_of_the_last_24_hours(tmp_path: Path):
    """Of an hour that juts out of them only its share counts."""
    path, begin = tmp_path / "airway.db", (NOW_UNIX_S // 3600 - 24) * 3600
    with Store(path) as store:
        store.start_session("s", "mic", begin, True)
        store.add_coverage("s", Coverage(3600.0, 0.0, 3600.0))
    later = begin + 24 * 3600 + 1800.0  # half of that hour was more than a day ago
    site = Site(Pages(path, "bed", UTC, lambda: later), Gate(None, lambda: later))
    page = site.answer(get("/device")).body
    lost = re.search(r"Lost in the last 24 hours</dt><dd>([^<]*)", page)
    assert lost is not None
    assert lost[1].strip() == language("en").seconds(1800.0)


@pytest.mark.parametrize("told_by", ["the daemon", "the latest night"])
def test_what_counts_no_coughs_shows_no_zero(told_by: str, tmp_path: Path):
    """A device that listens for crackles is never said to have heard no cough."""
    path = tmp_path / "airway.db"
    with Store(path) as store:
        store.start_session("s", "mic", NOW_UNIX_S - 7200, True)
        if told_by == "the daemon":
            store.put_setting("labels", "crackle\nwheeze")
        else:
            heard = {"crackle": Heard(2, 1)}
            start = NOW_UNIX_S - 50_000
            night = Night(date(2026, 2, 28), start, start + 3e4, heard, 3e4, 0.0, "ab" * 32)
            store.add_night(night, [])
    site = Site(Pages(path, "chest", UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S))
    for where in ("/", "/nights", "/trend"):
        page = site.answer(get(where)).body
        assert "does not count coughs" in page
        assert "0 coughs" not in page
        assert "Coughs in each hour" not in page
        assert "The first one appears here" not in page


def test_an_event_says_that_no_audio_is_kept(site: Site, history: Path):
    """The page of an event holds its figures, and why there is no spectrogram."""
    with Reader(history) as reader:
        event = reader.events(0, NOW_UNIX_S, 1)[0]
    page = site.answer(get(f"/event/{event.id}")).body
    assert f"{event.p * 100:.0f}\u00a0%" in page
    assert f"{event.duration_s:.2f} s" in page
    assert "Airway keeps no audio" in page


def test_a_missing_night_is_no_quiet_one(site: Site):
    """A night without listening is listed as such, with no count and no rate."""
    page = site.answer(get("/nights")).body
    row = re.search(r"<tr>(?:(?!</tr>).)*12 Feb 2026.*?</tr>", page, flags=re.DOTALL)
    assert row is not None
    assert "not monitored" in row[0]
    assert re.findall(r"<td[^>]*>(.*?)</td>", row[0])[:2] == ["–", "0.0 h"]


def short_night(day: date, count: int, found: Accuracy | None, monitored_s: float) -> Night:
    """A night that ended not long ago."""
    heard = {"cough": Heard(count, count, found)}
    return Night(day, NOW_UNIX_S - 50_000, NOW_UNIX_S - 7_000, heard, monitored_s, 0.0, "a")


def test_a_short_night_has_a_count_and_no_rate(tmp_path: Path):
    """Ten minutes of listening are told, with what was heard in them; no rate comes of them."""
    path = tmp_path / "short.db"
    with Store(path) as store:
        store.start_session("s", "mic", NOW_UNIX_S - 8_000, True)
        store.add_coverage("s", Coverage(600.0, 600.0, 0.0))
        store.add_night(short_night(date(2026, 2, 28), 2, None, 600.0), [])
    site = Site(Pages(path, "n", UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S))
    for page in (site.answer(get("/")).body, site.answer(get("/nights")).body):
        assert "too short for a rate" in page
        assert "not monitored" not in page.partition("</main>")[0].partition("<details>")[0]
    assert "2 coughs in 0.2 h" in site.answer(get("/")).body


def test_a_day_without_listening_is_no_quiet_one(tmp_path: Path):
    """Where nothing was listened to, no number of coughs is told."""
    path = tmp_path / "off.db"
    with Store(path) as store:
        store.start_session("s", "mic", NOW_UNIX_S - 9e5, True)
        store.add_coverage("s", Coverage(3_600.0, 3_600.0, 0.0))
    page = Site(Pages(path, "n", UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S)).answer(
        get("/")
    )
    tiles = page.body.partition("<svg")[0]
    assert "0 coughs" not in tiles
    assert "not monitored" in tiles


def test_rates_of_two_kinds_are_told_apart():
    """Where some nights are corrected and some are not, the page does not claim either of all."""
    measured = Accuracy(0.7, 300, 4.0, 8.0)
    nights = views(
        [
            short_night(date(2026, 1, 1), 9, None, 32_400.0),
            short_night(date(2026, 1, 2), 9, measured, 32_400.0),
        ]
    )
    assert correction(nights) == "corrected_some"
    assert correction(nights[:1]) == "uncorrected"
    assert correction(nights[1:]) == "corrected"


def test_every_night_is_listed_once(site: Site):
    """Going on to older nights reaches each of the 60 nights, once."""
    path, seen = "/nights", []
    while path:
        page = site.answer(get(path)).body
        seen += re.findall(r'href="/night/(\d{4}-\d\d-\d\d)"', page)
        older = re.search(r'href="(/nights\?before=[^"]+)"', page)
        path = older[1] if older else ""
    assert len(seen) == len(set(seen)) == 60
    assert seen == sorted(seen, reverse=True)


def test_before_the_first_night_none_is_kept(site: Site):
    """An address with an early day says that nothing older is kept, not that there is nothing."""
    page = site.answer(get("/nights?before=2020-01-01")).body
    assert "No older night is kept." in page


def test_an_old_night_is_not_called_the_last(pages: Pages):
    """After a pause of days the night is only the latest, and its alert one that once stood."""
    now = Site(pages, Gate(None, lambda: NOW_UNIX_S)).answer(get("/")).body
    assert "Last night" in now
    assert ">More coughing than usual<" in now
    late_s = NOW_UNIX_S + 5 * 86_400
    later = replace(pages, clock=lambda: late_s)
    page = Site(later, Gate(None, lambda: late_s)).answer(get("/")).body
    assert "Latest night" in page
    assert "Last night" not in page
    assert "When it last listened at night: more coughing" in page


def test_the_first_day_of_all_has_no_nights_before_it(site: Site):
    """A date at the end of the calendar is an empty list, not a fault."""
    answer = site.answer(get("/nights?before=0001-01-01"))
    assert answer.status == "200 OK"
    assert 'href="/night/' not in answer.body


def test_an_empty_history_has_pages_too(tmp_path: Path):
    """Before the first night, each page says what will come instead of failing."""
    path = tmp_path / "airway.db"
    Store(path).close()
    site = Site(Pages(path, "new", UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S))
    for address in ("/", "/nights", "/trend", "/device"):
        assert site.answer(get(address)).status == "200 OK"
    assert "No night has been summed up yet" in site.answer(get("/")).body
    assert "Not listening" in site.answer(get("/device")).body


@pytest.mark.parametrize(
    "path",
    ["/x", "/event/x", "/event/", "/night/2020-01-01", "/night/x", "/nights/1", "/../style.css"],
)
def test_what_is_not_there_is_404(site: Site, path: str):
    """An address without a page is said to be none, as a page."""
    answer = site.answer(get(path))
    assert answer.status == "404 Not Found"
    assert "Page not found" in answer.body


@settings(deadline=None, max_examples=50)  # a page is drawn each time
@given(path=st.text(max_size=30), query=st.text(max_size=30), cookie=st.text(max_size=30))
def test_no_address_makes_it_fail(site_now: Site, path: str, query: str, cookie: str):
    """Whatever bytes come as address, query and cookie, the answer is a page or a 404."""
    latin = [text.encode("utf-8", "replace").decode("latin-1") for text in (path, query, cookie)]
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/" + latin[0],
        "QUERY_STRING": latin[1],
        "HTTP_COOKIE": latin[2],
        "HTTP_HOST": "localhost:8420",
        "REMOTE_ADDR": "127.0.0.1",
    }
    status = site_now.answer(read_request(environ)).status
    assert status in ("200 OK", "404 Not Found")


@pytest.fixture(scope="module")
def site_now(pages: Pages) -> Site:
    """The same as `site`, for tests that make many requests."""
    return Site(pages, Gate(None, lambda: NOW_UNIX_S))


def test_a_label_from_the_database_is_escaped(tmp_path: Path):
    """A name in the database can't become markup."""
    path = tmp_path / "airway.db"
    evil = "<script>alert(1)</script>"
    with Store(path) as store:
        store.start_session("s", evil, NOW_UNIX_S - 3600, True)
        event = Event(evil, 1.0, 2.0, 0.5, 0.5)
        origin = Origin("airway", "n", "m", "s")
        stamp = Stamp(origin, uuid7(1, bytes(10)), rfc3339(NOW_UNIX_S), clock_synced=True)
        message = event_message(stamp, event, model="m")
        store.add_event("s", event, message)
    site = Site(Pages(path, evil, UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S))
    for address in ("/", "/device", f"/event/{uuid7(1, bytes(10))}"):
        answer = site.answer(get(address))
        assert answer.status == "200 OK"
        assert "<script" not in answer.body
        assert "&lt;script&gt;" in answer.body


def test_the_language_follows_browser_then_choice(site: Site):
    """Accept-Language decides until a person has switched, which a cookie keeps."""
    assert "夜间记录" in site.answer(get("/", accept_language="zh-CN,zh;q=0.9")).body
    switched = site.answer(get("/trend?days=30&lang=zh", accept_language="en"))
    assert "趋势" in switched.body
    assert 'href="?days=30&amp;lang=en"' in switched.body
    (kept,) = (value for name, value in switched.headers if name == "Set-Cookie")
    assert kept.startswith("lang=zh; ")
    assert "Nights" in site.answer(get("/", cookies={"lang": "en"}, accept_language="zh")).body


def test_today_has_one_scale_and_says_which(site: Site):
    """Corrected figures are said to be so below them, and the alert's counts not to be."""
    page = site.answer(get("/")).body
    t = language("en")
    tiles, note, chart = (page.index(x) for x in ("tiles", t("corrected"), t("chart_hours")))
    assert tiles < note < chart
    alert = page[page.index("More coughs than usual: ") : tiles]
    assert "These counts are not corrected" in alert


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_date_has_one_form(site: Site, lang: str):
    """No page writes one date in words and another in figures."""
    for path in PATHS:
        page = site.answer(get(path, cookies={"lang": lang})).body
        assert not re.search(r"\d{4}-\d\d-\d\d", re.sub(r"<[^>]*>", "", page)), path
    assert "Wed 25 Feb 2026" in site.answer(get("/")).body


def test_a_night_has_its_alert_on_each_page_or_on_none(tmp_path: Path):
    """One that has a rate is shown with the alert that stood; an unmonitored one never is."""
    path = tmp_path / "airway.db"
    days = [date(2026, 2, 26), date(2026, 2, 27), date(2026, 2, 28)]
    with Store(path) as store:
        for back, (day, monitored_s) in enumerate(zip(days, (3e4, 0.0, 3e4), strict=True)):
            start = NOW_UNIX_S - (3 - back) * 86_400
            heard = {"cough": Heard(90, 90)}
            night = Night(day, start, start + 43_200, heard, monitored_s, 0.0, "a")
            store.add_night(replace(night, alert=back < 2), [])
    site = Site(Pages(path, "n", UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S))
    for lang, mark in (("en", "with an alert"), ("zh", "有提醒")):
        asked = {"cookies": {"lang": lang}}
        nights = site.answer(get("/nights", **asked)).body
        rows = re.findall(r"<tr>.*?</tr>", nights, flags=re.DOTALL)
        for day, marked in zip(days, (True, False, False), strict=True):
            (row,) = (row for row in rows if f"/night/{day}" in row)
            own = site.answer(get(f"/night/{day}", **asked)).body
            assert (mark in row, mark in own) == (marked, marked)


def test_newer_nights_are_the_page_after_this_one(tmp_path: Path):
    """From the oldest page one comes back over each page to the first, which is /nights."""
    path, first = tmp_path / "airway.db", date(2025, 11, 1)
    with Store(path) as store:
        for k in range(100):
            start = NOW_UNIX_S - (101 - k) * 86_400
            night = Night(first, start, start + 43_200, {"cough": Heard(9, 9)}, 3e4, 0.0, "a")
            store.add_night(replace(night, date=first + timedelta(days=k)), [])
    site = Site(Pages(path, "n", UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S))

    def way(start: str, words: str) -> list[str]:
        found = [start]
        while link := re.search(f'href="([^"]+)">{words}', site.answer(get(found[-1])).body):
            found.append(link[1])
        return found

    back = way("/nights", "Older nights")
    assert len(back) == 4
    assert way(back[-1], "Newer nights") == back[::-1]


def test_a_night_too_short_for_a_rate_is_not_called_unmonitored(tmp_path: Path):
    """The chart's words count it, its mark is one of no rate, and its title says why."""
    path = tmp_path / "airway.db"
    with Store(path) as store:
        store.add_night(short_night(date(2026, 2, 28), 2, None, 600.0), [])
    site = Site(Pages(path, "n", UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S))
    page = site.answer(get("/trend")).body
    assert "night by night: 1 nights were monitored" in page
    assert "Sat 28 Feb 2026: too short for a rate" in page
    legend = page.partition('class="legend"')[2].partition("</ul>")[0]
    assert "no rate" in legend
    assert "not monitored" not in legend


def test_nights_are_looked_at_once_and_then_again_when_there_are_more(history: Path, monkeypatch):
    """A page of a year costs what a page of a week does, and is never of yesterday."""
    seen: list[int] = []

    def counted(nights: list[Night]) -> list[NightView]:
        seen.append(len(nights))
        return views(nights)

    monkeypatch.setattr("edge.pages.nights.views", counted)
    now = [NOW_UNIX_S - 86_400]
    site = Site(Pages(history, "bed", UTC, lambda: now[0]), Gate(None, lambda: now[0]))
    for path in PATHS:
        site.answer(get(path))
    assert len(seen) == 1
    now[0] = NOW_UNIX_S
    assert "/night/2026-03-01" in site.answer(get("/nights")).body
    assert seen == [seen[0], seen[0] + 1]

"""The pages in a real browser: they work, they fit, they complain of nothing, all can use them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.messages import Origin, Stamp, event_message, rfc3339, uuid7
from edge.pages.texts import language
from edge.records import Accuracy, Coverage, Event, Heard, Night
from edge.report import html_page, report_of
from edge.store import Reader, Store
from edge.trend import views
from edge.web import Gate, Pages, Site
from scripts.browser import PATIENCE_MS, Browser, find_browser, serving
from scripts.synthetic_history import Scenario

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if find_browser() is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)

# A browser on a busy machine of two cores takes its time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NOW_UNIX_S = Scenario().now_unix_s
TOKEN = "an invented token of tests"
expect = playwright.expect
expect.set_options(timeout=PATIENCE_MS)
PHONE, DESKTOP = (390, 844), (1280, 900)
SMALL = ((320, 640), (360, 740))
LOOKS = ((PHONE, "light", "en"), (DESKTOP, "dark", "zh-CN"))
PATHS = ("/", "/nights", "/trend", "/device", "/night/2026-03-01")
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(pages: Pages) -> Iterator[str]:
    """The pages on a port of this machine."""
    with serving(Site(pages, Gate(None, lambda: NOW_UNIX_S))) as address:
        yield address


@pytest.fixture(autouse=True)
def no_complaint(browser: Browser) -> Iterator[None]:
    """Nothing in the console, no failed request, in any test."""
    browser.complaints.clear()
    yield
    assert browser.complaints == []


def faults(page) -> list[str]:
    """What axe calls serious or worse on a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:120]}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


def overflow_px(page) -> int:
    """How far the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def sticking_out(page) -> list[str]:
    """What reaches into the padding of its card, or beyond it, on a page."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".card *, .tile *, section.alert *")]
          .filter((part) => {
            const card = part.closest(".card, .tile, section.alert");
            const box = part.getBoundingClientRect();
            return box.width && box.right > card.getBoundingClientRect().right - 8;
          })
          .map((part) => part.outerHTML.slice(0, 120))"""
    )


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A history of 40 nights whose figures are as wide as they come, with an alert now and then."""
    path = tmp_path_factory.mktemp("wide") / "airway.db"
    now = datetime.fromtimestamp(NOW_UNIX_S, UTC)
    counts = (4_200, 130, 1_500, 1_100)  # a night: with three digits, two, and both
    with Store(path) as store:
        store.start_session("s", "mic", NOW_UNIX_S - 86_400, True)
        store.add_coverage("s", Coverage(86_400.0, 86_400.0, 0.0))
        for back in range(41, 0, -1):
            start = now.replace(hour=22, minute=0) - timedelta(days=back)
            count, monitored_s = counts[back % 4], 1_800.0 if back == 3 else 39_600.0
            heard = {"cough": Heard(count, count, Accuracy(0.85, 400, 0.3, 40.0))}
            night = (start.date(), start.timestamp(), start.timestamp() + 4e4, heard, monitored_s)
            store.add_night(Night(*night, 0.0, "a", back % 3 != 0), [])
        event = Event("throat", 80_000.0, 80_012.25, 1.0, 0.999)
        origin = Origin("airway", "n", "mic", "s")
        stamp = Stamp(origin, uuid7(1, bytes(10)), rfc3339(NOW_UNIX_S - 6_400), clock_synced=True)
        store.add_event("s", event, event_message(stamp, event, model="a"))
    return path


@pytest.mark.parametrize("size", SMALL)
@pytest.mark.parametrize("spoken", ["en", "zh-CN"])
def test_wide_figures_fit_a_small_phone(browser, wide: Path, size, spoken: str):
    """On every page nothing leaves its card, and tables that are opened do not either."""
    site = Site(Pages(wide, "bedroom", UTC, lambda: NOW_UNIX_S), Gate(None, lambda: NOW_UNIX_S))
    with serving(site) as address, browser.page(size, "light", spoken) as page:
        for path in (*PATHS, "/night/2026-02-27", f"/event/{uuid7(1, bytes(10))}"):
            page.goto(address + path)
            for summary in page.locator("summary").all():
                summary.click()
            assert overflow_px(page) <= 0, path
            assert sticking_out(page) == [], path
        page.goto(address + "/nights")
        text = page.locator("main").inner_text()
        assert language(spoken[:2])("no_rate") in text
        assert "2026" not in text


def test_what_leaves_its_card_can_be_found(browser, address):
    """The check above is one: a line that may not be broken is found."""
    with browser.page(SMALL[0], "light", "en") as page:
        page.goto(address + "/nights")
        page.evaluate(
            "document.querySelectorAll('.stack td').forEach(td => td.style.whiteSpace = 'nowrap')"
        )
        assert sticking_out(page) != []


@pytest.mark.parametrize(("size", "scheme", "language"), LOOKS)
def test_every_page_is_accessible_and_fits(browser, address, size, scheme, language):
    """On a phone by day and a desk by night, in both languages: no serious fault, no overflow."""
    with browser.page(size, scheme, language) as page:
        page.goto(address)
        event = page.locator("a[href^='/event/']").first.get_attribute("href")
        for path in (*PATHS, event):
            page.goto(address + path)
            assert page.locator("html").get_attribute("lang") == language
            assert faults(page) == [], path
            assert overflow_px(page) <= 0, path
            assert page.locator("svg.plot:visible").count() == page.locator("svg.plot").count() / 2


def test_axe_can_find_a_fault(browser, address):
    """The check above is one: a picture without words and a pale text are found."""
    with browser.page(DESKTOP, "light", "en") as page:
        page.goto(address)
        page.evaluate(
            "document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"/icon.svg\">')"
        )
        assert any(fault.startswith("image-alt") for fault in faults(page))


def test_a_person_goes_through_the_pages(browser, address):
    """From today to a night and an event, to older nights, to the trend and into Chinese."""
    with browser.page(PHONE, "light", "en") as page:
        page.goto(address)
        expect(page.get_by_role("heading", name="More coughing than usual")).to_be_visible()
        page.get_by_text("The same as a table").click()
        expect(page.get_by_role("row", name="23:00–00:00")).to_be_visible()
        page.get_by_role("link", name="Nights", exact=True).click()
        page.get_by_role("link", name="Sun 1 Mar").click()
        expect(page.get_by_role("heading", name="Night of Sun 1 Mar 2026")).to_be_visible()
        page.locator("a[href^='/event/']").first.click()
        expect(page.get_by_text("Airway keeps no audio")).to_be_visible()
        page.get_by_role("link", name="Trend").click()
        page.get_by_role("link", name="Last 365 days").click()
        page.get_by_role("link", name="中文").click()
        expect(page).to_have_url(address + "/trend?days=365&lang=zh")
        page.get_by_role("link", name="设备").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_the_keyboard_alone_is_enough(browser, address):
    """The first Tab reaches the link past the menu, and the focus can be seen."""
    with browser.page(DESKTOP, "light", "en") as page:
        page.goto(address)
        page.keyboard.press("Tab")
        skip = page.locator(".skip")
        assert skip.evaluate("element => element === document.activeElement")
        assert skip.bounding_box()["x"] >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_signing_in_with_a_browser(browser, pages):
    """Behind a token: the form, the pages, and out again."""
    with (
        serving(Site(pages, Gate(TOKEN, lambda: NOW_UNIX_S))) as address,
        browser.page(PHONE, "dark", "en") as page,
    ):
        page.goto(address + "/nights")
        expect(page).to_have_url(address + "/login")
        assert faults(page) == []
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(address + "/")
        page.get_by_role("link", name="Nights", exact=True).click()
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(address + "/login")


@pytest.mark.parametrize("code", ["en", "zh"])
def test_the_report_in_a_browser(browser, wide: Path, tmp_path: Path, code: str):
    """The file opens by itself, fits a phone, has no serious fault, and prints on one page.

    On a phone the plots are narrow and can be read; on paper, as on a desk, they are wide.
    """
    pypdf = pytest.importorskip("pypdf")
    with Reader(wide) as reader:
        nights = views(reader.nights(NOW_UNIX_S))
    report = report_of(nights, "bedroom", nights[0].date, None)
    assert len(report.alerts) > 12
    file = tmp_path / "report.html"
    file.write_text(html_page(report, language(code), "1.0"), encoding="utf-8")
    for size, kind in ((PHONE, "narrow"), (DESKTOP, "wide")):
        with browser.page(size, "light", "en") as page:
            page.goto(file.as_uri())
            assert faults(page) == []
            assert overflow_px(page) <= 0
            assert shown_plots(page) == [f"plot {kind}"] * 2
            label = page.locator("svg text:visible").first
            assert label.bounding_box()["height"] > 10
            page.emulate_media(media="print")
            assert shown_plots(page) == ["plot wide"] * 2
            page.pdf(path=tmp_path / "print.pdf", prefer_css_page_size=True)
            assert len(pypdf.PdfReader(tmp_path / "print.pdf").pages) == 1


def shown_plots(page) -> list[str]:
    """The classes of the plots that are to be seen."""
    plots = page.locator("svg:visible").all()
    return [plot.get_attribute("class") for plot in plots]


def test_the_history_is_local_time(browser, history: Path):
    """Times on a page are those of the zone that the device is in."""
    from zoneinfo import ZoneInfo

    for zone, first in (
        (UTC, "1 Mar 10:20–11:00"),
        (ZoneInfo("Asia/Shanghai"), "1 Mar 18:20–19:00"),
    ):
        pages = Pages(history, "bedroom", zone, lambda: NOW_UNIX_S)
        with (
            serving(Site(pages, Gate(None, lambda: NOW_UNIX_S))) as address,
            browser.page(DESKTOP, "light", "en") as page,
        ):
            page.goto(address)
            page.get_by_text("The same as a table").click()
            assert page.locator("tbody th").first.inner_text() == first

"""The pages in a real browser: they work, they fit, they complain of nothing, all can use them."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

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
        page.get_by_role("link", name="Sun 1 Mar 2026").click()
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


def test_the_report_in_a_browser(browser, history: Path, tmp_path: Path):
    """The file opens by itself, fits a phone, has no serious fault, and prints on one page."""
    from edge.pages.texts import language
    from edge.report import html_page, report_of
    from edge.store import Reader
    from edge.trend import views

    pypdf = pytest.importorskip("pypdf")
    with Reader(history) as reader:
        report = report_of(views(reader.nights(NOW_UNIX_S)), "bedroom", None, None)
    file = tmp_path / "report.html"
    for code in ("en", "zh"):
        file.write_text(html_page(report, language(code), "1.0"), encoding="utf-8")
        with browser.page(PHONE, "light", "en") as page:
            page.goto(file.as_uri())
            assert faults(page) == []
            assert overflow_px(page) <= 0
            page.pdf(path=tmp_path / "print.pdf", prefer_css_page_size=True)
            assert len(pypdf.PdfReader(tmp_path / "print.pdf").pages) == 1


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

"""A real browser without a window, and the pages on a free port: for tests and pictures."""

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from waitress import create_server

# Debian's names, the small one first; chrome is what other systems have.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

PATIENCE_MS = 120_000  # for one step, on a machine that has other things to do


def find_browser() -> str | None:
    """Where a Chromium is; None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def serving(application: Callable[..., Iterable[bytes]]) -> Iterator[str]:
    """Serve a WSGI application on a free loopback port; yields http://127.0.0.1:<port>."""
    server: Any = create_server(application, host="127.0.0.1", port=0, threads=2)
    thread = threading.Thread(target=server.run, name="pages", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(5)


class Browser:
    """Chromium, driven by Playwright; what its pages complain of is kept in `complaints`."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        from playwright.sync_api import sync_playwright

        self._driver = sync_playwright().start()
        # Chromium refuses its sandbox to root; what is shown here is ours alone.
        self._chromium = self._driver.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._chromium.close()
        self._driver.stop()

    @contextlib.contextmanager
    def page(self, size: tuple[int, int], scheme: str, language: str) -> Iterator[Any]:
        """A new page of a new profile, closed at the end.

        Args:
            size: width and height in CSS pixels.
            scheme: light or dark.
            language: what the browser asks for, such as "en".
        """
        context = self._chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            locale=language,
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self._miss(request.url, request.failure))
        with contextlib.closing(context):
            yield page

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def _miss(self, address: str, reason: str) -> None:
        # A page that is left or closed while it loads gives up its own requests.
        if reason != "net::ERR_ABORTED":
            self.complaints.append(f"{reason}: {address}")

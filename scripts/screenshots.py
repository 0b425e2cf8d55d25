"""Take the pictures of docs/: the real pages in a real browser, over a synthetic history.

    .venv/bin/python scripts/screenshots.py [FOLDER]

Needs the development set and a Chromium. Nobody's data is in the pictures: the history is
invented by scripts/synthetic_history.py, and each picture says "synthetic" as its node's name.
"""

import sys
import tempfile
from datetime import UTC
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edge.web import Gate, Pages, Site  # noqa: E402
from scripts.browser import Browser, serving  # noqa: E402
from scripts.synthetic_history import Scenario, make_history  # noqa: E402

SCENARIO = Scenario()
PHONE, DESKTOP = (390, 844), (1040, 820)
# name, address, size, scheme, language
PICTURES = (
    ("today-desktop-light-en", "/", DESKTOP, "light", "en"),
    ("today-desktop-dark-zh", "/", DESKTOP, "dark", "zh"),
    ("trend-desktop-light-zh", "/trend", DESKTOP, "light", "zh"),
    ("trend-desktop-dark-en", "/trend", DESKTOP, "dark", "en"),
    ("today-phone-light-zh", "/", PHONE, "light", "zh"),
    ("trend-phone-dark-en", "/trend", PHONE, "dark", "en"),
    ("nights-phone-light-en", "/nights", PHONE, "light", "en"),
    ("device-phone-dark-zh", "/device", PHONE, "dark", "zh"),
)


def main(folder: Path) -> int:
    """Take every picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        database = Path(temporary) / "airway.db"
        make_history(database, SCENARIO)
        now = SCENARIO.now_unix_s
        site = Site(Pages(database, "synthetic", UTC, lambda: now), Gate(None, lambda: now))
        with serving(site) as address, Browser() as browser:
            for name, path, size, scheme, language in PICTURES:
                page = browser.page(size, scheme, language)
                page.goto(address + path)
                page.screenshot(path=folder / f"{name}.png")
                page.context.close()
                print(folder / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "web"))

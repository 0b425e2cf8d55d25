"""Take the pictures of README and docs/: the real pages in a browser, over a synthetic history.

    .venv/bin/python scripts/screenshots.py [FOLDER]

Needs the development set, a Chromium and a Chinese font. Nobody's data is in the pictures:
the history is invented by scripts/synthetic_history.py, and each picture says "synthetic" as its
node's name.
"""

import argparse
import sys
import tempfile
from datetime import UTC
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edge.pages.texts import LANGUAGES  # noqa: E402
from edge.web import Gate, Pages, Site  # noqa: E402
from scripts.browser import Browser, serving  # noqa: E402
from scripts.synthetic_history import Scenario, make_history  # noqa: E402

SCENARIO = Scenario()
PHONE, DESKTOP = (390, 844), (1040, 820)
# name, address, size, scheme; each in both languages
PICTURES = (
    ("today-desktop-light", "/", DESKTOP, "light"),
    ("trend-phone-dark", "/trend", PHONE, "dark"),
    ("nights-phone-light", "/nights", PHONE, "light"),
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
            for (name, path, size, scheme), language in product(PICTURES, LANGUAGES):
                with browser.page(size, scheme, language) as page:
                    page.goto(address + path)
                    page.screenshot(path=folder / f"{name}-{language}.png")
                print(folder / f"{name}-{language}.png")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "web")
    sys.exit(main(parser.parse_args().folder))

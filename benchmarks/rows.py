"""A benchmark's lines of the overview: what it found, and how far that is a measurement.

A benchmark run with `--rows FILE` writes them there; `benchmarks/overview.py` makes one page of
all of them.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

# measured: on the machine that the page names; counted: instructions or bytes of a build for
# another machine, which a program counts exactly; estimated: what a compiler believes.
How = Literal["measured", "counted", "estimated"]
SECTIONS = (
    "Frontend", "Model", "Pipeline", "Memory", "Start", "Watch", "Accelerators", "Fleet",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One line.

    Attributes:
        section: one of SECTIONS.
        what: was looked at.
        figure: what came out, with its unit.
        how: far that is a measurement.
        peer: it is not Airway but something that does the same job.
    """

    section: str
    what: str
    figure: str
    how: How
    peer: bool = False

    def __post_init__(self) -> None:
        """Refuse a place or a label that the page does not have."""
        if self.section not in SECTIONS or self.how not in get_args(How):
            raise ValueError(f"{self.section=} or {self.how=} is not one of the page's")


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option `--rows`."""
    parser.add_argument("--rows", type=Path, metavar="FILE", help="for benchmarks/overview.py")


def write(path: Path | None, rows: Iterable[Row]) -> None:
    """Write the rows as JSON; nowhere when there is no path."""
    if path is not None:
        path.write_text(json.dumps([asdict(row) for row in rows], ensure_ascii=False), "utf-8")


def read(path: Path) -> list[Row]:
    """Read what `write` wrote."""
    return [Row(**values) for values in json.loads(path.read_text("utf-8"))]

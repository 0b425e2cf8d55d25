"""Data sets as people have them on disk, each read into the rows of a manifest."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import BadInputError, InputOutputError, UsageError
from train_export.readers import coswara, coughvid, esc50, folder, icbhi, kauh, manifest, sprsound
from train_export.readers.rows import AUDIO_SUFFIXES, Row

__all__ = ["LAYOUTS", "Layout", "Row", "layout_of", "read_rows", "refuse_inside"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        mark: what it is known by, in words.
        claims: whether the files below a root look like it.
        read: its rows; raises BadInputError, naming the file and the line or the field.
    """

    mark: str
    claims: Callable[[Path, Sequence[Path]], bool]
    read: Callable[[Path, Sequence[Path]], list[Row]]


# The first is the project's own and wins; the last is what is left.
LAYOUTS = {
    "manifest": Layout("manifest.csv", manifest.claims, manifest.read),
    "icbhi": Layout("101_1b1_Al_sc_Meditron.wav", icbhi.claims, icbhi.read),
    "sprsound": Layout("40638274_9.7_1_p1_1696.json", sprsound.claims, sprsound.read),
    "esc50": Layout("meta/esc50.csv", esc50.claims, esc50.read),
    "coswara": Layout("PARTICIPANT/cough-heavy.wav", coswara.claims, coswara.read),
    "coughvid": Layout("metadata_compiled.csv or UUID.json", coughvid.claims, coughvid.read),
    "kauh": Layout("BP1_Asthma,I E W,P L L,70,M.wav", kauh.claims, kauh.read),
    "folder": Layout("LABEL/*.wav", folder.claims, folder.read),
}


def layout_of(root: Path, layout: str = "auto") -> str:
    """The name of a folder's layout; `layout` itself unless it is `auto`.

    Raises:
        UsageError: there is no such layout, or the folder looks like several.
        InputOutputError: it looks like none.
    """
    return _choose(root, _files(root), layout)


def read_rows(root: Path, layout: str = "auto") -> list[Row]:
    """Every row below `root`; files without a sample are left out, and told.

    Raises:
        UsageError: there is no such layout, or the folder looks like several.
        InputOutputError: it looks like none.
        BadInputError: something in it is wrong; says what and where.
    """
    files = _files(root)
    name = _choose(root, files, layout)
    try:
        rows = LAYOUTS[name].read(root, files)
    except BadInputError as error:
        if name in ("manifest", "folder"):
            raise
        raise BadInputError(
            f"{error} (read as layout {name}; --layout folder takes it as your own)"
        ) from error
    empty = sorted({row.path for row in rows if row.end_s == 0})
    if empty:
        print(
            f"{root}: {len(empty)} files hold no sample, or a row of theirs ends at 0 s: "
            f"{empty[0]}, …",
            file=sys.stderr,
        )
    left = {path for path in files if path.suffix.lower() in AUDIO_SUFFIXES}
    left -= {row.path for row in rows}
    if len(left) > len(files) / 2:
        print(
            f"{root}: {len(left)} recordings are none of layout {name}, and left out: "
            f"{min(left)}, …; --layout folder takes all as your own",
            file=sys.stderr,
        )
    kept = [row for row in rows if row.end_s > 0]
    if not kept:
        raise InputOutputError(f"{root}: nothing to read as layout {name!r}")
    return kept


def refuse_inside(out: Path, root: Path) -> None:
    """Refuse to write a manifest where it would be taken for the corpus.

    Raises:
        UsageError: `out` lies in the folder `root`.
    """
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(
            f"{out} lies in {root}, whose layout a manifest would change; write it elsewhere"
        )


def _files(root: Path) -> list[Path]:
    """Every file below `root`, sorted, without the hidden ones and the bins of some systems.

    Raises:
        InputOutputError: there is no such folder.
        BadInputError: a name that no text can hold.
    """
    if not root.is_dir():
        raise InputOutputError(f"{root} is no folder; correct the path of the corpus")
    files = [
        path
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]
    for path in files:
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            readable = os.fsencode(path).decode(errors="replace")
            raise BadInputError(f"{readable}: the name is not UTF-8; rename the file") from error
    return sorted(files)


def _choose(root: Path, files: Sequence[Path], layout: str) -> str:
    if layout != "auto":
        if layout not in LAYOUTS:
            raise UsageError(f"no layout {layout!r}; one of: auto, {', '.join(LAYOUTS)}")
        return layout
    if manifest.claims(root, files):
        return "manifest"
    public = [name for name in LAYOUTS if name not in ("manifest", "folder")]
    found = [name for name in public if LAYOUTS[name].claims(root, files)]
    if len(found) > 1:
        raise UsageError(
            f"{root} looks like {' and like '.join(found)}; name one with --layout, or give "
            "the folder of one of them"
        )
    if not found and folder.claims(root, files):
        found = ["folder"]
    if not found:
        marks = ", ".join(f"{layout.mark} ({name})" for name, layout in LAYOUTS.items())
        raise InputOutputError(
            f"no manifest.csv below {root}, nor another layout that is known: {marks}"
        )
    return found[0]

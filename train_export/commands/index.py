"""`airway-train index`: read a data set in whatever layout it has, check it, and list it."""

import argparse
import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from edge.errors import BadInputError
from train_export.commands.places import out_file
from train_export.datasets import NEARLY_S, same_sound
from train_export.readers import LAYOUTS, Row, layout_of, read_rows, refuse_inside
from train_export.readers.rows import seconds_of
from train_export.taxonomy import chest_label, kind_of, own_label, room_label

COLUMNS = (
    "path", "source", "subject", "session", "label_event", "label_disease",
    "start_s", "end_s", "body_site", "recorder", "split", "extra",
)  # fmt: skip


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("index", help="check a data set of any layout and list it")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    add_layout(parser)
    parser.add_argument("--out", type=out_file, metavar="F.csv", help="a manifest of its rows")
    parser.set_defaults(command=_index)


def add_layout(parser: argparse.ArgumentParser) -> None:
    """The option of every command that reads a corpus."""
    parser.add_argument(
        "--layout", default="auto", choices=("auto", *LAYOUTS), help="how the corpus lies on disk"
    )


def _index(arguments: argparse.Namespace) -> int:
    layout = layout_of(arguments.corpus, arguments.layout)
    if arguments.out and layout == "folder":
        refuse_inside(arguments.out, arguments.corpus)  # the labels are one's own, not the room's
    rows = read_rows(arguments.corpus, layout)
    refuse_beyond(rows)
    print("\n".join(summary(rows, layout)))
    print("\n".join(duplicates(rows)))
    if arguments.out:
        write_manifest(rows, arguments.out)
        print(arguments.out)
    return 0


def refuse_beyond(rows: Sequence[Row]) -> None:
    """A row that ends behind its file is of another file, or told in other units.

    Raises:
        BadInputError: there is one.
    """
    lengths = {path: seconds_of(path) for path in {row.path for row in rows}}
    for row in rows:
        seconds = lengths[row.path]
        if row.end_s > seconds + NEARLY_S:
            raise BadInputError(
                f"{row.path} lasts {seconds:.2f} s, but a row of it ({row.label}) ends at "
                f"{row.end_s:g} s; give seconds of that file"
            )


def summary(rows: Sequence[Row], layout: str) -> list[str]:
    """What there is: files, people, hours, and the labels with what each becomes here."""
    ends: dict[Path, float] = {}
    for row in rows:
        ends[row.path] = max(ends.get(row.path, 0.0), row.end_s)
    people = {row.subject for row in rows if row.subject}
    counts = Counter(row.label for row in rows)
    chest = {row.label: bool(row.body_site) for row in rows}
    lines = [
        f"layout {layout}: {len(ends)} files, {len(rows)} rows, {len(people)} people, "
        f"{sum(ends.values()) / 3600:.2f} h"
    ]
    for label, count in counts.most_common():
        if layout == "folder":
            ours = own_label(label)
        else:
            ours = (chest_label if chest[label] else room_label)(kind_of(label))
        lines.append(f"{count:7}  {label} -> {ours or '(not used)'}")
    return lines


def duplicates(rows: Iterable[Row]) -> list[str]:
    """Files that hold the same samples, and those of them whose labels contradict."""
    labels: dict[Path, set[tuple[str, str]]] = {}
    for row in rows:
        labels.setdefault(row.path, set()).add((row.label, row.disease))
    same: dict[bytes, list[Path]] = {}
    for path in tqdm(labels, desc="decoding", unit="file"):
        same.setdefault(same_sound(path), []).append(path)
    groups = [paths for paths in same.values() if len(paths) > 1]
    contradicting = [
        paths for paths in groups if any(labels[path] != labels[paths[0]] for path in paths)
    ]
    lines = [f"every file was decoded; {len(groups)} sounds stand in more than one file"]
    lines += [f"  {paths[0]} = {paths[1]}" for paths in groups[:3]]
    if contradicting:
        first = contradicting[0]
        lines.append(
            f"{len(contradicting)} of them under labels that contradict, such as {first[0]} "
            f"and {first[1]}"
        )
    return lines


def write_manifest(rows: Iterable[Row], out: Path) -> None:
    """Write rows as a manifest; paths are relative to its folder."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            path = os.path.relpath(row.path.resolve(), out.parent.resolve())
            writer.writerow(
                (path, row.source, row.subject, row.session, row.label, row.disease, row.start_s,
                 row.end_s, row.body_site, row.recorder, row.split, row.extra)
            )  # fmt: skip

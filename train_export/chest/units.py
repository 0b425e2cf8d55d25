"""The scored units of a chest manifest: events, records and breathing cycles."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInputError
from edge.frontend import Frontend, FrontendSpec, FrontendTables
from train_export.chest.labels import KINDS, canonical, kind_of
from train_export.readers.rows import read_table, span
from train_export.recordings import blocks_of, span_or_whole


@dataclass(frozen=True, slots=True)
class Unit:
    """One row of a manifest that has a truth.

    Attributes:
        path: the recording.
        name: its path as the manifest spells it.
        kind: `event`, `record` or `cycle`.
        label, spelled: the truth, in the model's words and as the manifest spells it.
        start_s, end_s: its place in the recording, in seconds.
        source, subject, recorder, split: as the manifest says; `subject` is the file where
            nobody is named.
    """

    path: Path
    name: str
    kind: str
    label: str
    start_s: float
    end_s: float
    source: str
    subject: str
    recorder: str
    split: str
    spelled: str = ""


def read_units(manifest: Path) -> list[Unit]:
    """Units of a manifest, in its order; rows of other profiles are left out.

    A record without times is its whole file.

    Raises:
        InputOutputError: it, or the file of such a record, can't be read.
        BadInputError: a column is missing, or a time is no number or runs backwards.
    """
    return sorted_out(manifest)[0]


def sorted_out(manifest: Path) -> tuple[list[Unit], dict[str, int]]:
    """As `read_units`, and how many rows of each other label were left out.

    Raises:
        BadInputError: as there, or records are spelled as SPRSound spells them, which makes
            their normal ones events.
    """
    units, others = [], Counter[str]()
    for where, row in read_table(manifest, ("path", "label_event", "start_s", "end_s")):
        unit = _unit(row, where, manifest.parent)
        if unit is None:
            others[row["label_event"]] += 1
        else:
            units.append(unit)
    if bare := {f"record:{label}" for label in others} & set(KINDS["record"]):
        raise BadInputError(
            f"{manifest} spells records without `record:`, and so their normal ones as events; "
            f"write {', '.join(sorted(bare))} and record:Normal"
        )
    return units, dict(others)


def _unit(row: dict[str, str], where: str, folder: Path) -> Unit | None:
    label = canonical(row["label_event"])
    kind = kind_of(label)
    if kind is None:
        return None
    if kind == "record":
        start_s, end_s = span_or_whole(row, where, folder)
    else:
        start_s, end_s = span(row["start_s"], row["end_s"], where)
    return Unit(
        path=folder / row["path"],
        name=row["path"],
        kind=kind,
        label=label,
        spelled=row["label_event"],
        start_s=start_s,
        end_s=end_s,
        source=row.get("source") or "",
        subject=row.get("subject") or row["path"],
        recorder=row.get("recorder") or "",
        split=row.get("split") or "",
    )


def frames_of(path: Path, spec: FrontendSpec, tables: FrontendTables) -> NDArray[np.int16]:
    """Feature frames of a whole recording, int16 [frames, coefficients].

    Raises:
        InputOutputError: the file can't be read.
        BadInputError: it can't be decoded, or ends before its header says so.
    """
    rate_hz, blocks = blocks_of(path)
    frontend = Frontend(spec, tables, rate_hz)
    empty = np.zeros((0, spec.coefficients), np.int16)
    return np.concatenate([empty, *(frontend.push(pcm) for pcm in blocks)])


def frame_at(time_s: float, spec: FrontendSpec) -> int:
    """The frame that speaks for an instant, at least 0: the hop around its window's middle."""
    shift_samples = (spec.window_samples - spec.hop_samples) / 2
    return max(0, round((time_s * spec.rate_hz - shift_samples) / spec.hop_samples))


def stretch(
    frames: NDArray[np.int16], start_s: float, end_s: float, spec: FrontendSpec
) -> NDArray[np.int16]:
    """The frames of a part of a recording, int16 [frames, coefficients]; of an instant its one."""
    first = frame_at(start_s, spec)
    return frames[first : max(first + 1, frame_at(end_s, spec))]

"""A manifest's recordings with what was annotated in them."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import BadInputError
from train_export.readers.rows import pairs_of, read_table
from train_export.recordings import span_or_whole

# Rows that say something of a whole recording, not of a sound in it.
_WHOLE = ("scene",)
_WHOLE_PREFIXES = ("background:", "record:")


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """An annotated sound, in seconds.

    Attributes:
        label: as the manifest says it.
        onset_s, offset_s: on the recording.
        subject: who made it, or the recording when nobody is named.
        traits: what else the manifest knows: kind, source, recorder, sex.
    """

    label: str
    onset_s: float
    offset_s: float
    subject: str
    traits: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A recording, its path as the manifest spells it first, and its annotated sounds by onset."""

    path: Path
    name: str
    events: tuple[TrueEvent, ...]


def read_manifest(manifest: Path) -> list[Annotation]:
    """Recordings of a manifest with their annotated sounds.

    A row without a label says that the recording is there; nothing need be heard in it. One
    without times stands for the whole recording. A sound that is listed again counts once, and
    that is said on standard error.

    Raises:
        InputOutputError: it can't be read.
        BadInputError: a column is missing, or a time is no number.
    """
    files: dict[Path, tuple[str, list[TrueEvent]]] = {}
    seen: set[tuple[Path, str, float, float]] = set()
    repeated: list[str] = []
    for where, row in read_table(manifest, ("path", "label_event", "start_s", "end_s")):
        path = (manifest.parent / row["path"]).resolve()  # it may be spelled in several ways
        _, events = files.setdefault(path, (row["path"], []))
        label = row["label_event"].strip()
        if label and label not in _WHOLE and not label.startswith(_WHOLE_PREFIXES):
            event = _event(row, label, where, manifest.parent)
            what = (path, label.casefold(), event.onset_s, event.offset_s)
            if what in seen:
                repeated.append(where)
                continue
            seen.add(what)
            events.append(event)
    if repeated:
        print(
            f"{repeated[0]}: the same sound as in a row above; {len(repeated)} such rows are left "
            "out",
            file=sys.stderr,
        )
    if not files:
        raise BadInputError(f"{manifest} lists no recording; add a row for each")
    return [
        Annotation(
            manifest.parent / name, name, tuple(sorted(events, key=lambda event: event.onset_s))
        )
        for name, events in files.values()
    ]


def _event(row: dict[str, str], label: str, where: str, folder: Path) -> TrueEvent:
    subject = row.get("subject") or row["path"]
    extra = pairs_of(row.get("extra"))
    traits = {
        # A spliced scene names the source of each sound in its subject.
        "source": subject.partition("/")[0] if "/" in subject else row.get("source", ""),
        "recorder": row.get("recorder") or "",
        "sex": extra.get("sex", ""),
        "kind": extra.get("kind", label),
    }
    start_s, end_s = span_or_whole(row, where, folder)
    return TrueEvent(label, start_s, end_s, subject, traits)

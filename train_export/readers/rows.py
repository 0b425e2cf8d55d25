"""What every reader gives: labelled stretches of audio files, as a manifest lists them."""

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile as sf

from edge.errors import BadInputError, InputOutputError

AUDIO_SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
# Containers that phones and browsers write and that libsndfile does not open.
FOREIGN_SUFFIXES = (".webm", ".m4a", ".mp4", ".aac", ".amr", ".3gp", ".wma")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A stretch of a file and what its source says of it; empty text where it says nothing.

    Attributes:
        path: the audio file.
        name: the file as its source names it; its path alone where that is empty.
        source: name of the data set.
        label: what is heard, as the source spells it.
        start_s, end_s: where, 0 <= start_s <= end_s; equal in a file without a sample.
        subject: the person.
        session: one sitting or take of the person.
        disease: a diagnosis, as the source spells it.
        body_site: where on the chest; empty for a microphone in the air.
        recorder: the instrument.
        split: the half or fold that the source names.
        extra: `key=value` pairs, separated by semicolons.
    """

    path: Path
    source: str
    label: str
    start_s: float
    end_s: float
    subject: str = ""
    session: str = ""
    disease: str = ""
    body_site: str = ""
    recorder: str = ""
    split: str = ""
    extra: str = ""
    name: str = ""


def fingerprint(rows: Iterable[Any]) -> str:
    """Short digest of what was read, by files and labels: scenes of one corpus serve no other.

    Args:
        rows: or what was made of them: each with a `path`, and told apart by its `repr`.
    """
    digest = hashlib.sha256()
    for row in rows:
        state = row.path.stat()
        digest.update(f"{row!r} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]


def seconds_of(path: Path) -> float:
    """Length of an audio file, from its header.

    Raises:
        BadInputError: it is no audio, or of a format that has to be converted first.
    """
    if path.suffix.lower() in FOREIGN_SUFFIXES:
        raise BadInputError(
            f"{path}: {path.suffix[1:]} files are not read; convert it, for example with "
            f"ffmpeg -i {path.name} {path.stem}.wav"
        )
    try:
        info = sf.info(path)
    except sf.LibsndfileError as error:
        raise BadInputError(
            f"{path} is no audio file ({error}); fetch it again, or take it out"
        ) from error
    return float(info.frames / info.samplerate)


def read_text(path: Path) -> str:
    """A text file; a byte order mark is no part of it.

    Raises:
        InputOutputError: it can't be read.
        BadInputError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputOutputError(f"{path} can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        InputOutputError: it can't be read.
        BadInputError: it is none.
    """
    try:
        value = json.loads(read_text(path))
    except ValueError as error:
        raise BadInputError(f"{path} is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise BadInputError(f"{path} is not a JSON object")
    return value


def pairs_of(extra: str | None) -> dict[str, str]:
    """The `key=value` pairs of a row's `extra`."""
    parts = (part.strip().partition("=") for part in (extra or "").split(";"))
    return {name: value for name, equals, value in parts if equals}


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a CSV file with a header, each with where it stands: `FILE, line N`.

    Raises:
        InputOutputError: it can't be read.
        BadInputError: a column is missing, a row has more or fewer values than the header, or
            none that can be a file's where one is asked for.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise BadInputError(
                f"{path}, line 1: no column {', '.join(missing)}; "
                f"found: {', '.join(reader.fieldnames or ['nothing'])}"
            )
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                width = len(reader.fieldnames or ())
                raise BadInputError(f"{where}: not {width} values as in the header")
            if "path" in columns and (not row["path"].strip() or "\0" in row["path"]):
                raise BadInputError(f"{where}: path {row['path']!r} names no recording; correct it")
            yield where, row
    except csv.Error as error:
        raise BadInputError(f"{path}, line {reader.line_num + 1}: {error}") from error


def number(text: object, what: str, where: str) -> float:
    """A number that a source gives as text.

    Raises:
        BadInputError: it is none; names the place.
    """
    try:
        return float(str(text))
    except ValueError:
        raise BadInputError(f"{where}: {what} {text!r} is no number") from None


def span(start: object, end: object, where: str, unit_s: float = 1.0) -> tuple[float, float]:
    """A start and an end in seconds, from values in units of `unit_s`.

    Raises:
        BadInputError: one is no number, or they do not rise from 0; names the place.
    """
    start_s = number(start, "start", where) * unit_s
    end_s = number(end, "end", where) * unit_s
    if not 0 <= start_s <= end_s < math.inf:
        raise BadInputError(f"{where}: start {start} and end {end} must rise from 0")
    return start_s, end_s

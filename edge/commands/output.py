"""What the subcommands share: how they print, and how they go through many files."""

import codecs
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge.errors import AirwayError
from edge.program import say_error

# A second of audio a block: large enough for NumPy, small enough for memory.
BLOCK_S = 1.0
DISCLAIMER = "Airway is a screening aid, not a diagnosis. Ask a clinician about any symptom."


def say_json(line: dict[str, Any]) -> None:
    """Print one JSON object on one line of standard output."""
    print(in_json(line), flush=True)


def in_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON that standard output can hold, whatever its encoding."""
    encoding = codecs.lookup(sys.stdout.encoding or "ascii").name
    return json.dumps(value, indent=indent, ensure_ascii=encoding != "utf-8")


def each_file(files: Sequence[Path], work: Callable[[Path], None]) -> int:
    """Do every file; a bad one is told and does not take the others with it.

    Returns:
        The exit code of the last failure, 0 when there was none.
    """
    code = 0
    for file in files:
        try:
            work(file)
        except AirwayError as error:
            say_error(error)
            code = error.exit_code
    return code

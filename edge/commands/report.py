"""`airway report`: a period of nights for a clinician."""

import argparse
import json
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from edge import __version__
from edge.commands.history import add_where, history_of
from edge.daemon.night import last_night, local_day
from edge.errors import BadInputError, InputOutputError, UsageError
from edge.pages.texts import LANGUAGES, language
from edge.records import TREND_LABEL

# What writes a report is imported where it is used: the daemon has the same command line, and
# would keep megabytes of it for months.
if TYPE_CHECKING:
    from edge.report import Report


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    report = commands.add_parser("report", help="a period of nights for a clinician")
    add_where(report)
    report.add_argument(
        "--from",
        dest="first",
        type=_day,
        metavar="DAY",
        help="first night, like 2026-03-01 (default: 30 before)",
    )
    report.add_argument(
        "--to",
        dest="last",
        type=_day,
        metavar="DAY",
        help="last night, likewise (default: the latest)",
    )
    form = report.add_mutually_exclusive_group(required=True)
    for name, words in (
        ("html", "one page for a screen or a printer"),
        ("pdf", "one page A4; on a terminal it needs --out"),
        ("csv", "a row for each night"),
        ("fhir", "HL7 FHIR R4 Observations, JSON"),
    ):
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=words)
    report.add_argument("--out", type=Path, metavar="F", help="default: standard output")
    report.add_argument("--lang", choices=tuple(LANGUAGES), default="en", help="default: en")
    report.set_defaults(command=_report)


def _report(arguments: argparse.Namespace) -> int:
    if arguments.form == "pdf" and arguments.out is None and sys.stdout.isatty():
        raise UsageError("a PDF is nothing for a terminal; give --out F.pdf")
    from edge.report import report_of
    from edge.store import Reader
    from edge.trend import views

    history = history_of(arguments)
    with Reader(history.database) as reader:
        kept, identity = reader.nights(time.time()), reader.identity()
    nights = views(kept)
    if kept and not nights:
        raise BadInputError(
            f"{len(kept)} nights are kept, and none of a bundle that counts {TREND_LABEL}s; a "
            "report needs such nights"
        )
    if nights and arguments.last:
        start_unix_s, _ = last_night(time.time(), history.night)
        over = max(nights[-1].date, local_day(start_unix_s, history.night))
        if arguments.last > over:
            raise UsageError(
                f"the night of {arguments.last} is not over; the latest that is began on {over}"
            )
    report = report_of(nights, history.node, arguments.first, arguments.last, identity)
    body = _written(report, arguments.form, arguments.lang)
    if arguments.out is None:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return 0
    try:
        arguments.out.write_bytes(body)
    except OSError as error:
        raise InputOutputError(
            f"{arguments.out} can't be written ({error.strerror}); choose another --out"
        ) from error
    return 0


def _written(report: "Report", form: str, lang: str) -> bytes:
    from edge.report import csv_table, fhir_bundle, html_page, pdf_page

    t = language(lang)
    match form:
        case "html":
            return html_page(report, t, __version__).encode()
        case "pdf":
            return pdf_page(report, t, __version__)
        case "csv":
            return csv_table(report).encode()
    bundle = fhir_bundle(report, t, __version__)
    return (json.dumps(bundle, indent=2, ensure_ascii=False) + "\n").encode()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a day; write it like 2026-03-01"
        ) from error

"""The nights as comma-separated values (RFC 4180), for a spreadsheet or pandas."""

import csv
import io
from datetime import date

from edge.report.content import Report
from edge.trend import NightView

COLUMNS = (
    "night",
    "node",
    "listened_h",
    "coughs_reported",
    "coughs_per_h",
    "coughs_per_h_low95",
    "coughs_per_h_high95",
    "corrected",
    "usual_low_per_h",
    "usual_high_per_h",
    "alert",
)


def csv_table(report: Report) -> str:
    """One row for each night; a figure that is not known is an empty field, never a zero."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(_row(report.node, day, night) for day, night in report.days)
    return out.getvalue()


def _row(node: str, day: date, night: NightView | None) -> list[object]:
    if night is None:
        return [day, node, *[""] * (len(COLUMNS) - 2)]
    if night.rate_per_h is None:
        listened = (round(night.covered_s / 3600, 4), night.coughs if night.listened else "")
        return [day, node, *listened, *[""] * (len(COLUMNS) - 4)]
    return [
        day,
        node,
        round(night.covered_s / 3600, 4),
        night.coughs,
        *map(_figure, (night.rate_per_h, night.low, night.high)),
        int(night.corrected),
        *map(_figure, (night.baseline_low, night.baseline_high)),
        "" if night.alert is None else int(night.alert),
    ]


def _figure(value: float | None) -> float | str:
    return "" if value is None else round(value, 4)

"""An evaluation as one HTML page that needs nothing beside it: figures, curves and tables."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edge.errors import InputOutputError
from train_export.intervals import in_figures

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8886 }
td { overflow-wrap: anywhere }
figure { margin: 1rem 0 } img { max-width: 100%; background: white }
"""
_NOTHING = "not measured"
_RATES = ("sensitivity", "precision", "f1", "false_alarms_per_hour")


def write_html(report: dict[str, Any], path: Path) -> None:
    """Write the page.

    Args:
        report: what `evaluate` gives.
        path: of the file.

    Raises:
        InputOutputError: it can't be written.
    """
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>",
        f"<title>{_text(report['bundle'])}: evaluation</title><style>{_STYLE}</style>",
        f"<h1>{_text(report['bundle'])}: evaluation</h1>",
        f"<p>Digest {_text(report['digest'][:16])}, trained by commit {_text(report['commit'])}, "
        f"scored on {_text(report['runtime'])}. Matching: {_text(report['matching'])}. "
        "Intervals are 95 %, from the bootstrap over people or recordings. "
        "A screening aid, not a diagnosis.</p>",
    ]
    for label, numbers in report["labels"].items():
        parts += _section(label, numbers)
    try:
        path.write_text("\n".join(parts) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputOutputError(
            f"{path} can't be written ({error.strerror}); choose another --html"
        ) from error


def _section(label: str, numbers: dict[str, Any]) -> list[str]:
    rows = [[name.replace("_", " "), _figure(numbers, name)] for name in _RATES]
    rows += [
        ["count concordance (CCC)", _number(numbers["count_concordance"])],
        ["expected calibration error", _number(numbers["ece"])],
        [
            "false alarms on a thousand other sounds",
            _number(numbers["false_alarms_per_1000_others"]),
        ],
    ]
    rows += [
        [f"sensitivity at {rate} false alarms an hour", _number(value)]
        for rate, value in numbers["sensitivity_at"].items()
    ]
    if "clips" in numbers:
        clips = numbers["clips"]
        rows.append(["clips without times it is heard in", f"{clips['heard']} of {clips['true']}"])
    parts = [
        f"<h2>{_text(label)}</h2>",
        f"<p>{numbers['true']} true events of {numbers['people']} people in "
        f"{numbers['recordings']} recordings, {numbers['hours']:.2f} h.</p>",
        _table(["figure", "value"], rows),
    ]
    if numbers["true"]:
        parts.append(_picture("Detection error trade-off", lambda axes: _draw_det(axes, numbers)))
    if numbers["reliability"]:
        parts.append(
            _picture(
                "Stated and observed probability",
                lambda axes: _draw_reliability(axes, numbers["reliability"]),
            )
        )
    if numbers["false_alarms_by_sound"]:
        parts += [
            "<h3>What the false alarms were on</h3>",
            _table(["sound", "false alarms"], list(numbers["false_alarms_by_sound"].items())),
        ]
    for trait, values in numbers["slices"].items():
        if values:
            rows = [
                [value, f"{part['sensitivity']:.3f} of {part['true']}"]
                for value, part in values.items()
            ]
            parts += [f"<h3>By {_text(trait)}</h3>", _table([trait, "sensitivity"], rows)]
    return parts


def _figure(numbers: dict[str, Any], name: str) -> str:
    return in_figures(numbers[name], numbers["interval_95"][name], _NOTHING)


def _number(value: float | None) -> str:
    return in_figures(value, None, _NOTHING)


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{_text(name)}" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}" for cell in row) for row in rows)
    return f"<table><tr>{head}{body}</table>"


def _text(value: Any) -> str:
    return html.escape(str(value))


def _picture(title: str, draw: Callable[[Axes], None]) -> str:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.set_title(title)
    axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<figure><img alt="{_text(title)}" src="data:image/png;base64,{data}"></figure>'


def _draw_det(axes: Axes, numbers: dict[str, Any]) -> None:
    points = [point for point in numbers["det"] if point["false_alarms_per_hour"] > 0]
    axes.plot(
        [point["false_alarms_per_hour"] for point in points],
        [1 - point["sensitivity"] for point in points],
        marker=".",
    )
    # A logarithm has no place for no false alarm at all: the best such level is a line of its own.
    silent = [p["sensitivity"] for p in numbers["det"] if p["false_alarms_per_hour"] == 0]
    if silent:
        label = f"no false alarm in {numbers['hours']:.2f} h"
        axes.axhline(1 - max(silent), color="0.5", linestyle=":", label=label)
    if numbers["false_alarms_per_hour"]:
        own = numbers["false_alarms_per_hour"], 1 - numbers["sensitivity"]
        axes.plot(*own, "o", color="C3", label="the bundle's own rule")
    axes.legend()
    axes.set_xscale("log")
    axes.set_xlabel("false alarms an hour")
    axes.set_ylabel("share of events missed")
    axes.set_ylim(0, 1)


def _draw_reliability(axes: Axes, bins: Sequence[dict[str, float]]) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--")
    axes.plot([part["stated"] for part in bins], [part["observed"] for part in bins], marker="o")
    axes.set_xlabel("stated probability")
    axes.set_ylabel("observed share")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)

"""The daemon's latest figures, for whoever asks: the service manager, and Prometheus."""

from collections.abc import Mapping
from dataclasses import fields

from edge.messages import Health


class Board:
    """Where the pipeline thread writes and other threads read; each reading is whole.

    Attributes:
        stores_set_aside: damaged databases since the daemon started.
        status: one line for a person.
    """

    def __init__(self) -> None:
        self.stores_set_aside = 0
        self.status = "waiting for the first sound"
        self._text = ""

    def show(self, health: Health, totals: Mapping[str, int], recent: Mapping[str, int]) -> None:
        """Put up new figures: the daemon's own, and the events of the session and the hour."""
        heard = ", ".join(f"{count} {label}" for label, count in recent.items() if count)
        state = "muted" if health.muted else "listening" if health.source_online else "no sound"
        self.status = f"{state}; last hour: {heard or 'nothing'}; {health.outbox_depth} to send"
        if health.unsaved:
            self.status += f"; the store fails, {health.unsaved} writes wait"
        self._text = _prometheus(health, totals)

    def text(self) -> str:
        """The figures in Prometheus' text format, version 0.0.4."""
        return self._text


def _prometheus(health: Health, totals: Mapping[str, int]) -> str:
    words: dict[str, str] = {}
    lines: list[str] = []
    for figure in fields(Health):
        value = getattr(health, figure.name)
        if isinstance(value, str):
            words[figure.name] = value
        elif value is not None:
            kind = figure.metadata["kind"]
            name = _name(figure.name, kind)
            lines += _head(name, kind, figure.metadata["words"])
            lines.append(f"{name} {float(value):.10g}")
    lines += _head("airway_source_info", "gauge", "what the source is, in words")
    lines.append(f"airway_source_info{{{_labels(words)}}} 1")
    lines += _head("airway_events_total", "counter", "events since the session began")
    lines += [f"airway_events_total{{{_labels({'label': k})}}} {n}" for k, n in totals.items()]
    return "\n".join([*lines, ""])


def _name(figure: str, kind: str) -> str:
    """Prometheus' name: base units in full, and _total on what only grows."""
    name = figure.removesuffix("_s") + "_seconds" if figure.endswith("_s") else figure
    return f"airway_{name}_total" if kind == "counter" else f"airway_{name}"


def _head(name: str, kind: str, words: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]


def _labels(values: Mapping[str, str]) -> str:
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for name, value in values.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in escaped.items())

"""The daemon's own figures: one list for the health message, its schema and Prometheus."""

from dataclasses import dataclass, field
from typing import Any


def _gauge(words: str) -> Any:
    """A figure that goes up and down."""
    return field(metadata={"kind": "gauge", "words": words})


def _counter(words: str) -> Any:
    """A figure that only grows while the daemon runs."""
    return field(metadata={"kind": "counter", "words": words})


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the daemon does; the unit is in each name, and counters begin with the session.

    Load is shed in this order: first audio waits in a queue of ten seconds (`queue_depth`),
    then what does not fit is dropped before the model sees it (`shed_s`). Events, and what
    is stored, are never shed.
    """

    uptime_s: float = _counter("seconds since the session began")
    processed_s: float = _counter("seconds of audio through the model")
    lost_s: float = _counter("seconds of audio dropped, by the source or under load")
    shed_s: float = _counter("seconds of those dropped because the model could not keep up")
    muted_s: float = _counter("seconds that were not listened to by request")
    rtf: float = _gauge("computing seconds per second of audio, since the session began")
    muted: bool = _gauge("the microphone is muted")
    source_online: bool = _gauge("the source delivers audio")
    signal: str = _gauge("good, or what is wrong with the samples")
    device: str = _gauge("name of the microphone; empty when it is away, or not one")
    overruns: int = _counter("times that the microphone lost samples")
    reopened: int = _counter("times that the microphone was opened again")
    drift_ppm: float | None = _gauge(
        "rate of the microphone's clock less the system's; null when not known"
    )
    queue_depth: int = _gauge("audio blocks that wait for the model")
    outbox_depth: int = _gauge("messages that wait for the broker")
    outbox_oldest_s: float | None = _gauge(
        "age of the oldest of them, seconds; null when there is none"
    )
    outbox_dropped: int = _counter("messages given up because the store reached its size")
    unsaved: int = _gauge("messages that wait in memory because the store takes none")
    unsaved_dropped: int = _counter("messages given up because too many waited in memory")
    store_failures: int = _counter("times that the store failed")
    store_bytes: int = _gauge("size of the store")
    stores_set_aside: int = _counter("damaged databases put aside since the daemon started")
    clock_steps: int = _counter("times that the device's clock was set by more than a second")
    rss_bytes: int = _gauge("resident memory")
    connected: bool = _gauge("the broker has accepted the connection")
    refused: int = _counter("publishes that the broker refused")
    reconnects: int = _counter("connections after the first")
    dropped_live: int = _counter("live figures not sent or not acknowledged")

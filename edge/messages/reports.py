"""The messages about what was heard and what runs, built from plain values."""

from collections.abc import Mapping
from dataclasses import asdict

from edge.messages.base import Message, Origin, common
from edge.messages.health import Health
from edge.records import Event, Screening


def event_message(
    origin: Origin, event: Event, *, id: str, ts: str, clock_synced: bool, model: str
) -> Message:
    """One respiratory event.

    Args:
        origin: who heard it.
        event: what was heard.
        id: stable identifier, see `uuid7`; a consumer drops repeats by it.
        ts: the event's onset, see `rfc3339`.
        clock_synced: the device's clock was synchronised when the session began.
        model: name of the bundle that detected it.
    """
    return Message(
        f"{origin.base}/{origin.node}/{origin.source}/event",
        {
            **common(origin, id, ts, clock_synced),
            "event_type": event.label,  # the name that Home Assistant's event entity requires
            "label": event.label,
            "onset_s": round(event.onset_s, 3),
            "offset_s": round(event.offset_s, 3),
            "duration_s": round(event.duration_s, 3),
            "score": round(event.score, 4),
            "p": round(event.p, 4),
            "model": model,
        },
    )


def screening_message(
    origin: Origin,
    screening: Screening,
    *,
    id: str,
    ts: str,
    clock_synced: bool,
    explanation: Mapping[str, str],
    clinician: Mapping[str, str],
    model: str,
) -> Message:
    """One screening result.

    Args:
        origin: who recorded.
        screening: the result.
        id: stable identifier, see `uuid7`.
        ts: when the recording began, see `rfc3339`.
        clock_synced: the device's clock was synchronised then.
        explanation: for the person, by language, "en" and "zh".
        clinician: for a professional, likewise.
        model: name of the bundle.
    """
    return Message(
        f"{origin.base}/{origin.node}/{origin.source}/screening",
        {
            **common(origin, id, ts, clock_synced),
            **screening.to_dict(),
            "explanation": dict(explanation),
            "clinician": dict(clinician),
            "model": model,
        },
    )


def state_message(
    origin: Origin,
    *,
    id: str,
    ts: str,
    clock_synced: bool,
    counts: Mapping[str, int],
    totals: Mapping[str, int],
    monitored_s: float,
    lost_s: float,
    window_s: float,
) -> Message:
    """Rolling counts of one microphone over the last `window_s` seconds.

    `monitored_s` of the window were listened to and `lost_s` dropped; a count of 0 in 0
    monitored seconds says nothing. `totals` count since the session began.
    """
    return Message(
        f"{origin.base}/{origin.node}/{origin.source}/state",
        {
            **common(origin, id, ts, clock_synced),
            "counts": dict(counts),
            "totals": dict(totals),
            "monitored_s": round(monitored_s, 3),
            "lost_s": round(lost_s, 3),
            "window_s": round(window_s, 3),
        },
    )


def info_message(
    origin: Origin,
    *,
    id: str,
    ts: str,
    clock_synced: bool,
    version: str,
    runtime: str,
    bundles: Mapping[str, str],
    config_digest: str,
) -> Message:
    """What runs on the device, retained; `bundles` maps a bundle's name to its digest."""
    return Message(
        f"{origin.base}/{origin.node}/info",
        {
            **common(origin, id, ts, clock_synced),
            "version": version,
            "runtime": runtime,
            "bundles": dict(bundles),
            "config_digest": config_digest,
        },
        retain=True,
    )


def health_message(
    origin: Origin, health: Health, *, id: str, ts: str, clock_synced: bool
) -> Message:
    """The daemon's own figures, now."""
    figures = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in asdict(health).items()
    }
    return Message(
        f"{origin.base}/{origin.node}/health",
        {**common(origin, id, ts, clock_synced), **figures},
    )


def summary_message(
    origin: Origin,
    *,
    id: str,
    ts: str,
    clock_synced: bool,
    start: str,
    end: str,
    counts: Mapping[str, int],
    monitored_s: float,
    lost_s: float,
    model: str,
) -> Message:
    """One night, retained, from `start` to `end` (see `rfc3339`).

    `rate_per_hour` of each label is a count over the hours really monitored, and None when
    less than a second was: a dead microphone never reads as a quiet night.
    """
    rates = {
        label: round(3600 * count / monitored_s, 3) if monitored_s >= 1 else None
        for label, count in counts.items()
    }
    return Message(
        f"{origin.base}/{origin.node}/summary/night",
        {
            **common(origin, id, ts, clock_synced),
            "start": start,
            "end": end,
            "counts": dict(counts),
            "rate_per_hour": rates,
            "monitored_s": round(monitored_s, 3),
            "lost_s": round(lost_s, 3),
            "model": model,
        },
        retain=True,
    )

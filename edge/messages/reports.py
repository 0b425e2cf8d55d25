"""The messages about what was heard and what runs, built from plain values."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date

from edge.messages.base import Message, Origin, common, rfc3339
from edge.messages.health import Health
from edge.records import Event, Night


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
    result: Mapping[str, object],
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
        result: see `Screening.to_dict`.
        id: stable identifier, see `uuid7`.
        ts: when it was screened, see `rfc3339`.
        clock_synced: the device's clock was synchronised then.
        explanation: for the person, by language, "en" and "zh".
        clinician: for a professional, likewise.
        model: name of the bundle.
    """
    return Message(
        f"{origin.base}/{origin.node}/{origin.source}/screening",
        {
            **common(origin, id, ts, clock_synced),
            **result,
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
    night: Night,
    *,
    id: str,
    ts: str,
    clock_synced: bool,
    estimates: Mapping[str, Mapping[str, float | bool] | None],
    model: str,
) -> Message:
    """One night, retained.

    `rate_per_hour` of each label is a count over the hours really monitored, and None when
    less than a second was: a dead microphone never reads as a quiet night.

    Args:
        origin: who speaks.
        night: what it amounted to, and whether an alert stands.
        id: stable identifier, see `uuid7`.
        ts: when this is said, see `rfc3339`.
        clock_synced: the device's clock was synchronised.
        estimates: label -> "per_hour", the 95 % interval "low" to "high", and whether they are
            "corrected" for what the detector misses and invents; None without a rate.
        model: name of the bundle.
    """
    counts = {label: heard.count for label, heard in night.heard.items()}
    rates = {
        label: round(3600 * count / night.monitored_s, 3) if night.monitored_s >= 1 else None
        for label, count in counts.items()
    }
    rounded = {
        label: found
        and {
            key: value if isinstance(value, bool) else round(value, 3)
            for key, value in found.items()
        }
        for label, found in estimates.items()
    }
    return Message(
        f"{origin.base}/{origin.node}/summary/night",
        {
            **common(origin, id, ts, clock_synced),
            "start": rfc3339(night.start_unix_s),
            "end": rfc3339(night.end_unix_s),
            "counts": counts,
            "rate_per_hour": rates,
            "estimated_per_hour": rounded,
            "monitored_s": round(night.monitored_s, 3),
            "lost_s": round(night.lost_s, 3),
            "alert": night.alert,
            "model": model,
        },
        retain=True,
    )


def alert_message(
    origin: Origin,
    *,
    id: str,
    ts: str,
    clock_synced: bool,
    label: str,
    raised: bool,
    cause: str,
    since: date,
    nights: int,
    rate_per_h: float,
    usual_low_per_h: float,
    usual_high_per_h: float,
    usual_per_h: float,
    reason: Mapping[str, str],
    model: str,
) -> Message:
    """An alert was raised or cleared, with the reason in words.

    Args:
        origin: who speaks.
        id: stable identifier, see `uuid7`.
        ts: when this is said, see `rfc3339`.
        clock_synced: the device's clock was synchronised.
        label: of what there is more than usual.
        raised: or cleared.
        cause: "more", "usual", "adopted" or "bundle"; see `edge.trend.Change`.
        since: day of the first night that speaks for it.
        nights: monitored nights since then.
        rate_per_h: sounds an hour reported in them, not corrected.
        usual_low_per_h: least of a usual night, on the same scale.
        usual_high_per_h: most of one.
        usual_per_h: of usual nights on average.
        reason: sentences by language.
        model: name of the bundle.
    """
    return Message(
        f"{origin.base}/{origin.node}/alert",
        {
            **common(origin, id, ts, clock_synced),
            "label": label,
            "state": "raised" if raised else "cleared",
            "cause": cause,
            "since": since.isoformat(),
            "nights": nights,
            "rate_per_hour": round(rate_per_h, 3),
            "usual_low_per_hour": round(usual_low_per_h, 3),
            "usual_high_per_hour": round(usual_high_per_h, 3),
            "usual_per_hour": round(usual_per_h, 3),
            "reason": dict(reason),
            "model": model,
        },
    )

"""The messages about what was heard and what runs, built from plain values."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date

from edge.messages.base import Message, Stamp, rfc3339
from edge.messages.health import Health
from edge.records import Event, Night


def event_message(stamp: Stamp, event: Event, *, model: str) -> Message:
    """One respiratory event; `model` names the bundle that heard it, and its onset the time."""
    return Message(
        stamp.origin.source_topic("event"),
        {
            **stamp.fields(),
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
    stamp: Stamp,
    result: Mapping[str, object],
    *,
    explanation: Mapping[str, str],
    clinician: Mapping[str, str],
    model: str,
) -> Message:
    """One screening result.

    Args:
        stamp: who recorded, and when it was screened.
        result: see `Screening.to_dict`.
        explanation: for the person, by language, "en" and "zh".
        clinician: for a professional, likewise.
        model: name of the bundle.
    """
    return Message(
        stamp.origin.source_topic("screening"),
        {
            **stamp.fields(),
            **result,
            "explanation": dict(explanation),
            "clinician": dict(clinician),
            "model": model,
        },
    )


def state_message(
    stamp: Stamp,
    *,
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
        stamp.origin.source_topic("state"),
        {
            **stamp.fields(),
            "counts": dict(counts),
            "totals": dict(totals),
            "monitored_s": round(monitored_s, 3),
            "lost_s": round(lost_s, 3),
            "window_s": round(window_s, 3),
        },
    )


def info_message(
    stamp: Stamp,
    *,
    version: str,
    runtime: str,
    bundles: Mapping[str, str],
    config_digest: str,
) -> Message:
    """What runs on the device, retained; `bundles` maps a bundle's name to its digest."""
    return Message(
        stamp.origin.node_topic("info"),
        {
            **stamp.fields(),
            "version": version,
            "runtime": runtime,
            "bundles": dict(bundles),
            "config_digest": config_digest,
        },
        retain=True,
    )


def health_message(stamp: Stamp, health: Health) -> Message:
    """The daemon's own figures, now."""
    figures = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in asdict(health).items()
    }
    return Message(
        stamp.origin.node_topic("health"),
        {**stamp.fields(), **figures},
    )


def summary_message(
    stamp: Stamp,
    night: Night,
    *,
    estimates: Mapping[str, Mapping[str, float | bool] | None],
    model: str,
) -> Message:
    """One night, retained.

    `rate_per_hour` of each label is a count over the hours really monitored, and None when
    less than a second was: a dead microphone never reads as a quiet night.

    Args:
        stamp: who speaks, and when.
        night: what it amounted to, and whether an alert stands.
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
        stamp.origin.node_topic("summary/night"),
        {
            **stamp.fields(),
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
    stamp: Stamp,
    *,
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
        stamp: who speaks, and when.
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
        stamp.origin.node_topic("alert"),
        {
            **stamp.fields(),
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

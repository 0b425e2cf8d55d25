"""What Airway says: topics and JSON payloads, built from plain values.

No clock, no file, no network: the caller brings the identifier and the time. A JSON Schema
for every payload ships in `edge/schemas`. All messages go out with QoS 1.

Two fields are filled in when a message leaves the device, and hold 0 and false until then:
`seq` is the message's number in the outbox (0 for a live figure that is never stored), and
`historical` is true when the message had to wait there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from edge.records import Event

SCHEMA = 1  # version of every payload; raised when a field changes its meaning
ONLINE = "online"
OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, not yet sent.

    Attributes:
        topic: full topic, without wildcards.
        payload: the JSON object.
        retain: the broker keeps the last one for those who subscribe later.
    """

    topic: str
    payload: dict[str, Any]
    retain: bool = False


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message in the outbox.

    Attributes:
        seq: number in the outbox, unique and increasing for the node, across restarts.
        topic, payload, retain: the message as it was stored.
        created_unix_s: when it was stored, seconds since 1970 by the device's clock.
    """

    seq: int
    topic: str
    payload: dict[str, Any]
    retain: bool
    created_unix_s: float


@dataclass(frozen=True, slots=True)
class Origin:
    """Who speaks.

    Attributes:
        base: first level, or levels, of every topic.
        node: the device.
        source: the microphone.
        session: identifier of the capture session.
    """

    base: str
    node: str
    source: str
    session: str


def encode(payload: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8.

    Raises:
        ValueError: a number in it is infinite or not a number, which JSON can't say.
    """
    return json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


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
            **_common(origin, id, ts, clock_synced),
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


def state_message(
    origin: Origin,
    *,
    id: str,
    ts: str,
    clock_synced: bool,
    counts: Mapping[str, int],
    monitored_s: float,
    lost_s: float,
    window_s: float,
) -> Message:
    """Rolling counts of one microphone over the last `window_s` seconds.

    `monitored_s` of the window were listened to and `lost_s` dropped; a count of 0 in 0
    monitored seconds says nothing.
    """
    return Message(
        f"{origin.base}/{origin.node}/{origin.source}/state",
        {
            **_common(origin, id, ts, clock_synced),
            "counts": dict(counts),
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
            **_common(origin, id, ts, clock_synced),
            "version": version,
            "runtime": runtime,
            "bundles": dict(bundles),
            "config_digest": config_digest,
        },
        retain=True,
    )


def health_message(
    origin: Origin,
    *,
    id: str,
    ts: str,
    clock_synced: bool,
    uptime_s: float,
    processed_s: float,
    lost_s: float,
    rtf: float,
    queue_depth: int,
    outbox_depth: int,
    outbox_oldest_s: float | None,
    rss_bytes: int,
    refused: int = 0,
    reconnects: int = 0,
    dropped_live: int = 0,
) -> Message:
    """The daemon's own figures.

    Args:
        origin: who speaks.
        id: stable identifier, see `uuid7`.
        ts: now, see `rfc3339`.
        clock_synced: the device's clock is synchronised.
        uptime_s: seconds since the daemon started.
        processed_s: seconds of audio that went through the model since then.
        lost_s: seconds of audio that were dropped since then.
        rtf: real-time factor, computing seconds per second of audio.
        queue_depth: audio blocks that wait for the model.
        outbox_depth: messages that wait for the broker.
        outbox_oldest_s: age of the oldest of them, seconds; None when there is none.
        rss_bytes: resident memory of the process.
        refused: publishes that the broker refused since the start.
        reconnects: connections after the first.
        dropped_live: live figures that were not sent, or not acknowledged.
    """
    return Message(
        f"{origin.base}/{origin.node}/health",
        {
            **_common(origin, id, ts, clock_synced),
            "uptime_s": round(uptime_s, 3),
            "processed_s": round(processed_s, 3),
            "lost_s": round(lost_s, 3),
            "rtf": round(rtf, 4),
            "queue_depth": queue_depth,
            "outbox_depth": outbox_depth,
            "outbox_oldest_s": None if outbox_oldest_s is None else round(outbox_oldest_s, 3),
            "rss_bytes": rss_bytes,
            "refused": refused,
            "reconnects": reconnects,
            "dropped_live": dropped_live,
        },
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
    nothing was: a dead microphone never reads as a quiet night.
    """
    hours = monitored_s / 3600
    rates = {label: round(n / hours, 3) if hours > 0 else None for label, n in counts.items()}
    return Message(
        f"{origin.base}/{origin.node}/summary/night",
        {
            **_common(origin, id, ts, clock_synced),
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


def availability_topic(base: str, node: str, source: str | None = None) -> str:
    """Where `online` or `offline` stands, of the node or of one of its microphones."""
    return "/".join(level for level in (base, node, source, "availability") if level)


def uuid7(unix_ms: int, rand: bytes) -> str:
    """A UUID of version 7 (RFC 9562), which sorts by time.

    Args:
        unix_ms: milliseconds since 1970, 0 to 2**48 - 1.
        rand: 10 random bytes, of which 74 bits are used.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not 0 <= unix_ms < 1 << 48:
        raise ValueError(f"unix_ms={unix_ms} does not fit 48 bits")
    if len(rand) != 10:
        raise ValueError(f"rand has {len(rand)} bytes, and a UUID takes 10")
    bits = int.from_bytes(rand, "big")
    rand_a, rand_b = (bits >> 62) & 0xFFF, bits & ((1 << 62) - 1)
    return str(UUID(int=unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b))


def rfc3339(unix_s: float) -> str:
    """A time in UTC to the nearest millisecond, such as 2026-01-31T23:59:59.250Z."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=round(unix_s * 1000))
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _common(origin: Origin, id: str, ts: str, clock_synced: bool) -> dict[str, Any]:
    """The fields of every payload."""
    return {
        "schema": SCHEMA,
        "id": id,
        "node": origin.node,
        "source": origin.source,
        "session": origin.session,
        "seq": 0,
        "ts": ts,
        "clock_synced": clock_synced,
        "historical": False,
    }

"""The parts of every message: topic, payload, identifier, time. No clock, no file, no network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

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

    def node_topic(self, name: str) -> str:
        """Where the node says something."""
        return f"{self.base}/{self.node}/{name}"

    def source_topic(self, name: str) -> str:
        """Where its microphone does."""
        return self.node_topic(f"{self.source}/{name}")


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who says something, and when.

    Attributes:
        origin: who speaks.
        id: stable identifier, see `uuid7`; a consumer drops repeats by it.
        ts: when it happened or is said, see `rfc3339`.
        clock_synced: the device's clock was synchronised then.
    """

    origin: Origin
    id: str
    ts: str
    clock_synced: bool

    def fields(self) -> dict[str, Any]:
        """Those that every payload begins with."""
        return {
            "schema": SCHEMA,
            "id": self.id,
            "node": self.origin.node,
            "source": self.origin.source,
            "session": self.origin.session,
            "seq": 0,
            "ts": self.ts,
            "clock_synced": self.clock_synced,
            "historical": False,
        }


def encode(payload: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8.

    Raises:
        ValueError: a number in it is infinite or not a number, which JSON can't say.
    """
    return json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def availability_topic(base: str, node: str, source: str | None = None) -> str:
    """Where `online` or `offline` stands, of the node or of one of its microphones."""
    return "/".join(level for level in (base, node, source, "availability") if level)


def mute_topic(base: str, node: str, source: str) -> str:
    """Where `on` or `off` stands, retained; `<this>/set` takes the same words as a command."""
    return f"{base}/{node}/{source}/mute"


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

"""What Airway says: topics and JSON payloads, built from plain values.

No clock, no file, no network: the caller brings the identifier and the time. A JSON Schema
for every payload ships in `edge/schemas`. All messages go out with QoS 1.

Two fields are filled in when a message leaves the device, and hold 0 and false until then:
`seq` is the message's number in the outbox (0 for a live figure that is never stored), and
`historical` is true when the message had to wait there.
"""

from edge.messages.base import (
    OFFLINE,
    ONLINE,
    Message,
    Origin,
    OutboxRow,
    Stamp,
    availability_topic,
    encode,
    mute_topic,
    rfc3339,
    uuid7,
)
from edge.messages.discovery import discovery_message
from edge.messages.health import Health
from edge.messages.reports import (
    alert_message,
    event_message,
    health_message,
    info_message,
    screening_message,
    state_message,
    summary_message,
)

__all__ = [
    "OFFLINE",
    "ONLINE",
    "Health",
    "Message",
    "Origin",
    "OutboxRow",
    "Stamp",
    "alert_message",
    "availability_topic",
    "discovery_message",
    "encode",
    "event_message",
    "health_message",
    "info_message",
    "mute_topic",
    "rfc3339",
    "screening_message",
    "state_message",
    "summary_message",
    "uuid7",
]

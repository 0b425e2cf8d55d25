"""A store with uplinks on it, and what the tests of uplinks say and hear."""

from dataclasses import replace
from pathlib import Path

from edge.config import MqttSettings
from edge.messages import (
    Message,
    Origin,
    Stamp,
    event_message,
    info_message,
    rfc3339,
    state_message,
    uuid7,
)
from edge.records import Event
from edge.store import Store
from edge.uplink import Uplink

ORIGIN = Origin("airway", "bedroom", "mic", "s1")
EVENTS = "airway/bedroom/mic/event"
ONLINE = "airway/bedroom/availability"
MIC_ONLINE = "airway/bedroom/mic/availability"


class Home:
    """A store and what it takes to start uplinks on it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.settings = MqttSettings(host="127.0.0.1", port=port, keepalive_s=5)
        self.path = folder / "airway.db"
        self.store = Store(self.path)
        self.store.start_session("s1", "mic", 0.0, True)
        self.sent: list[str] = []
        self.uplinks: list[Uplink] = []

    def uplink(self, **changes) -> Uplink:
        """A running uplink, with retries fast enough for a test."""
        uplink = Uplink(
            replace(self.settings, **changes),
            "bedroom",
            "mic",
            lambda: Store(self.path),
            retry_first_s=0.02,
            retry_max_s=0.1,
        )
        uplink.start()
        self.uplinks.append(uplink)
        return uplink

    def cough(self, **late: bool) -> str:
        """Store one event; returns its id."""
        number = len(self.sent) + 1
        id = uuid7(number, bytes(10))
        event = Event("cough", number, number + 0.4, 0.9, 0.8)
        stamp = Stamp(ORIGIN, id, rfc3339(number), clock_synced=True)
        message = event_message(stamp, event, model="room")
        message.payload.update(late)
        self.store.add_event("s1", event, message)
        self.sent.append(id)
        for uplink in self.uplinks:
            uplink.wake()
        return id

    def close(self) -> None:
        """Stop everything."""
        for uplink in self.uplinks:
            uplink.stop()
        self.store.close()


def state() -> Message:
    """A live message."""
    return state_message(
        Stamp(ORIGIN, uuid7(0, bytes(10)), rfc3339(0), clock_synced=True),
        counts={},
        totals={},
        monitored_s=1,
        lost_s=0,
        window_s=60,
    )


def info() -> Message:
    """A live message that is retained."""
    return info_message(
        Stamp(ORIGIN, uuid7(0, bytes(10)), rfc3339(0), clock_synced=True),
        version="0.1.0",
        runtime="none",
        bundles={},
        config_digest="00",
    )


def ids(messages) -> list[str]:
    """The `id` of each payload."""
    return [message.payload["id"] for message in messages]


def bodies(messages) -> list[bytes]:
    """What each message says."""
    return [message.body for message in messages]

"""What Home Assistant is told of a device: its entities, and where each finds its value.

One retained message describes them all (device discovery, Home Assistant 2024.11 or later).
Every entity reads the payloads that any other consumer reads; nothing is sent twice.
"""

import re
from collections.abc import Sequence
from typing import Any

from edge.messages.base import Message, Origin, availability_topic, mute_topic
from edge.records import TREND_LABEL

# Home Assistant's own name for "no value"; a rate over no monitored time is one.
_NO_VALUE = "none"


def discovery_message(
    origin: Origin, *, prefix: str, version: str, model: str, labels: Sequence[str]
) -> Message:
    """The device and its entities, retained.

    Args:
        origin: who speaks; an identifier of an entity stays the same over sessions.
        prefix: first level, or levels, of Home Assistant's topics.
        version: of Airway.
        model: name of the bundle.
        labels: what the bundle reports.
    """
    entities = {
        **_sounds(origin, labels),
        **_nights(origin, labels),
        **_microphone(origin),
        **_diagnostics(origin),
    }
    stem = f"airway_{origin.node}"
    for name, entity in entities.items():
        entity["unique_id"] = f"{stem}_{origin.source}_{name}"
    return Message(
        f"{prefix}/device/{origin.node}/config",
        {
            "device": {
                "identifiers": [stem],
                "name": f"Airway {origin.node}",
                "manufacturer": "Airway",
                "model": f"Respiratory-sound monitor ({model})",
                "sw_version": version,
            },
            "origin": {"name": "airway", "sw_version": version},
            "qos": 1,
            "components": entities,
        },
        retain=True,
    )


def _sounds(origin: Origin, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is heard: an event entity, and for each label its count and its rate."""
    state = origin.source_topic("state")
    heard: dict[str, dict[str, Any]] = {
        "event": {
            "platform": "event",
            "name": "Sound",
            "icon": "mdi:waveform",
            "state_topic": origin.source_topic("event"),
            "event_types": list(labels),
            # Home Assistant takes every event for one that happens now; a late one is none.
            "value_template": "{{ '' if value_json.historical else value }}",
        }
    }
    for label in labels:
        heard[f"{_id(label)}_count"] = {
            "platform": "sensor",
            "name": f"{_words(label)} count",
            "icon": "mdi:counter",
            "state_topic": state,
            "value_template": f"{{{{ value_json.totals['{label}'] }}}}",
            "state_class": "total_increasing",
        }
        heard[f"{_id(label)}_rate"] = {
            "platform": "sensor",
            "name": f"{_words(label)} rate",
            "icon": "mdi:speedometer",
            "state_topic": state,
            "value_template": (
                f"{{{{ (3600 * value_json.counts['{label}'] / value_json.monitored_s) | round(2) "
                f"if value_json.monitored_s > 0 else {_NO_VALUE} }}}}"
            ),
            "unit_of_measurement": "/h",
            "state_class": "measurement",
        }
    for entity in heard.values():
        entity |= _available(origin, microphone=True)
    return heard


def _nights(origin: Origin, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The last night, which stays true when the microphone is off."""
    topic = origin.node_topic("summary/night")
    nights: dict[str, dict[str, Any]] = {
        "night_monitored": {
            "platform": "sensor",
            "name": "Last night monitored",
            "icon": "mdi:bed-clock",
            "state_topic": topic,
            "value_template": "{{ (value_json.monitored_s / 3600) | round(2) }}",
            "unit_of_measurement": "h",
            "device_class": "duration",
            "json_attributes_topic": topic,
        }
    }
    if TREND_LABEL in labels:
        # From the summary, which is retained: an alert itself is told once.
        nights["alert"] = {
            "platform": "binary_sensor",
            "name": f"More {_words(TREND_LABEL).lower()} than usual",
            "device_class": "problem",
            "state_topic": topic,
            "value_template": (
                f"{{{{ {_NO_VALUE} if value_json.alert is none "
                "else 'on' if value_json.alert else 'off' }}"
            ),
            "payload_on": "on",
            "payload_off": "off",
        }
    for label in labels:
        nights[f"night_{_id(label)}"] = {
            "platform": "sensor",
            "name": f"Last night {_words(label).lower()}",
            "icon": "mdi:weather-night",
            "state_topic": topic,
            "value_template": (
                f"{{{{ value_json.counts['{label}'] if value_json.monitored_s > 0 "
                f"else {_NO_VALUE} }}}}"
            ),
        }
    for entity in nights.values():
        entity |= _available(origin)
    return nights


def _microphone(origin: Origin) -> dict[str, dict[str, Any]]:
    """Whether the microphone delivers, and the switch that mutes it."""
    mute = mute_topic(origin.base, origin.node, origin.source)
    return {
        "microphone": {
            "platform": "binary_sensor",
            "name": "Microphone",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": availability_topic(origin.base, origin.node, origin.source),
            "payload_on": "online",
            "payload_off": "offline",
            **_available(origin),
        },
        "mute": {
            "platform": "switch",
            "name": "Mute",
            "icon": "mdi:microphone-off",
            "entity_category": "config",
            "state_topic": mute,
            "command_topic": f"{mute}/set",
            "payload_on": "on",
            "payload_off": "off",
            "retain": True,  # a device that is away hears of it when it is back
            **_available(origin),
        },
    }


def _diagnostics(origin: Origin) -> dict[str, dict[str, Any]]:
    """How the daemon does."""
    figures: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("lost_s", "Lost audio", {"unit_of_measurement": "s", "device_class": "duration"}
         | {"state_class": "total_increasing"}),
        ("rtf", "Load", {"icon": "mdi:gauge", "state_class": "measurement"}),
        ("outbox_depth", "Waiting messages", {"icon": "mdi:tray-full"}
         | {"state_class": "measurement"}),
        ("rss_bytes", "Memory", {"unit_of_measurement": "B", "device_class": "data_size"}
         | {"state_class": "measurement"}),
    )  # fmt: skip
    return {
        field: {
            "platform": "sensor",
            "name": name,
            "entity_category": "diagnostic",
            "state_topic": origin.node_topic("health"),
            "value_template": f"{{{{ value_json.{field} }}}}",
            **more,
            **_available(origin),
        }
        for field, name, more in figures
    }


def _available(origin: Origin, *, microphone: bool = False) -> dict[str, Any]:
    """When an entity's value counts: the node is there, and its microphone where it matters."""
    topics = [availability_topic(origin.base, origin.node)]
    if microphone:
        topics.append(availability_topic(origin.base, origin.node, origin.source))
    return {
        "availability": [{"topic": topic} for topic in topics],
        "availability_mode": "all",
    }


def _id(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", label)


def _words(label: str) -> str:
    return label.replace("_", " ").capitalize()

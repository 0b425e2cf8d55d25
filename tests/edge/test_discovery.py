"""What Home Assistant is told, held to the rules that its documentation gives for each field."""

import dataclasses
import json
import re
from datetime import date
from typing import Any

import jsonschema
import pytest

from edge.messages import (
    Health,
    Message,
    Origin,
    Stamp,
    availability_topic,
    discovery_message,
    event_message,
    health_message,
    rfc3339,
    state_message,
    summary_message,
    uuid7,
)
from edge.records import Event, Heard, Night

ORIGIN = Origin("airway", "bed-room_1", "mic", "0198")
STAMP = Stamp(ORIGIN, uuid7(1, bytes(10)), rfc3339(0.0), clock_synced=True)
LABELS = ("cough", "sneeze")

TOPIC = {"type": "string", "pattern": r"^[^+#\s]+$"}
TEMPLATE = {"type": "string", "pattern": r"^\{\{ .* \}\}$"}
# home-assistant.io: integrations/mqtt (device discovery) and sensor.mqtt, event.mqtt,
# binary_sensor.mqtt, switch.mqtt. Keys of other platforms are refused, misspelt ones too.
_COMMON = {
    "unique_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
    "name": {"type": "string", "minLength": 1},
    "icon": {"type": "string", "pattern": "^mdi:[a-z-]+$"},
    "entity_category": {"enum": ["config", "diagnostic"]},
    "state_topic": TOPIC,
    "value_template": TEMPLATE,
    "json_attributes_topic": TOPIC,
    "availability": {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["topic"],
            "properties": {"topic": TOPIC},
        },
    },
    "availability_mode": {"enum": ["all", "any", "latest"]},
}
_PLATFORMS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "sensor": (
        ["state_topic"],
        {
            "state_class": {"enum": ["measurement", "total", "total_increasing"]},
            "device_class": {"enum": ["duration", "data_size"]},
            "unit_of_measurement": {"type": "string", "minLength": 1},
        },
    ),
    "event": (
        ["state_topic", "event_types"],
        {"event_types": {"type": "array", "minItems": 1, "uniqueItems": True}},
    ),
    "binary_sensor": (
        ["state_topic"],
        {
            "device_class": {"enum": ["connectivity", "problem"]},
            "payload_on": {"type": "string"},
            "payload_off": {"type": "string"},
        },
    ),
    "switch": (
        ["command_topic"],
        {
            "command_topic": TOPIC,
            "payload_on": {"type": "string"},
            "payload_off": {"type": "string"},
            "retain": {"type": "boolean"},
        },
    ),
}
RULES = {
    "type": "object",
    "additionalProperties": False,
    "required": ["device", "origin", "components"],
    "properties": {
        "qos": {"enum": [0, 1, 2]},
        "device": {
            "type": "object",
            "additionalProperties": False,
            "required": ["identifiers"],
            "properties": {
                "identifiers": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                **{
                    name: {"type": "string"}
                    for name in ("name", "manufacturer", "model", "sw_version")
                },
            },
        },
        "origin": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "sw_version": {"type": "string"}},
        },
        "components": {
            "type": "object",
            "propertyNames": {"pattern": "^[A-Za-z0-9_-]+$"},
            "additionalProperties": {
                "oneOf": [
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["platform", "unique_id", *required],
                        "properties": {"platform": {"const": platform}, **_COMMON, **own},
                    }
                    for platform, (required, own) in _PLATFORMS.items()
                ]
            },
        },
    },
}


def discovered(labels: tuple[str, ...] = LABELS) -> dict[str, Any]:
    """The payload as it goes over the wire."""
    message = discovery_message(
        ORIGIN, prefix="homeassistant", version="1.2.3", model="room", labels=labels
    )
    assert message.topic == "homeassistant/device/bed-room_1/config"
    assert message.retain
    return json.loads(json.dumps(message.payload))


def shown(entity: dict[str, Any], message: Message) -> str:
    """What an entity shows of a message: Home Assistant's templates are Jinja's."""
    assert entity["state_topic"] == message.topic
    jinja2 = pytest.importorskip("jinja2")
    template = jinja2.Environment(autoescape=False).from_string(entity["value_template"])
    return template.render(value=json.dumps(message.payload), value_json=message.payload)


@pytest.mark.parametrize("labels", [LABELS, ("cough",), ("odd label/ö",)])
def test_the_payload_keeps_the_documented_rules(labels):
    """Device, origin and every entity have the required fields, and no unknown one."""
    payload = discovered(labels)
    jsonschema.Draft202012Validator(RULES).validate(payload)
    ids = [entity["unique_id"] for entity in payload["components"].values()]
    assert len(set(ids)) == len(ids)


def test_the_rules_bite():
    """A misspelt key, a missing platform and a wild topic are each refused by the rules."""
    for change in (
        {"state_clas": "measurement"},
        {"platform": "sensr"},
        {"state_topic": "airway/+/x"},
        {"unique_id": "a b"},
    ):
        payload = discovered()
        payload["components"]["cough_count"] |= change
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(RULES).validate(payload)


def test_identifiers_outlive_a_session():
    """A restart, with a new session, leaves every entity what it was."""
    again = discovery_message(
        Origin("airway", "bed-room_1", "mic", "another"),
        prefix="homeassistant",
        version="1.2.3",
        model="room",
        labels=LABELS,
    )
    assert json.loads(json.dumps(again.payload)) == discovered()


def test_sounds_need_the_node_and_the_microphone():
    """Counts, rates and events are available only while both topics say online."""
    entities = discovered()["components"]
    both = [availability_topic("airway", "bed-room_1"), "airway/bed-room_1/mic/availability"]
    for name in ("event", "cough_count", "cough_rate", "sneeze_count", "sneeze_rate"):
        assert [place["topic"] for place in entities[name]["availability"]] == both
    for name in ("microphone", "night_cough", "rtf", "mute"):
        assert [place["topic"] for place in entities[name]["availability"]] == both[:1]
    assert {entity["availability_mode"] for entity in entities.values()} == {"all"}
    assert not any("expire_after" in entity for entity in entities.values())


def test_counts_and_rates_come_from_the_state():
    """The count is that of the session, the rate is per monitored hour, unknown without one."""
    entities = discovered()["components"]

    def state(monitored_s: float) -> Message:
        return state_message(
            STAMP,
            counts={"cough": 3, "sneeze": 0},
            totals={"cough": 41, "sneeze": 2},
            monitored_s=monitored_s,
            lost_s=0.0,
            window_s=3600.0,
        )

    assert entities["cough_count"]["state_class"] == "total_increasing"
    assert shown(entities["cough_count"], state(1800.0)) == "41"
    assert shown(entities["cough_rate"], state(1800.0)) == "6.0"
    assert shown(entities["cough_rate"], state(0.0)) == "None"


def test_the_event_entity_gets_what_it_requires():
    """A live event passes whole, with its type among the announced; a late one shows nothing."""
    entity = discovered()["components"]["event"]
    message = event_message(STAMP, Event("cough", 1.0, 1.5, 0.9, 0.8), model="room")
    payload = json.loads(shown(entity, message))
    assert payload == message.payload
    assert payload["event_type"] in entity["event_types"]
    late = Message(message.topic, {**message.payload, "historical": True})
    assert shown(entity, late) == ""


def test_the_last_night_is_shown():
    """Hours monitored and the count; a night without a monitored second shows no count."""
    entities = discovered()["components"]

    def night(monitored_s: float, alert: bool | None = None) -> Message:
        heard = {"cough": Heard(12, 9), "sneeze": Heard(0, 0)}
        return summary_message(
            STAMP,
            Night(date(1970, 1, 1), 0.0, 43_200.0, heard, monitored_s, 0.0, "ab" * 32, alert),
            estimates={},
            model="room",
        )

    assert shown(entities["night_monitored"], night(9_000.0)) == "2.5"
    assert shown(entities["night_cough"], night(9_000.0)) == "12"
    assert shown(entities["night_cough"], night(0.0)) == "None"
    told = {alert: shown(entities["alert"], night(9_000.0, alert)) for alert in (True, False, None)}
    assert told == {True: "on", False: "off", None: "None"}
    assert "alert" not in discovered(("snore",))["components"]


def test_the_diagnostics_name_figures_that_exist():
    """Every template of the health entities finds its figure in the health message."""
    zeros = {
        field.name: None if field.type == float | None else field.type()
        for field in dataclasses.fields(Health)
    }
    figures = Health(**{**zeros, "rss_bytes": 7, "lost_s": 1.5})
    message = health_message(STAMP, figures)
    entities = discovered()["components"]
    found = {
        name: shown(entity, message)
        for name, entity in entities.items()
        if entity["state_topic"] == message.topic
    }
    assert found == {"lost_s": "1.5", "rtf": "0.0", "outbox_depth": "0", "rss_bytes": "7"}
    for name in found:
        assert re.search(rf"value_json\.{name}\b", entities[name]["value_template"])

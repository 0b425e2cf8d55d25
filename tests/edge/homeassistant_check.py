"""Home Assistant's own validation and templates, as a program for an interpreter that has it.

Reads {"discovery": payload, "messages": {topic: payload}} from standard input and prints
{"version", "refused": {component: why}, "shown": {component: value}}: what Home Assistant's MQTT
integration says of the device and of each component, and what it shows of the messages.
"""

import asyncio
import importlib
import json
import logging
import sys
import tempfile

import voluptuous as vol
from homeassistant.components.mqtt import discovery, models
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant
from homeassistant.helpers.template import Template


async def check(given: dict) -> dict:
    """Take a device's payload as a broker would deliver it."""
    refused, shown = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        hass = HomeAssistant(folder)
        device = discovery._parse_device_payload(
            hass, json.dumps(given["discovery"]), "object", None
        )
        if not device:
            refused["device"] = "the payload of the device"
        for name, component in device.get("components", {}).items():
            config = dict(component)
            platform = importlib.import_module(
                f"homeassistant.components.mqtt.{config.pop('platform')}"
            )
            discovery._merge_common_device_options(config, device)
            try:
                platform.DISCOVERY_SCHEMA(dict(config))
                # What comes by discovery may have unknown keys; a misspelt one is one.
                platform.PLATFORM_SCHEMA_MODERN(dict(config))
            except vol.Invalid as error:
                refused[name] = str(error)
                continue
            body = given["messages"].get(config.get("state_topic"))
            if body is not None and "value_template" in config:
                template = models.MqttValueTemplate(Template(config["value_template"], hass))
                value = template.async_render_with_possible_json_value(json.dumps(body))
                shown[name] = str(value)
        await hass.async_stop(force=True)
    return {"version": __version__, "refused": refused, "shown": shown}


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    sys.stdout.write(json.dumps(asyncio.run(check(json.load(sys.stdin)))) + "\n")

"""The device's configuration: one frozen tree, read once from a TOML file.

`settings` is the manual: each field says its unit and its range. `rules` are the checks they
carry, `reading` turns a file and the environment into the tree, and `schema` writes the same
rules down as a JSON Schema for editors.
"""

from edge.config.reading import load_settings
from edge.config.schema import json_schema
from edge.config.settings import (
    LogSettings,
    MetricsSettings,
    ModelSettings,
    MqttSettings,
    NightSettings,
    Settings,
    SourceSettings,
    StoreSettings,
)

__all__ = [
    "LogSettings",
    "MetricsSettings",
    "ModelSettings",
    "MqttSettings",
    "NightSettings",
    "Settings",
    "SourceSettings",
    "StoreSettings",
    "json_schema",
    "load_settings",
]

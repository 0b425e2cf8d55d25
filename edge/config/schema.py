"""The settings' rules as a JSON Schema, for editors and for other programs."""

import inspect
import re
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from edge.config.settings import Settings

_TYPES = {str: "string", Path: "string", int: "integer", bool: "boolean"}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration; what it refuses, `load_settings` does too."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:airway:schema:config:1",
        **_table(Settings),
    }


def _table(cls: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    words = _field_words(cls)
    properties: dict[str, Any] = {}
    for item in fields(cls):
        hint = hints[item.name]
        if is_dataclass(hint):
            assert isinstance(hint, type)
            properties[item.name] = _table(hint)
            continue
        properties[item.name] = _value(hint)
        if item.name in words:  # Python without docstrings (-OO) has none
            properties[item.name]["description"] = words[item.name]
        if item.default is not MISSING and item.default is not None:
            default = item.default
            properties[item.name]["default"] = (
                str(default) if isinstance(default, Path) else default
            )
    missing = [
        item.name
        for item in fields(cls)
        if item.default is MISSING and item.default_factory is MISSING
    ]
    return {
        "title": (inspect.getdoc(cls) or cls.__name__).partition("\n")[0],
        "type": "object",
        "additionalProperties": False,
        **({"required": missing} if missing else {}),
        "properties": properties,
    }


def _value(hint: Any) -> dict[str, Any]:
    if get_origin(hint) is Annotated:
        hint, *rules = get_args(hint)
        return {
            **_value(hint),
            **{key: value for rule in rules for key, value in rule.schema.items()},
        }
    if get_origin(hint) is UnionType:  # X | None: TOML has no null, so it is X
        return _value(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    return {"type": _TYPES[hint]}


def _field_words(cls: type[Any]) -> dict[str, str]:
    """The "Attributes" of a docstring: name -> what it says, on one line."""
    text = (inspect.getdoc(cls) or "").partition("Attributes:\n")[2]
    words: dict[str, str] = {}
    for names, said in re.findall(r"^    (\w[\w, ]*): (.*(?:\n        .*)*)", text, re.MULTILINE):
        for name in names.split(", "):
            words[name] = re.sub(r"\s+", " ", said)
    return words

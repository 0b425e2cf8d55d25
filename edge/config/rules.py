"""What a value of the configuration must be, said once for the check, the words and the schema."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition.

    Attributes:
        accepts: whether a value of the right type fulfils it.
        words: the end of the sentence "must be".
        schema: the same as keywords of JSON Schema.
    """

    accepts: Callable[[Any], bool]
    words: str
    schema: Mapping[str, Any]


def between(low: int, high: int) -> Rule:
    """A number from `low` to `high`, both included."""
    return Rule(
        lambda value: low <= value <= high,
        f"between {low} and {high}",
        {"minimum": low, "maximum": high},
    )


def matching(pattern: str, words: str) -> Rule:
    """A text that the whole of `pattern` matches."""
    return Rule(
        lambda value: re.fullmatch(pattern, value) is not None,
        words,
        {"pattern": f"^(?:{pattern})$"},
    )


# One level of a topic and one identifier of Home Assistant: both take these characters only.
TopicWord: TypeAlias = Annotated[
    str, matching(r"[A-Za-z0-9_-]{1,64}", "1 to 64 of the characters A-Z a-z 0-9 _ -")
]
Topic: TypeAlias = Annotated[
    str,
    matching(
        r"(?=.{1,200}$)[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*",
        "words of A-Z a-z 0-9 _ - joined by single /, at most 200 characters",
    ),
]
ClientId: TypeAlias = Annotated[
    str, matching(r"[A-Za-z0-9_-]{0,64}", "at most 64 of the characters A-Z a-z 0-9 _ -")
]
# What MQTT takes as a text, and no bytes that are in no encoding.
UserName: TypeAlias = Annotated[
    str,
    matching(r"[^\x00-\x1f\x7f\ud800-\udfff]{0,200}", "at most 200 characters that can be printed"),
]
# Labels between dots, of a length that the name service takes; or an address of IPv6.
_HOST = (
    r"(?=.{1,253}$)(?:[^\s/@:.]{1,63}(?:\.[^\s/@:.]{1,63})*\.?"
    r"|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[^\s/]+)?)"
)
Host: TypeAlias = Annotated[
    str, matching(_HOST, "a host name or an address, without a port, a user or mqtt://")
]
BundleName: TypeAlias = Annotated[str, matching(r"[^\x00]+", "the name or the path of a bundle")]
DeviceName: TypeAlias = Annotated[
    str, matching(r"[^\x00-\x1f]{0,200}", 'a name that airway devices lists, or ""')
]
TimeOfDay: TypeAlias = Annotated[
    str, matching(r"([01][0-9]|2[0-3]):[0-5][0-9]", 'a time of the day such as "21:30"')
]


def _is_time_zone(name: str) -> bool:
    if not name:
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone, or a path that is none
        return False
    return True


TimeZone: TypeAlias = Annotated[
    str, Rule(_is_time_zone, 'a time zone such as "Europe/Berlin", or "" for the device\'s own', {})
]

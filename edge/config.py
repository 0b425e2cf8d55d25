"""The device's configuration: one frozen tree, read once from a TOML file.

The classes below are the manual: each field says its unit and its range, and nothing
else decides what is valid. `load_settings` refuses a file with every error in it at
once, so that a person edits it once. Numbers that define a feature or an event are not
here; they belong to the model's bundle.
"""

import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a value must be: a check, and the end of the sentence "must be"."""

    accepts: Callable[[Any], bool]
    words: str


def _between(low: int, high: int) -> _Rule:
    return _Rule(lambda value: low <= value <= high, f"between {low} and {high}")


def _matching(pattern: str, words: str) -> _Rule:
    return _Rule(lambda value: re.fullmatch(pattern, value) is not None, words)


# One level of a topic and one identifier of Home Assistant: both take these characters only.
TopicWord: TypeAlias = Annotated[
    str, _matching(r"[A-Za-z0-9_-]{1,64}", "1 to 64 of the characters A-Z a-z 0-9 _ -")
]
Topic: TypeAlias = Annotated[
    str,
    _matching(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", "words of A-Z a-z 0-9 _ - joined by single /"),
]
ClientId: TypeAlias = Annotated[
    str, _matching(r"[A-Za-z0-9_-]{0,64}", "at most 64 of the characters A-Z a-z 0-9 _ -")
]
Host: TypeAlias = Annotated[
    str, _matching(r"[^\s/]{1,253}", "a host name or an address, without a port or mqtt://")
]


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where the sound comes from.

    Attributes:
        name: the source's level in every topic, such as "mic" or "chest".
        kind: "wav" reads a WAV or FLAC file, "stdin" raw S16_LE samples from standard
            input, "microphone" a sound device.
        path: the file of a "wav" source.
        rate_hz: sampling rate of "stdin" and "microphone", 4,000 to 192,000; a file
            says its own.
        channels: interleaved channels of "stdin" and "microphone", 1 to 32.
        realtime: true: a file is played at its real pace, and standard input is taken to
            be live, so that it is never made to wait and what does not fit is counted as
            lost. False: as fast as the machine can, and nothing is lost.
        repeat: play a file again from its start when it ends, for ever.
    """

    name: TopicWord = "mic"
    kind: Literal["wav", "stdin", "microphone"] = "microphone"
    path: Path | None = None
    rate_hz: Annotated[int, _between(4_000, 192_000)] = 16_000
    channels: Annotated[int, _between(1, 32)] = 1
    realtime: bool = True
    repeat: bool = False

    def contradictions(self) -> list[str]:
        """Values that are each valid and make no sense together."""
        if self.kind == "wav":
            return [] if self.path else ['path: missing; kind = "wav" needs the path of a file']
        remedy = f'not used by kind "{self.kind}"; remove it or set kind = "wav"'
        return [f"{name}: {remedy}" for name in ("path", "repeat") if getattr(self, name)]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What listens.

    Attributes:
        bundle: name of a bundle that ships, or the path of one (with a "/" in it).
        runtime: which interpreter runs the model; "auto" takes the one that is installed.
    """

    bundle: Annotated[str, _matching(r"[^\x00]+", "the name or the path of a bundle")] = "room"
    runtime: Literal["auto", "tflite-runtime", "litert", "edgetpu"] = "auto"


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the history is kept.

    Attributes:
        path: the SQLite file; its directory is made when it is not there.
    """

    path: Path = Path("/var/lib/airway/airway.db")


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The broker.

    Attributes:
        enabled: false keeps everything on the device.
        host: name or address of the broker.
        port: 1 to 65,535; a broker with TLS usually listens on 8883.
        base_topic: first level, or levels, of every topic.
        client_id: "" means "airway-<node>"; two clients with one id disconnect each other.
        username: "" means that no user name is sent.
        password_file: file whose first line is the password; needs `username`.
        keepalive_s: seconds of silence after which each side checks the other, 5 to 3,600.
        tls: encrypt, and verify the broker's certificate.
        ca_file: PEM file of the authority to trust; None takes the system's.
        cert_file, key_file: PEM files of this device's own certificate, both or neither.
    """

    enabled: bool = True
    host: Host = "localhost"
    port: Annotated[int, _between(1, 65_535)] = 1883
    base_topic: Topic = "airway"
    client_id: ClientId = ""
    username: str = ""
    password_file: Path | None = None
    keepalive_s: Annotated[int, _between(5, 3_600)] = 30
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def contradictions(self) -> list[str]:
        """Values that are each valid and make no sense together."""
        found: list[str] = []
        if self.password_file and not self.username:
            found.append("password_file: needs a username")
        if (self.cert_file is None) != (self.key_file is None):
            found.append("cert_file, key_file: give both or neither")
        if not self.tls:
            files = [name for name in ("ca_file", "cert_file", "key_file") if getattr(self, name)]
            found += [f"{name}: only used with tls = true" for name in files]
        return found


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What goes to standard error.

    Attributes:
        level: the least severe line that is written.
        json: one JSON object a line instead of text.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    json: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration of one device.

    Attributes:
        node: this device's level in every topic; it has no default, since two devices
            with the same one would take each other's place at the broker.
        source, model, store, mqtt, log: the tables of the same names.
    """

    node: TopicWord
    source: SourceSettings = field(default_factory=SourceSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def digest(self) -> str:
        """SHA-256 of every value in the tree, hexadecimal; it holds no secret."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def load_settings(path: Path) -> Settings:
    """Read a configuration.

    Args:
        path: a TOML file, UTF-8. Relative paths in it start at its own directory.

    Returns:
        The settings, complete and valid.

    Raises:
        ConfigError: the file can't be read, is not TOML, or has errors; the text lists all.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"can't read the configuration {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    errors: list[str] = []
    settings = _read_table(Settings, document, "", path.parent, errors)
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise ConfigError("\n  ".join([f"{path} has {count}:", *errors]))
    assert isinstance(settings, Settings)
    if "/" in settings.model.bundle:
        bundle = str(path.parent / settings.model.bundle)
        settings = replace(settings, model=replace(settings.model, bundle=bundle))
    return settings


def _read_table(
    cls: type[Any], table: dict[str, Any], prefix: str, folder: Path, errors: list[str]
) -> Any:
    """One TOML table -> an instance of `cls`, or None when `errors` tells why there is none."""
    before = len(errors)
    known = get_type_hints(cls, include_extras=True)
    errors += [_unknown(key, prefix, list(known)) for key in table if key not in known]
    values: dict[str, Any] = {}
    for item in fields(cls):
        name, hint = item.name, known[item.name]
        if name not in table:
            if item.default is MISSING and item.default_factory is MISSING:
                errors.append(f'{prefix}{name}: missing; add {name} = "..." above every [table]')
        elif not is_dataclass(hint):
            values[name] = _convert(table[name], hint, f"{prefix}{name}", folder, errors)
        elif not isinstance(table[name], dict):
            errors.append(f"{prefix}{name}: {table[name]!r} must be a table, written [{name}]")
        else:
            assert isinstance(hint, type)
            values[name] = _read_table(hint, table[name], f"{prefix}{name}.", folder, errors)
    if len(errors) > before:  # a default in place of a bad value would contradict the good ones
        return None
    built = cls(**values)
    if isinstance(built, SourceSettings | MqttSettings):
        errors += [prefix + text for text in built.contradictions()]
    return built


def _convert(value: Any, hint: Any, key: str, folder: Path, errors: list[str]) -> Any:
    """A TOML value -> a value of the field's type; what is wrong with it goes to `errors`."""
    rules: list[_Rule] = []
    if get_origin(hint) is Annotated:
        hint, *rules = get_args(hint)
    if get_origin(hint) is UnionType:  # X | None: TOML has no null, so it is X
        hint = get_args(hint)[0]
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            valid = ", ".join(f'"{choice}"' for choice in get_args(hint))
            near = difflib.get_close_matches(str(value), get_args(hint), n=1)
            meant = f'; did you mean "{near[0]}"?' if near else ""
            errors.append(f"{key}: {value!r} must be one of {valid}{meant}")
        return value
    plain, words = _TOML_TYPES[hint]
    if type(value) is not plain:  # not isinstance: a bool is an int in Python, never here
        errors.append(f"{key}: {value!r} must be {words}")
        return value
    errors += [f"{key}: {value!r} must be {r.words}" for r in rules if not r.accepts(value)]
    if hint is not Path:
        return value
    if not value or "\x00" in value or value.startswith("~"):
        errors.append(f"{key}: {value!r} must be a path, written out in full without ~")
    return folder / value


_TOML_TYPES: dict[Any, tuple[Any, str]] = {
    str: (str, "a string in quotes"),
    Path: (str, "a path in quotes"),
    int: (int, "a whole number"),
    bool: (bool, "true or false"),
}


def _unknown(key: str, prefix: str, known: list[str]) -> str:
    """The line for a key that does not exist, with the nearest one that does."""
    near = [prefix + name for name in difflib.get_close_matches(key, known, n=1)]
    if not near:  # perhaps the right key in the wrong table
        elsewhere = {
            name: f"{table}.{name}"
            for table, hint in get_type_hints(Settings).items()
            if is_dataclass(hint)
            for name in get_type_hints(hint)
        }
        near = [elsewhere[name] for name in difflib.get_close_matches(key, elsewhere, n=1)]
    hint = f"did you mean {near[0]}?" if near else f"valid here: {', '.join(known)}"
    return f"{prefix}{key}: unknown key; {hint}"

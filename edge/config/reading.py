"""A TOML file, and the environment over it -> the settings, or every error at once."""

import difflib
import logging
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from edge.config.rules import Rule
from edge.config.settings import Settings
from edge.errors import ConfigError

_logger = logging.getLogger(__name__)

# AIRWAY_MQTT__HOST is mqtt.host, and AIRWAY_NODE is node.
_PREFIX, _JOINT = "AIRWAY_", "__"
# A secret that others may read, or that a group may change, is none. A group may read it:
# systemd hands a credential to its service through a list that shows as the group's right.
_LOOSE = 0o027


def load_settings(path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read a configuration.

    Args:
        path: a TOML file, UTF-8. Relative paths in it start at its own directory.
        environ: variables that go before the file, such as AIRWAY_MQTT__HOST; None has none.

    Returns:
        The settings, complete and valid.

    Raises:
        ConfigError: the file can't be read, is not TOML, or has errors; the text lists all.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"can't read the configuration {path}: {error.strerror}") from error
    except ValueError as error:  # not UTF-8, not TOML, or a number of thousands of digits
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is not valid TOML: its values are nested too deep") from error
    errors: list[str] = []
    overridden = _override(document, environ or {}, errors)
    settings = _read_table(Settings, document, "", path.parent, errors)
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        lines = [_with_variable(line, overridden) for line in errors]
        raise ConfigError("\n  ".join([f"{path} has {count}:", *lines]))
    assert isinstance(settings, Settings)
    if "/" in settings.model.bundle:
        bundle = str(path.parent / settings.model.bundle)
        settings = replace(settings, model=replace(settings.model, bundle=bundle))
    _warn_of_loose_secrets(settings)
    return settings


def _override(
    document: dict[str, Any], environ: Mapping[str, str], errors: list[str]
) -> dict[str, str]:
    """Put the environment's values over the document; key -> the variable that set it."""
    hints: dict[str, Any] = {f"{_PREFIX}NODE": (None, "node", str)}
    for table, cls in get_type_hints(Settings).items():
        if is_dataclass(cls):
            for name, hint in get_type_hints(cls).items():
                hints[f"{_PREFIX}{table}{_JOINT}{name}".upper()] = (table, name, hint)
    overridden: dict[str, str] = {}
    for variable in sorted(name for name in environ if name.startswith(_PREFIX)):
        if variable not in hints:
            if _JOINT in variable:  # without it, the variable may be somebody else's
                near = difflib.get_close_matches(variable, hints, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                errors.append(f"{variable}: names no key of the configuration{hint}")
            continue
        table, name, kind = hints[variable]
        place = document if table is None else document.setdefault(table, {})
        if isinstance(place, dict):
            place[name] = _from_text(environ[variable], kind)
            overridden[name if table is None else f"{table}.{name}"] = variable
    return overridden


def _from_text(text: str, kind: Any) -> Any:
    """A variable's text -> what TOML would have given; a text that does not fit stays one."""
    if kind not in (int, bool):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text


def _with_variable(line: str, overridden: Mapping[str, str]) -> str:
    variable = overridden.get(line.partition(":")[0])
    return line if variable is None else f"{line} (set by {variable})"


def _warn_of_loose_secrets(settings: Settings) -> None:
    for name in ("password_file", "key_file"):
        path: Path | None = getattr(settings.mqtt, name)
        try:
            mode = 0 if path is None else path.stat().st_mode & 0o777
        except OSError:
            continue  # the one who needs the file says what is wrong with it
        if mode & _LOOSE:
            _logger.warning(
                "mqtt.%s: other users may read or change %s (mode %03o); chmod 600 it",
                name, path, mode,
            )  # fmt: skip


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
    errors += [prefix + text for text in getattr(built, "contradictions", list)()]
    return built


def _convert(value: Any, hint: Any, key: str, folder: Path, errors: list[str]) -> Any:
    """A TOML value -> a value of the field's type; what is wrong with it goes to `errors`."""
    rules: list[Rule] = []
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
    elsewhere: dict[str, list[str]] = {}  # perhaps it is the right key in the wrong table
    for table, hint in get_type_hints(Settings).items():
        for name in get_type_hints(hint) if is_dataclass(hint) else [table]:
            elsewhere.setdefault(name, []).append(f"{table}.{name}" if name != table else name)
    near = (
        elsewhere.get(key)
        or [
            *(prefix + name for name in difflib.get_close_matches(key, known, n=1)),
            *(elsewhere[name][0] for name in difflib.get_close_matches(key, elsewhere, n=1)),
        ][:1]
    )
    hint = f"did you mean {' or '.join(near)}?" if near else f"valid here: {', '.join(known)}"
    return f"{prefix}{key}: unknown key; {hint}"

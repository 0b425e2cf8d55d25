"""`airway run` and `airway check-config`: what a configuration makes of this machine."""

import argparse
import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge import __version__
from edge.bundle import Bundle, load_bundle, shipped_bundles
from edge.card import measured_detectors
from edge.classifier import Classifier
from edge.commands.history import DEFAULT_CONFIG
from edge.commands.output import in_json
from edge.config import Settings, json_schema, load_settings
from edge.errors import AirwayError, ConfigError, InputOutputError
from edge.logs import configure_logging
from edge.pipeline import Pipeline

DEAF = "screens recordings and finds no events; see airway model list"


def add(commands: Any) -> None:
    """Register both commands; `commands` are argparse's sub-parsers."""
    run = commands.add_parser("run", help="monitor continuously and publish over MQTT")
    configuration: dict[str, Any] = {
        "type": Path, "default": DEFAULT_CONFIG, "metavar": "F",
        "help": f"configuration (default: {DEFAULT_CONFIG})",
    }  # fmt: skip
    run.add_argument("--config", **configuration)
    run.set_defaults(command=_run)

    check = commands.add_parser("check-config", help="say every error of a configuration")
    check.add_argument("config", nargs="?", **configuration)
    check.add_argument("--schema", action="store_true", help="print the JSON Schema instead")
    check.set_defaults(command=_check_config)


def _run(arguments: argparse.Namespace) -> int:
    # paho and SQLite are of no use to the other commands
    from edge.daemon import About, Setup, serve

    def load() -> Setup:
        settings = load_settings(arguments.config, os.environ)
        configure_logging(settings.log)
        bundle, classifier = _listening(settings, arguments.config)
        labels = tuple(rule.label for rule in bundle.rules)
        about = About(
            version=__version__,
            runtime=classifier.runtime_name,
            bundle=bundle.name,
            digest=bundle.digest,
            labels=labels,
            detectors=measured_detectors(bundle.card, labels),
        )
        return Setup(settings, lambda rate_hz: Pipeline(bundle, classifier, rate_hz), about)

    return serve(load, environ=os.environ)


def _check_config(arguments: argparse.Namespace) -> int:
    if arguments.schema:
        print(in_json(json_schema(), indent=2))
        return 0
    from edge.capture import open_wav_or_flac
    from edge.uplink.link import Link

    settings = load_settings(arguments.config, os.environ)

    def recording() -> None:
        if settings.source.path is not None:
            try:
                open_wav_or_flac(settings.source.path)
            except AirwayError as error:
                raise ConfigError(f"{arguments.config}: source.path: {error}") from error

    def history() -> None:
        if settings.store.path.is_dir():
            raise ConfigError(
                f"{arguments.config}: store.path: {settings.store.path} is a folder; name the "
                "file of the history"
            )

    def broker() -> None:
        if settings.mqtt.enabled:
            Link(settings.mqtt, settings.node, 1)  # refuses files that it can't use

    _raise_all([recording, history, lambda: _listening(settings, arguments.config), broker])
    print(f"{arguments.config}: good")
    return 0


def _raise_all(checks: Sequence[Callable[[], object]]) -> None:
    """Make every check, and raise what all of them found.

    Raises:
        AirwayError: the one that a check raised; a ConfigError where several did.
    """
    errors: list[AirwayError] = []
    for check in checks:
        try:
            check()
        except AirwayError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ConfigError("\n  ".join([f"{len(errors)} errors:", *map(str, errors)]))


def _listening(settings: Settings, config: Path) -> tuple[Bundle, Classifier]:
    """The model that a configuration names, if it can listen.

    Raises:
        ConfigError: there is no such bundle, it finds no events, or the runtime does not fit.
    """
    name = settings.model.bundle
    try:
        bundle = load_bundle(name)
    except InputOutputError as error:
        near = difflib.get_close_matches(name, shipped_bundles(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"{config}: model.bundle: {error}{hint}") from error
    if not bundle.rules:
        raise ConfigError(f"{config}: model.bundle: {bundle.name} {DEAF}")
    # What only a self-test needs would lie in memory for weeks.
    return replace(bundle, golden={}), Classifier(bundle, settings.model.runtime)

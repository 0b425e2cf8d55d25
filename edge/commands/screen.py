"""`airway screen`: recordings -> probabilities, a decision or an abstention, and the reasons."""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import load_bundle
from edge.capture import Recording, open_wav_or_flac
from edge.classifier import RUNTIMES, Classifier
from edge.commands.output import each_file, say_json
from edge.config import Settings, load_settings
from edge.errors import BadInputError, ConfigError
from edge.explain import Source, as_json, explain, headline
from edge.messages import Origin, Stamp, rfc3339, screening_message
from edge.occlusion import occlude
from edge.phrases import LANGUAGES
from edge.records import Pcm, Screening
from edge.screening import MOST_S, Screener

BUNDLE = "screen-chest"
# What a line of output has and the result itself has not.
_LINE_ONLY = ("type", "file", "explanation", "clinician")


def add(commands: Any) -> None:
    """Register the command; `commands` are argparse's sub-parsers."""
    screen = commands.add_parser("screen", help="say which group a lung-sound recording resembles")
    screen.add_argument("files", nargs="+", type=Path, metavar="FILE", help="WAV or FLAC")
    screen.add_argument(
        "--bundle", default=BUNDLE, help=f"a folder, or a shipped bundle's name (default: {BUNDLE})"
    )
    screen.add_argument("--runtime", default="auto", choices=RUNTIMES)
    screen.add_argument(
        "--publish",
        type=Path,
        metavar="F.toml",
        help="also over MQTT, by this configuration's daemon",
    )
    screen.add_argument("--json", action="store_true", help="one JSON object a line")
    screen.set_defaults(command=_screen)


def _screen(arguments: argparse.Namespace) -> int:
    bundle = load_bundle(arguments.bundle)
    screener = Screener(bundle, Classifier(bundle, arguments.runtime))
    say = say_json if arguments.json else _say_words
    settings = None if arguments.publish is None else _publishing(arguments.publish)

    def work(file: Path) -> None:
        line = screen_file(file, screener)
        say(line)
        if settings is not None:
            _publish(line, settings, bundle.name)

    return each_file(arguments.files, work)


def _publishing(path: Path) -> Settings:
    settings = load_settings(path, os.environ)
    if not settings.mqtt.enabled:
        raise ConfigError(f"{path}: mqtt.enabled is false, so nothing can be published; set it")
    return settings


def _publish(line: dict[str, Any], settings: Settings, model: str) -> None:
    """Put a result into the daemon's outbox, which sends it within seconds while it runs."""
    # SQLite and the daemon's clock are of no use to who only wants to see the result
    from edge.daemon.session import new_id
    from edge.daemon.system import clock_synced
    from edge.store import Store

    now_unix_s = time.time()
    id = new_id(now_unix_s)
    origin = Origin(settings.mqtt.base_topic, settings.node, settings.source.name, id)
    message = screening_message(
        Stamp(origin, id, rfc3339(now_unix_s), clock_synced(now_unix_s)),
        {name: value for name, value in line.items() if name not in _LINE_ONLY},
        explanation=line["explanation"],
        clinician=line["clinician"],
        model=model,
    )
    with Store(settings.store.path) as store:
        store.add_message(message)


def open_short(file: Path) -> Recording:
    """A recording that is short enough to be decoded at once.

    Raises:
        BadInputError: it can't be decoded, or is too long.
        InputOutputError: it can't be read.
    """
    recording = open_wav_or_flac(file)
    if recording.duration_s > MOST_S:
        raise BadInputError(
            f"{file} lasts {recording.duration_s:.0f} s; cut a stretch of at most {MOST_S:.0f} s"
        )
    return recording


def screen_file(file: Path, screener: Screener) -> dict[str, Any]:
    """Screen one file; gives the line of the contract.

    Raises:
        BadInputError: it can't be decoded, or is too long.
        InputOutputError: it can't be read.
    """
    recording = open_short(file)
    return screen_pcm(str(file), whole_pcm(recording), recording.rate_hz, screener)


def screen_pcm(name: str, pcm: Pcm, rate_hz: int, screener: Screener) -> dict[str, Any]:
    """Screen samples under a name; gives the line of the contract."""
    frames = screener.features(pcm, rate_hz)
    result = screener.judge(frames, pcm, rate_hz)
    grounds = occlude(screener, frames, _likeliest(result))
    bundle = screener.bundle
    source = Source(bundle.name, bundle.version, screener.rule.measured)
    return {
        "type": "screening",
        "file": name,
        **result.to_dict(),
        **as_json(explain(result, grounds, source)),
    }


def whole_pcm(recording: Recording) -> Pcm:
    """All samples of a recording, mono int16 [samples]."""
    blocks = [block.pcm for block in recording.blocks(recording.rate_hz)]
    return np.concatenate([np.zeros(0, dtype=np.int16), *blocks])


def _likeliest(result: Screening) -> str:
    return max(result.probabilities, key=lambda label: result.probabilities[label])


def _say_words(line: dict[str, Any]) -> None:
    heads = [
        headline(line["decision"], line["probabilities"], line["reasons"], code)
        for code in LANGUAGES
    ]
    print(f"{line['file']}: {' '.join(heads)}")
    for code in LANGUAGES:
        print(line["explanation"][code])

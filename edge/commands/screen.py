"""`airway screen`: recordings -> probabilities, a decision or an abstention, and the reasons."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import load_bundle
from edge.capture import Recording, open_wav_or_flac
from edge.classifier import RUNTIMES, Classifier
from edge.commands.output import each_file, say_json
from edge.errors import BadInputError
from edge.explain import Source, as_json, explain
from edge.occlusion import occlude
from edge.phrases import FAULTS
from edge.records import Pcm, Screening
from edge.screening import ABSTAIN, MOST_S, Screener

BUNDLE = "screen-chest"


def add(commands: Any) -> None:
    """Register the command; `commands` are argparse's sub-parsers."""
    screen = commands.add_parser("screen", help="screen lung-sound recordings for disease")
    screen.add_argument("files", nargs="+", type=Path, metavar="FILE", help="WAV or FLAC")
    screen.add_argument(
        "--bundle", default=BUNDLE, help=f"a folder, or a shipped bundle's name (default: {BUNDLE})"
    )
    screen.add_argument("--runtime", default="auto", choices=RUNTIMES)
    screen.add_argument("--json", action="store_true", help="one JSON object a line")
    screen.set_defaults(command=_screen)


def _screen(arguments: argparse.Namespace) -> int:
    bundle = load_bundle(arguments.bundle)
    screener = Screener(bundle, Classifier(bundle, arguments.runtime))
    say = say_json if arguments.json else _say_words
    return each_file(arguments.files, lambda file: say(screen_file(file, screener)))


def screen_file(file: Path, screener: Screener) -> dict[str, Any]:
    """Screen one file; gives the line of the contract.

    Raises:
        BadInputError: it can't be decoded, or is too long.
        InputOutputError: it can't be read.
    """
    recording = open_wav_or_flac(file)
    if recording.duration_s > MOST_S:
        raise BadInputError(
            f"{file} lasts {recording.duration_s:.0f} s; cut a stretch of at most {MOST_S:.0f} s"
        )
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
    head = "no result" if line["decision"] == ABSTAIN else line["decision"]
    # The probabilities of a refused recording mean nothing, so nobody has to see them.
    if not set(line["reasons"]) & set(FAULTS):
        odds = ", ".join(f"{label} {p:.2f}" for label, p in line["probabilities"].items())
        head = f"{head} ({odds})"
    print(f"{line['file']}: {head}")
    print(line["explanation"]["en"])
    print(line["explanation"]["zh"])

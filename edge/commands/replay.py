"""`airway replay`: the events of recordings, as a daemon would have heard them."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge.bundle import Bundle, load_bundle, shipped_bundles
from edge.capture import open_wav_or_flac
from edge.classifier import RUNTIMES, Classifier
from edge.commands.output import BLOCK_S, each_file, say_json
from edge.commands.run import DEAF
from edge.errors import BadInputError
from edge.pipeline import Pipeline
from edge.records import Event


def add(commands: Any) -> None:
    """Register the command; `commands` are argparse's sub-parsers."""
    replay = commands.add_parser("replay", help="find the events of recordings")
    replay.add_argument("files", nargs="+", type=Path, metavar="FILE", help="WAV or FLAC")
    chosen = replay.add_mutually_exclusive_group()
    chosen.add_argument(
        "--profile", default="room", choices=shipped_bundles(), help="a shipped one (default: room)"
    )
    chosen.add_argument("--bundle", help="a bundle's folder, or a shipped bundle's name")
    replay.add_argument("--runtime", default="auto", choices=RUNTIMES)
    replay.add_argument("--json", action="store_true", help="one JSON object a line")
    replay.set_defaults(command=_replay)


def _replay(arguments: argparse.Namespace) -> int:
    named = arguments.profile if arguments.bundle is None else arguments.bundle
    bundle = load_bundle(named)
    if not bundle.rules:
        raise BadInputError(f"bundle {bundle.name} {DEAF}")
    classifier = Classifier(bundle, arguments.runtime)
    say = say_json if arguments.json else _say_words
    return each_file(arguments.files, lambda file: _replay_file(file, bundle, classifier, say))


def _replay_file(
    file: Path, bundle: Bundle, classifier: Classifier, say: Callable[[dict[str, Any]], None]
) -> None:
    recording = open_wav_or_flac(file)
    pipeline = Pipeline(bundle, classifier, recording.rate_hz)
    for event in _events(recording.blocks(int(recording.rate_hz * BLOCK_S)), pipeline):
        say(
            {
                "type": "event",
                "file": str(file),
                "label": event.label,
                "onset_s": round(event.onset_s, 4),
                "offset_s": round(event.offset_s, 4),
                "score": round(event.score, 4),
                "p": round(event.p, 4),
            }
        )
    coverage = pipeline.coverage
    say(
        {
            "type": "coverage",
            "file": str(file),
            "audio_s": round(coverage.audio_s, 3),
            "processed_s": round(coverage.processed_s, 3),
            "lost_s": round(coverage.lost_s, 3),
        }
    )


def _events(blocks: Iterator[Any], pipeline: Pipeline) -> Iterator[Event]:
    for block in blocks:
        yield from pipeline.push(block)
    yield from pipeline.finish()


def _say_words(line: dict[str, Any]) -> None:
    if line["type"] == "event":
        length = line["offset_s"] - line["onset_s"]
        print(f"{line['onset_s']:10.2f} s  {line['label']:<8} {length:5.2f} s   p {line['p']:.2f}")
    else:
        print(f"{line['file']}: {line['processed_s']:.1f} s heard, {line['lost_s']:.1f} s lost")

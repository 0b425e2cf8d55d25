"""The `airway` command: each subcommand prints its result on standard output, logs elsewhere.

Exit codes: 0, 64 usage, 65 bad input data, 69 device unavailable, 74 input or output,
75 try again, 78 configuration.
"""

import argparse
import contextlib
import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import __version__
from edge.bundle import Bundle, load_bundle, shipped_bundles
from edge.capture import Recording, list_inputs, meter_lines, open_wav_or_flac
from edge.classifier import RUNTIMES, Classifier, installed_runtimes
from edge.commands import bench, checkin, install_service, report, run, screen, web
from edge.commands.output import DISCLAIMER, each_file, in_json, say_json
from edge.config import LogSettings
from edge.errors import (
    AirwayError,
    BadInputError,
    InputOutputError,
    UsageError,
)
from edge.frontend import Frontend
from edge.logs import configure_logging
from edge.pipeline import Pipeline, golden_difference
from edge.program import Parser, run_program
from edge.records import Event

# A second of audio a block: large enough for NumPy, small enough for memory.
BLOCK_S = 1.0
# Runtimes round alike but for a step or a few (docs/boards.md); more is another model.
_MOST_DIFFERENCE = 16


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    return run_program("airway", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    configure_logging(LogSettings())
    command: Callable[[argparse.Namespace], int] = arguments.command
    return command(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="airway", description=DISCLAIMER)
    parser.add_argument("--version", action="version", version=f"airway {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, parser_class=Parser)

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

    features = commands.add_parser("features", help="write the features of a recording")
    features.add_argument("file", type=Path, metavar="FILE", help="WAV or FLAC")
    features.add_argument("--bundle", default="room", help="whose frontend (default: room)")
    features.add_argument("--backend", default="auto", choices=("auto", "native", "reference"))
    features.add_argument("--out", type=Path, metavar="F.npy", help="int16 [frames, values]")
    features.add_argument("--plot", type=Path, metavar="F.png", help="a picture (extra: plot)")
    features.set_defaults(command=_features)

    devices = commands.add_parser("devices", help="list the microphones, or show a level meter")
    devices.add_argument("--json", action="store_true", help="one JSON object a line")
    devices.add_argument("--meter", action="store_true", help="show how loud it is, until Ctrl-C")
    devices.add_argument("--device", default="", metavar="NAME", help='whose meter (default: "")')
    devices.set_defaults(command=_devices)

    model = commands.add_parser("model", help="list, show or verify model bundles")
    model.add_argument("action", choices=("list", "show", "verify"))
    model.add_argument("bundle", nargs="?", default="room", help="name or folder (default: room)")
    model.set_defaults(command=_model)

    doctor = commands.add_parser("doctor", help="say what this installation can do")
    doctor.add_argument("--json", action="store_true", help="one JSON object")
    doctor.set_defaults(command=_doctor)

    for module in (run, bench, checkin, install_service, report, screen, web):
        module.add(commands)
    return parser


def _replay(arguments: argparse.Namespace) -> int:
    named = arguments.profile if arguments.bundle is None else arguments.bundle
    bundle = load_bundle(named)
    if not bundle.rules:
        raise BadInputError(f"bundle {bundle.name} {run.DEAF}")
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


def _features(arguments: argparse.Namespace) -> int:
    if arguments.out is None and arguments.plot is None:
        raise UsageError("features would write nothing; give --out F.npy, --plot F.png or both")
    bundle = load_bundle(arguments.bundle)
    recording = open_wav_or_flac(arguments.file)
    for written in (arguments.out, arguments.plot):
        if written is not None and written.exists() and written.samefile(arguments.file):
            raise UsageError(f"{written} is the recording itself; name another file to write")
    if arguments.out is not None:
        _write_features(recording, bundle, arguments.backend, arguments.out)
    if arguments.plot is not None:
        from edge.plot import plot_features  # brings matplotlib

        pcm = np.concatenate([np.zeros(0, dtype=np.int16), *_pcm_blocks(recording)])
        title = f"{arguments.file.name}, bundle {bundle.name}"
        plot_features(pcm, recording.rate_hz, bundle.spec, arguments.plot, title)
    return 0


def _pcm_blocks(recording: Recording) -> Iterator[NDArray[np.int16]]:
    return (block.pcm for block in recording.blocks(int(recording.rate_hz * BLOCK_S)))


def _write_features(recording: Recording, bundle: Bundle, backend: str, out: Path) -> None:
    frontend = Frontend(bundle.spec, bundle.tables, recording.rate_hz, backend)
    frames = [frontend.push(pcm) for pcm in _pcm_blocks(recording)]
    empty = np.zeros((0, bundle.spec.coefficients), dtype=np.int16)
    try:
        with out.open("wb") as file:
            np.save(file, np.concatenate([empty, *frames]))
    except OSError as error:
        raise InputOutputError(
            f"{out} can't be written ({error.strerror}); choose another --out"
        ) from error


def _devices(arguments: argparse.Namespace) -> int:
    if arguments.meter:
        if arguments.json:
            raise UsageError("the meter is for a person and has no JSON; leave --json out")
        begin, end = ("\r", "") if sys.stdout.isatty() else ("", "\n")
        with contextlib.suppress(KeyboardInterrupt):
            for line in meter_lines(arguments.device):
                print(begin + line, end=end, flush=True)
        print()
        return 0
    for found in list_inputs():
        if arguments.json:
            say_json({"type": "device", **asdict(found)})
        else:
            print(found)
    return 0


def _model(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        for name in shipped_bundles():
            bundle = load_bundle(name)
            print(f"{name} {bundle.version}  {', '.join(bundle.labels)}  {bundle.digest[:12]}")
        return 0
    bundle = load_bundle(arguments.bundle)
    if arguments.action == "show":
        print(in_json(bundle.card, indent=2))
        return 0
    classifier = Classifier(bundle)
    features_equal, logit_difference = golden_difference(bundle, classifier)
    if not features_equal:
        raise BadInputError(
            f"bundle {bundle.name}: this machine's features differ from the golden ones; "
            "please report it with the output of airway doctor"
        )
    if logit_difference > _MOST_DIFFERENCE:
        raise BadInputError(
            f"bundle {bundle.name}: scores of {classifier.runtime_name} are up to "
            f"{logit_difference} of 255 steps from the golden ones; install the bundle again"
        )
    print(
        f"{bundle.name} {bundle.version}: every byte as its card says, features exact, scores of "
        f"{classifier.runtime_name} within {logit_difference} of the golden ones"
    )
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    bundle = load_bundle("room")
    findings: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "frontend_backend": Frontend(bundle.spec, bundle.tables).backend,
        "runtimes": installed_runtimes(),
        "runtime": None,
        "bundles": {name: load_bundle(name).digest for name in shipped_bundles()},
    }
    code = 0
    try:
        classifier = Classifier(bundle)
    except AirwayError as error:  # what was found is wanted most where something is wrong
        findings["problem"] = str(error)
        code = error.exit_code
    else:
        features_equal, logit_difference = golden_difference(bundle, classifier)
        findings |= {
            "runtime": classifier.runtime_name,
            "golden_features_equal": features_equal,
            "golden_logit_difference": logit_difference,
        }
    if arguments.json:
        print(json.dumps(findings))
        return code
    for name, value in findings.items():
        print(f"{name.replace('_', ' '):<24} {value}")
    return code


if __name__ == "__main__":
    sys.exit(main())

"""`airway checkin`: guides through four recordings, measures each, says what it saw."""

import argparse
import sys
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle import Bundle, load_bundle
from edge.capture import Microphone, elapsed_s
from edge.checkin import (
    COUGH,
    TASKS,
    Task,
    TaskResult,
    count_coughs,
    in_words,
    measure,
    problem_words,
)
from edge.classifier import RUNTIMES, Classifier
from edge.commands.output import say_json
from edge.commands.screen import open_short, screen_pcm, whole_pcm
from edge.errors import BadInputError, UsageError
from edge.records import AudioBlock, Pcm
from edge.screening import ABSTAIN, NO_EVIDENCE, Screener

RATE_HZ = 16_000
BLOCKS_PER_SECOND = 10
ATTEMPTS = 3


def add(commands: Any) -> None:
    """Register the command; `commands` are argparse's sub-parsers."""
    checkin = commands.add_parser("checkin", help="a guided recording: cough, breathe, speak")
    for task in TASKS:
        checkin.add_argument(
            f"--{task.name}", type=Path, metavar="F", help="a recording instead of the microphone"
        )
    checkin.add_argument("--device", default="", metavar="NAME", help='microphone (default: "")')
    checkin.add_argument("--bundle", help="a screening bundle for the coughs (default: none)")
    checkin.add_argument("--runtime", default="auto", choices=RUNTIMES)
    checkin.add_argument("--json", action="store_true", help="one JSON object")
    checkin.set_defaults(command=_checkin)


def _checkin(arguments: argparse.Namespace) -> int:
    room = load_bundle("room")
    classifier = Classifier(room, arguments.runtime)
    given = {task.name: getattr(arguments, task.name) for task in TASKS}
    # Before anybody coughs for a minute: what can't be used is refused now.
    if arguments.bundle is not None and any(given.values()) and given[COUGH] is None:
        raise UsageError("--bundle screens the coughs; give --cough F as well")
    screener = None if arguments.bundle is None else _screener(arguments)
    if any(given.values()):
        sounds = {
            task.name: _from_file(path) for task in TASKS if (path := given[task.name]) is not None
        }
    else:
        sounds = _from_microphone(arguments.device)
    results = [
        _measured(task, *sounds[task.name], room, classifier)
        for task in TASKS
        if task.name in sounds
    ]
    screened = None if screener is None else screen_pcm(COUGH, *sounds[COUGH], screener)
    line = _line(results, screened)
    if arguments.json:
        say_json(line)
    else:
        print(line["explanation"]["en"])
        print(line["explanation"]["zh"])
    return 0


def _from_file(path: Path) -> tuple[Pcm, int]:
    recording = open_short(path)
    return whole_pcm(recording), recording.rate_hz


def _measured(
    task: Task, pcm: Pcm, rate_hz: int, room: Bundle, classifier: Classifier
) -> TaskResult:
    result = measure(task, pcm, rate_hz)
    if task.name != COUGH:
        return result
    return replace(result, coughs=count_coughs(pcm, rate_hz, room, classifier))


def _screener(arguments: argparse.Namespace) -> Screener:
    """The screen that was named, if it is one of coughs."""
    bundle = load_bundle(arguments.bundle)
    screener = Screener(bundle, Classifier(bundle, arguments.runtime))
    if COUGH not in bundle.card.get("profile", ""):
        raise BadInputError(
            f"bundle {bundle.name} is no screen of coughs, and a check-in records no other sounds "
            "for one; leave --bundle out"
        )
    return screener


def _line(results: list[TaskResult], screened: dict[str, Any] | None) -> dict[str, Any]:
    nothing: dict[str, Any] = {"probabilities": {}, "decision": ABSTAIN, "reasons": [NO_EVIDENCE]}
    said = screened or nothing
    return {
        "type": "checkin",
        "tasks": [_fields(result) for result in results],
        **{key: said[key] for key in nothing},
        "explanation": in_words(results, said.get("explanation")),
    }


def _fields(result: TaskResult) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "task": result.task,
        "duration_s": round(result.duration_s, 3),
        "level_dbfs": round(result.level_dbfs, 1),
        "noise_dbfs": round(result.noise_dbfs, 1),
        "problems": list(result.problems),
    }
    if result.coughs is not None:
        fields["coughs"] = result.coughs
    if result.held_s is not None:
        fields["held_s"] = round(result.held_s, 2)
    return fields


def _from_microphone(device: str) -> dict[str, tuple[Pcm, int]]:
    """Ask for each task, record it, and ask again when the recording is of no use."""
    Microphone(device, RATE_HZ, 1, BLOCKS_PER_SECOND).close()  # refused now, before any word
    sounds = {}
    for task in TASKS:
        for attempt in range(ATTEMPTS):
            _tell(f"{task.words['en']} {task.words['zh']}")
            if sys.stdin and sys.stdin.isatty():
                _tell("Press Enter to begin. 按回车键开始。")
                sys.stdin.readline()
            microphone = Microphone(device, RATE_HZ, 1, BLOCKS_PER_SECOND)
            stop = threading.Event()
            _tell("Now. 开始。")  # opening it took a moment
            pcm = record(microphone.blocks(stop, elapsed_s), task, microphone.rate_hz, stop)
            sounds[task.name] = pcm, microphone.rate_hz
            result = measure(task, pcm, microphone.rate_hz)
            if not result.problems:
                break
            _tell(f"{problem_words(result, 'en')} {problem_words(result, 'zh')}")
            if attempt == ATTEMPTS - 1:
                _tell("Going on with this recording. 继续使用这段录音。")
    return sounds


def record(blocks: Iterable[AudioBlock], task: Task, rate_hz: int, stop: threading.Event) -> Pcm:
    """The first seconds of a source, as many as the task asks for; what was lost is silence."""
    wanted = round(task.record_s * rate_hz)
    parts: list[Pcm] = [np.zeros(0, dtype=np.int16)]
    have = 0
    for block in blocks:
        parts += [np.zeros(block.lost, dtype=np.int16), block.pcm]
        have += block.lost + len(block.pcm)
        if have >= wanted:
            stop.set()
            break
    return np.concatenate(parts)[:wanted]


def _tell(words: str) -> None:
    """Say something to the person; standard output is the result's."""
    print(words, file=sys.stderr, flush=True)

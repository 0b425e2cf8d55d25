"""A daemon for tests: its pipeline is a simple one whose events can be foretold.

Run as a program, this file is the daemon with that pipeline, for the tests that kill it.
"""

import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import soundfile

from edge.config import MqttSettings, Settings, SourceSettings, StoreSettings, load_settings
from edge.daemon import About, Setup, run, serve
from edge.records import AudioBlock, Coverage, Event
from edge.store import Store

RATE_HZ = 4_000
ABOUT = About("1.2.3", "arithmetic", "bursts", "ab" * 32, ("burst", "bang"))
LEVEL = 1_000
ROOT = Path(__file__).parents[2]


class Bursts:
    """Every stretch of samples above a level is an event: nothing to learn, nothing to guess."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.processed = self.lost = self.at = 0
        self.onset: int | None = None
        self.threads: set[str] = set()

    def push(self, block: AudioBlock) -> list[Event]:
        """Events that end in this block."""
        self.threads.add(threading.current_thread().name)
        assert block.start == self.at + block.lost
        found = self._step(0, False) if block.lost else []
        self.at += block.lost
        loud = block.pcm > LEVEL
        if loud.any() or self.onset is not None:
            found += [event for k, is_loud in enumerate(loud) for event in self._step(k, is_loud)]
        self.at += len(block.pcm)
        self.processed += len(block.pcm)
        self.lost += block.lost
        return found

    def finish(self) -> list[Event]:
        """The event still open."""
        return self._step(0, False)

    quiet = False

    def attention(self) -> None:
        """Nothing is kept back."""

    @property
    def coverage(self) -> Coverage:
        """What went through."""
        seconds = self.processed / self.rate_hz, self.lost / self.rate_hz
        return Coverage(sum(seconds), *seconds)

    def _step(self, k: int, loud: bool) -> list[Event]:
        if loud and self.onset is None:
            self.onset = self.at + k
        elif not loud and self.onset is not None:
            onset_s, offset_s = self.onset / self.rate_hz, (self.at + k) / self.rate_hz
            self.onset = None
            return [Event("burst", onset_s, offset_s, 0.75, 0.5)]
        return []


def night(seconds: float, onsets_s: list[float]) -> np.ndarray:
    """Silence with bursts of 0.2 s."""
    pcm = np.zeros(round(seconds * RATE_HZ), np.int16)
    for onset_s in onsets_s:
        pcm[round(onset_s * RATE_HZ) :][: RATE_HZ // 5] = 8_000
    return pcm


def configured(
    tmp_path: Path, port: int | None, pcm: np.ndarray | None = None, **source: Any
) -> Settings:
    """Settings for a recording of `pcm`, or for standard input, and a broker at `port`."""
    if pcm is not None:
        path = tmp_path / "night.wav"
        soundfile.write(path, pcm, RATE_HZ)
        source = {"kind": "wav", "path": path, "realtime": False, **source}
    return Settings(
        "n",
        source=SourceSettings(rate_hz=RATE_HZ, **{"kind": "stdin", **source}),
        store=StoreSettings(tmp_path / "state" / "airway.db"),
        mqtt=MqttSettings(enabled=port is not None, host="127.0.0.1", port=port or 1),
    )


def valid(message: Any, kind: str) -> dict[str, Any]:
    """The payload of a message, checked against the schema that ships."""
    schema = json.loads((files("edge") / "schemas" / f"{kind}.json").read_text())
    jsonschema.validate(
        message.payload, schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    return message.payload


def stored(settings: Settings) -> tuple[dict[str, int], float, float]:
    """Counts, monitored and lost seconds of all that the store knows."""
    with Store(settings.store.path) as store:
        summary = store.summary(0.0, 1e11)
    return summary.counts, summary.monitored_s, summary.lost_s


class Child:
    """The daemon as a process of its own, with the pipeline of this file."""

    def __init__(self, tmp_path: Path, text: str, port: int) -> None:
        config = tmp_path / "config.toml"
        config.write_text(
            f'node = "n"\n{text}\n[store]\npath = "state/airway.db"\n[mqtt]\n'
            f'host = "127.0.0.1"\nport = {port}\n'
        )
        self.database = tmp_path / "state" / "airway.db"
        self.log = tmp_path / "stderr"
        with self.log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(config)],
                stdin=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()

    def said(self, words: str) -> bool:
        """Whether the log has it."""
        return words in self.log.read_text()

    def ended(self, number: int) -> tuple[int, str]:
        """Send a signal; the exit code and the log."""
        self.process.send_signal(number)
        return self.process.wait(20), self.log.read_text()


class Live:
    """The daemon in a thread, fed through a pipe as a live source."""

    def __init__(
        self,
        settings: Settings,
        pipeline: Callable[[int], Bursts] = Bursts,
        about: About = ABOUT,
        **more: Any,
    ) -> None:
        self.codes: list[int] = []
        reading, writing = os.pipe()
        self.stream = io.FileIO(reading, "rb")
        self.pipe = io.FileIO(writing, "wb")
        self.thread = threading.Thread(
            target=lambda: self.codes.append(
                run(settings, pipeline, about, stdin=self.stream, **more)
            ),
            daemon=True,  # a test that fails must not wait for it
        )
        self.thread.start()

    def hear(self, seconds: float, onsets_s: list[float]) -> None:
        """Sound comes."""
        self.pipe.write(night(seconds, onsets_s).tobytes())

    def end(self) -> list[int]:
        """The source ends; the exit codes."""
        self.pipe.close()
        self.thread.join(20)
        self.stream.close()
        return self.codes


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    sys.exit(serve(lambda: Setup(load_settings(Path(sys.argv[1])), Bursts, ABOUT)))

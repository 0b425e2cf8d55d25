"""A microphone that is recorded as the daemon does, for tests with a sound server."""

import contextlib
import queue
import sys
import time
from typing import Any

import numpy as np
from sound_server import RATE_HZ

from edge.capture import elapsed_s
from edge.config import SourceSettings
from edge.daemon.feeder import Feeder
from edge.daemon.source import open_source
from edge.records import AudioBlock


class Listening:
    """A microphone that is recorded in a thread, as the daemon does."""

    def __init__(self, device: str = "pulse:vmic.monitor", rate_hz: int = RATE_HZ) -> None:
        settings = SourceSettings(device=device, rate_hz=rate_hz)
        self.source = open_source(settings, sys.stdin.buffer)
        self.blocks: queue.Queue[AudioBlock | None] = queue.Queue(100_000)
        self.feeder = Feeder(self.source, self.blocks, elapsed_s, lambda: None)
        self.heard: list[AudioBlock] = []
        self.began_s = elapsed_s()
        self.feeder.start()

    def __enter__(self) -> "Listening":
        return self

    def __exit__(self, *_: Any) -> None:
        self.feeder.stop(20)

    def until(self, done: Any, timeout_s: float = 30.0) -> None:
        """Take blocks until `done(block)` is true of one."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            assert time.monotonic() < deadline_s, self.feeder.figures()
            with contextlib.suppress(queue.Empty):
                block = self.blocks.get(timeout=0.1)
                assert block is not None
                end = self.heard[-1].start + len(self.heard[-1].pcm) if self.heard else 0
                assert block.start == end + block.lost  # no sample is unaccounted for
                self.heard.append(block)
                if done(block):
                    return

    @property
    def pcm(self) -> np.ndarray:
        """The whole session, zeros where something is lost."""
        parts = [np.zeros(0, np.int16)]
        for block in self.heard:
            parts += [np.zeros(block.lost, np.int16), block.pcm]
        return np.concatenate(parts)

    @property
    def behind_s(self) -> float:
        """By how much the session's clock is behind the system's."""
        return elapsed_s() - self.began_s - len(self.pcm) / self.source.rate_hz


def loud(block: AudioBlock) -> bool:
    """There is sound in it."""
    return bool(np.any(block.pcm))


def delivered(block: AudioBlock) -> bool:
    """There are samples in it, be they zeros."""
    return len(block.pcm) > 0


def noise(seconds: float, rate_hz: int = RATE_HZ, channels: int = 1) -> np.ndarray:
    """Sound that is louder than the lead-in in each sample."""
    values = np.random.default_rng(5).integers(2, 3_000, (round(seconds * rate_hz), channels))
    return values.astype(np.int16)

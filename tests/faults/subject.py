"""The daemon under test, as a program: all of it is real but the model.

In the model's place is an arithmetic one, so that every event that goes in is known: each
stretch of samples above a level is one.
"""

import logging
import os
import sys
from pathlib import Path

import numpy as np

from edge.config import load_settings
from edge.daemon import About, Setup, serve
from edge.records import AudioBlock, Coverage, Event

RATE_HZ = 4_000
EVENT_SAMPLES = RATE_HZ // 10  # from one event's begin to the next
LEVEL = 1_000
ABOUT = About("1.2.3", "arithmetic", "bursts", "ab" * 32, ("burst",))


def sound(events: int) -> np.ndarray:
    """0.1 s for each event: half of it loud."""
    one = np.zeros(EVENT_SAMPLES, np.int16)
    one[: EVENT_SAMPLES // 2] = 8_000
    return np.tile(one, events)


class Bursts:
    """Every stretch above the level is an event."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._processed = self._lost = self._at = 0
        self._onset: int | None = None

    def push(self, block: AudioBlock) -> list[Event]:
        """Events that end in this block."""
        self._at += block.lost
        self._lost += block.lost
        loud = (block.pcm > LEVEL).astype(np.int8)
        before = np.int8(self._onset is not None)
        if block.lost and self._onset is not None:
            before, self._onset = np.int8(0), None
        events = []
        edges = np.flatnonzero(np.diff(loud, prepend=before))
        for edge in edges.tolist():
            if self._onset is None:
                self._onset = self._at + edge
            else:
                events.append(self._event(self._at + edge))
        self._at += len(block.pcm)
        self._processed += len(block.pcm)
        return events

    def finish(self) -> list[Event]:
        """The event still open."""
        return [] if self._onset is None else [self._event(self._at)]

    quiet = False

    def attention(self) -> None:
        """Nothing is kept back."""

    @property
    def coverage(self) -> Coverage:
        """What went through."""
        seconds = self._processed / self._rate_hz, self._lost / self._rate_hz
        return Coverage(sum(seconds), *seconds)

    def _event(self, end: int) -> Event:
        assert self._onset is not None
        event = Event("burst", self._onset / self._rate_hz, end / self._rate_hz, 0.75, 0.5)
        self._onset = None
        return event


def main() -> int:
    """Run the daemon with the configuration that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    config = Path(sys.argv[1])
    return serve(lambda: Setup(load_settings(config), Bursts, ABOUT), environ=os.environ)


if __name__ == "__main__":
    sys.exit(main())

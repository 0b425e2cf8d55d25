"""How often a source is looked at: a quiet room is no reason to wake up ten times a second."""

import threading
from collections.abc import Callable

import numpy as np

from edge.records import AudioBlock

# While nothing happens, what has come is taken once in this time. A sound is then known up to
# as much later, which is less than the model waits for what follows a sound.
REST_S = 0.9


class Pace:
    """Agreed between the thread that captures and the one that listens; any thread may call."""

    def __init__(self) -> None:
        self._awake = threading.Event()
        self._awake.set()

    @property
    def resting(self) -> bool:
        """Nothing happens."""
        return not self._awake.is_set()

    def set_quiet(self, quiet: bool) -> None:
        """Whether anything happens; a rest ends at once when it does."""
        if quiet:
            self._awake.clear()
        else:
            self._awake.set()

    def rest(self) -> None:
        """Wait until something happens, for `REST_S` seconds at most."""
        self._awake.wait(REST_S)


class Sheaf:
    """Blocks of a quiet room, bound together.

    Args:
        put: takes the blocks in their order, bound or as they came.
        pace: whether to bind.
    """

    def __init__(self, put: Callable[[AudioBlock], None], pace: Pace) -> None:
        self._put = put
        self._pace = pace
        self._held: list[AudioBlock] = []
        self._samples = 0

    def add(self, block: AudioBlock) -> None:
        """Pass a block on, now or with those that follow; then rest if nothing happens."""
        if block.lost:
            self.flush()
        self._held.append(block)
        self._samples += len(block.pcm)
        if self._pace.resting and self._samples < REST_S * block.rate_hz and not block.lost:
            return
        self.flush()
        self._pace.rest()

    def flush(self) -> None:
        """Pass on what is held."""
        held, self._held, self._samples = self._held, [], 0
        if len(held) == 1:
            self._put(held[0])
        elif held:
            pcm = np.concatenate([block.pcm for block in held])
            self._put(AudioBlock(pcm, held[0].rate_hz, held[0].start, held[0].lost))

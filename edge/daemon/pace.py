"""How often a source is looked at: a quiet room is no reason to wake up ten times a second."""

import contextlib
import threading
from collections.abc import Callable

import numpy as np

from edge.gate import Gate
from edge.records import AudioBlock

# While nothing happens, what has come is taken once in this time. A sound is then known up to
# as much later, which is less than the model waits for what follows a sound.
REST_S = 0.9
# And what was taken is kept for so long, as long as it is still: to pass it on wakes a thread.
HOLD_S = 4 * REST_S
_WAITED_S = 0.005  # for a block: it came as soon as it could
_LATE_BLOCKS = 1.1  # one that is late by more has another behind it
_SURE_S = 30.0  # at 1,000 parts in a million, the clocks part by a third of a block


class Pace:
    """Agreed between the thread that captures and the one that listens; any thread may call."""

    def __init__(self) -> None:
        self.resting = False  # nothing happens
        self._wake = threading.Lock()  # open once a rest is to end; leaner than an Event
        self._wake.acquire()

    def set_quiet(self, quiet: bool) -> None:
        """Whether anything happens; a rest ends at once when it does."""
        self.resting = quiet
        if quiet:
            self._wake.acquire(blocking=False)
        else:
            with contextlib.suppress(RuntimeError):  # it is open
                self._wake.release()

    def rest(self) -> None:
        """Wait until something happens, for `REST_S` seconds at most; one thread's alone."""
        if self.resting:
            self._wake.acquire(timeout=REST_S)


class Sheaf:
    """Blocks of a quiet room, bound together.

    Args:
        put: takes the blocks in their order, bound or as they came.
        pace: whether to bind.
        clock: monotonic seconds.
        ear: hears whether it is still; without one, nothing is kept for longer than a rest.
    """

    def __init__(
        self,
        put: Callable[[AudioBlock], None],
        pace: Pace,
        clock: Callable[[], float],
        ear: Gate | None = None,
    ) -> None:
        self._put = put
        self._pace = pace
        self._clock = clock
        self._ear = ear
        self._fresh: list[AudioBlock] = []
        self._held: list[AudioBlock] = []  # one for each rest, heard and still
        self._fresh_s = self._held_s = 0.0  # how long they are
        self._asked_s = 0.0  # when the source was asked for the next block
        self._waited_s = 0.0  # when it last gave one as soon as it could
        self._on_time_s = 0.0  # clock less end of that one

    def add(self, block: AudioBlock) -> None:
        """Pass a block on, now or with those that follow; then rest if nothing happens."""
        if block.lost:
            self.flush()
        length_s = len(block.pcm) / block.rate_hz
        self._fresh.append(block)
        self._fresh_s += length_s
        rests = self._pace.resting and not block.lost
        is_behind = rests and self._more_waits(block, length_s)
        if not (is_behind and self._fresh_s < HOLD_S):
            is_still = self._hear()
            if not (rests and is_still and self._held_s < HOLD_S):
                self._pass_on()
            if not is_behind:
                self._pace.rest()
        self._asked_s = self._clock()

    def flush(self) -> None:
        """Pass on what is held."""
        self._hear()
        self._pass_on()

    def _more_waits(self, block: AudioBlock, length_s: float) -> bool:
        """Whether the next block can be had without a wait, which would be one more wake."""
        now_s = self._clock()
        late_s = now_s - block.start / block.rate_hz - length_s
        if now_s - self._asked_s > _WAITED_S:
            self._waited_s, self._on_time_s = now_s, late_s
        if now_s - self._waited_s > _SURE_S:  # the card's clock is not this one: wait, and see
            return True
        return late_s - self._on_time_s > _LATE_BLOCKS * length_s

    def _hear(self) -> bool:
        """Bind what is fresh to what is held; returns whether an ear found it still."""
        if not self._fresh:
            return False
        bound = _bound(self._fresh)
        self._held.append(bound)
        self._held_s += self._fresh_s
        self._fresh, self._fresh_s = [], 0.0
        return self._ear is not None and 1 not in self._ear.push(bound.pcm)

    def _pass_on(self) -> None:
        if self._held:
            held, self._held, self._held_s = self._held, [], 0.0
            self._put(_bound(held))


def _bound(blocks: list[AudioBlock]) -> AudioBlock:
    """Consecutive blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    pcm = np.concatenate([block.pcm for block in blocks])
    return AudioBlock(pcm, blocks[0].rate_hz, blocks[0].start, blocks[0].lost)

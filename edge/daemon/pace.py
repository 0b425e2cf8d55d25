"""How often a source is looked at: no thread wakes up before there is anything to say."""

import contextlib
import math
import threading
from collections.abc import Callable

import numpy as np

from edge.pipeline import Attention
from edge.records import AudioBlock

BLOCKS_PER_SECOND = 10  # that a source gives
# While nothing happens, what has come is taken once in this time. A sound is then known up to
# as much later, which is less than the model waits for what follows a sound.
REST_S = 0.9
# And what was taken is kept for so long, as long as it is still: to pass it on wakes a thread.
HOLD_S = 4 * REST_S
_MARGIN_S = 0.002  # to look before a block is there is one more wake
_LATE_S = 1 / BLOCKS_PER_SECOND + _MARGIN_S / 2  # a block that is later has another behind it
_DRIFT = 1e-3  # of a card's clock, at most
_SURE_S = 15.0  # until a block is to be waited for again, to see how late they are
_WAIT_S = 0.05
_MISSES = 15  # such waits for what should have been there, and none else: the source became later
_EQUAL_S = 1e-6


class Pace:
    """Agreed between the thread that captures and the one that listens; any thread may call.

    Attributes:
        resting: nothing happens.
    """

    def __init__(self) -> None:
        self.resting = False
        self._wake = threading.Lock()  # open when a rest is to end; leaner than an Event
        self._wake.acquire()

    def set_quiet(self, quiet: bool) -> None:
        """Whether anything happens; a rest in which nothing happened ends at once when it does."""
        was_resting, self.resting = self.resting, quiet
        if was_resting and not quiet:
            self.wake()

    def wake(self) -> None:
        """Something happens: end a rest at once, or the next one."""
        self.resting = False
        with contextlib.suppress(RuntimeError):  # it is open
            self._wake.release()

    def rest(self, seconds: float) -> None:
        """Wait, in the thread that captures; a wake ends it."""
        self._wake.acquire(timeout=max(0.0, seconds))


class Arrivals:
    """When the blocks of a source can be had, as far as that can be seen from outside.

    Late is a block by the clock's reading less its end. The least lateness is that of a block that
    was waited for, and it drifts: a card's clock is not this one.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._asked_s = 0.0
        self._waited_s = -math.inf
        self._least_s = math.inf
        self._misses = 0

    def ask(self) -> None:
        """The source is asked for its next block."""
        self._asked_s = self._clock()

    def more_waits(self, end_s: float) -> bool:
        """Whether, behind the block that ends there and has come, another is to be had at once."""
        now_s = self._clock()
        late_s, wait_s = now_s - end_s, now_s - self._asked_s
        slack_s = _MARGIN_S + _DRIFT * (now_s - self._waited_s)
        self._least_s = min(self._least_s, late_s)
        is_sure = now_s - self._waited_s <= _SURE_S
        was_there = self._asked_s - end_s > self._least_s + slack_s
        if not was_there and wait_s > _MARGIN_S:
            self._waited_s, self._misses, is_sure = now_s, 0, True
            self._least_s = min(late_s, self._least_s + slack_s)
        elif is_sure:
            self._misses = 0
        elif was_there and wait_s > _WAIT_S:  # a busy processor's fault, or the source's
            self._misses += 1
            if self._misses == _MISSES:
                self._waited_s, self._least_s, is_sure = now_s, late_s, True
        return not is_sure or late_s - self._least_s > _LATE_S

    def until_s(self, end_s: float) -> float:
        """Seconds until the block that ends there can be had."""
        return self._least_s + end_s + _MARGIN_S - self._clock()


class Sheaf:
    """Blocks bound together, as many as are needed before there is anything to say.

    Args:
        put: takes the blocks in their order, bound or as they came.
        pace: whether anything happens.
        clock: monotonic seconds.
        attention: of who gets them; None gets each block at once.
    """

    def __init__(
        self,
        put: Callable[[AudioBlock], None],
        pace: Pace,
        clock: Callable[[], float],
        attention: Attention | None = None,
    ) -> None:
        self._put = put
        self._pace = pace
        self._arrivals = Arrivals(clock)
        self._attention = attention
        self._fresh: list[AudioBlock] = []
        self._held: list[AudioBlock] = []  # one for each rest, heard and still
        self._fresh_s = self._held_s = 0.0  # how long they are
        # Seconds of the session after which there will be something to say.
        self._due_s = 0.0 if attention is None else attention.first_s

    def add(self, block: AudioBlock) -> None:
        """Pass a block on, now or with those that follow; then rest until there may be more."""
        if block.lost:
            self.flush()
        self._fresh.append(block)
        self._fresh_s += len(block.pcm) / block.rate_hz
        end_s = (block.start + len(block.pcm)) / block.rate_hz
        if self._attention is None or block.lost:
            self._pass_on()
        else:
            self._deal_with(end_s)
        self._arrivals.ask()

    def _deal_with(self, end_s: float) -> None:
        """Pass on what is to be passed on by now, and rest."""
        more, rests = self._arrivals.more_waits(end_s), self._pace.resting
        if self._fresh_s >= HOLD_S:  # a night that comes at once is no night in memory
            self._pass_on()
        elif rests:
            has_look = not more or self._fresh_s >= REST_S - _MARGIN_S
            if has_look and not (self._hear() and self._held_s < HOLD_S):
                self._pass_on()
        elif end_s >= self._due_s - _EQUAL_S or self._held:
            self._pass_on()
        if not more:
            self._pace.rest(REST_S if rests else min(REST_S, self._until_due_s(end_s)))

    def flush(self) -> None:
        """Pass on what is held."""
        if self._fresh or self._held:
            self._pass_on()

    def _until_due_s(self, end_s: float) -> float:
        """Seconds until the block comes with which there will be something to say."""
        blocks = math.ceil((self._due_s - end_s - _EQUAL_S) * BLOCKS_PER_SECOND)
        return self._arrivals.until_s(end_s + blocks / BLOCKS_PER_SECOND)

    def _hear(self) -> bool:
        """Bind what is fresh to what is held; returns whether an ear found it still."""
        if not self._fresh:
            return False
        bound = _bound(self._fresh)
        self._held.append(bound)
        self._held_s += self._fresh_s
        self._fresh, self._fresh_s = [], 0.0
        ear = None if self._attention is None else self._attention.ear
        return ear is not None and 1 not in ear.push(bound.pcm)

    def _pass_on(self) -> None:
        self._hear()
        bound = _bound(self._held)
        self._held, self._held_s = [], 0.0
        if (attention := self._attention) is not None:
            end_s = (bound.start + len(bound.pcm)) / bound.rate_hz
            passed = math.floor((end_s - attention.first_s + _EQUAL_S) / attention.every_s) + 1
            self._due_s = attention.first_s + max(0, passed) * attention.every_s
        self._put(bound)


def _bound(blocks: list[AudioBlock]) -> AudioBlock:
    """Consecutive blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    pcm = np.concatenate([block.pcm for block in blocks])
    return AudioBlock(pcm, blocks[0].rate_hz, blocks[0].start, blocks[0].lost)

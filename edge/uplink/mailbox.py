"""Live messages on their way from any thread to the one that owns the connection."""

import math
import threading
from collections import deque
from collections.abc import Iterable

# The thread empties the box in milliseconds while it is connected; beyond this it is stuck.
_LIMIT = 100
REFUSED_AGAIN_S = 60.0


class Mailbox:
    """Messages that are worth something only now; the last retained one of a topic is kept.

    Closed, as it is at first, it takes retained messages only. Safe to use from any thread.

    Args:
        retained: topic -> body, sent at each opening until another body replaces it.

    Attributes:
        due_s: when `repeat_refused` has something to do, by the clock of `refused`.
    """

    def __init__(self, retained: dict[str, bytes]) -> None:
        self._lock = threading.Lock()
        self._is_open = False
        self._retained = dict(retained)
        self._waiting: deque[tuple[str, bytes, bool]] = deque()
        self._dropped = 0
        self.due_s = math.inf

    @property
    def is_open(self) -> bool:
        """There is a connection to send on."""
        return self._is_open

    @property
    def is_empty(self) -> bool:
        """Nothing waits to be sent."""
        return not self._waiting

    @property
    def dropped(self) -> int:
        """Messages, not retained, that were not sent or not acknowledged."""
        return self._dropped

    def put(self, topic: str, body: bytes, retain: bool) -> bool:
        """Hand a message over; returns whether it waits to be sent now."""
        with self._lock:
            if retain and body:  # an empty one only clears what the broker retains
                self._retained[topic] = body
            if self._is_open and len(self._waiting) < _LIMIT:
                self._waiting.append((topic, body, retain))
                return True
            self._dropped += not retain
            return False

    def take(self) -> tuple[str, bytes, bool] | None:
        """The next message: topic, body, retain."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def open(self) -> None:
        """A connection stands: the retained messages wait, and others are welcome."""
        with self._lock:
            self._waiting.extend((topic, body, True) for topic, body in self._retained.items())
            self._is_open = True

    def repeat(self) -> None:
        """While a connection stands, the retained messages wait to be sent once more."""
        with self._lock:
            if self._is_open:
                waiting = {topic for topic, _, retain in self._waiting if retain}
                self._waiting.extend(
                    (topic, body, True)
                    for topic, body in self._retained.items()
                    if topic not in waiting
                )

    def refused(self, topic: str, now_s: float) -> None:
        """The broker did not take a message: what is retained is repeated in `REFUSED_AGAIN_S`."""
        if topic in self._retained:
            self.due_s = min(self.due_s, now_s + REFUSED_AGAIN_S)

    def repeat_refused(self, now_s: float) -> None:
        """Repeat what is retained, if it is due: the broker's access list may have been mended."""
        if now_s >= self.due_s:
            self.due_s = math.inf
            self.repeat()

    def close(self, unanswered: Iterable[str]) -> None:
        """The connection is over; `unanswered` are topics of what was sent in vain."""
        with self._lock:
            self._is_open = False
            lost = [*unanswered, *(topic for topic, _, _ in self._waiting)]
            self._dropped += sum(topic not in self._retained for topic in lost)
            self._waiting.clear()

"""Writing to a store that may fail: nothing is dropped because a disk is full for a while."""

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from edge.errors import InputOutputError, TryAgainError
from edge.store import DamagedError, Store

_logger = logging.getLogger(__name__)

Write: TypeAlias = Callable[[Store], object]
T = TypeVar("T")

# Some days of events, and about 10 MB; a device whose disk is full for longer loses the oldest.
BACKLOG_LIMIT = 10_000
_RETRY_FIRST_S, _RETRY_MAX_S = 1.0, 30.0


class Backlog:
    """Writes that the store has not taken yet, in their order; it outlives a session."""

    def __init__(self) -> None:
        self.writes: deque[Write] = deque()
        self.dropped = 0

    def add(self, write: Write) -> None:
        """Append; the oldest goes when there are too many."""
        if len(self.writes) == BACKLOG_LIMIT:
            self.writes.popleft()
            self.dropped += 1
        self.writes.append(write)


class Keeper:
    """The store of one thread; what it does not take is tried again until it does.

    Args:
        path: the database.
        backlog: what waits, and what will.
        clock: monotonic seconds.
    """

    def __init__(self, path: Path, backlog: Backlog, clock: Callable[[], float]) -> None:
        self._path = path
        self._backlog = backlog
        self._clock = clock
        self._store: Store | None = None
        self._retry_s = _RETRY_FIRST_S
        self._due_s = 0.0  # on the clock; until then a failed store is left in peace
        self.failures = 0

    @property
    def waiting(self) -> int:
        """Writes that wait in memory."""
        return len(self._backlog.writes)

    @property
    def dropped(self) -> int:
        """Writes given up because too many waited."""
        return self._backlog.dropped

    @property
    def failing(self) -> bool:
        """The last try failed."""
        return self._retry_s > _RETRY_FIRST_S

    def close(self) -> None:
        """Close the store; what waits is left in the backlog."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def keep(self, write: Write) -> None:
        """Write now if the store allows, later if not.

        Raises:
            DamagedError: the database is broken; the write waits in the backlog.
        """
        self._backlog.add(write)
        self.flush()

    def flush(self) -> bool:
        """Write what waits, in its order; returns whether nothing waits any more.

        Raises:
            DamagedError: the database is broken; what was not written stays in the backlog.
        """
        while self._backlog.writes:
            if not self._try(self._write_first):
                return False
            self._backlog.writes.popleft()
        return True

    def ask(self, question: Callable[[Store], T], otherwise: T) -> T:
        """Read from the store, or do what may as well be left out; `otherwise` if it fails.

        Raises:
            DamagedError: the database is broken.
        """
        answer = self._try(lambda store: (question(store),))
        return answer[0] if answer else otherwise

    def _write_first(self, store: Store) -> tuple[object]:
        return (self._backlog.writes[0](store),)

    def _try(self, work: Callable[[Store], tuple[T]]) -> tuple[T] | None:
        if self._clock() < self._due_s:
            return None
        try:
            if self._store is None:
                self._store = Store(self._path)
            answer = work(self._store)
        except DamagedError:
            self.close()
            raise
        except (InputOutputError, TryAgainError) as error:
            self._fail(error)
            return None
        if self.failing:
            _logger.warning("the store works again; %d writes waited", self.waiting)
        self._retry_s, self._due_s = _RETRY_FIRST_S, 0.0
        return answer

    def _fail(self, error: Exception) -> None:
        self.failures += 1
        if not self.failing:  # once, and not at every try
            _logger.error("%s; listening goes on, and what is heard waits in memory", error)
        self.close()  # a new connection may do better
        self._due_s = self._clock() + self._retry_s
        self._retry_s = min(2 * self._retry_s, _RETRY_MAX_S)

"""An outbox that can't be opened yet, so that the connection does not wait for it.

On a full disk nobody opens the store; who looks at the device should still see that it is there,
that it can't save what it hears, and be able to mute it.
"""

import time
from collections.abc import Callable

from edge.errors import AirwayError
from edge.messages import OutboxRow
from edge.uplink.delivery import Backoff, Outbox


class PatientOutbox:
    """An outbox that is opened when it can be; until then nothing waits in it.

    Args:
        open_outbox: opens it; called again after a failure.
        failed: gets what it raises.
        backoff: how long to wait before another try.

    Attributes:
        is_open: it could be opened.
    """

    def __init__(
        self,
        open_outbox: Callable[[], Outbox],
        failed: Callable[[AirwayError], None],
        backoff: Backoff,
    ) -> None:
        self._open_outbox, self._failed, self._backoff = open_outbox, failed, backoff
        self._outbox: Outbox | None = None
        self._due_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it could be opened."""
        return self._outbox is not None

    def opens(self) -> bool:
        """Open it if it is closed and a try is due; whether this call did."""
        if self._outbox is not None or time.monotonic() < self._due_s:
            return False
        try:
            self._outbox = self._open_outbox()
        except AirwayError as error:
            self._failed(error)
            self._due_s = time.monotonic() + self._backoff.next_s()
        return self._outbox is not None

    def pending(self, after_seq: int, limit: int) -> list[OutboxRow]:
        """As `Outbox.pending`; nothing while it is closed."""
        return [] if self._outbox is None else self._outbox.pending(after_seq, limit)

    def delete(self, seq: int) -> None:
        """Forget a row, which came from `pending`."""
        assert self._outbox is not None
        self._outbox.delete(seq)

    def close(self) -> None:
        """Close it, if it is open."""
        if self._outbox is not None:
            self._outbox.close()

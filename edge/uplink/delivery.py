"""Which stored message goes out next, and what becomes of it: no network, no clock."""

import math
import random
from dataclasses import dataclass, field
from typing import Protocol

from edge.messages import OutboxRow

# Rows read from the outbox at a time: a few windows full, and little memory.
BATCH_ROWS = 100


class Outbox(Protocol):
    """What the uplink needs of the store."""

    def pending(self, after_seq: int, limit: int) -> list[OutboxRow]:
        """Up to `limit` rows, in the order of `seq`, from `after_seq` + 1 on."""

    def delete(self, seq: int) -> None:
        """Forget a row that the broker has taken."""

    def close(self) -> None:
        """Close the connection to the store."""


@dataclass(slots=True)
class Counters:
    """What the uplink did since it was made.

    Attributes:
        published: publishes handed to the network, repeats included.
        acked: of those, acknowledged with a success.
        refused: of those, acknowledged with a failure.
        reconnects: connections after the first.
        dropped_live: live messages that were not sent, or not acknowledged.
    """

    published: int = 0
    acked: int = 0
    refused: int = 0
    reconnects: int = 0
    dropped_live: int = 0


@dataclass
class Backoff:
    """How long to wait before another try: full jitter under a ceiling that doubles.

    A random wait keeps the devices of a house from all returning in the same second after
    a power cut.

    Attributes:
        first_s: ceiling of the first wait, seconds.
        max_s: the ceiling stops here.
        jitter: source of the randomness.
    """

    first_s: float = 1.0
    max_s: float = 300.0
    jitter: random.Random = field(default_factory=random.Random)
    _tries: int = 0

    def next_s(self) -> float:
        """Seconds to wait now, 0 to the ceiling."""
        # Beyond 2**30 any ceiling is reached, and a float would overflow in the end.
        ceiling_s = min(self.max_s, self.first_s * 2.0 ** min(self._tries, 30))
        self._tries += 1
        return self.jitter.uniform(0.0, ceiling_s)

    def reset(self) -> None:
        """Start again from `first_s`."""
        self._tries = 0

    def fresh(self) -> "Backoff":
        """Another one of the same kind, at its start."""
        return Backoff(self.first_s, self.max_s, self.jitter)


@dataclass
class _Hold:
    """A topic that the broker refuses: one row at a time tries it, and the others wait."""

    backoff: Backoff
    first_seq: int
    due_s: float = 0.0
    trying: bool = False


class Delivery:
    """The order of the outbox on one connection after another.

    Rows go out in the order of `seq`. A row leaves the outbox when `accepted` is called for
    it and never otherwise. A topic that the broker refuses is held back for a while, and
    the other topics go on without it.

    Attributes:
        more: rows may be waiting beyond those that `take` has looked at.
    """

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._cursor = 0  # rows up to here were looked at on this connection
        self._seen = 0  # rows up to here were looked at before: to send one again is late
        self._caught_up = False
        self._in_flight: dict[int, str] = {}  # seq -> topic
        self._held: dict[str, _Hold] = {}
        self.more = True

    def restart(self, outbox: Outbox) -> None:
        """A new connection: nothing is in flight, and all that is stored has waited."""
        self._cursor = 0
        self._caught_up = not outbox.pending(0, 1)
        self._in_flight.clear()
        self._held.clear()
        self.more = True

    @property
    def due_s(self) -> float:
        """When a topic that is held back may be tried again, by the clock of `refused`."""
        waiting = (hold.due_s for hold in self._held.values() if not hold.trying)
        return min(waiting, default=math.inf)

    def take(self, outbox: Outbox, room: int, now_s: float) -> list[tuple[OutboxRow, bool]]:
        """The next rows to publish.

        Args:
            outbox: where they wait.
            room: how many may be sent now; 0 or less is none.
            now_s: any steady clock, seconds.

        Returns:
            Up to `room` rows, each with True when it is historical: stored before this
            connection had sent all that waited for it, or held back since.
        """
        if room <= 0:
            return []
        for hold in self._held.values():
            if not hold.trying and hold.due_s <= now_s:
                self._cursor = min(self._cursor, hold.first_seq - 1)
        taken: list[tuple[OutboxRow, bool]] = []
        batch = outbox.pending(self._cursor, BATCH_ROWS)
        for row in batch:
            if len(taken) == room:
                self.more = True
                return taken
            historical = not self._caught_up or row.seq <= self._seen
            self._cursor = row.seq
            self._seen = max(self._seen, row.seq)
            if row.seq not in self._in_flight and self._may_go(row, now_s):
                self._in_flight[row.seq] = row.topic
                taken.append((row, historical))
        self.more = len(batch) == BATCH_ROWS
        self._caught_up = self._caught_up or not self.more
        return taken

    def accepted(self, seq: int, outbox: Outbox) -> None:
        """The broker took this row: it is forgotten, and its topic is open again."""
        outbox.delete(seq)
        topic = self._in_flight.pop(seq)
        hold = self._held.get(topic)
        if hold is not None and hold.trying:
            del self._held[topic]
            self._cursor = min(self._cursor, hold.first_seq - 1)
            self.more = True

    def refused(self, seq: int, now_s: float) -> None:
        """The broker did not take this row: it stays, and its topic waits."""
        topic = self._in_flight.pop(seq)
        hold = self._held.get(topic)
        if hold is None:
            hold = self._held[topic] = _Hold(self._backoff.fresh(), seq, trying=True)
        hold.first_seq = min(hold.first_seq, seq)
        if hold.trying:  # the others that were under way when the first was refused say no more
            hold.trying = False
            hold.due_s = now_s + hold.backoff.next_s()

    def _may_go(self, row: OutboxRow, now_s: float) -> bool:
        hold = self._held.get(row.topic)
        if hold is None:
            return True
        if hold.trying or now_s < hold.due_s:
            hold.first_seq = min(hold.first_seq, row.seq)
            return False
        hold.trying = True
        return True

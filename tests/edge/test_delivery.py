"""Which row goes out next, and when a refused one tries again: without a broker."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.messages import (
    OutboxRow,
)
from edge.uplink.delivery import Backoff, Delivery


class Box:
    """An outbox in memory."""

    def __init__(self) -> None:
        self.rows: dict[int, OutboxRow] = {}
        self.total = 0

    def add(self, topic: str) -> None:
        """Store a row."""
        self.total += 1
        self.rows[self.total] = OutboxRow(self.total, topic, {}, False, 0.0)

    def pending(self, after_seq: int, limit: int) -> list[OutboxRow]:
        """As in `Outbox`."""
        return [row for seq, row in sorted(self.rows.items()) if seq > after_seq][:limit]

    def delete(self, seq: int) -> None:
        """As in `Outbox`; a row that is not there is an error here."""
        del self.rows[seq]

    def close(self) -> None:
        """As in `Outbox`."""


@settings(deadline=None)
@given(st.data())
def test_delivery_in_any_weather(data):
    """Whatever the broker does: no row is lost, none is twice under way, order is kept.

    A model: rows are added, taken, accepted, refused and cut off at random. Then the broker
    accepts everything, and all that is left must go out.
    """
    box, delivery = Box(), Delivery(Backoff(1.0, 8.0))
    under_way: list[int] = []
    accepted: set[int] = set()
    sent_before: set[int] = set()
    stored_before = 0
    now_s = 0.0
    delivery.restart(box)

    def take(room: int) -> None:
        rows = delivery.take(box, room, now_s)
        assert len(rows) <= max(room, 0)
        for row, historical in rows:
            assert row.seq not in under_way
            assert row.seq not in accepted
            if row.seq in sent_before or row.seq <= stored_before:
                assert historical
            sent_before.add(row.seq)
            under_way.append(row.seq)
        assert [row.seq for row, _ in rows] == sorted(row.seq for row, _ in rows)

    for _ in range(data.draw(st.integers(0, 40))):
        action = data.draw(st.sampled_from(["add", "add", "take", "yes", "no", "cut", "wait"]))
        if action == "add":
            topic = data.draw(st.sampled_from("abc"))
            for _ in range(data.draw(st.sampled_from([1, 1, 2, 130]))):
                box.add(topic)
        elif action == "take":
            take(data.draw(st.integers(-1, 20)) - len(under_way))
        elif action == "cut":
            under_way.clear()
            stored_before = box.total
            delivery.restart(box)
        elif action == "wait":
            now_s += data.draw(st.floats(0, 10))
        elif under_way:
            seq = under_way.pop(0)
            if action == "yes":
                delivery.accepted(seq, box)
                accepted.add(seq)
            else:
                delivery.refused(seq, now_s)
        assert set(box.rows) == set(range(1, box.total + 1)) - accepted

    for _ in range(2 * box.total + 10):
        now_s += 10.0
        take(20 - len(under_way))
        while under_way:
            delivery.accepted(under_way.pop(0), box)
    assert not box.rows


def test_a_topic_that_is_held_costs_one_try_at_a_time():
    """Of a refused topic one row tries again after the wait, and the wait doubles."""
    box, delivery = Box(), Delivery(Backoff(1.0, 300.0, FullCeiling()))
    for _ in range(5):
        box.add("denied")
    delivery.restart(box)
    assert [row.seq for row, _ in delivery.take(box, 20, 0.0)] == [1, 2, 3, 4, 5]
    for seq in range(1, 6):
        delivery.refused(seq, 0.0)
    box.add("allowed")
    assert [row.seq for row, _ in delivery.take(box, 20, 0.9)] == [6]
    delivery.accepted(6, box)
    tries = []
    for now_s in range(1, 40):
        for row, historical in delivery.take(box, 20, float(now_s)):
            assert row.seq == 1
            assert historical
            tries.append(now_s)
            delivery.refused(1, float(now_s))
    assert tries == [1, 3, 7, 15, 31]
    assert [row.seq for row, _ in delivery.take(box, 20, 100.0)] == [1]
    delivery.accepted(1, box)
    assert [row.seq for row, _ in delivery.take(box, 20, 100.0)] == [2, 3, 4, 5]


class FullCeiling:
    """No luck at all: the longest wait each time."""

    def uniform(self, low: float, high: float) -> float:
        """The upper end."""
        return high


def test_backoff_doubles_to_its_limit_and_starts_again():
    """Ceilings are 1, 2, 4 ... 300 s; a wait lies anywhere below; a reset begins anew."""
    longest = Backoff(1.0, 300.0, FullCeiling())
    assert [longest.next_s() for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    longest.reset()
    assert longest.next_s() == 1
    assert longest.fresh().next_s() == 1
    for _ in range(2000):
        assert longest.next_s() <= 300
    waits = [Backoff(1.0, 300.0).next_s() for _ in range(300)]
    assert 0 <= min(waits) < 0.1
    assert 0.9 < max(waits) <= 1.0

"""The disk is full, the database breaks, the process is killed: what was kept stays kept."""

import random
import resource
import signal
import time

import pytest
from conftest import FULL, wait_until
from subject import sound
from test_broker_faults import DURABLE, EVENTS, delivered, in_order


def test_a_full_disk(broker, daemon, row):
    """Files may not grow for a while: listening goes on, and all is written afterwards."""
    line = row("disk full for a while")
    subject = daemon().start()
    subject.feed(20)
    assert wait_until(lambda: subject.stored() == 20)
    _, hard = resource.prlimit(subject.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(subject.process.pid, resource.RLIMIT_FSIZE, (4096, hard))
    subject.feed(100)
    assert wait_until(lambda: subject.said("listening goes on, and what is heard waits"))
    assert wait_until(lambda: "at 11.9" in subject.log[-1]), subject.log[-3:]
    line.said = subject.said("listening goes on")
    assert subject.stored() < 120
    resource.prlimit(subject.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    subject.feed(10)
    assert wait_until(lambda: subject.said("the store works again"), 60)
    broker.start(*DURABLE)
    subscriber = broker.listen(EVENTS)
    line.events_in = 130
    assert delivered(subscriber, 130), subject.log[-5:]
    assert subject.end() == 0
    line.count(subscriber)
    assert in_order(subscriber)
    assert len([text for text in subject.log if "waits in memory" in text]) == 1


@pytest.mark.parametrize("part", ["first page", "a third in the middle", "the end cut off"])
def test_a_corrupted_database(broker, daemon, row, part):
    """Broken while the daemon is off: it is put aside, told, and listening goes on at once."""
    line = row(f"database corrupted: {part}")
    subject = daemon().start()
    subject.feed(200)
    assert wait_until(lambda: subject.stored() == 200, 60)
    assert subject.stop() == 0
    data = bytearray(subject.database.read_bytes())
    size = len(data)
    if part == "first page":
        data[:4096] = bytes(4096)
    elif part == "the end cut off":
        del data[size * 3 // 4 :]
    else:
        data[size // 3 : size * 2 // 3] = random.Random(1).randbytes(size * 2 // 3 - size // 3)
    subject.database.write_bytes(data)
    broker.start(*DURABLE)
    subscriber = broker.listen(EVENTS)
    began_s = time.monotonic()
    subject.start()
    assert wait_until(lambda: subject.said("recording goes on in a new one"))
    assert wait_until(lambda: sum("listening at" in text for text in subject.log) == 2)
    line.deaf_s = time.monotonic() - began_s
    line.said = subject.said("recording goes on in a new one")
    carried = subject.outbox()
    subject.feed(50)
    assert delivered(subscriber, carried)
    assert subject.end() == 0
    line.events_in = 250
    line.count(subscriber)
    # Stated: what can't be read of a broken file reaches nobody, and stays in the file put aside.
    line.kept = 250 - line.events_out
    fresh = [m for m in subscriber.received if m.payload["seq"] > 1_000_000]
    assert len({m.payload["id"] for m in fresh}) >= 50, "what is heard afterwards comes through"
    (aside,) = subject.database.parent.glob("airway.damaged-*.db")
    assert aside.read_bytes() == data
    assert line.deaf_s < 30, "a start, on a machine that does other things too"


def test_killed_at_random_moments(broker, daemon, row):
    """SIGKILL again and again: what was committed is delivered, and nothing else is missing."""
    kills = 200 if FULL else 20
    line = row(f"SIGKILL at {kills} random moments")
    moments = random.Random(7)
    broker.start(*DURABLE)
    subscriber = broker.listen(EVENTS)
    subject = daemon(mqtt="discovery = false")
    heard = 0
    for number in range(kills):
        subject.start()
        begun = len(subject.log)
        assert wait_until(lambda begun=begun: len(subject.log) > begun)
        subject.feed(15)
        time.sleep(moments.uniform(0.0, 0.12))
        subject.kill()
        # The last line of an event that was being written may be the one in the window.
        heard += sum("burst at" in text for text in subject.log[begun:])
        if number % 5 == 4:
            broker.restart()
    subject.start()
    subject.feed(5)
    committed = 5
    assert wait_until(lambda: subject.outbox() == 0, 60)
    assert subject.end() == 0
    committed = subject.stored()
    line.events_in = committed
    assert delivered(subscriber, committed)
    line.count(subscriber)
    line.said = "by the service manager, which starts it again"
    # The log names an event just before it is committed: one for each kill is the window.
    assert committed >= heard + 5 - kills
    assert committed > kills, "the kills came before anything was heard"


def test_more_than_the_model_can_take(broker, daemon, row):
    """A live source that is faster than the machine: what is dropped is counted to the sample."""
    line = row("a model that is too slow")
    subject = daemon(live=True)
    subject.start()
    assert wait_until(lambda: subject.said("listening at"))
    subject.process.send_signal(signal.SIGSTOP)  # the whole process sleeps, its pipe fills
    assert subject.process.stdin is not None
    time.sleep(0.2)
    subject.process.send_signal(signal.SIGCONT)
    for _ in range(40):
        subject.process.stdin.write(sound(10).tobytes())
    subject.process.send_signal(signal.SIGSTOP)  # it must not reach the broker first
    broker.start(*DURABLE)
    subscriber = broker.listen("airway/#")
    subject.process.send_signal(signal.SIGCONT)
    assert subject.end() == 0
    health = subscriber.on("/health")[-1].payload
    events = [m for m in subscriber.received if m.topic.endswith("/event")]
    line.events_in = line.events_out = len(events)
    line.deaf_s = health["lost_s"]
    line.said = f"health: lost_s {health['lost_s']:.1f}, shed_s {health['shed_s']:.1f}"
    assert health["shed_s"] > 1.0
    assert len(events) == pytest.approx(10 * health["processed_s"], abs=5)
    assert health["processed_s"] + health["lost_s"] == pytest.approx(40.0, abs=0.2)

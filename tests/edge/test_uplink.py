"""The uplink against a real broker: what is stored arrives, and only then is it forgotten."""

import contextlib
import json
import select
import socket
import threading
import time
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator
from uplinks import EVENTS, MIC_ONLINE, ONLINE, bodies, ids, info, state

from edge.messages import Message
from edge.uplink import mailbox as mailbox_module


class Relay:
    """A wire between uplink and broker that can lose what the broker says.

    Attributes:
        deaf: what comes from the broker is thrown away.
    """

    def __init__(self, broker_port: int) -> None:
        self.deaf = False
        self._broker_port = broker_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        broker = ("127.0.0.1", self._broker_port)
        with near, contextlib.suppress(OSError), socket.create_connection(broker) as far:
            self._open |= {near, far}
            while True:
                for end in select.select([near, far], [], [])[0]:
                    data = end.recv(65_536)
                    if not data:
                        return
                    if end is near:
                        far.sendall(data)
                    elif not self.deaf:
                        near.sendall(data)

    def cut(self) -> None:
        """Break every connection that stands."""
        for end in tuple(self._open):  # the threads of others change it meanwhile
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        """Take no more connections, and break those that stand."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes accept, which close does not
        self._server.close()
        self.cut()


@pytest.fixture
def relay(mosquitto):
    """A wire to the broker of the test."""
    relay = Relay(mosquitto.port)
    yield relay
    relay.close()


def test_an_event_arrives_valid_and_is_forgotten(home, mosquitto, wait_until):
    """A fresh event goes out at once, fits its schema on the wire, and leaves the outbox."""
    mosquitto.start()
    listener = mosquitto.listen()
    uplink = home.uplink()
    assert wait_until(lambda: uplink.connected)
    home.cough()
    home.cough()
    assert uplink.drain(10)
    assert wait_until(lambda: len(listener.on("/event")) == 2)
    schema = json.loads((files("edge") / "schemas" / "event.json").read_text())
    for number, message in enumerate(listener.on("/event"), 1):
        Draft202012Validator(schema).validate(message.payload)
        assert message.topic == EVENTS
        assert message.payload["seq"] == number
        assert message.payload["historical"] is False
    assert ids(listener.on("/event")) == home.sent
    assert home.store.outbox_depth() == 0
    counters = uplink.counters
    assert counters.acked == counters.published == 4  # two events, two `online`
    assert (counters.refused, counters.reconnects, counters.dropped_live) == (0, 0, 0)


def test_what_waited_before_the_outbox_says_so(home, mosquitto, wait_until):
    """A message that a full disk kept out of the outbox is historical on a good connection, too."""
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    uplink = home.uplink()
    assert wait_until(lambda: uplink.connected)
    home.cough(historical=True)
    home.cough()
    assert wait_until(lambda: len(listener.received) == 2)
    assert [message.payload["historical"] for message in listener.received] == [True, False]


def test_what_waited_says_so_and_comes_in_order(home, mosquitto, wait_until):
    """No broker at the start: start() returns, rows wait, and are historical when they go."""
    for _ in range(250):  # more than two batches, and a dozen windows
        home.cough()
    began_s = time.monotonic()
    uplink = home.uplink()
    assert time.monotonic() - began_s < 1
    assert not uplink.drain(0.3)
    assert not uplink.connected
    assert home.store.outbox_depth() == 250
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    assert uplink.drain(15)
    # The broker was up before the listener, so the first ones may have gone by.
    home.cough()
    assert wait_until(lambda: home.sent[-1] in ids(listener.received))
    got = ids(listener.received)
    assert got == home.sent[len(home.sent) - len(got) :]
    assert [m.payload["historical"] for m in listener.received[:-1]] == [True] * (len(got) - 1)
    assert listener.received[-1].payload["historical"] is False
    assert [m.payload["seq"] for m in listener.received] == list(range(252 - len(got), 252))


def test_broker_restarts_lose_nothing(home, mosquitto, wait_until):
    """Through three restarts under load every event arrives, and a repeat keeps its id."""
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    uplink = home.uplink()
    assert wait_until(lambda: uplink.connected)
    for restarts in range(3):
        for _ in range(30):
            home.cough()
        mosquitto.restart()
        for _ in range(10):
            home.cough()
        assert wait_until(lambda done=restarts: uplink.counters.reconnects > done)
    assert uplink.drain(15)
    assert wait_until(lambda: set(ids(listener.received)) == set(home.sent))
    assert home.store.outbox_depth() == 0
    seqs = {m.payload["id"]: m.payload["seq"] for m in listener.received}
    assert all(seqs[m.payload["id"]] == m.payload["seq"] for m in listener.received)


def test_a_broker_killed_before_its_answer(home, mosquitto, relay, wait_until):
    """The broker got the event and died before PUBACK: the row stays and is sent again."""
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    uplink = home.uplink(port=relay.port)
    assert wait_until(lambda: uplink.connected)
    assert uplink.drain(10)
    relay.deaf = True
    id = home.cough()
    assert wait_until(lambda: len(listener.received) == 1)
    assert not uplink.drain(0.2)
    assert home.store.outbox_depth() == 1
    mosquitto.kill()
    relay.cut()
    assert home.store.outbox_depth() == 1
    relay.deaf = False
    mosquitto.start()
    assert uplink.drain(15)
    again = mosquitto.listen(EVENTS)  # after a kill the broker has forgotten its sessions
    last = home.cough()
    assert wait_until(lambda: last in ids([*listener.received, *again.received]))
    assert home.store.outbox_depth() == 0
    repeats = [m for m in listener.received if m.payload["id"] == id]
    assert repeats[0].payload["historical"] is False
    assert len({m.payload["seq"] for m in repeats}) == 1


def test_a_lost_answer_repeats_the_event_with_its_id(home, mosquitto, relay, wait_until):
    """PUBACK lost with the connection: the same id and seq come twice, then as historical."""
    mosquitto.start()
    listener = mosquitto.listen(EVENTS)
    uplink = home.uplink(port=relay.port)
    assert wait_until(lambda: uplink.connected)
    assert uplink.drain(10)
    relay.deaf = True
    id = home.cough()
    assert wait_until(lambda: len(listener.received) == 1)
    relay.deaf = False
    relay.cut()
    assert uplink.drain(15)
    assert wait_until(lambda: len(listener.received) == 2)
    first, second = (message.payload for message in listener.received)
    assert first["id"] == second["id"] == id
    assert first["seq"] == second["seq"]
    assert (first["historical"], second["historical"]) == (False, True)
    assert home.store.outbox_depth() == 0


def test_a_refused_topic_waits_and_the_others_go_on(home, mosquitto, caplog, wait_until):
    """Access denied: refused, counted, told once, kept, and sent when it is allowed."""
    acl = mosquitto.folder / "acl"
    rule = "topic readwrite airway/bedroom/{}\n"
    acl.write_text(rule.format("availability") + rule.format("summary/#"))
    mosquitto.start(f"acl_file {acl}")
    for _ in range(30):  # more than a window, ahead of what is allowed
        home.cough()
    summary = Message("airway/bedroom/summary/night", {"id": "night"}, retain=True)
    home.store.add_message(summary)
    uplink = home.uplink()
    assert wait_until(lambda: home.store.outbox_depth() == 30)
    assert wait_until(lambda: uplink.counters.refused > 25)  # and it goes on trying
    assert home.store.outbox_depth() == 30
    assert [row.topic for row in home.store.pending(0, 100)] == [EVENTS] * 30
    about_events = [m for m in caplog.messages if EVENTS in m]
    assert len(about_events) == 1
    assert "refuses the topic" in about_events[0]
    assert "0x87" in about_events[0]

    acl.write_text("topic readwrite airway/#\n")
    mosquitto.reload()
    listener = mosquitto.listen(EVENTS)
    assert uplink.drain(15)
    assert wait_until(lambda: home.sent[-1] in ids(listener.received))
    assert ids(listener.received) == home.sent[-len(listener.received) :]
    assert all(m.payload["historical"] for m in listener.received)
    assert uplink.counters.reconnects == 0


def test_a_refused_word_is_said_again(home, mosquitto, monkeypatch, wait_until):
    """Availability was denied at the connection: once it is allowed, nobody stays `offline`."""
    monkeypatch.setattr(mailbox_module, "REFUSED_AGAIN_S", 0.2)
    acl = mosquitto.folder / "acl"
    acl.write_text("topic readwrite airway/bedroom/mic/#\n")
    mosquitto.start(f"acl_file {acl}")
    uplink = home.uplink()
    assert wait_until(lambda: uplink.counters.refused > 2)
    acl.write_text("topic readwrite airway/#\n")
    mosquitto.reload()
    listener = mosquitto.listen("airway/bedroom/availability")
    assert wait_until(lambda: b"online" in bodies(listener.received))
    assert uplink.counters.reconnects == 0


def test_the_window_of_the_broker_is_kept(home, mosquitto, relay, wait_until):
    """A broker that takes two publishes at a time gets no more, and all of them in the end."""
    mosquitto.start("max_inflight_messages 2")
    uplink = home.uplink(port=relay.port)
    assert wait_until(lambda: uplink.connected)
    assert uplink.drain(10)
    before = uplink.counters.published
    relay.deaf = True
    uplink.publish_live(state())
    for _ in range(10):
        home.cough()
    assert wait_until(lambda: uplink.counters.published == before + 2)
    assert not uplink.drain(0.3)
    assert uplink.counters.published == before + 2
    relay.deaf = False
    relay.cut()
    for _ in range(60):
        home.cough()
        uplink.publish_live(state())
    assert uplink.drain(15)
    assert uplink.counters.reconnects == 1
    assert home.store.outbox_depth() == 0


def test_drain_waits_for_live_figures_too(home, mosquitto, relay, wait_until):
    """A live message without its answer is not yet sent; with the connection it is dropped."""
    mosquitto.start()
    uplink = home.uplink(port=relay.port)
    assert wait_until(lambda: uplink.connected)
    assert uplink.drain(10)
    relay.deaf = True
    uplink.publish_live(state())
    assert not uplink.drain(0.2)
    relay.deaf = False
    relay.cut()
    assert uplink.drain(10)
    assert uplink.counters.dropped_live == 1


def test_live_figures_are_dropped_and_info_is_kept(home, mosquitto, wait_until):
    """Offline a live message is counted and gone; a retained one comes at each connection."""
    uplink = home.uplink()
    uplink.publish_live(info())
    uplink.publish_live(state())
    assert uplink.counters.dropped_live == 1
    mosquitto.start()
    listener = mosquitto.listen()
    assert wait_until(lambda: listener.on("/info"))
    assert uplink.drain(10)
    assert not listener.on("/state")
    uplink.publish_live(state())
    assert wait_until(lambda: listener.on("/state"))
    uplink.set_source_online(False)
    assert wait_until(lambda: bodies(listener.on(MIC_ONLINE))[-1] == b"offline")
    mosquitto.restart()
    assert wait_until(lambda: uplink.counters.reconnects == 1)
    assert wait_until(lambda: len(listener.on("/info")) >= 2)
    assert uplink.drain(10)
    assert wait_until(lambda: bodies(listener.on(ONLINE))[-1] == b"online")
    assert bodies(listener.on(MIC_ONLINE))[-1] == b"offline"  # still: nobody said otherwise
    assert uplink.counters.dropped_live == 1
    assert len(listener.on("/state")) == 1


def test_drain_tells_empty_from_not(home, mosquitto, wait_until):
    """An empty outbox is drained, with or without a broker; a full one without is not."""
    uplink = home.uplink()
    assert uplink.drain(5)
    home.cough()
    assert not uplink.drain(0.1)
    mosquitto.start()
    assert uplink.drain(15)
    assert home.store.outbox_depth() == 0
    uplink.stop()
    assert not uplink.drain(5)
    uplink.wake()
    uplink.stop()

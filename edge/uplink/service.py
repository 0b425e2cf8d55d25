"""The thread between the outbox and the broker."""

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.config import MqttSettings
from edge.errors import AirwayError
from edge.messages import OFFLINE, ONLINE, Message, OutboxRow, availability_topic, encode
from edge.uplink.delivery import Backoff, Counters, Delivery, Outbox
from edge.uplink.link import FIRST_FAILURE, Link, LinkDownError
from edge.uplink.mailbox import Mailbox
from edge.uplink.patience import PatientOutbox

_logger = logging.getLogger(__name__)

# 20 is what mosquitto allows by default; more hides no more latency on a home network.
_WINDOW = 20
# A connection on which nothing happens is looked at this often, for its keepalive: each look
# wakes the processor. What is new wakes the thread by itself.
_TICK_S = 10.0
_LOOKS_A_KEEPALIVE = 6
_CONNACK_TIMEOUT_S = 10.0
_GOODBYE_TIMEOUT_S = 2.0
_JOIN_TIMEOUT_S = 10.0
# A connection that lasted this long was a good one. Two devices with one client id throw each
# other out at once: else they would do so twice a second, for ever.
_STABLE_S = 30.0


class Uplink:
    """Publishes what the outbox holds, and what is live, over one MQTT 5 connection.

    One thread owns the connection and its handle of the outbox; no other waits for the
    network. An outbox row is published with its `seq`, and with `historical` true when it had
    to wait, here or before; it is deleted when the broker acknowledges it with a success, and by
    nothing else. After a lost connection all that is left is published again.

    Args:
        settings: the broker.
        node: the device.
        source: its microphone.
        outbox_factory: opens the outbox; called in the thread, and again after a failure. The
            connection does not wait for it.
        retry_first_s: ceiling of the first wait before another try, seconds; it doubles.
        retry_max_s: the ceiling stops here.
        subscriptions: topics to listen to, without wildcards.
        on_message: gets topic and body; called in the thread, must neither wait nor raise.
        on_error: gets what the outbox raises; as `on_message`.

    Raises:
        ConfigError: a password, certificate or key file can't be used.
    """

    def __init__(
        self,
        settings: MqttSettings,
        node: str,
        source: str,
        outbox_factory: Callable[[], Outbox],
        *,
        retry_first_s: float = 1.0,
        retry_max_s: float = 300.0,
        subscriptions: Sequence[str] = (),
        on_message: Callable[[str, bytes], None] = lambda topic, body: None,
        on_error: Callable[[AirwayError], None] = lambda error: None,
    ) -> None:
        Link(settings, node, _WINDOW)  # refuses a wrong file now, not in the night
        self._settings = settings
        self._tick_s = min(_TICK_S, settings.keepalive_s / _LOOKS_A_KEEPALIVE)
        self._node = node
        self._place = f"{settings.host}:{settings.port}"
        self._source_topic = availability_topic(settings.base_topic, node, source)
        self._availability = (availability_topic(settings.base_topic, node), self._source_topic)
        self._outbox_factory = outbox_factory
        self._subscriptions = tuple(subscriptions)
        self._on_message = on_message
        self._on_error = on_error
        self._backoff = Backoff(retry_first_s, retry_max_s)
        self._delivery = Delivery(self._backoff.fresh())
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._mailbox = Mailbox({topic: ONLINE.encode() for topic in self._availability})
        self._counters = Counters()
        self._connections = 0
        self._sent: dict[int, tuple[str, int | None]] = {}  # number -> topic, seq of a row
        self._refused_topics: set[str] = set()
        self._said: set[str] = set()
        self._state = threading.Condition()  # guards what follows
        self._stopping = False
        self._drains_asked = 0
        self._drains_done = 0

    @property
    def connected(self) -> bool:
        """The broker has accepted the connection that stands now."""
        return self._mailbox.is_open

    @property
    def counters(self) -> Counters:
        """A copy of the counters."""
        return replace(self._counters, dropped_live=self._mailbox.dropped)

    def start(self) -> None:
        """Start the thread; returns at once, whether or not there is a broker."""
        self._thread.start()

    def publish_live(self, message: Message) -> None:
        """Send a message that is worth something only now; never waits.

        Without a connection it is counted as dropped, but a retained one is sent at each.

        Raises:
            ValueError: a number in the payload is infinite or not a number.
        """
        self._put(message.topic, encode(message.payload), message.retain)

    def set_source_online(self, online: bool) -> None:
        """Say whether the microphone delivers audio; it does until told otherwise."""
        self.publish_word(self._source_topic, ONLINE if online else OFFLINE)

    def publish_word(self, topic: str, word: str) -> None:
        """Send one word, retained, now and at each connection."""
        self._put(topic, word.encode(), True)

    def forget(self, topic: str) -> None:
        """Let the broker forget what it retains on a topic, if there is a connection now."""
        self._put(topic, b"", True)

    def republish(self) -> None:
        """Send all that is retained once more, for a subscriber that has just come."""
        self._mailbox.repeat()
        self.wake()

    def wake(self) -> None:
        """Tell the thread that the outbox has a new row."""
        with self._state:
            if not self._stopping:
                self._nudge()

    def drain(self, timeout_s: float) -> bool:
        """Wait until all is acknowledged and the outbox empty; whether that came in time."""
        with self._state:
            if self._stopping:
                return False
            self._drains_asked += 1
            ticket = self._drains_asked
            self._nudge()
            return self._state.wait_for(lambda: self._drains_done >= ticket, timeout_s)

    def stop(self) -> None:
        """Publish `offline`, disconnect, and end the thread; what is left stays stored."""
        with self._state:
            if self._stopping:
                return
            self._stopping = True
            self._nudge()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_TIMEOUT_S)
        if not self._thread.is_alive():
            self._wake_in.close()
            self._wake_out.close()

    def _nudge(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: the thread is awake as it is
            self._wake_in.send(b"\0")

    def _put(self, topic: str, body: bytes, retain: bool) -> None:
        if self._mailbox.put(topic, body, retain):
            self.wake()

    # From here on, all of it runs in the thread.

    def _run(self) -> None:
        while not self._stopping:
            try:
                patient = PatientOutbox(self._outbox_factory, self._fail, self._backoff.fresh())
                with contextlib.closing(patient) as outbox:
                    while not self._stopping:
                        outbox.opens()
                        try:
                            self._serve(outbox)
                        except LinkDownError as error:
                            self._complain(str(error))
                            self._pause(outbox)
            except AirwayError as error:
                self._fail(error)
                self._pause(None)
            except Exception:
                # Nothing may end this thread: the daemon would go on, and nobody hear of it.
                _logger.exception("the uplink failed, and tries again")
                self._pause(None)

    def _serve(self, outbox: PatientOutbox) -> None:
        """One connection, from its start to its end."""
        with contextlib.closing(Link(self._settings, self._node, _WINDOW)) as link:
            link.connect()
            deadline_s = time.monotonic() + _CONNACK_TIMEOUT_S
            while not link.up and not self._stopping:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise LinkDownError(f"{self._place} does not answer in MQTT 5")
                link.step(self._wake_out, left_s)
            began_s = time.monotonic()
            try:
                self._begin(outbox)
                link.subscribe(self._subscriptions)
                while not self._stopping:
                    self._exchange(link, outbox)
                self._leave(link, outbox)
            finally:
                unanswered = [topic for topic, seq in self._sent.values() if seq is None]
                self._mailbox.close(unanswered)
                self._sent.clear()
                if time.monotonic() - began_s >= _STABLE_S:
                    self._backoff.reset()
                    self._said.clear()

    def _begin(self, outbox: PatientOutbox) -> None:
        """Say that the device is there, and start on what has waited."""
        _logger.info("connected to the broker %s", self._place)
        self._counters.reconnects += self._connections > 0
        self._connections += 1
        self._delivery.restart(outbox)
        self._mailbox.open()

    def _exchange(self, link: Link, outbox: PatientOutbox) -> None:
        """Send what there is room for, and deal with the answers."""
        if outbox.opens():  # later than the connection: what it holds has waited
            self._delivery.restart(outbox)
        self._mailbox.repeat_refused(time.monotonic())
        self._send_live(link)
        room = link.window - len(self._sent)
        self._send_rows(link, self._delivery.take(outbox, room, time.monotonic()))
        self._answer_drains(outbox)
        has_more = self._delivery.more and len(self._sent) < link.window
        due_s = max(0.0, min(self._delivery.due_s, self._mailbox.due_s) - time.monotonic())
        try:
            link.step(self._wake_out, 0.0 if has_more else min(self._tick_s, due_s))
        finally:  # an answer counts, also when it is the last
            self._settle(link, outbox)
            for message in link.messages():
                self._on_message(*message)

    def _leave(self, link: Link, outbox: PatientOutbox) -> None:
        self._send_live(link)  # the last state may have come with the order to stop
        for topic in self._availability:
            self._send(link, topic, OFFLINE.encode(), True, seq=None)
        deadline_s = time.monotonic() + _GOODBYE_TIMEOUT_S
        while self._sent and time.monotonic() < deadline_s:
            link.step(self._wake_out, 0.1)
            self._settle(link, outbox)
        link.leave()

    def _send_live(self, link: Link) -> None:
        while len(self._sent) < link.window and (message := self._mailbox.take()):
            self._send(link, *message, seq=None)

    def _send_rows(self, link: Link, rows: list[tuple[OutboxRow, bool]]) -> None:
        for row, historical in rows:
            late = historical or bool(row.payload.get("historical"))  # to the outbox, already
            body = encode({**row.payload, "seq": row.seq, "historical": late})
            self._send(link, row.topic, body, row.retain, seq=row.seq)

    def _send(self, link: Link, topic: str, body: bytes, retain: bool, *, seq: int | None) -> None:
        self._sent[link.publish(topic, body, retain)] = (topic, seq)
        self._counters.published += 1

    def _settle(self, link: Link, outbox: PatientOutbox) -> None:
        """What the broker answered: a row is deleted on a success, and held on a refusal."""
        for number, code in link.answers():
            topic, seq = self._sent.pop(number)
            taken = code < FIRST_FAILURE
            self._counters.acked += taken
            self._counters.refused += not taken
            if taken:
                self._refused_topics.discard(topic)
            elif topic not in self._refused_topics:
                self._refused_topics.add(topic)
                _logger.warning(
                    "the broker %s refuses the topic %s (reason code 0x%02x); allow it in the "
                    "broker's access list; what is stored is kept and tried again",
                    self._place, topic, code,
                )  # fmt: skip
            if seq is not None and taken:
                self._delivery.accepted(seq, outbox)
            elif seq is not None:
                self._delivery.refused(seq, time.monotonic())
            elif not taken:
                self._mailbox.refused(topic, time.monotonic())

    def _answer_drains(self, outbox: PatientOutbox) -> None:
        with self._state:
            asked = self._drains_asked  # read first: a row that is added later is a later drain's
            if asked == self._drains_done:
                return
        sent = not self._sent and self._mailbox.is_empty
        if sent and outbox.is_open and not outbox.pending(0, 1):
            with self._state:
                self._drains_done = asked
                self._state.notify_all()

    def _fail(self, error: AirwayError) -> None:
        self._complain(str(error))
        self._on_error(error)

    def _complain(self, sentence: str) -> None:
        """Say what is wrong once, not at every try, until a connection was good again."""
        if sentence not in self._said:
            self._said.add(sentence)
            _logger.warning("%s; messages are kept, and tried again", sentence)

    def _pause(self, outbox: PatientOutbox | None) -> None:
        """Wait before another try; a stop ends the wait, a new row does not."""
        deadline_s = time.monotonic() + self._backoff.next_s()
        while not self._stopping and (left_s := deadline_s - time.monotonic()) > 0:
            if outbox is not None:
                self._answer_drains(outbox)
            if select.select([self._wake_out], [], [], left_s)[0]:
                self._wake_out.recv(4096)

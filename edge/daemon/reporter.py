"""What the daemon keeps and says: events, the rolling state, its own health, the night."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edge.config import Settings
from edge.daemon.board import Board
from edge.daemon.diary import Diary
from edge.daemon.keeper import Keeper
from edge.daemon.nightly import Nightly
from edge.daemon.session import About, Recent, Session, Tally
from edge.daemon.source import SourceFigures
from edge.daemon.system import resident_bytes
from edge.messages import (
    Health,
    Message,
    discovery_message,
    event_message,
    health_message,
    info_message,
    mute_topic,
    state_message,
)
from edge.records import Coverage, Event
from edge.store import Store, Summary
from edge.uplink import Counters, Uplink

_logger = logging.getLogger(__name__)

DRAIN_S = 5.0  # how long a stop waits for the broker; what is left is sent by the next run
PRUNE_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class Listening:
    """How far the pipeline thread has come.

    Attributes:
        coverage: since the session began; what was muted is neither processed nor lost.
        busy_s: seconds of computing since then.
        queue_depth: audio blocks that wait.
        muted: nothing is listened to, by request.
        muted_s: for how many seconds that was so.
        online: the source delivers audio.
    """

    coverage: Coverage
    busy_s: float
    queue_depth: int
    muted: bool
    muted_s: float
    online: bool


class Reporter:
    """Keeps what was heard in the store, and tells the uplink.

    Args:
        session: the run.
        about: what runs here.
        settings: the configuration.
        keeper: the store, for this thread.
        uplink: where to publish; None keeps everything on the device.
        board: where the figures are shown.
        source_figures: what the capture thread knows of its source.
        live: the source never ends, so its nights are summed up, and not the whole of it.
        drain: whether the end of the session waits for the broker.
    """

    def __init__(
        self,
        session: Session,
        about: About,
        settings: Settings,
        keeper: Keeper,
        uplink: Uplink | None,
        board: Board,
        source_figures: Callable[[], SourceFigures],
        *,
        live: bool,
        drain: Callable[[], bool],
    ) -> None:
        self._session = session
        self._about = about
        self._settings = settings
        self._keeper = keeper
        self._uplink = uplink
        self._board = board
        self._source_figures = source_figures
        self._live = live
        self._drain = drain
        self._recent = Recent()
        self._tally = Tally()
        self._nightly = Nightly(session, about, settings.night)
        self._diary = Diary(session, keeper, self._posted)
        self._pruned_s = -PRUNE_EVERY_S  # session seconds: with the first report, too
        self._outbox_dropped = 0
        # Without a broker in the settings, what waited for one before is kept for when it is back.
        self._waited_seq = keeper.ask(Store.last_seq, None)

    def announce(self, listening: Listening) -> None:
        """Begin the session in the store, say what runs here, and tell Home Assistant of it."""
        self._diary.begin(self._about.labels)
        self._board.show(self._health(listening), self._by_label({}), self._by_label({}))
        about, mqtt = self._about, self._settings.mqtt
        self._live_message(
            info_message(
                self._session.stamp(),
                version=about.version,
                runtime=about.runtime,
                bundles={about.bundle: about.digest},
                config_digest=self._settings.digest,
            )
        )
        if mqtt.discovery:
            self._live_message(
                discovery_message(
                    self._session.origin,
                    prefix=mqtt.discovery_prefix,
                    version=about.version,
                    model=about.bundle,
                    labels=about.labels,
                )
            )

    def source_online(self, online: bool) -> None:
        """Say whether the source delivers audio."""
        if self._uplink is not None:
            self._uplink.set_source_online(online)

    def muted(self, muted: bool, *, keep: bool) -> None:
        """Say whether the microphone is muted; `keep` it over a restart."""
        word, origin = "on" if muted else "off", self._session.origin
        if keep:
            self._diary.setting("mute", word)
        if self._uplink is not None:
            topic = mute_topic(origin.base, origin.node, origin.source)
            self._uplink.publish_word(topic, word)
            if keep:  # a command that is retained is obeyed once, and not at each connection
                self._uplink.forget(f"{topic}/set")

    def event(self, event: Event) -> None:
        """Keep an event, and its message until the broker has it.

        Its time comes by the sound card's clock; from here on it is that of the system's.
        """
        lag_s = self._source_figures().lag_s
        event = replace(event, onset_s=event.onset_s + lag_s, offset_s=event.offset_s + lag_s)
        self._recent.add(event)
        self._tally.add(event)
        stamp = self._session.stamp(self._session.start_unix_s + event.onset_s)
        message = event_message(stamp, event, model=self._about.bundle)
        self._diary.event(event, message)

    def tick(self) -> None:
        """Try again what the store has not taken; called often."""
        self._diary.try_again()

    def progress(self, coverage: Coverage) -> None:
        """Tell how far the session has come."""
        self._recent.advance(self._reached_s(coverage), coverage)

    def report(self, listening: Listening, *, last: bool = False) -> None:
        """Once a minute: follow the clock, keep the coverage, publish state and health."""
        self._diary.follow_clock()
        coverage = listening.coverage
        self._diary.coverage(coverage, self._source_figures().lag_s, now=last)
        self.progress(coverage)
        if self._live:
            self._diary.night(self._settings.night, self._nightly.write_up)
        if self._session.elapsed_s - self._pruned_s >= PRUNE_EVERY_S:
            self._pruned_s = self._session.elapsed_s
            self._outbox_dropped += self._diary.prune(self._settings.store)
        counts, window, window_s = self._recent.figures(self._reached_s(coverage), coverage)
        self._live_message(
            state_message(
                self._session.stamp(),
                counts=self._by_label(counts),
                totals=self._by_label(self._tally.counts),
                monitored_s=window.processed_s,
                lost_s=window.lost_s,
                window_s=window_s,
            )
        )
        health = self._health(listening)
        self._live_message(health_message(self._session.stamp(), health))
        self._board.show(health, self._by_label(self._tally.counts), self._by_label(counts))

    def finish(self, listening: Listening) -> None:
        """Sum a recording up, give the broker `DRAIN_S` to take what waits, and report."""
        coverage = listening.coverage
        if not self._live:
            begin_unix_s = self._session.start_unix_s
            whole = Summary(
                begin_unix_s,
                begin_unix_s + self._reached_s(coverage),
                self._tally.counts,
                coverage.processed_s,
                coverage.lost_s,
                self._tally.spells,
            )
            self._diary.message(self._nightly.summary(whole))
        # A short recording may have ended before the broker was reached, and a state that is
        # published without a connection is lost.
        if self._uplink is not None and self._drain() and not self._uplink.drain(DRAIN_S):
            _logger.warning("the broker did not take everything; the next run sends what is left")
        self.report(listening, last=True)

    def _health(self, listening: Listening) -> Health:
        keeper, coverage, source = self._keeper, listening.coverage, self._source_figures()
        uplink = self._uplink
        counters = Counters() if uplink is None else uplink.counters
        processed_s = coverage.processed_s
        return Health(
            uptime_s=self._session.elapsed_s,
            processed_s=processed_s,
            lost_s=coverage.lost_s,
            shed_s=source.shed_s,
            muted_s=listening.muted_s,
            rtf=listening.busy_s / processed_s if processed_s else 0.0,
            muted=listening.muted,
            source_online=listening.online,
            signal=source.signal,
            device=source.device,
            overruns=source.overruns,
            reopened=source.reopened,
            drift_ppm=source.drift_ppm,
            queue_depth=listening.queue_depth,
            outbox_depth=keeper.ask(Store.outbox_depth, 0),
            outbox_oldest_s=self._age_s(keeper.ask(Store.outbox_oldest_unix_s, None)),
            outbox_dropped=self._outbox_dropped,
            unsaved=keeper.waiting,
            unsaved_dropped=keeper.dropped,
            store_failures=keeper.failures,
            store_bytes=keeper.ask(Store.used_bytes, 0),
            stores_set_aside=self._board.stores_set_aside,
            clock_steps=self._session.clock_steps,
            rss_bytes=resident_bytes(),
            connected=uplink is not None and uplink.connected,
            refused=counters.refused,
            reconnects=counters.reconnects,
            dropped_live=counters.dropped_live,
        )

    def _reached_s(self, coverage: Coverage) -> float:
        """Seconds of the session: a file may play faster than the clock, a silent source slower."""
        return max(coverage.audio_s, self._session.elapsed_s)

    def _posted(self) -> None:
        """A row is in the outbox."""
        if self._uplink is not None:
            self._uplink.wake()
            return
        waited_seq = self._waited_seq
        if waited_seq is None:  # the store could not say
            return

        def forget(store: Store) -> None:  # it goes nowhere: it must not fill the disk
            for row in store.pending(waited_seq, 100):
                store.delete(row.seq)

        self._keeper.ask(forget, None)

    def _live_message(self, message: Message) -> None:
        if self._uplink is not None:
            self._uplink.publish_live(message)

    def _by_label(self, counts: Mapping[str, int]) -> dict[str, int]:
        return {label: counts.get(label, 0) for label in self._about.labels}

    def _age_s(self, unix_s: float | None) -> float | None:
        """Age of a row of the outbox; the clock may have been set since."""
        return None if unix_s is None else max(0.0, self._session.now_unix_s - unix_s)

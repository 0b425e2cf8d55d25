"""What is said of a night: its summary, and the alert that it raises or ends."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace

from edge.config import NightSettings
from edge.daemon.night import local_day
from edge.daemon.session import About, Session
from edge.messages import Message, alert_message, summary_message
from edge.records import TREND_LABEL, Heard, Night
from edge.store import Summary
from edge.trend import Change, judge, rate, reason

_logger = logging.getLogger(__name__)


class Nightly:
    """Writes nights up in the name of one session.

    Args:
        session: the run.
        about: what listens, and how well.
        settings: when a night begins and ends.
    """

    def __init__(self, session: Session, about: About, settings: NightSettings) -> None:
        self._session = session
        self._about = about
        self._settings = settings

    def write_up(self, span: Summary, before: Sequence[Night]) -> tuple[Night, list[Message]]:
        """A night, with its place among those `before` it, and what to say of it."""
        night = self._night(span)
        verdict = judge([*before, night])
        night = replace(night, alert=verdict.alert)
        messages = [self._summary(night)]
        if verdict.change is not None:
            messages.append(self._alert(verdict.change))
        return night, messages

    def summary(self, span: Summary) -> Message:
        """What to say of a recording: a night without others beside it."""
        return self._summary(self._night(span))

    def _night(self, span: Summary) -> Night:
        about = self._about
        return Night(
            local_day(span.start_unix_s, self._settings),
            span.start_unix_s,
            span.end_unix_s,
            {
                label: Heard(
                    span.counts.get(label, 0), span.spells.get(label, 0), about.detectors.get(label)
                )
                for label in about.labels
            },
            span.monitored_s,
            span.lost_s,
            about.digest,
        )

    def _summary(self, night: Night) -> Message:
        rates = {label: rate(heard, night.monitored_s) for label, heard in night.heard.items()}
        return summary_message(
            self._session.stamp(),
            night,
            estimates={label: asdict(one) if one else None for label, one in rates.items()},
            model=self._about.bundle,
        )

    def _alert(self, change: Change) -> Message:
        words = reason(change)
        _logger.warning("the alert is %s: %s", "raised" if change.raised else "over", words["en"])
        return alert_message(
            self._session.stamp(),
            **asdict(change),
            label=TREND_LABEL,
            reason=words,
            model=self._about.bundle,
        )

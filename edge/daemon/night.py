"""A night: when it was, also when the clocks change, and what it amounted to."""

from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from edge.config import NightSettings
from edge.daemon.session import About
from edge.records import Heard, Night
from edge.store import Summary


def last_night(now_unix_s: float, settings: NightSettings) -> tuple[float, float]:
    """The latest night that is over.

    Args:
        now_unix_s: seconds since 1970.
        settings: when a night begins and ends.

    Returns:
        Its begin and end, seconds since 1970; its end is not later than `now_unix_s`.
    """
    zone = _zone(settings)
    start, end = time.fromisoformat(settings.start), time.fromisoformat(settings.end)
    day = datetime.fromtimestamp(now_unix_s, zone).date() + timedelta(days=1)
    while (end_unix_s := _unix_s(datetime.combine(day, end), zone)) > now_unix_s:
        day -= timedelta(days=1)
    begun = day if start < end else day - timedelta(days=1)
    return _unix_s(datetime.combine(begun, start), zone), end_unix_s


def summed_up(span: Summary, about: About, settings: NightSettings) -> Night:
    """What a span amounted to, with all that the long view needs to know of it."""
    return Night(
        datetime.fromtimestamp(span.start_unix_s, _zone(settings)).date(),
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


def _zone(settings: NightSettings) -> tzinfo | None:
    return ZoneInfo(settings.timezone) if settings.timezone else None


def _unix_s(local: datetime, zone: tzinfo | None) -> float:
    """A local time -> seconds since 1970; one that the clocks skip is an hour later."""
    return local.replace(tzinfo=zone).timestamp()

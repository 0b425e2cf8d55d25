"""When a night was: local times of the day -> a span of UTC, also when the clocks change."""

from datetime import date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from edge.config import NightSettings


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


def local_day(unix_s: float, settings: NightSettings) -> date:
    """The day of a time, seconds since 1970, where the person is."""
    return datetime.fromtimestamp(unix_s, _zone(settings)).date()


def _zone(settings: NightSettings) -> tzinfo | None:
    return ZoneInfo(settings.timezone) if settings.timezone else None


def _unix_s(local: datetime, zone: tzinfo | None) -> float:
    """A local time -> seconds since 1970; one that the clocks skip is an hour later."""
    return local.replace(tzinfo=zone).timestamp()

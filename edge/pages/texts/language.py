"""One language: its words, and how it writes numbers, dates and lengths of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone, tzinfo
from typing import Any

from edge.pages.texts import en, zh

NOTHING = "–"  # where a figure would stand


@dataclass(frozen=True, slots=True)
class Language:
    """A language.

    Attributes:
        tag: of BCP 47, for the `lang` of a page.
        name: its own name for itself.
        words: every text, by key.
        labels: names of the sounds; one that is missing keeps its own name.
        weekdays: from Monday on.
        months: short names, from January on.
    """

    tag: str
    name: str
    words: Mapping[str, str]
    labels: Mapping[str, str]
    weekdays: tuple[str, ...]
    months: tuple[str, ...]

    def __call__(self, key: str, /, **values: Any) -> str:
        """The text of a key, with its {places} filled.

        Raises:
            KeyError: there is no such text, or a place has no value.
        """
        return self.words[key].format(**values)

    @property
    def code(self) -> str:
        """Its key in `LANGUAGES`."""
        return self.tag.partition("-")[0]

    def label(self, label: str) -> str:
        """The name of a sound."""
        return self.labels.get(label, label)

    def coughs(self, count: int) -> str:
        """How many coughs, such as "1 cough"."""
        return self("cough_one" if count == 1 else "cough_many", count=count)

    def number(self, value: float | None) -> str:
        """A rate with as many digits as it can carry; `NOTHING` for None."""
        if value is None:
            return NOTHING
        return f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"

    def span(self, low: float | None, high: float | None) -> str:
        """An interval such as 2.1–4.0; `NOTHING` when a bound is not known."""
        if low is None or high is None:
            return NOTHING
        return f"{self.number(low)}–{self.number(high)}"

    def hours(self, seconds: float) -> str:
        """A length of time in hours."""
        return self("hours", hours=f"{seconds / 3600:.1f}")

    def seconds(self, seconds: float, digits: int = 0) -> str:
        """A length of time in seconds, with so many digits after the point."""
        return self("seconds", seconds=f"{seconds:.{digits}f}")

    def percent(self, share: float) -> str:
        """A share of 0 to 1, to the percent."""
        return self("percent", value=round(share * 100))

    def ago(self, seconds: float) -> str:
        """How long since, in the largest unit that fits."""
        minutes = max(0, round(seconds / 60))
        if minutes < 1:
            return self("just_now")
        if minutes < 120:
            return self("minutes_ago", count=minutes)
        if minutes < 48 * 60:
            return self("hours_ago", count=round(minutes / 60))
        return self("days_ago", count=round(minutes / 1440))

    def day(self, day: date) -> str:
        """A date with its weekday and year."""
        return self("day", day=self.day_of_year(day), year=day.year)

    def day_of_year(self, day: date) -> str:
        """A date with its weekday and without its year, for a narrow table."""
        weekday = self.weekdays[day.weekday()]
        return self("day_of_year", weekday=weekday, day=self.short_day(day))

    def short_day(self, day: date) -> str:
        """A date without its weekday and year, for an axis."""
        return self("short_day", day=day.day, month=self.months[day.month - 1])

    def time(self, unix_s: float, zone: tzinfo | None) -> str:
        """A time of the day, to the minute; the zone None is the device's own."""
        return f"{datetime.fromtimestamp(unix_s, zone):%H:%M}"

    def times(self, start_unix_s: float, end_unix_s: float, zone: tzinfo | None) -> str:
        """From one time of the day to another, to the minute.

        Where the clock is changed between them, both have their offset from UTC: one hour of
        autumn goes from 02:00 to 02:00, and the next from 02:00 to 03:00.
        """
        offsets = [_offset(unix_s, zone) for unix_s in (start_unix_s, end_unix_s)]
        shown = [f" ({offset})" if offsets[0] != offsets[1] else "" for offset in offsets]
        start, end = self.time(start_unix_s, zone), self.time(end_unix_s, zone)
        return f"{start}{shown[0]}–{end}{shown[1]}"

    def short_times(self, start_unix_s: float, end_unix_s: float, zone: tzinfo | None) -> str:
        """The same with the date on which it begins, without its year."""
        day = datetime.fromtimestamp(start_unix_s, zone).date()
        return f"{self.short_day(day)} {self.times(start_unix_s, end_unix_s, zone)}"

    def clock(self, unix_s: float, zone: tzinfo | None) -> str:
        """A time of the day, to the second."""
        return f"{datetime.fromtimestamp(unix_s, zone):%H:%M:%S}"

    def moment(self, unix_s: float, zone: tzinfo | None) -> str:
        """A date and a time of the day, to the second."""
        day = datetime.fromtimestamp(unix_s, zone).date()
        return f"{self.day(day)} {self.clock(unix_s, zone)}"


LANGUAGES = {
    "en": Language("en", "English", en.WORDS, en.LABELS, en.WEEKDAYS, en.MONTHS),
    "zh": Language("zh-CN", "中文", zh.WORDS, zh.LABELS, zh.WEEKDAYS, zh.MONTHS),
}


def _offset(unix_s: float, zone: tzinfo | None) -> str:
    """How far a clock is from UTC at a time, such as "UTC+02:00"."""
    offset = datetime.fromtimestamp(unix_s, zone).astimezone(zone).utcoffset()
    assert offset is not None  # a time of a zone has one
    return str(timezone(offset))


def language(code: str | None) -> Language:
    """A language by its code; English when there is no such."""
    return LANGUAGES.get(code or "", LANGUAGES["en"])


def preferred(accept: str) -> str:
    """The code that a reader likes best, of an Accept-Language header (RFC 9110, 12.5.4)."""
    liked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")):
        tag, _, quality = part.strip().partition(";")
        code = tag.strip().lower().split("-")[0]
        _, _, q = quality.partition("q=")
        try:
            weight = float(q) if q.strip() else 1.0
        except ValueError:
            weight = 0.0
        if code in LANGUAGES and weight > 0:
            liked.append((-weight, place, code))
    return min(liked)[2] if liked else "en"

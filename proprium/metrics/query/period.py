"""Periods: a key or two dates become two instants, cut in the property's time zone, and what to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from proprium.errors import BadQuery

FIRST_YEAR, LAST_YEAR = 1970, 2199
MAX_POINTS = 3000
"""More buckets than this cannot be drawn, and are refused with a wider interval to choose."""


class Interval(StrEnum):
    """Widths of a timeline's buckets, narrowest first."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"


class Compare(StrEnum):
    PREVIOUS = "previous"  # the same length, right before
    YEAR = "year"  # the same dates, a year earlier
    NONE = "none"


PRESETS: tuple[tuple[str, str], ...] = (
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("14d", "Last 14 days"),
    ("28d", "Last 28 days"),
    ("30d", "Last 30 days"),
    ("90d", "Last 90 days"),
    ("3mo", "Last 3 months"),
    ("6mo", "Last 6 months"),
    ("12mo", "Last 12 months"),
    ("mtd", "Month to date"),
    ("ytd", "Year to date"),
    ("all", "All time"),
    ("custom", "Custom"),
)
LABELS = dict(PRESETS)
DEFAULT_KEY = "28d"

_MOMENT = timedelta(microseconds=1)
_DAYS = {"today": 1, "yesterday": 1, "7d": 7, "14d": 14, "28d": 28, "30d": 30, "90d": 90}
_MONTHS = {"3mo": 3, "6mo": 6, "12mo": 12}


@dataclass(frozen=True)
class Period:
    """From `start` up to, not including, `end`: aware, in the property's zone. Days that are not over yet are whole."""

    key: str
    start: datetime
    end: datetime
    label: str

    @property
    def start_utc(self) -> datetime:
        return self.start.astimezone(UTC)

    @property
    def end_utc(self) -> datetime:
        return self.end.astimezone(UTC)

    @property
    def zone(self) -> ZoneInfo:
        assert isinstance(self.start.tzinfo, ZoneInfo)
        return self.start.tzinfo

    @property
    def first_day(self) -> date:
        return self.start.date()

    @property
    def last_day(self) -> date:
        return (self.end - _MOMENT).date()

    @property
    def days(self) -> int:
        """Calendar days that it touches, at least 1."""
        return (self.last_day - self.first_day).days + 1

    @property
    def dates(self) -> str:
        """What a person reads: "27 Oct – 23 Nov 2026"."""
        return dates_text(self.first_day, self.last_day)

    def contains(self, at: datetime) -> bool:
        return self.start_utc <= at.astimezone(UTC) < self.end_utc

    def previous(self, now: datetime, compare: Compare = Compare.PREVIOUS) -> Period | None:
        """What it is compared with; None where there is nothing. A running period ends there at the same minute."""
        if compare is Compare.NONE or self.key == "all":
            return None
        try:
            return self._before(now, compare)
        except (ValueError, OverflowError):  # before the first year there is
            return None

    def _before(self, now: datetime, compare: Compare) -> Period:
        earlier = _year_earlier if compare is Compare.YEAR else _shift_of(self)
        end = _end(earlier, self.end)
        if self.contains(now):
            minute = now.astimezone(self.zone).replace(second=0, microsecond=0) + timedelta(minutes=1)
            end = _first(end, _end(earlier, minute))
        if compare is Compare.PREVIOUS:
            end = _first(end, self.start)  # a month before has not always a 31st
        start = earlier(self.start)
        return Period("custom", start, end, dates_text(start.date(), (end - _MOMENT).date()))

    def step(self, count: int) -> Period:
        """The period of the same kind `count` lengths later (negative: earlier). Raises BadQuery past known years."""
        months = _months_of(self)
        if self.key == "all":
            return self
        if months:
            first = add_months(self.first_day, months * count)
            last = add_months(first, months) - timedelta(days=1)
        else:
            days = 1 if self.key == "24h" else self.days
            first = self.last_day - timedelta(days=days - 1) + timedelta(days=days * count)
            last = first + timedelta(days=days - 1)
        return custom(first, last, self.zone)


def period(key: str, now: datetime, zone: ZoneInfo, first_event: datetime | None = None) -> Period:
    """The preset `key`. `first_event` is where "all" begins. Raises BadQuery for a key that does not exist."""
    today = now.astimezone(zone).date()
    tomorrow = today + timedelta(days=1)
    if key == "24h":
        return _last_24_hours(now, zone)
    if key == "yesterday":
        return _days(key, today - timedelta(days=1), today, zone)
    if key in _DAYS:
        return _days(key, tomorrow - timedelta(days=_DAYS[key]), tomorrow, zone)
    if key in _MONTHS:
        return _days(key, add_months(tomorrow, -_MONTHS[key]), tomorrow, zone)
    if key == "mtd":
        return _days(key, today.replace(day=1), tomorrow, zone)
    if key == "ytd":
        return _days(key, today.replace(month=1, day=1), tomorrow, zone)
    if key == "all":
        first = first_event.astimezone(zone).date() if first_event else today
        return _days(key, min(first, today), tomorrow, zone)
    known = ", ".join(known for known, _ in PRESETS if known != "custom")
    raise BadQuery(f"The period {key[:40]!r} is not known. Choose one of {known}, or give two dates: from=… and to=….")


def custom(from_: date, to: date, zone: ZoneInfo) -> Period:
    """Whole days, both included. Raises BadQuery when they are the wrong way round or out of range."""
    for day in (from_, to):
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise BadQuery(
                f"The date {day.isoformat()} is out of range. Years from {FIRST_YEAR} to {LAST_YEAR} can be asked for."
            )
    if to < from_:
        raise BadQuery(
            f"The period ends on {to.isoformat()}, before it starts on {from_.isoformat()}. Exchange the two dates."
        )
    return _days("custom", from_, to + timedelta(days=1), zone, dates_text(from_, to))


def default_interval(asked: Period) -> Interval:
    """Hours up to two days, days up to a quarter, weeks up to a year, then months."""
    if asked.days <= 2:
        return Interval.HOUR
    if asked.days <= 100:
        return Interval.DAY
    return Interval.WEEK if asked.days <= 400 else Interval.MONTH


_SECONDS = {
    Interval.MINUTE: 60,
    Interval.HOUR: 3600,
    Interval.DAY: 86_400,
    Interval.WEEK: 604_800,
    Interval.MONTH: 2_419_200,
}


def intervals_for(asked: Period) -> tuple[Interval, ...]:
    """The intervals that can be drawn for a period: not one bucket only, and not more than MAX_POINTS."""
    seconds = (asked.end_utc - asked.start_utc).total_seconds()
    fitting = tuple(interval for interval in Interval if 1 < seconds / _SECONDS[interval] <= MAX_POINTS)
    return fitting or (default_interval(asked),)


def check_interval(interval: Interval, asked: Period) -> None:
    """Raises BadQuery when a period holds more buckets than can be drawn."""
    points = int((asked.end_utc - asked.start_utc).total_seconds() // _SECONDS[interval])
    if points > MAX_POINTS:
        wider = default_interval(asked)
        raise BadQuery(
            f"{asked.label} by {interval} would be {points:,} points. Choose a wider interval, as interval={wider}."
        )


def dates_text(first: date, last: date) -> str:
    if first == last:
        return f"{first.day} {first:%b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {last.day} {last:%b %Y}"
    if first.year == last.year:
        return f"{first.day} {first:%b} – {last.day} {last:%b %Y}"
    return f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}"


def add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    after = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (after - timedelta(days=1)).day))


def _days(key: str, first: date, end: date, zone: ZoneInfo, label: str = "") -> Period:
    return Period(key, _midnight(first, zone), _midnight(end, zone), label or LABELS[key])


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _last_24_hours(now: datetime, zone: ZoneInfo) -> Period:
    """The running hour and the 23 before it."""
    hour = now.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    end = hour.astimezone(UTC) + timedelta(hours=1)
    return Period("24h", (end - timedelta(hours=24)).astimezone(zone), end.astimezone(zone), LABELS["24h"])


Shift = Callable[[datetime], datetime]


def _shift_of(asked: Period) -> Shift:
    """How far back the compared period lies: months where a period is made of months, else days of the calendar."""
    if asked.key == "24h":
        return lambda at: (at.astimezone(UTC) - timedelta(hours=24)).astimezone(asked.zone)
    months = _months_of(asked)
    if months:
        return lambda at: _by_date(at, lambda day: add_months(day, -months))
    days = timedelta(days=asked.days)
    return lambda at: _by_date(at, lambda day: day - days)


def _months_of(asked: Period) -> int:
    """How many months make the period; 0: it is made of days."""
    if asked.key in _MONTHS:
        return _MONTHS[asked.key]
    if asked.key in {"mtd", "ytd"}:
        return 1 if asked.key == "mtd" else 12
    first, end = asked.first_day, asked.last_day + timedelta(days=1)
    whole = asked.key == "custom" and first.day == end.day == 1
    return (end.year - first.year) * 12 + end.month - first.month if whole else 0


def _year_earlier(at: datetime) -> datetime:
    return _by_date(at, lambda day: add_months(day, -12))


def _end(earlier: Shift, at: datetime) -> datetime:
    """An end moves with the last moment before it: the day after 28 February is another one in a leap year."""
    return earlier(at - _MOMENT) + _MOMENT


def _by_date(at: datetime, move: Callable[[date], date]) -> datetime:
    return datetime.combine(move(at.date()), at.time(), at.tzinfo)


def _first(*moments: datetime) -> datetime:
    """The earliest instant: times of one zone would otherwise be compared by their clocks."""
    return min(moments, key=lambda at: at.astimezone(UTC))

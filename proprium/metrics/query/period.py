"""Periods: date ranges from a preset key or two dates, in a time zone, and their comparison periods."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from zoneinfo import ZoneInfo

from proprium.errors import BadQuery

FIRST_YEAR, LAST_YEAR = 1970, 2199
MAX_POINTS = 3000
"""The most buckets that a chart can draw; beyond it, the error suggests a wider interval."""


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
PRESET_LABELS = dict(PRESETS)
DEFAULT_KEY = "28d"

_ONE_MICROSECOND = timedelta(microseconds=1)
_MAX_BY_MINUTE = timedelta(hours=2)
_DAYS_BY_KEY = {"today": 1, "yesterday": 1, "7d": 7, "14d": 14, "28d": 28, "30d": 30, "90d": 90}
_MONTHS_BY_KEY = {"3mo": 3, "6mo": 6, "12mo": 12}


@dataclass(frozen=True)
class Period:
    """From `start` to `end`, exclusive: aware, in the query's time zone. The current day is included in full."""

    key: str
    start: datetime
    end: datetime
    label: str
    has_hours: bool = False  # True: chosen to the minute, such as a part of a day; shown and stepped as such

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
        return (self.end - _ONE_MICROSECOND).date()

    @property
    def day_count(self) -> int:
        """Number of calendar days that the period touches, at least 1."""
        return (self.last_day - self.first_day).days + 1

    @property
    def dates(self) -> str:
        """The dates for display: "27 Oct – 23 Nov 2026"; with the times if they were chosen."""
        return hours_text(self.start, self.end) if self.has_hours else dates_text(self.first_day, self.last_day)

    def contains(self, moment: datetime) -> bool:
        return self.start_utc <= moment.astimezone(UTC) < self.end_utc

    def previous(self, now: datetime, compare: Compare = Compare.PREVIOUS) -> Period | None:
        """Returns the compared period; None without one. Of a running period, it ends at the same minute."""
        if compare is Compare.NONE or self.key == "all":
            return None
        shift = _comparison_shift(self, compare)
        # 24 hours earlier is a moment, not the same time of another date. It is computed in UTC, because arithmetic on
        # local times loses which of the two equal ones after a clock change is meant.
        is_of_moments = self.key == "24h" and compare is Compare.PREVIOUS
        shift_end = shift if is_of_moments else partial(_shift_end, shift)
        try:
            end = shift_end(self.end)
            if self.contains(now):
                clock = UTC if is_of_moments else self.zone
                minute = now.astimezone(clock).replace(second=0, microsecond=0) + timedelta(minutes=1)
                end = _earliest(end, shift_end(minute))
            if compare is Compare.PREVIOUS:
                end = _earliest(end, self.start)  # the month before may have no 31st
            start = shift(self.start)
        except (ValueError, OverflowError):  # before year 1
            return None
        label = dates_text(start.date(), (end - _ONE_MICROSECOND).date())
        return Period("custom", start, end, label, self.has_hours)

    def step(self, step_count: int) -> Period:
        """Returns the period `step_count` lengths later (negative: earlier).

        Raises BadQuery outside FIRST_YEAR to LAST_YEAR.
        """
        month_count = _month_count(self)
        if self.key == "all":
            return self
        if self.has_hours:
            shift = (self.end_utc - self.start_utc) * step_count
            start, end = ((edge + shift).astimezone(self.zone) for edge in (self.start_utc, self.end_utc))
            return hours_period(start.replace(tzinfo=None), end.replace(tzinfo=None), self.zone)
        if month_count:
            first_day = add_months(self.first_day, month_count * step_count)
            last_day = add_months(first_day, month_count) - timedelta(days=1)
        else:
            day_count = 1 if self.key == "24h" else self.day_count
            first_day = self.last_day - timedelta(days=day_count - 1) + timedelta(days=day_count * step_count)
            last_day = first_day + timedelta(days=day_count - 1)
        return custom_period(first_day, last_day, self.zone)


def preset_period(key: str, now: datetime, zone: ZoneInfo, first_event: datetime | None = None) -> Period:
    """Returns the preset `key`; `first_event` is the start of "all". Raises BadQuery for an unknown key."""
    today = now.astimezone(zone).date()
    tomorrow = today + timedelta(days=1)
    if key == "24h":  # the running hour and the 23 hours before it
        hour = now.astimezone(zone).replace(minute=0, second=0, microsecond=0)
        end = hour.astimezone(UTC) + timedelta(hours=1)
        return Period(key, (end - timedelta(hours=24)).astimezone(zone), end.astimezone(zone), PRESET_LABELS[key])
    if key == "yesterday":
        return _whole_days(key, today - timedelta(days=1), today, zone)
    if key in _DAYS_BY_KEY:
        return _whole_days(key, tomorrow - timedelta(days=_DAYS_BY_KEY[key]), tomorrow, zone)
    if key in _MONTHS_BY_KEY:
        return _whole_days(key, add_months(tomorrow, -_MONTHS_BY_KEY[key]), tomorrow, zone)
    if key == "mtd":
        return _whole_days(key, today.replace(day=1), tomorrow, zone)
    if key == "ytd":
        return _whole_days(key, today.replace(month=1, day=1), tomorrow, zone)
    if key == "all":
        first_day = first_event.astimezone(zone).date() if first_event else today
        return _whole_days(key, min(first_day, today), tomorrow, zone)
    preset_keys = ", ".join(preset_key for preset_key, _ in PRESETS if preset_key != "custom")
    raise BadQuery(
        f"The period {key[:40]!r} is not known. Choose one of {preset_keys}, or give two dates: from=… and to=…."
    )


def custom_period(from_: date, to: date, zone: ZoneInfo) -> Period:
    """Returns the period of whole days, both included. Raises BadQuery if reversed or out of range."""
    for day in (from_, to):
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise BadQuery(
                f"The date {day.isoformat()} is out of range. Choose a year from {FIRST_YEAR} to {LAST_YEAR}."
            )
    if to < from_:
        raise BadQuery(
            f"The period ends on {to.isoformat()}, before it starts on {from_.isoformat()}. Swap the two dates."
        )
    return _whole_days("custom", from_, to + timedelta(days=1), zone, dates_text(from_, to))


def hours_period(start: datetime, end: datetime, zone: ZoneInfo) -> Period:
    """Returns the period between two local times, the end excluded. Raises BadQuery if reversed or out of range."""
    last_day = (end - _ONE_MICROSECOND).date() if end > start else end.date()
    whole_days = custom_period(start.date(), max(last_day, start.date()), zone)  # checks the years
    if end <= start:
        raise BadQuery(f"The period ends at {end:%Y-%m-%dT%H:%M}, not after its start at {start:%Y-%m-%dT%H:%M}.")
    if start.time() == end.time() == time():
        return whole_days
    period = Period("custom", start.replace(tzinfo=zone), end.replace(tzinfo=zone), "", has_hours=True)
    return replace(period, label=period.dates)


def default_interval(period: Period) -> Interval:
    """Returns minutes up to 2 hours, hours up to 2 days, days up to 100, weeks up to 400, then months."""
    if period.has_hours and period.end_utc - period.start_utc <= _MAX_BY_MINUTE:
        return Interval.MINUTE
    if period.day_count <= 2:
        return Interval.HOUR
    if period.day_count <= 100:
        return Interval.DAY
    return Interval.WEEK if period.day_count <= 400 else Interval.MONTH


_SECONDS_BY_INTERVAL = {
    Interval.MINUTE: 60,
    Interval.HOUR: 3600,
    Interval.DAY: 86_400,
    Interval.WEEK: 604_800,
    Interval.MONTH: 2_419_200,
}


def intervals_for(period: Period) -> tuple[Interval, ...]:
    """Returns the intervals that divide a period into more than 1 and at most MAX_POINTS buckets."""
    duration_s = (period.end_utc - period.start_utc).total_seconds()
    intervals = tuple(
        interval for interval in Interval if 1 < duration_s / _SECONDS_BY_INTERVAL[interval] <= MAX_POINTS
    )
    return intervals or (default_interval(period),)


def check_interval(interval: Interval, period: Period) -> None:
    """Raises BadQuery where an interval makes more than MAX_POINTS buckets of a period."""
    point_count = int((period.end_utc - period.start_utc).total_seconds() // _SECONDS_BY_INTERVAL[interval])
    if point_count > MAX_POINTS:
        wider_interval = default_interval(period)
        raise BadQuery(
            f"{period.label} by {interval} has {point_count:,} data points; the maximum is {MAX_POINTS:,}."
            f" Choose a wider interval, for example interval={wider_interval}."
        )


def dates_text(first: date, last: date) -> str:
    """Formats a date range: "3 Nov 2026", "1 – 28 Nov 2026", "27 Oct – 23 Nov 2026"."""
    if first == last:
        return f"{first.day} {first:%b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {last.day} {last:%b %Y}"
    if first.year == last.year:
        return f"{first.day} {first:%b} – {last.day} {last:%b %Y}"
    return f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}"


def hours_text(start: datetime, end: datetime) -> str:
    """Formats a range of times: "3 Nov 2026, 07:00 – 14:00"; an end at midnight is 24:00 of the day before."""
    last_day, last_time = end.date(), f"{end:%H:%M}"
    if end.time() == time():
        last_day, last_time = last_day - timedelta(days=1), "24:00"
    if start.date() == last_day:
        return f"{start.day} {start:%b %Y}, {start:%H:%M} – {last_time}"
    return f"{start.day} {start:%b %Y}, {start:%H:%M} – {last_day.day} {last_day:%b %Y}, {last_time}"


def add_months(day: date, months: int) -> date:
    """Returns the same day of another month, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    next_month_start = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (next_month_start - timedelta(days=1)).day))


def _whole_days(key: str, first: date, end: date, zone: ZoneInfo, label: str = "") -> Period:
    return Period(key, _midnight(first, zone), _midnight(end, zone), label or PRESET_LABELS[key])


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


DateShift = Callable[[datetime], datetime]


def _comparison_shift(period: Period, compare: Compare) -> DateShift:
    """Returns the shift to the compared period: by a year, by months for periods of whole months, else by days."""
    if compare is Compare.YEAR:
        return lambda moment: _shift_date(moment, lambda day: add_months(day, -12))
    if period.key == "24h":
        return lambda moment: (moment.astimezone(UTC) - timedelta(hours=24)).astimezone(period.zone)
    month_count = _month_count(period)
    if month_count:
        return lambda moment: _shift_date(moment, lambda day: add_months(day, -month_count))
    days = timedelta(days=period.day_count)
    if period.has_hours:  # the same hours of an earlier day, also of a night that touches two
        days = timedelta(days=math.ceil((period.end_utc - period.start_utc) / timedelta(days=1)))
    return lambda moment: _shift_date(moment, lambda day: day - days)


def _month_count(period: Period) -> int:
    """Returns the number of months that make up the period; 0: it is made of days."""
    if period.key in _MONTHS_BY_KEY:
        return _MONTHS_BY_KEY[period.key]
    if period.key in {"mtd", "ytd"}:
        return 1 if period.key == "mtd" else 12
    first_day, end = period.first_day, period.last_day + timedelta(days=1)
    is_whole_months = period.key == "custom" and not period.has_hours and first_day.day == end.day == 1
    return (end.year - first_day.year) * 12 + end.month - first_day.month if is_whole_months else 0


def _shift_end(shift: DateShift, end: datetime) -> datetime:
    """Shifts an exclusive end by shifting the instant before it.

    Otherwise leap years go wrong: the day after 28 February is 1 March in one year and 29 February in another.
    """
    return shift(end - _ONE_MICROSECOND) + _ONE_MICROSECOND


def _shift_date(moment: datetime, shift_day: Callable[[date], date]) -> datetime:
    return datetime.combine(shift_day(moment.date()), moment.time(), moment.tzinfo)


def _earliest(*moments: datetime) -> datetime:
    """Returns the earliest instant. Compares in UTC: Python compares times of one zone by their local clock."""
    return min(moments, key=lambda moment: moment.astimezone(UTC))

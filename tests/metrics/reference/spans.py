"""Periods, comparisons and buckets, by stepping a clock in the zone."""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER = timedelta(minutes=15)
"""The clocks of our time are a multiple of this from UTC, and change at a multiple of it."""
DAY = timedelta(days=1)
DAYS = {"today": 1, "7d": 7, "14d": 14, "28d": 28, "30d": 30, "90d": 90}
MONTHS = {"3mo": 3, "6mo": 6, "12mo": 12}


@dataclass(frozen=True)
class Span:
    """From `start` up to, not including, `end`: UTC."""

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True)
class Calendar:
    """The days that a reader means by a period: its own, and how to find the ones before."""

    key: str
    first: date
    last: date
    zone: ZoneInfo

    @property
    def months(self) -> int:
        """Of how many calendar months it is made; 0: of days."""
        if self.key in MONTHS:
            return MONTHS[self.key]
        if self.key in {"mtd", "ytd"}:
            return 1 if self.key == "mtd" else 12
        if self.key == "custom" and self.first.day == 1 and (self.last + DAY).day == 1:
            return 12 * (self.last.year - self.first.year) + self.last.month - self.first.month + 1
        return 0

    def span(self) -> Span:
        return Span(first_moment(self.first, self.zone), first_moment(self.last + DAY, self.zone))


def calendar_of(key: str, now: datetime, zone: ZoneInfo, dates: tuple[date, date] | None = None) -> Calendar:
    """Days that are not over yet are whole. `dates` are those of a custom period."""
    today = now.astimezone(zone).date()
    if dates:
        first, last = dates
    elif key == "yesterday":
        first = last = today - DAY
    elif key in DAYS:
        first, last = today - (DAYS[key] - 1) * DAY, today
    elif key in MONTHS:
        first, last = months_later(today + DAY, -MONTHS[key]), today
    else:
        first, last = today.replace(day=1) if key == "mtd" else date(today.year, 1, 1), today
    return Calendar(key, first, last, zone)


def last_24_hours(now: datetime, zone: ZoneInfo) -> Span:
    """The running hour of the local clock, and the 23 before it."""
    running = now.astimezone(zone)
    into_the_hour = timedelta(minutes=running.minute, seconds=running.second, microseconds=running.microsecond)
    end = now.astimezone(UTC) - into_the_hour + timedelta(hours=1)
    return Span(end - timedelta(hours=24), end)


def span_of(key: str, now: datetime, zone: ZoneInfo, dates: tuple[date, date] | None = None) -> Span:
    return last_24_hours(now, zone) if key == "24h" else calendar_of(key, now, zone, dates).span()


def compared_span(
    key: str, now: datetime, zone: ZoneInfo, dates: tuple[date, date] | None, compare: str
) -> Span | None:
    """The days right before, as many, or as many months where it is made of months; or the same dates a year earlier.

    A period that is running ends there at the same minute of the clock.
    """
    if compare == "none":
        return None
    if key == "24h" and compare == "previous":
        span = last_24_hours(now, zone)
        end = min(span.end, _minute_after(now)) if span.holds(now) else span.end
        return Span(span.start - DAY, min(end - DAY, span.start))
    if key == "24h":
        return _a_year_before(last_24_hours(now, zone), now, zone)
    calendar = calendar_of(key, now, zone, dates)
    start, end = first_moment(_moved(calendar, calendar.first, compare), zone), None
    if calendar.span().holds(now):
        today = now.astimezone(zone)
        end = _at_clock(_moved(calendar, today.date(), compare), today.time(), zone)
    last = first_moment(_moved(calendar, calendar.last, compare) + DAY, zone)
    end = last if end is None else min(last, _minute_after(end))
    return Span(start, min(end, calendar.span().start) if compare == "previous" else end)


def _a_year_before(span: Span, now: datetime, zone: ZoneInfo) -> Span:
    def earlier(at: datetime) -> datetime:
        local = at.astimezone(zone)
        return _at_clock(months_later(local.date(), -12), local.time(), zone)

    last_minute = now if span.holds(now) else span.end - timedelta(minutes=1)
    return Span(earlier(span.start), _minute_after(earlier(last_minute)))


def _moved(calendar: Calendar, day: date, compare: str) -> date:
    if compare == "year":
        return months_later(day, -12)
    if calendar.months:
        return months_later(day, -calendar.months)
    return day - ((calendar.last - calendar.first).days + 1) * DAY


def _at_clock(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


def _minute_after(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0) + timedelta(minutes=1)


def months_later(day: date, months: int) -> date:
    """The same day of another month, or that month's last."""
    number = day.year * 12 + day.month - 1 + months
    year, month = number // 12, number % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@lru_cache(maxsize=100_000)
def first_moment(day: date, zone: ZoneInfo) -> datetime:
    """The first moment at which a clock in the zone shows this day, or a later one where there was no such day."""
    at = datetime.combine(day, time(), UTC) - timedelta(hours=26)
    while at.astimezone(zone).date() < day:
        at += QUARTER
    return at


@dataclass(frozen=True)
class Buckets:
    """`starts` are UTC and rise; the future has none."""

    starts: tuple[datetime, ...]
    is_running: bool
    are_partial: tuple[bool, ...]  # cut by the span, or not over yet

    def number(self, at: datetime) -> int:
        """Which one a moment falls into; what is earlier or later than all of them is in the first or last."""
        return max(0, bisect_right(self.starts, at) - 1)


def buckets_of(span: Span, interval: str, zone: ZoneInfo, now: datetime) -> Buckets:
    starts = _clock_starts(span, interval, zone) if interval in {"minute", "hour"} else _days(span, interval, zone)
    shown = tuple(start for start in starts if start <= now and start < span.end)
    held = Span(span.start, min(span.end, now))
    bounds = [whole(Span(start, start + timedelta.resolution), interval, zone) for start in shown]
    partial = tuple(bound.start < held.start or bound.end > held.end for bound in bounds)
    return Buckets(shown, span.holds(now), partial)


def whole(span: Span, interval: str, zone: ZoneInfo) -> Span:
    """From the start of the bucket in which the span begins to the end of the one in which it ends."""
    last = span.end - timedelta.resolution
    if interval == "minute":
        return Span(span.start.replace(second=0, microsecond=0), _minute_after(last))
    if interval == "hour":
        return Span(_hour_edge(span.start, zone, -QUARTER), _hour_edge(last, zone, QUARTER))
    first_day, last_day = (at.astimezone(zone).date() for at in (span.start, last))
    while not _begins(first_day, interval):
        first_day -= DAY
    last_day += DAY
    while not _begins(last_day, interval):
        last_day += DAY
    return Span(first_moment(first_day, zone), first_moment(last_day, zone))


def _hour_edge(at: datetime, zone: ZoneInfo, step: timedelta) -> datetime:
    """The first moment of the shown hour, or with a step ahead the first one after it."""
    edge = datetime.fromtimestamp(at.timestamp() // QUARTER.seconds * QUARTER.seconds, UTC)
    while _shown_hour(edge + step, zone) == _shown_hour(at, zone):
        edge += step
    return edge if step < timedelta() else edge + step


def _shown_hour(at: datetime, zone: ZoneInfo) -> tuple[date, int, timedelta | None]:
    local = at.astimezone(zone)
    return local.date(), local.hour, local.utcoffset()


def _clock_starts(span: Span, interval: str, zone: ZoneInfo) -> list[datetime]:
    """Each time that the clock shows another hour, or jumps; or each minute."""
    if interval == "minute":
        minutes = int((span.end - span.start).total_seconds() // 60)
        return [span.start + timedelta(minutes=number) for number in range(minutes)]
    starts, at, shown = [], span.start, None
    while at < span.end:
        if _shown_hour(at, zone) != shown:
            starts.append(at)
            shown = _shown_hour(at, zone)
        at += QUARTER
    return starts


def _days(span: Span, interval: str, zone: ZoneInfo) -> list[datetime]:
    """Midnights, those of Mondays, or those of first days of a month. The first one may lie before the span."""
    day = span.start.astimezone(zone).date()
    while not _begins(day, interval):
        day -= DAY
    starts = []
    while (start := first_moment(day, zone)) < span.end:
        if _begins(day, interval) and start not in starts[-1:]:
            starts.append(start)
        day += DAY
    return starts


def _begins(day: date, interval: str) -> bool:
    return interval == "day" or (day.weekday() == 0 if interval == "week" else day.day == 1)

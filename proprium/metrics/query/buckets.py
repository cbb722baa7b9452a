"""Calendar buckets of a period: in Python where they start, in SQL which one a moment falls into.

A local clock is UTC plus an offset that changes a few times a year. The same whole-number arithmetic runs on both
sides, with the offsets as a CASE over their changes, so that a day of 23 or 25 hours has as many hourly buckets,
and zones that move by half an hour have one of 30 minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, case, func, literal
from sqlalchemy.sql.elements import ColumnElement

from proprium.metrics.query.period import Interval, Period, add_months
from proprium.warehouse import dialect

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
"""Microseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_TO_MONDAY = 3  # 1970 began on a Thursday


@dataclass(frozen=True)
class Buckets:
    """`starts` are aware, in the period's zone; `keys` are what SQL calls them, rising. The future has none."""

    interval: Interval
    starts: tuple[datetime, ...]
    keys: tuple[int, ...]
    running: bool  # the last one has not ended yet
    offsets: tuple[tuple[int, int], ...]  # (from this UTC microsecond on, the local clock is this far ahead)

    def key(self, moment: ColumnElement[Any]) -> ColumnElement[int]:
        """The key of a moment's bucket; a moment outside counts in the nearest one."""
        key = self._key(dialect.micros(moment))
        return func.least(func.greatest(key, self.keys[0]), self.keys[-1], type_=BigInteger)

    def _key(self, micros: ColumnElement[int]) -> ColumnElement[int]:
        if self.interval is Interval.MINUTE:
            return dialect.divided(micros, MINUTE)
        offset = self._offset(micros)
        if self.interval is Interval.HOUR:
            return dialect.divided(micros + offset, HOUR) * HOUR - offset
        if self.interval is Interval.MONTH:
            return dialect.month_number(micros + offset)
        day = dialect.divided(micros + offset, DAY)
        return day if self.interval is Interval.DAY else dialect.divided(day + _TO_MONDAY, 7)

    def _offset(self, micros: ColumnElement[int]) -> ColumnElement[int]:
        return _offset_at(micros, self.offsets)


def local_clock(moment: ColumnElement[Any], period: Period) -> ColumnElement[int]:
    """Microseconds that the clock of the period's zone shows at a moment of the period, counted as if it were UTC."""
    micros = dialect.micros(moment)
    return micros + _offset_at(micros, _offsets(period.zone, period.start_utc, period.end_utc))


def _offset_at(micros: ColumnElement[int], offsets: tuple[tuple[int, int], ...]) -> ColumnElement[int]:
    last = literal(offsets[-1][1], BigInteger)
    changes = [(micros < until, literal(offset, BigInteger)) for (_, offset), (until, _) in pairwise(offsets)]
    return case(*changes, else_=last) if changes else last


def buckets(period: Period, interval: Interval, now: datetime) -> Buckets:
    """From the bucket of the period's start to the running one, or to the period's end; none missing."""
    until = min(period.end_utc, now.astimezone(UTC) + timedelta(microseconds=1))
    # A day more on either side: the first week or month may start before the period.
    offsets = _offsets(period.zone, period.start_utc - timedelta(days=1), period.end_utc + timedelta(days=1))
    found = [(start, key) for start, key in _starts(period, interval, offsets) if start.astimezone(UTC) < until]
    return Buckets(
        interval,
        tuple(start for start, _ in found),
        tuple(key for _, key in found),
        running=bool(found) and period.contains(now),
        offsets=offsets,
    )


def _starts(period: Period, interval: Interval, offsets: tuple[tuple[int, int], ...]) -> Iterator[tuple[datetime, int]]:
    if interval in {Interval.MINUTE, Interval.HOUR}:
        return _clock_starts(period, interval, offsets)
    return _calendar_starts(period, interval)


def _clock_starts(
    period: Period, interval: Interval, offsets: tuple[tuple[int, int], ...]
) -> Iterator[tuple[datetime, int]]:
    """Every full minute, or every full hour of the local clock and every change of the clock."""
    at, end = _micros(period.start_utc), _micros(period.end_utc)
    changes = [change for change, _ in offsets]
    while at < end:
        offset = next(offset for change, offset in reversed(offsets) if change <= at)
        start = _moment(at).astimezone(period.zone)
        if interval is Interval.MINUTE:
            yield start, at // MINUTE
            at = (at // MINUTE + 1) * MINUTE
        else:
            hour = (at + offset) // HOUR
            yield start, hour * HOUR - offset
            at = min([(hour + 1) * HOUR - offset, *(change for change in changes if change > at)])


def _calendar_starts(period: Period, interval: Interval) -> Iterator[tuple[datetime, int]]:
    day = _first_day(period.first_day, interval)
    while day <= period.last_day:
        following = _next_day(day, interval)
        start, end = (datetime.combine(edge, time(), period.zone) for edge in (day, following))
        if start.astimezone(UTC) < end.astimezone(UTC):  # Samoa had no 30 December 2011
            yield start, _calendar_key(day, interval)
        day = following


def _first_day(day: date, interval: Interval) -> date:
    if interval is Interval.MONTH:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if interval is Interval.WEEK else day


def _next_day(day: date, interval: Interval) -> date:
    if interval is Interval.MONTH:
        return add_months(day, 1)
    return day + timedelta(days=7 if interval is Interval.WEEK else 1)


def _calendar_key(day: date, interval: Interval) -> int:
    if interval is Interval.MONTH:
        return day.year * 12 + day.month - 1
    number = day.toordinal() - _EPOCH_DAY
    return number if interval is Interval.DAY else (number + _TO_MONDAY) // 7


@lru_cache(maxsize=256)
def _offsets(zone: ZoneInfo, start: datetime, end: datetime) -> tuple[tuple[int, int], ...]:
    """The clock's offsets between two UTC moments, each with the microsecond from which on it holds."""
    found = [(_micros(start), _offset(zone, start))]
    at = start
    while at < end:
        following = min(at + timedelta(days=1), end)
        if _offset(zone, following) != found[-1][1]:
            change = _change(zone, at, following)
            found.append((_micros(change), _offset(zone, change)))
        at = following
    return tuple(found)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of the new offset, between two moments of which the later has it."""
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _offset(zone: ZoneInfo, at: datetime) -> int:
    return (at.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)

"""Calendar buckets of a period: their start times in Python, and the bucket key of a timestamp in SQL.

A local clock is UTC plus an offset that changes a few times a year. Python and SQL use the same integer arithmetic,
with the offsets as a CASE over their changes, so that a day of 23 or 25 hours has as many hourly buckets, and a clock
change of half an hour makes one bucket of 30 minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, case, func, literal
from sqlalchemy.sql.elements import ColumnElement

from proprium.metrics.catalog.expressions import DAY_US, EPOCH_WEEKDAY, HOUR_US
from proprium.metrics.query.period import Interval, Period
from proprium.warehouse import dialect

MINUTE_US = 60_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class _Bucket(NamedTuple):
    """One bucket; its edges are those of the calendar, where the period cuts it as well."""

    start: datetime  # as shown
    key: int
    whole_start_us: int  # UTC
    whole_end_us: int


@dataclass(frozen=True)
class Buckets:
    """Start times and SQL keys of a period's buckets, in ascending order; none in the future."""

    interval: Interval
    starts: tuple[datetime, ...]  # aware, in the period's time zone
    keys: tuple[int, ...]  # as computed in SQL by `key()`
    is_running: bool  # the last bucket has not ended yet
    is_start_cut: bool  # the first bucket begins before the period
    is_end_cut: bool  # the last bucket ends after the period
    offsets: tuple[tuple[int, int], ...]  # (UTC µs from which it holds, offset of the local clock in µs)

    def key(self, timestamp: ColumnElement[Any]) -> ColumnElement[int]:
        """Returns the bucket key of a timestamp; timestamps outside belong to the nearest bucket."""
        utc_us = dialect.epoch_us(timestamp)
        if self.interval is Interval.MINUTE:
            key = dialect.integer_divide(utc_us, MINUTE_US)
        else:
            offset_us = _offset_expression(utc_us, self.offsets)
            day = dialect.integer_divide(utc_us + offset_us, DAY_US)
            match self.interval:
                case Interval.HOUR:
                    key = dialect.integer_divide(utc_us + offset_us, HOUR_US) * HOUR_US - offset_us
                case Interval.MONTH:
                    key = dialect.month_number(utc_us + offset_us)
                case Interval.WEEK:
                    key = dialect.integer_divide(day + EPOCH_WEEKDAY, 7)
                case _:
                    key = day
        return func.least(func.greatest(key, self.keys[0]), self.keys[-1], type_=BigInteger)


def local_clock(timestamp: ColumnElement[Any], period: Period) -> ColumnElement[int]:
    """Converts a timestamp within the period to local time in its zone, as microseconds since 1970."""
    utc_us = dialect.epoch_us(timestamp)
    return utc_us + _offset_expression(utc_us, _offsets(period.zone, period.start_utc, period.end_utc))


def _offset_expression(utc_us: ColumnElement[int], offsets: tuple[tuple[int, int], ...]) -> ColumnElement[int]:
    last_offset = literal(offsets[-1][1], BigInteger)
    changes = [(utc_us < until_us, literal(offset, BigInteger)) for (_, offset), (until_us, _) in pairwise(offsets)]
    return case(*changes, else_=last_offset) if changes else last_offset


def calendar_buckets(period: Period, interval: Interval, now: datetime) -> Buckets:
    """Returns all buckets from the period's start to the running one or the period's end, without gaps."""
    until = min(period.end_utc, now.astimezone(UTC) + timedelta(microseconds=1))
    offsets = _offsets_around(period)
    buckets = [bucket for bucket in _buckets(period, interval, offsets) if bucket.start.astimezone(UTC) < until]
    return Buckets(
        interval,
        tuple(bucket.start for bucket in buckets),
        tuple(bucket.key for bucket in buckets),
        is_running=bool(buckets) and period.contains(now),
        is_start_cut=bool(buckets) and buckets[0].whole_start_us < _to_us(period.start_utc),
        is_end_cut=bool(buckets) and buckets[-1].whole_end_us > _to_us(period.end_utc),
        offsets=offsets,
    )


@lru_cache(maxsize=256)
def whole_buckets(period: Period, interval: Interval) -> Period:
    """Returns the period extended to the edges of the buckets that it cuts; itself where it cuts none."""
    buckets = tuple(_buckets(period, interval, _offsets_around(period)))
    if not buckets:
        return period
    start_us, end_us = buckets[0].whole_start_us, buckets[-1].whole_end_us
    if start_us >= _to_us(period.start_utc) and end_us <= _to_us(period.end_utc):
        return period
    return replace(period, key="custom", start=_from_us(start_us, period.zone), end=_from_us(end_us, period.zone))


def _buckets(period: Period, interval: Interval, offsets: tuple[tuple[int, int], ...]) -> Iterator[_Bucket]:
    """Yields the buckets of a period, future ones included."""
    if interval in {Interval.MINUTE, Interval.HOUR}:
        return _clock_buckets(period, interval, offsets)
    return _date_buckets(period, interval)


def _clock_buckets(period: Period, interval: Interval, offsets: tuple[tuple[int, int], ...]) -> Iterator[_Bucket]:
    """Yields buckets by minute, or by hour of the local clock and at each clock change; the first starts the period."""
    current_us, end_us = _to_us(period.start_utc), _to_us(period.end_utc)
    changes_us = [change_us for change_us, _ in offsets]
    while current_us < end_us:
        if interval is Interval.MINUTE:
            key = current_us // MINUTE_US
            whole_start_us, whole_end_us = key * MINUTE_US, (key + 1) * MINUTE_US
        else:
            change_us, offset_us = next(change for change in reversed(offsets) if change[0] <= current_us)
            key = (current_us + offset_us) // HOUR_US * HOUR_US - offset_us
            next_changes_us = (change_us for change_us in changes_us if change_us > current_us)
            whole_start_us, whole_end_us = max(key, change_us), min([key + HOUR_US, *next_changes_us])
        yield _Bucket(_from_us(current_us, period.zone), key, whole_start_us, whole_end_us)
        current_us = whole_end_us


def _date_buckets(period: Period, interval: Interval) -> Iterator[_Bucket]:
    """Yields buckets by day, week or month of the local calendar; the first may start before the period."""
    day = period.first_day
    if interval is Interval.WEEK:
        day -= timedelta(days=day.weekday())
    elif interval is Interval.MONTH:
        day = day.replace(day=1)
    while day <= period.last_day:
        day_number = day.toordinal() - _EPOCH_DAY
        if interval is Interval.MONTH:
            key = day.year * 12 + day.month - 1
            next_day = (day + timedelta(days=31)).replace(day=1)
        elif interval is Interval.WEEK:
            key, next_day = (day_number + EPOCH_WEEKDAY) // 7, day + timedelta(days=7)
        else:
            key, next_day = day_number, day + timedelta(days=1)
        start, end = (datetime.combine(edge, time(), period.zone) for edge in (day, next_day))
        if start.astimezone(UTC) < end.astimezone(UTC):  # Samoa had no 30 December 2011
            yield _Bucket(start, key, _to_us(start), _to_us(end))
        day = next_day


def _offsets_around(period: Period) -> tuple[tuple[int, int], ...]:
    """Returns the UTC offsets from a day before the period, where its first bucket may start, to a day after it."""
    return _offsets(period.zone, period.start_utc - timedelta(days=1), period.end_utc + timedelta(days=1))


@lru_cache(maxsize=256)
def _offsets(zone: ZoneInfo, start: datetime, end: datetime) -> tuple[tuple[int, int], ...]:
    """Returns the zone's UTC offsets between two UTC times: (UTC µs from which it holds, offset in µs)."""
    offsets = [(_to_us(start), _utc_offset_us(zone, start))]
    moment = start
    while moment < end:
        next_moment = min(moment + timedelta(days=1), end)
        if _utc_offset_us(zone, next_moment) != offsets[-1][1]:
            earlier, later = moment, next_moment  # by bisection: the first second of the new offset
            while later - earlier > timedelta(seconds=1):
                middle = earlier + timedelta(seconds=(later - earlier) // timedelta(seconds=2))
                if _utc_offset_us(zone, middle) == offsets[-1][1]:
                    earlier = middle
                else:
                    later = middle
            change = later.replace(microsecond=0)
            offsets.append((_to_us(change), _utc_offset_us(zone, change)))
        moment = next_moment
    return tuple(offsets)


def _utc_offset_us(zone: ZoneInfo, moment: datetime) -> int:
    return (moment.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)


def _to_us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _from_us(utc_us: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=utc_us)).astimezone(zone)

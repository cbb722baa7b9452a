"""The list of properties: who is there, the last 24 hours, and everything since the first event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, case, func, not_, select, tuple_

from proprium.metrics.live import NOW_MIN
from proprium.metrics.query.buckets import HOUR
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

SPARKLINE_HOURS = 24
DAY = timedelta(hours=24)
LIVELY = timedelta(days=7)


@dataclass(frozen=True)
class PropertyOverview:
    """One row of the list. The sparkline has the visitors of each of the last 24 hours, the running one last."""

    live: int = 0  # visitors in the last 5 minutes
    visitors_24h: int = 0
    previous_24h: int = 0  # visitors of the 24 hours before those
    sparkline: tuple[int, ...] = (0,) * SPARKLINE_HOURS
    events: int = 0  # of people, all-time, as the two below
    page_views: int = 0
    sessions: int = 0
    first_event_at: datetime | None = None  # UTC
    last_event_at: datetime | None = None  # UTC; bots do not count

    def is_quiet(self, now: datetime) -> bool:
        """No event in the last 7 days."""
        return self.last_event_at is None or now - self.last_event_at > LIVELY


def overview(warehouse: Warehouse, numbers: Sequence[int], now: datetime) -> Mapping[int, PropertyOverview]:
    """By the properties' numbers; one without any event has an overview of zeros."""
    if not numbers:
        return {}
    with warehouse.read() as connection:
        found = _all_time(connection, numbers)
        found = _with_sessions(connection, found)
        return _with_last_hours(connection, found, now)


def first_event_at(warehouse: Warehouse, property_number: int) -> datetime | None:
    """Where "all time" begins. Remembered, since every page asks and only an earlier event can change it."""
    memo, key = warehouse.memo, ("first event", property_number)
    known: datetime | None = memo.find(key)
    if known is None:
        tick = memo.tick()
        known = _first_event_at(warehouse, property_number)
        memo.keep(key, property_number, known, tick, known)
    return known


def _first_event_at(warehouse: Warehouse, property_number: int) -> datetime | None:
    question = select(func.min(event.c.created_at)).where(event.c.property == property_number)
    with warehouse.read() as connection:
        return _aware(connection.scalar(question))


def _all_time(connection: Connection, numbers: Sequence[int]) -> dict[int, PropertyOverview]:
    question = (
        select(
            event.c.property,
            func.count().label("events"),
            func.count().filter(event.c.is_view).label("page_views"),
            func.min(event.c.created_at).label("first"),
            func.max(event.c.created_at).label("last"),
        )
        .where(event.c.property.in_(numbers), not_(event.c.is_bot))
        .group_by(event.c.property)
    )
    found = dict.fromkeys(numbers, PropertyOverview())
    for row in connection.execute(question):
        found[row.property] = PropertyOverview(
            events=row.events,
            page_views=row.page_views,
            first_event_at=_aware(row.first),
            last_event_at=_aware(row.last),
        )
    return found


def _with_sessions(connection: Connection, found: Mapping[int, PropertyOverview]) -> dict[int, PropertyOverview]:
    question = (
        select(session.c.property, func.count()).where(session.c.property.in_(found)).group_by(session.c.property)
    )
    counts = {number: count for number, count in connection.execute(question)}  # noqa: C416
    return {number: replace(each, sessions=counts.get(number, 0)) for number, each in found.items()}


def _with_last_hours(
    connection: Connection, found: Mapping[int, PropertyOverview], now: datetime
) -> dict[int, PropertyOverview]:
    answer = connection.execute(_last_hours(sorted(found), now)).all()
    running_hour = _micros(now) // HOUR
    hours = {(row.property, row.hour): row.visitors for row in answer if row.hour is not None}
    sums = {row.property: row for row in answer if row.hour is None}
    return {
        number: replace(
            each,
            live=sums[number].live if number in sums else 0,
            visitors_24h=sums[number].last_day if number in sums else 0,
            previous_24h=sums[number].day_before if number in sums else 0,
            sparkline=tuple(
                hours.get((number, hour), 0) for hour in range(running_hour - SPARKLINE_HOURS + 1, running_hour + 1)
            ),
        )
        for number, each in found.items()
    }


def _last_hours(numbers: Sequence[int], now: datetime) -> Select[Any]:
    at = event.c.created_at
    hits = (
        select(
            event.c.property,
            dialect.divided(dialect.micros(at), HOUR).label("hour"),
            event.c.visitor,
            case((at > now - timedelta(minutes=NOW_MIN), event.c.visitor)).label("live"),
            case((at > now - DAY, event.c.visitor)).label("last_day"),
            case((at <= now - DAY, event.c.visitor)).label("day_before"),
        )
        .where(event.c.property.in_(numbers), at > now - 2 * DAY, not_(event.c.is_bot))
        .subquery("hits")
    )
    return select(
        hits.c.property,
        hits.c.hour,
        *(func.count(hits.c[name].distinct()).label(name) for name in ("live", "last_day", "day_before")),
        func.count(hits.c.visitor.distinct()).label("visitors"),
    ).group_by(func.grouping_sets(tuple_(hits.c.property, hits.c.hour), tuple_(hits.c.property)))


def _aware(moment: datetime | None) -> datetime | None:
    """Engines name UTC in their own ways."""
    return moment.astimezone(UTC) if moment else None


def _micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

"""Overview of all properties: live visitors, the last 24 hours, and all-time counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, case, func, not_, select, tuple_

from proprium.metrics.catalog.expressions import HOUR_US
from proprium.metrics.live import DEFAULT_LIVE_MINUTES
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

SPARKLINE_HOURS = 24
ONE_DAY = timedelta(hours=24)
QUIET_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class PropertyOverview:
    """One row of the list of properties. `sparkline`: visitors per hour of the last 24, the running hour last."""

    live: int = 0  # visitors in the last 5 minutes
    visitors_24h: int = 0
    previous_24h: int = 0  # visitors of the 24 hours before that
    sparkline: tuple[int, ...] = (0,) * SPARKLINE_HOURS
    events: int = 0  # all-time, without bots, as are the next two
    page_views: int = 0
    sessions: int = 0
    first_event_at: datetime | None = None  # UTC
    last_event_at: datetime | None = None  # UTC; bots do not count

    def is_comparable(self, now: datetime) -> bool:
        """Returns False where the 24 hours before the last 24 began before the first event."""
        return self.first_event_at is not None and self.first_event_at <= now - 2 * ONE_DAY

    def is_quiet(self, now: datetime) -> bool:
        """Returns True without an event in the last 7 days."""
        return self.last_event_at is None or now - self.last_event_at > QUIET_AFTER


def overview(warehouse: Warehouse, property_numbers: Sequence[int], now: datetime) -> Mapping[int, PropertyOverview]:
    """Returns overviews by property number; a property without events has zeros."""
    if not property_numbers:
        return {}
    with warehouse.read() as connection:
        overviews = _all_time(connection, property_numbers)
        rows = connection.execute(_last_hours_statement(sorted(overviews), now)).all()
    running_hour = int(now.timestamp() // 3600)
    visitors_by_hour = {(row.property, row.hour): row.visitors for row in rows if row.hour is not None}
    row_by_property = {row.property: row for row in rows if row.hour is None}
    return {
        property_number: replace(
            property_overview,
            live=row_by_property[property_number].live if property_number in row_by_property else 0,
            visitors_24h=row_by_property[property_number].last_day if property_number in row_by_property else 0,
            previous_24h=row_by_property[property_number].day_before if property_number in row_by_property else 0,
            sparkline=tuple(
                visitors_by_hour.get((property_number, hour), 0)
                for hour in range(running_hour - SPARKLINE_HOURS + 1, running_hour + 1)
            ),
        )
        for property_number, property_overview in overviews.items()
    }


def _all_time(connection: Connection, property_numbers: Sequence[int]) -> dict[int, PropertyOverview]:
    statement = (
        select(
            event.c.property,
            func.count().label("events"),
            func.count().filter(event.c.is_view).label("page_views"),
            func.min(event.c.created_at).label("first"),
            func.max(event.c.created_at).label("last"),
        )
        .where(event.c.property.in_(property_numbers), not_(event.c.is_bot))
        .group_by(event.c.property)
    )
    session_statement = (
        select(session.c.property, func.count())
        .where(session.c.property.in_(property_numbers))
        .group_by(session.c.property)
    )
    session_counts = {property_number: count for property_number, count in connection.execute(session_statement)}  # noqa: C416
    overviews = {number: PropertyOverview(sessions=session_counts.get(number, 0)) for number in property_numbers}
    for row in connection.execute(statement):
        overviews[row.property] = replace(
            overviews[row.property],
            events=row.events,
            page_views=row.page_views,
            first_event_at=_to_utc(row.first),
            last_event_at=_to_utc(row.last),
        )
    return overviews


def _last_hours_statement(property_numbers: Sequence[int], now: datetime) -> Select[Any]:
    created_at = event.c.created_at
    hits = (
        select(
            event.c.property,
            dialect.integer_divide(dialect.epoch_us(created_at), HOUR_US).label("hour"),
            event.c.visitor,
            case((created_at > now - timedelta(minutes=DEFAULT_LIVE_MINUTES), event.c.visitor)).label("live"),
            case((created_at > now - ONE_DAY, event.c.visitor)).label("last_day"),
            case((created_at <= now - ONE_DAY, event.c.visitor)).label("day_before"),
        )
        .where(event.c.property.in_(property_numbers), created_at > now - 2 * ONE_DAY, not_(event.c.is_bot))
        .subquery("hits")
    )
    return select(
        hits.c.property,
        hits.c.hour,
        *(func.count(hits.c[name].distinct()).label(name) for name in ("live", "last_day", "day_before")),
        func.count(hits.c.visitor.distinct()).label("visitors"),
    ).group_by(func.grouping_sets(tuple_(hits.c.property, hits.c.hour), tuple_(hits.c.property)))


def _to_utc(moment: datetime | None) -> datetime | None:
    """Converts to datetime.UTC: database drivers return time zone objects of their own for it."""
    return moment.astimezone(UTC) if moment else None

"""Live visitors: distinct visitors within the online-now window."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, case, func, not_, select

from proprium.metrics.query.period import Period
from proprium.metrics.query.query import DEFAULT_LIMITS, Audience, Query
from proprium.metrics.results import LiveVisitors
from proprium.metrics.where import Condition, Selection
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

DEFAULT_LIVE_MINUTES = DEFAULT_LIMITS.live_window_min
"""The online-now window in minutes, unless the property sets another one."""
HALF_HOUR = timedelta(minutes=30)  # the second window, shown in the tooltip


def live_visitors(
    warehouse: Warehouse,
    property_number: int,
    now: datetime,
    minutes: int = DEFAULT_LIVE_MINUTES,
    query: Query | None = None,
) -> LiveVisitors:
    """Counts distinct visitors with any hit in the last `minutes`, and in the last 30, whatever the filters.

    Those of the whole property, or those that the principal of `query` may see.
    """
    with warehouse.read() as connection:
        return live_visitors_from(connection, property_number, now, minutes, query)


def live_visitors_from(
    connection: Connection,
    property_number: int,
    now: datetime,
    minutes: int = DEFAULT_LIVE_MINUTES,
    query: Query | None = None,
) -> LiveVisitors:
    """Counts live visitors on an open connection, from hits after `now` minus each window."""
    live_window = timedelta(minutes=minutes)
    live_visitor, half_hour_visitor = (
        case((event.c.created_at > now - window, event.c.visitor)) for window in (live_window, HALF_HOUR)
    )
    conditions = [
        event.c.property == property_number,
        event.c.created_at > now - max(live_window, HALF_HOUR),
        not_(event.c.is_bot),
    ]
    if query is not None and query.data_access.restriction:
        conditions.append(_visible_hits(query, now - max(live_window, HALF_HOUR), now))
    statement = select(func.count(live_visitor.distinct()), func.count(half_hour_visitor.distinct())).where(*conditions)
    live_count, half_hour_count = connection.execute(statement).one()
    return LiveVisitors(live_count, half_hour_count, minutes)


def _visible_hits(query: Query, start: datetime, now: datetime) -> Condition:
    """Matches the hits since `start` that the query's principal may see, without the query's own filters."""
    start, end = start.astimezone(query.timezone), (now + timedelta(days=1)).astimezone(query.timezone)
    recent = replace(query, filters=(), audience=Audience.HUMANS, period=Period("custom", start, end, ""))
    return Selection(recent).human_hits

"""Who is here right now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, case, func, not_, select

from proprium.metrics.results import Live
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

NOW_MIN = 5
"""Of METRICS.md, where a property has not decided."""
HALF_HOUR = timedelta(minutes=30)  # the seed's window


def live(warehouse: Warehouse, property_number: int, now: datetime, minutes: int = NOW_MIN) -> Live:
    """Distinct visitors with any hit in the last minutes, and in the last 30, whatever the filters are."""
    with warehouse.read() as connection:
        return live_of(connection, property_number, now, minutes)


def live_of(connection: Connection, property_number: int, now: datetime, minutes: int = NOW_MIN) -> Live:
    span = timedelta(minutes=minutes)
    lately, within = (case((event.c.created_at > now - long, event.c.visitor)) for long in (span, HALF_HOUR))
    question = select(func.count(lately.distinct()), func.count(within.distinct())).where(
        event.c.property == property_number,
        event.c.created_at > now - max(span, HALF_HOUR),
        not_(event.c.is_bot),
    )
    here, half_hour = connection.execute(question).one()
    return Live(here, half_hour, minutes)

"""Who is here right now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, case, func, not_, select

from proprium.metrics.results import Live
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.connect import Warehouse

NOW = timedelta(minutes=5)
HALF_HOUR = timedelta(minutes=30)  # the seed's window


def live(warehouse: Warehouse, property_number: int, now: datetime) -> Live:
    """Distinct visitors with any hit in the last 5 and 30 minutes, whatever the filters are."""
    with warehouse.read() as connection:
        return live_of(connection, property_number, now)


def live_of(connection: Connection, property_number: int, now: datetime) -> Live:
    recent = case((event.c.created_at > now - NOW, event.c.visitor))
    question = select(
        func.count(recent.distinct()),
        func.count(event.c.visitor.distinct()),
    ).where(event.c.property == property_number, event.c.created_at > now - HALF_HOUR, not_(event.c.is_bot))
    five_minutes, half_hour = connection.execute(question).one()
    return Live(five_minutes, half_hour)

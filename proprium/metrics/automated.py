"""How much automated browsers did that are not counted like people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from collector.bots import HEADLESS
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse


def automated_hits(warehouse: Warehouse, property_number: int, since: datetime) -> int:
    """Events since then that are kept apart for that reason alone: 0 where the property counts them."""
    statement = (
        select(func.count())
        .select_from(event)
        .where(
            event.c.property == property_number,
            event.c.created_at > since,
            event.c.bot_category == HEADLESS,
        )
    )
    with warehouse.read() as connection:
        return int(connection.scalar(statement) or 0)

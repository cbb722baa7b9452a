"""Automated browsers: the number of hits that count as bots only because the browser is automated (headless)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from collector.bots import HEADLESS
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse


def automated_hits(warehouse: Warehouse, property_number: int, since: datetime) -> int:
    """Counts events after `since` in the bot category HEADLESS; 0 where the property counts them as humans."""
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

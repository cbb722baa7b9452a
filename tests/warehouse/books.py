"""Counts and checksums of storage and warehouse, by property, day and event."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from proprium.storage.database import Database
from proprium.storage.tables import EventRow
from proprium.warehouse import schema
from proprium.warehouse.dialect import epoch_us
from proprium.warehouse.warehouse import Warehouse

DAY = 86_400_000_000
Books = dict[tuple[int, int, str], tuple[Any, ...]]


def storage_books(database: Database) -> Books:
    e: Any = EventRow.__table__.c  # type: ignore[attr-defined]
    visitor = func.sum(e.visitor % 1_000_003)
    with database.engine.connect() as connection:
        return _books(connection.execute(_question(e, e.created_at, visitor)))


def warehouse_books(warehouse: Warehouse) -> Books:
    e = schema.event.c
    visitor = func.sum(func.coalesce(e.own_visitor, e.visitor) % 1_000_003)
    with warehouse.read() as connection:
        return _books(connection.execute(_question(e, epoch_us(e.created_at), visitor)))


def _question(e: Any, at: Any, visitor: Any) -> Any:
    day = at // DAY
    sums = (func.sum(e.seq), func.sum(at % DAY), visitor, func.sum(func.length(e.page)), func.sum(e.scroll_depth))
    return select(e.property, day, e.event, func.count(), *sums).group_by(e.property, day, e.event)


def _books(rows: Any) -> Books:
    return {(row[0], int(row[1]), row[2]): tuple(value and int(value) for value in row[3:]) for row in rows}

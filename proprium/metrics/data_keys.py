"""Which keys of `data` were sent: what a filter on data.<key> can be about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from proprium.metrics.query import Query
from proprium.metrics.selection import chosen_hits
from proprium.warehouse import dialect
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.connect import Warehouse

MOST = 100


@dataclass(frozen=True)
class DataKey:
    key: str  # as it was sent, without "data."
    count: int  # hits that carried it


def data_keys(warehouse: Warehouse, query: Query, *, limit: int = MOST) -> tuple[DataKey, ...]:
    """Of the query's hits, most first; those that stand in a column of their own (url, title …) are left out."""
    sent = select(dialect.json_keys(event.c.data).label("key")).where(chosen_hits(query), event.c.data.is_not(None))
    keys = sent.subquery("sent")
    counted = func.count().label("count")
    question = select(keys.c.key, counted).group_by(keys.c.key).order_by(counted.desc(), keys.c.key).limit(limit)
    with warehouse.read() as connection:
        return tuple(DataKey(row.key, int(row[1])) for row in connection.execute(question))

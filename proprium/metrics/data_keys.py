"""Data keys: the custom keys of `data` that hits carried, to filter and break down by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from proprium.metrics.query.query import Query
from proprium.metrics.where import Selection
from proprium.storage.public_keys import can_be_public
from proprium.warehouse import dialect
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

DEFAULT_LIMIT = 100


@dataclass(frozen=True)
class DataKey:
    key: str  # as it was sent, without "data."
    count: int  # hits that carried it


def data_keys(warehouse: Warehouse, query: Query, *, limit: int = DEFAULT_LIMIT) -> tuple[DataKey, ...]:
    """Lists the keys of the query's hits that its principal may see, most frequent first.

    Keys that have a column of their own (url, title …) are not included.
    """
    public = query.data_access.keys
    if public is not None and not public:
        return ()
    keys_statement = select(dialect.json_keys(event.c.data).label("key")).where(
        Selection(query).hits, event.c.data.is_not(None)
    )
    keys = keys_statement.subquery("sent")
    count_column = func.count().label("count")
    statement = (
        select(keys.c.key, count_column).group_by(keys.c.key).order_by(count_column.desc(), keys.c.key).limit(limit)
    )
    if public is not None:
        statement = statement.where(keys.c.key.in_([key for key in public if can_be_public(key)]))
    with warehouse.read() as connection:
        return tuple(DataKey(row.key, int(row[1])) for row in connection.execute(statement))

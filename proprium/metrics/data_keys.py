"""Which keys of `data` were sent: what a filter on data.<key> can be about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from proprium.metrics.query.query import Query
from proprium.metrics.where import chosen_hits
from proprium.storage.public_keys import can_be_public
from proprium.warehouse import dialect
from proprium.warehouse.schema import event

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

MOST = 100


@dataclass(frozen=True)
class DataKey:
    key: str  # as it was sent, without "data."
    count: int  # hits that carried it


def data_keys(warehouse: Warehouse, query: Query, *, limit: int = MOST) -> tuple[DataKey, ...]:
    """Lists the keys of the query's hits that its principal may see, most first.

    Those that stand in a column of their own (url, title …) are left out.
    """
    public = query.data_access.keys
    if public is not None and not public:
        return ()
    sent = select(dialect.json_keys(event.c.data).label("key")).where(chosen_hits(query), event.c.data.is_not(None))
    keys = sent.subquery("sent")
    counted = func.count().label("count")
    question = select(keys.c.key, counted).group_by(keys.c.key).order_by(counted.desc(), keys.c.key).limit(limit)
    if public is not None:
        question = question.where(keys.c.key.in_([key for key in public if can_be_public(key)]))
    with warehouse.read() as connection:
        return tuple(DataKey(row.key, int(row[1])) for row in connection.execute(question))

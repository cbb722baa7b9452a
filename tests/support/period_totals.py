"""The numbers of a query's cards, without the rest of a dashboard."""

from __future__ import annotations

from proprium.metrics.aggregate import WHOLE_PERIOD
from proprium.metrics.query.query import Query
from proprium.metrics.results import Totals
from proprium.metrics.totals import query_totals
from proprium.warehouse.warehouse import Warehouse


def period_totals(warehouse: Warehouse, query: Query) -> Totals:
    """Returns the totals of the whole period."""
    with warehouse.read() as connection:
        return query_totals(connection, query)[WHOLE_PERIOD]

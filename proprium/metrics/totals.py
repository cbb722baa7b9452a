"""Totals of one period: the values of the metric cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proprium.metrics.query.query import Query
from proprium.metrics.results import Totals
from proprium.metrics.totals_query import WHOLE_PERIOD, query_totals

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse


def totals(warehouse: Warehouse, query: Query) -> Totals:
    """Returns the totals of the query's period; for the comparison, pass query.comparison_query()."""
    with warehouse.read() as connection:
        return query_totals(connection, query)[WHOLE_PERIOD]

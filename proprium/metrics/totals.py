"""The cards of one period."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proprium.metrics.measures import WHOLE, measure
from proprium.metrics.query import Query
from proprium.metrics.results import Totals

if TYPE_CHECKING:
    from proprium.warehouse.connect import Warehouse


def totals(warehouse: Warehouse, query: Query) -> Totals:
    """The numbers of the query's own period; those to compare with are totals(warehouse, query.before())."""
    with warehouse.read() as connection:
        return measure(connection, query)[WHOLE]

"""Filter impact: how many visitors a query would have without all of its filters, and without each one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from proprium.metrics.aggregate import WHOLE_PERIOD, aggregate
from proprium.metrics.catalog.metrics import Metric, facts_of
from proprium.metrics.query.filters import Filter
from proprium.metrics.query.query import Query
from proprium.metrics.totals import metric_values

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

MAX_TESTED_FILTERS = 8
"""Filters that are left out one at a time, each with a query of its own."""


@dataclass(frozen=True)
class FilterImpact:
    unfiltered: int  # visitors of the period without any filter
    without: Mapping[Filter, int]  # visitors without this filter, where there are any

    @property
    def strictest(self) -> Filter | None:
        """The filter that hides the most visitors; None if no visitor appears without any single one."""
        return max(self.without, key=lambda filter_: self.without[filter_], default=None)


def filter_impact(warehouse: Warehouse, query: Query) -> FilterImpact:
    """Counts the visitors that filters hide. Blocks: not for the event loop."""
    with warehouse.read() as connection:
        unfiltered = _count_visitors(connection, query.with_filters())
        without: dict[Filter, int] = {}
        for filter_ in query.filters[:MAX_TESTED_FILTERS] if unfiltered else ():
            others = [other for other in query.filters if other != filter_]
            if count := _count_visitors(connection, query.with_filters(*others)) if others else unfiltered:
                without[filter_] = count
    return FilterImpact(unfiltered, without)


def _count_visitors(connection: Connection, query: Query) -> int:
    counts = aggregate(connection, query.normalised, facts_of((Metric.VISITORS,)))[WHOLE_PERIOD]
    return int(metric_values(query, counts, (Metric.VISITORS,))[Metric.VISITORS] or 0)

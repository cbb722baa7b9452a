"""Tables as a person reads them: places by their names, found and sorted by these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from proprium.figures.names import NameOf
from proprium.metrics.breakdown_query import MOST_ROWS, table
from proprium.metrics.query.query import Query
from proprium.metrics.results import Dimension, Metric, Table
from proprium.warehouse.warehouse import Warehouse

LABELLED = frozenset({Dimension.COUNTRY, Dimension.REGION, Dimension.WEEKDAY, Dimension.HOUR, Dimension.WEEKDAY_HOUR})
"""The warehouse knows their codes; a person searches for names. There are a few hundred at most."""
PLACES = frozenset({Dimension.COUNTRY, Dimension.REGION})


class Listing:
    def __init__(self, warehouse: Warehouse, name: NameOf) -> None:
        self._warehouse, self._name = warehouse, name

    def read(
        self,
        query: Query,
        dimension: str,
        *,
        metrics: Sequence[Metric],
        sort: Metric | None = None,
        ascending: bool = False,
        search: str = "",
        limit: int,
        offset: int = 0,
    ) -> Table:
        """As metrics.table; the search is in what is shown. Not on the event loop."""
        if dimension not in LABELLED:
            return table(
                self._warehouse,
                query,
                dimension,
                metrics=metrics,
                sort=sort,
                ascending=ascending,
                search=search,
                limit=limit,
                offset=offset,
            )
        every = table(
            self._warehouse, query, dimension, metrics=metrics, sort=sort, ascending=ascending, limit=MOST_ROWS
        )
        is_place = dimension in PLACES
        called = (
            replace(row, label=self._name(dimension, row.value)) if row.value and is_place else row
            for row in every.rows
        )
        fitting = tuple(row for row in called if search.casefold() in row.label.casefold())
        return replace(every, rows=fitting[offset : offset + limit], distinct=len(fitting))

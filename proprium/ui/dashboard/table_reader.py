"""Breakdown tables with labels: country and region names instead of codes, searched by label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from proprium.figures.names import NameLookup
from proprium.metrics.breakdown_query import MAX_ROWS, breakdown_table
from proprium.metrics.catalog.dimensions import Codes
from proprium.metrics.query.query import Query
from proprium.metrics.results import BreakdownTable, Dimension, Metric
from proprium.ui.dashboard.table_columns import CLOCK_DIMENSIONS
from proprium.warehouse.warehouse import Warehouse

PLACE_DIMENSIONS = frozenset(dimension for dimension in Dimension if dimension.spec.codes is Codes.PLACE)
LABELLED_DIMENSIONS = PLACE_DIMENSIONS | CLOCK_DIMENSIONS
"""The warehouse has only their codes, users search for labels. A few hundred values at most."""


class TableReader:
    def __init__(self, warehouse: Warehouse, name_of: NameLookup) -> None:
        self._warehouse, self._name_of = warehouse, name_of

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
    ) -> BreakdownTable:
        """Reads a table as `breakdown_table` does, but searches in labels. Blocks: not for the event loop."""
        if dimension not in LABELLED_DIMENSIONS:
            return breakdown_table(
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
        full_table = breakdown_table(
            self._warehouse, query, dimension, metrics=metrics, sort=sort, ascending=ascending, limit=MAX_ROWS
        )
        is_place = dimension in PLACE_DIMENSIONS
        labelled_rows = (
            replace(row, label=self._name_of(dimension, row.value)) if row.value and is_place else row
            for row in full_table.rows
        )
        matching_rows = tuple(row for row in labelled_rows if search.casefold() in row.label.casefold())
        return replace(full_table, rows=matching_rows[offset : offset + limit], distinct=len(matching_rows))

"""Breakdown tables with labels: country and region names instead of codes, searched by label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from proprium.figures.names import NameLookup
from proprium.metrics.breakdown_query import MAX_ROWS, breakdown_table, default_metric
from proprium.metrics.catalog.dimension_spec import Codes
from proprium.metrics.query.query import Query
from proprium.metrics.results import BreakdownTable, BreakdownTableRow, Dimension, Metric
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
        values = None
        if search and dimension in LABELLED_DIMENSIONS:
            values, search = self._values_named(query, dimension, search), ""
        table = breakdown_table(
            self._warehouse,
            query,
            dimension,
            metrics=metrics,
            sort=sort,
            ascending=ascending,
            search=search,
            values=values,
            limit=limit,
            offset=offset,
        )
        return replace(table, rows=tuple(self._with_name(row, dimension) for row in table.rows))

    def _values_named(self, query: Query, dimension: str, search: str) -> tuple[str | None, ...]:
        """Returns the values whose names contain the text."""
        every_row = breakdown_table(
            self._warehouse, query, dimension, metrics=(default_metric(dimension),), limit=MAX_ROWS
        ).rows
        names = ((row.value, self._with_name(row, dimension).label) for row in every_row)
        return tuple(value for value, name in names if search.casefold() in name.casefold())

    def _with_name(self, row: BreakdownTableRow, dimension: str) -> BreakdownTableRow:
        is_code = dimension in PLACE_DIMENSIONS and row.value
        return replace(row, label=self._name_of(dimension, row.value or "")) if is_code else row

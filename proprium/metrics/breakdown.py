"""Breakdown of one dimension by its default metric, as tiles show it: highest count first, with shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proprium.metrics.breakdown_query import MAX_LIMIT, breakdown_table, default_metric, dimension_from
from proprium.metrics.catalog.dimension_spec import TOP_ROWS, DimensionSpec
from proprium.metrics.catalog.dimensions import spec_of
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, BreakdownRow, Dimension

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

__all__ = ["MAX_LIMIT", "breakdown", "breakdown_of", "dimension_from"]


def breakdown(
    warehouse: Warehouse,
    query: Query,
    dimension: Dimension | str,
    *,
    limit: int = TOP_ROWS,
    offset: int = 0,
    search: str = "",
) -> Breakdown:
    """Returns one dimension's values with counts and shares. `search` narrows the rows, not the total of the shares.

    Raises BadQuery for a dimension that does not exist.
    """
    dimension_ = dimension_from(dimension)
    metric = default_metric(dimension_)
    result = breakdown_table(warehouse, query, dimension_, metrics=(metric,), search=search, limit=limit, offset=offset)
    counts = [(row.value, int(row.numbers[metric] or 0)) for row in result.rows]
    return breakdown_of(spec_of(dimension_), counts, result.total, result.distinct, query)


def breakdown_of(
    spec: DimensionSpec, counts: Sequence[tuple[str | None, int]], total: int, distinct: int, query: Query
) -> Breakdown:
    """Builds a Breakdown of counted values: adds labels, and shares of `total`."""
    rows = tuple(
        BreakdownRow(value, spec.label(value), count, 100 * count / total if total else 0.0) for value, count in counts
    )
    return Breakdown(spec.key, rows, total, distinct, query.daily_visitors)

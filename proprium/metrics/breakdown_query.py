"""Breakdown tables: a dimension's values with any metrics, searched, sorted by any metric, and paginated.

A row has the same numbers as the cards under a filter on its value.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from proprium.errors import BadQuery
from proprium.metrics.aggregate import DimensionRows, aggregate, dimension_total, matching_total
from proprium.metrics.catalog.dimensions import DATA_PREFIX, Dimension, spec_of
from proprium.metrics.catalog.metrics import Metric, facts_of
from proprium.metrics.labels import label_of
from proprium.metrics.query.filters import UNSUPPORTED_DATA_KEYS, is_filterable
from proprium.metrics.query.query import Query
from proprium.metrics.results import BreakdownTable, BreakdownTableRow
from proprium.metrics.totals import metric_values

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

MAX_LIMIT = 1000
"""Rows per page that an API client may request."""
MAX_ROWS = 10_000
"""Rows of one result. An export reads all its rows at once, so that they are from one snapshot."""


def breakdown_table(
    warehouse: Warehouse,
    query: Query,
    dimension: Dimension | str,
    *,
    metrics: Sequence[Metric] = (),
    sort: Metric | None = None,
    ascending: bool = False,
    search: str = "",
    values: Collection[str | None] | None = None,
    limit: int = 100,
    offset: int = 0,
) -> BreakdownTable:
    """Returns one page of a dimension's values with metrics, sorted by `sort`.

    Lists values whose default metric is above 0. Rows without a number come last, ties are by value. `metrics` defaults
    to all, `sort` to the default metric. `values` narrows the rows as a search does: where users search for names that
    the warehouse does not have. Raises BadQuery for a dimension that does not exist, and DataKeyNotPublic for
    a data key that the query's principal may not see.
    """
    key = dimension_from(dimension)
    query.data_access.require(key)
    columns, sort = tuple(metrics) or tuple(Metric), sort or default_metric(key)
    spec, facts = spec_of(key), facts_of((*columns, sort, default_metric(key)))
    searched_values = None if values is None else tuple(values)
    page_limit, page_offset = max(1, min(limit, MAX_ROWS)), max(0, offset)
    page = DimensionRows(spec, sort, ascending, search.strip(), searched_values, page_limit, page_offset)
    is_selective = page.search or values is not None or spec.hides_unset or spec.condition is not None
    with warehouse.read() as connection:
        counts_by_value = aggregate(connection, query, facts, page)
        first_rows = counts_by_value
        if not counts_by_value and offset:  # past the last row: the number of values is still needed
            first_rows = aggregate(connection, query, facts, replace(page, limit=1, offset=0))
        total = dimension_total(connection, query, spec)
        matching = matching_total(connection, query, page) if is_selective else total
    distinct = next(iter(first_rows.values()), {"distinct_values": 0})["distinct_values"]
    rows = tuple(
        BreakdownTableRow(value, label_of(key, value), metric_values(query, counts, columns))
        for value, counts in counts_by_value.items()
    )
    return BreakdownTable(str(key), columns, sort, rows, total, matching, distinct, query.daily_visitors)


def dimension_from(name: str) -> str:
    """Validates a dimension's name: a Dimension or data.<key>. Raises BadQuery with the valid names."""
    is_data = name.startswith(DATA_PREFIX)
    advice = UNSUPPORTED_DATA_KEYS.get(name.removeprefix(DATA_PREFIX)) if is_data else None
    if advice is not None:
        raise BadQuery(f"{name} cannot be broken down by. {advice}")
    if is_data and is_filterable(name):
        return name
    try:
        return Dimension(name)
    except ValueError:
        dimension_names = ", ".join(Dimension)
        raise BadQuery(
            f"There is no dimension {name[:60]!r}. Choose one of {dimension_names}, or data.<key>."
        ) from None


def default_metric(dimension: str) -> Metric:
    """Returns the metric that a dimension is ranked by; values without it are not listed."""
    return spec_of(dimension).default_metric

"""Breakdown of one dimension by its default metric, as tiles show it: highest count first, with shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proprium.metrics.breakdown_query import BOT_DIMENSIONS, MAX_LIMIT, breakdown_table, default_metric, dimension_from
from proprium.metrics.labels import label_of
from proprium.metrics.query.filters import DATA_PREFIX
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, BreakdownRow, Dimension, Metric

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "breakdown", "breakdown_of", "dimension_from", "unit_of"]

DEFAULT_LIMIT = 10

VISITORS, SESSIONS, PAGE_VIEWS, EVENTS, HITS = "visitors", "sessions", "page views", "events", "hits"
UNIT_BY_METRIC = {
    Metric.VISITORS: VISITORS,
    Metric.PAGE_VIEWS: PAGE_VIEWS,
    Metric.EVENTS: EVENTS,
    Metric.SESSIONS: SESSIONS,
}


def breakdown(
    warehouse: Warehouse,
    query: Query,
    dimension: Dimension | str,
    *,
    limit: int = DEFAULT_LIMIT,
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
    return breakdown_of(dimension_, unit_of(dimension_), counts, result.total, result.distinct)


def unit_of(dimension: str) -> str:
    """Returns the plural unit of a dimension's default metric."""
    if dimension in BOT_DIMENSIONS:
        return HITS
    return EVENTS if dimension.startswith(DATA_PREFIX) else UNIT_BY_METRIC[default_metric(dimension)]


def breakdown_of(
    dimension: str, unit: str, counts: Sequence[tuple[str | None, int]], total: int, distinct: int
) -> Breakdown:
    """Builds a Breakdown of counted values: adds labels, and shares of `total`."""
    rows = tuple(
        BreakdownRow(value, label_of(dimension, value), count, 100 * count / total if total else 0.0)
        for value, count in counts
    )
    return Breakdown(str(dimension), unit, rows, total, distinct)

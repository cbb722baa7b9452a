"""Tiles: the values of one dimension by the one count that the tile shows, most first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proprium.metrics.breakdown_query import MAX_LIMIT, OF_BOTS, dimension_from, own_count, table
from proprium.metrics.labels import label_of
from proprium.metrics.query.filters import DATA_PREFIX
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, Dimension, Metric, Row

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

__all__ = ["LIMIT", "MAX_LIMIT", "breakdown", "breakdown_of", "dimension_from", "unit_of"]

LIMIT = 10

VISITORS, SESSIONS, PAGE_VIEWS, EVENTS, HITS = "visitors", "sessions", "page views", "events", "hits"
UNITS = {Metric.VISITORS: VISITORS, Metric.PAGE_VIEWS: PAGE_VIEWS, Metric.EVENTS: EVENTS, Metric.SESSIONS: SESSIONS}


def breakdown(
    warehouse: Warehouse,
    query: Query,
    dimension: Dimension | str,
    *,
    limit: int = LIMIT,
    offset: int = 0,
    search: str = "",
) -> Breakdown:
    """Values with their counts. `search` narrows the rows, not the total that shares are of.

    Raises BadQuery for a dimension that does not exist.
    """
    wanted = dimension_from(dimension)
    metric = own_count(wanted)
    found = table(warehouse, query, wanted, metrics=(metric,), search=search, limit=limit, offset=offset)
    counted = [(row.value, int(row.numbers[metric] or 0)) for row in found.rows]
    return breakdown_of(wanted, unit_of(wanted), counted, found.total, found.distinct)


def unit_of(dimension: str) -> str:
    """What a tile counts."""
    if dimension in OF_BOTS:
        return HITS
    return EVENTS if dimension.startswith(DATA_PREFIX) else UNITS[own_count(dimension)]


def breakdown_of(
    dimension: str, unit: str, counted: Sequence[tuple[str | None, int]], total: int, distinct: int
) -> Breakdown:
    """The rows with labels and shares."""
    rows = tuple(
        Row(value, label_of(dimension, value), count, 100 * count / total if total else 0.0) for value, count in counted
    )
    return Breakdown(str(dimension), unit, rows, total, distinct)

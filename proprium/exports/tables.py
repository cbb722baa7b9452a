"""One dimension as a table of any metrics: searched, sorted, page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from proprium.errors import BadQuery
from proprium.metrics.breakdown import VISITORS, breakdown, dimension_from, unit_of
from proprium.metrics.query import Query
from proprium.metrics.results import Breakdown, Metric
from proprium.warehouse.connect import Warehouse

# Until the metrics have a table of their own this is it, over the breakdown that counts one thing; the rest of the
# program knows `table`, `Table` and `TableRow` only.
_COUNTED = {"page views": Metric.PAGE_VIEWS, "events": Metric.EVENTS, "hits": Metric.EVENTS, VISITORS: Metric.VISITORS}


@dataclass(frozen=True)
class TableRow:
    value: str | None  # what a filter takes; None: not set
    label: str
    numbers: Mapping[Metric, float | None]


@dataclass(frozen=True)
class Table:
    dimension: str
    metrics: tuple[Metric, ...]
    rows: tuple[TableRow, ...]
    distinct: int  # how many rows there are in all
    total: Mapping[Metric, float | None]  # what shares are of


def table(
    warehouse: Warehouse,
    query: Query,
    dimension: str,
    *,
    metrics: Sequence[Metric] = (),
    sort: Metric | None = None,
    ascending: bool = False,
    search: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Table:
    """Raises BadQuery for a dimension that does not exist and for a metric that it does not have."""
    wanted = dimension_from(dimension)
    metric = _metric(wanted, metrics, sort)
    counts_sessions = metric is Metric.SESSIONS

    def read(limit: int, offset: int) -> Breakdown:
        return breakdown(
            warehouse, query, wanted, limit=limit, offset=offset, search=search, count_sessions=counts_sessions
        )

    found = read(1, 0) if ascending else read(limit, offset)
    if ascending:
        found = _last(read, found, limit, offset)
    rows = tuple(TableRow(row.value, row.label, {metric: row.count}) for row in found.rows)
    return Table(wanted, (metric,), rows, found.distinct, {metric: found.total})


def _last(read: Callable[[int, int], Breakdown], found: Breakdown, limit: int, offset: int) -> Breakdown:
    """The rows from the end of the list, the last one first."""
    end = found.distinct - offset
    start = max(0, end - limit)
    last = read(max(1, end - start), start)
    rows = tuple(reversed(last.rows)) if end > 0 else ()
    return Breakdown(last.dimension, last.unit, rows, last.total, last.distinct)


def _metric(dimension: str, metrics: Sequence[Metric], sort: Metric | None) -> Metric:
    own = _COUNTED[unit_of(dimension)]
    known = (own, Metric.SESSIONS) if own is Metric.VISITORS else (own,)
    asked = tuple(dict.fromkeys((*metrics, *([sort] if sort else []))))
    if unknown := [metric for metric in asked if metric not in known]:
        raise BadQuery(f"The breakdown by {dimension} does not have {unknown[0]}. Choose one of {', '.join(known)}.")
    if len(asked) > 1:
        raise BadQuery(f"Ask for one metric of {dimension} at a time, {' or '.join(asked)}, and sort by it.")
    return asked[0] if asked else own

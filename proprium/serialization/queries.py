"""Runs the queries of the API and of data exports on the warehouse.

Each runs in the calling thread; results carry their cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter

from sqlalchemy import func, select

from proprium.figures.names import NAMED_DIMENSIONS, NameLookup, with_label
from proprium.metrics.aggregate import WHOLE_PERIOD
from proprium.metrics.breakdown_query import MAX_ROWS, breakdown_table, default_metric, dimension_from
from proprium.metrics.cached_reader import first_event_at
from proprium.metrics.comparison import compared_line_query, is_comparable
from proprium.metrics.query import url
from proprium.metrics.query.buckets import calendar_buckets
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.query.url import Params, PropertyFacts, query_from
from proprium.metrics.results import BreakdownTable, Metric, Series, Totals
from proprium.metrics.totals import query_totals, timelines_of
from proprium.metrics.where import Selection
from proprium.storage.tables import Property
from proprium.warehouse.schema import event
from proprium.warehouse.warehouse import Warehouse

TABLE_BATCH_SIZE = 1_000
"""Rows read per query when a table is read as a whole."""


@dataclass(frozen=True)
class Cost:
    """Cost of a result: events read, including bots, and seconds of wall-clock time."""

    rows_read: int
    computed_s: float


@dataclass(frozen=True)
class MeasuredTotals:
    query: Query
    totals: Totals
    previous: Totals | None
    cost: Cost
    is_comparable: bool = True  # False: the compared period begins before the property's first event


@dataclass(frozen=True)
class MeasuredTimeline:
    query: Query
    series: Mapping[str, Series]  # by metric key; in a report also by custom event
    previous: Mapping[str, Series] | None
    cost: Cost


@dataclass(frozen=True)
class MeasuredTable:
    query: Query
    table: BreakdownTable
    cost: Cost


@dataclass(frozen=True)
class Slice:
    """Metrics, sorting, search and paging of a breakdown table. No metrics: only the dimension's default metric."""

    metrics: tuple[Metric, ...] = ()
    sort: Metric | None = None
    is_ascending: bool = False
    search: str = ""
    limit: int = 100
    offset: int = 0


def facts_of(warehouse: Warehouse, property_: Property, data_access: DataAccess) -> PropertyFacts:
    """Returns the property's facts that a query needs; reads the first event's time, where "all time" begins."""
    assert property_.number is not None
    return url.facts_of(property_, first_event_at(warehouse, property_.number), data_access)


def query_of(
    warehouse: Warehouse, property_: Property, params: Params, now: datetime, data_access: DataAccess
) -> Query:
    """Builds a Query from parameters.

    Raises BadQuery for invalid values, DataKeyNotPublic for filters on data that `data_access` does not allow.
    """
    return query_from(params, facts_of(warehouse, property_, data_access), now)


def totals(warehouse: Warehouse, query: Query) -> MeasuredTotals:
    """Reads the totals of the period and of the compared period."""
    started_s, comparison_query = perf_counter(), query.comparison_query()
    has_earlier_data = is_comparable(query, first_event_at(warehouse, query.property_number))
    with warehouse.read() as connection:
        period_totals = query_totals(connection, query)[WHOLE_PERIOD]
        comparison_totals = query_totals(connection, comparison_query)[WHOLE_PERIOD] if comparison_query else None
    cost = Cost(period_totals.rows_read, perf_counter() - started_s)
    return MeasuredTotals(query, period_totals, comparison_totals, cost, has_earlier_data)


def timeline(warehouse: Warehouse, query: Query) -> MeasuredTimeline:
    """Reads the series of every metric, for the period and, in whole buckets, for the compared period."""
    started_s, comparison_query = perf_counter(), compared_line_query(query)
    with warehouse.read() as connection:
        buckets = calendar_buckets(query.period, query.interval, query.now)
        totals_by_bucket = query_totals(connection, query, buckets)
        comparison_series = None
        if comparison_query:
            period = comparison_query.period
            comparison_buckets = calendar_buckets(period, comparison_query.interval, comparison_query.now)
            comparison_totals = query_totals(connection, comparison_query, comparison_buckets)
            comparison_series = _by_name(
                timelines_of(comparison_query, comparison_buckets, comparison_totals).by_metric
            )
    cost = Cost(totals_by_bucket[WHOLE_PERIOD].rows_read, perf_counter() - started_s)
    return MeasuredTimeline(
        query, _by_name(timelines_of(query, buckets, totals_by_bucket).by_metric), comparison_series, cost
    )


def breakdown(
    warehouse: Warehouse, query: Query, dimension: str, slice_: Slice, lookup_name: NameLookup
) -> MeasuredTable:
    """Reads a breakdown with labels. Places are searched by their names, all others in the warehouse."""
    started_s = perf_counter()
    values = None
    if slice_.search and dimension in NAMED_DIMENSIONS:  # the warehouse has codes only
        every_row = _with_labels(_read_table(warehouse, query, dimension, Slice(limit=MAX_ROWS)), lookup_name).rows
        search_text = slice_.search.casefold()
        values = tuple(row.value for row in every_row if search_text in row.label.casefold())
        slice_ = replace(slice_, search="")
    result_table = _with_labels(_read_table(warehouse, query, dimension, slice_, values), lookup_name)
    selection = Selection(query)
    condition = selection.bot_hits if query.audience is Audience.BOTS else selection.all_hits
    with warehouse.read() as connection:
        hit_count = int(connection.scalar(select(func.count()).select_from(event).where(condition)) or 0)
    return MeasuredTable(query, result_table, Cost(hit_count, perf_counter() - started_s))


def _by_name(series: Mapping[Metric, Series]) -> dict[str, Series]:
    return {metric.value: metric_series for metric, metric_series in series.items()}


def _read_table(
    warehouse: Warehouse, query: Query, dimension: str, slice_: Slice, values: tuple[str | None, ...] | None = None
) -> BreakdownTable:
    """Reads rows from the warehouse; always includes the dimension's default metric, on which shares are based.

    `values` narrows the rows to those; None: all.
    """
    share_metric = default_metric(dimension_from(dimension))
    return breakdown_table(
        warehouse,
        query,
        dimension,
        metrics=tuple(dict.fromkeys((share_metric, *slice_.metrics))),
        sort=slice_.sort,
        ascending=slice_.is_ascending,
        search=slice_.search,
        values=values,
        limit=slice_.limit,
        offset=slice_.offset,
    )


def _with_labels(table: BreakdownTable, lookup_name: NameLookup) -> BreakdownTable:
    return replace(table, rows=tuple(with_label(row, table.dimension, lookup_name) for row in table.rows))


def metrics_or_all(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """Returns the requested metrics, or all if none were requested."""
    return tuple(metrics) or tuple(Metric)

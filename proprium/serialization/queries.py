"""The questions that other programs ask: each with a Query, answered from the warehouse in the asking thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter

from sqlalchemy import Connection, func, select

from proprium.figures.names import NAMED, NameOf, called
from proprium.metrics import where
from proprium.metrics.breakdown_query import dimension_from, own_count, table
from proprium.metrics.overview import first_event_at
from proprium.metrics.query import url
from proprium.metrics.query.buckets import buckets
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.query.url import Params, PropertyFacts, query_from
from proprium.metrics.results import Metric, Series, Table, Totals, rows_read
from proprium.metrics.timeline import series_of
from proprium.metrics.totals_query import WHOLE, measure
from proprium.storage.tables import Property
from proprium.warehouse.schema import event
from proprium.warehouse.warehouse import Warehouse

AT_ONCE = 1_000
"""Rows of one question."""


@dataclass(frozen=True)
class Cost:
    """What an answer took: the events that were looked at, bots included, and seconds of wall clock."""

    rows_read: int
    computed_s: float


@dataclass(frozen=True)
class MeasuredTotals:
    query: Query
    totals: Totals
    previous: Totals | None
    cost: Cost


@dataclass(frozen=True)
class MeasuredTimeline:
    query: Query
    series: Mapping[str, Series]  # by the metric's name; a report has custom events beside them
    previous: Mapping[str, Series] | None
    cost: Cost


@dataclass(frozen=True)
class MeasuredTable:
    query: Query
    table: Table
    cost: Cost


@dataclass(frozen=True)
class Slice:
    """Which rows of a table, and what of them. No metrics: the one that the dimension is counted in."""

    metrics: tuple[Metric, ...] = ()
    sort: Metric | None = None
    ascending: bool = False
    search: str = ""
    limit: int = 100
    offset: int = 0


def facts_of(warehouse: Warehouse, property_: Property, data_access: DataAccess) -> PropertyFacts:
    """What a query needs to know; asks where "all time" begins."""
    assert property_.number is not None
    return url.facts_of(property_, first_event_at(warehouse, property_.number), data_access)


def query_of(
    warehouse: Warehouse, property_: Property, params: Params, now: datetime, data_access: DataAccess
) -> Query:
    """Raises BadQuery for a value that makes no sense, DataKeyNotPublic for a filter out of reach."""
    return query_from(params, facts_of(warehouse, property_, data_access), now)


def totals(warehouse: Warehouse, query: Query) -> MeasuredTotals:
    began, before = perf_counter(), query.before()
    with warehouse.read() as connection:
        found = measure(connection, query)[WHOLE]
        earlier = measure(connection, before)[WHOLE] if before else None
    return MeasuredTotals(query, found, earlier, Cost(rows_read(query, found), perf_counter() - began))


def timeline(warehouse: Warehouse, query: Query) -> MeasuredTimeline:
    """Every metric's series."""
    began, before = perf_counter(), query.before()
    with warehouse.read() as connection:
        spans = buckets(query.period, query.interval, query.now)
        measured = measure(connection, query, spans)
        earlier = _series(connection, before) if before else None
    cost = Cost(rows_read(query, measured[WHOLE]), perf_counter() - began)
    return MeasuredTimeline(query, _by_name(series_of(query, spans, measured)), earlier, cost)


def breakdown(warehouse: Warehouse, query: Query, dimension: str, wanted: Slice, name: NameOf) -> MeasuredTable:
    """Places have names, and are found by them."""
    began = perf_counter()
    if wanted.search and dimension in NAMED:
        found = _searched_by_name(warehouse, query, dimension, wanted, name)
    else:
        found = _named(_table(warehouse, query, dimension, wanted), name)
    with warehouse.read() as connection:
        hits = _count_hits(connection, query)
    return MeasuredTable(query, found, Cost(hits, perf_counter() - began))


def _series(connection: Connection, query: Query) -> Mapping[str, Series]:
    spans = buckets(query.period, query.interval, query.now)
    return _by_name(series_of(query, spans, measure(connection, query, spans)))


def _by_name(series: Mapping[Metric, Series]) -> dict[str, Series]:
    return {metric.value: each for metric, each in series.items()}


def _count_hits(connection: Connection, query: Query) -> int:
    is_for = where.bot_hits(query) if query.audience is Audience.BOTS else where.all_hits(query)
    return int(connection.scalar(select(func.count()).select_from(event).where(is_for)) or 0)


def _table(warehouse: Warehouse, query: Query, dimension: str, wanted: Slice) -> Table:
    """The dimension's own count is always there: shares are of it."""
    own = own_count(dimension_from(dimension))
    return table(
        warehouse,
        query,
        dimension,
        metrics=tuple(dict.fromkeys((own, *wanted.metrics))),
        sort=wanted.sort,
        ascending=wanted.ascending,
        search=wanted.search,
        limit=wanted.limit,
        offset=wanted.offset,
    )


def _searched_by_name(warehouse: Warehouse, query: Query, dimension: str, wanted: Slice, name: NameOf) -> Table:
    every = list(_whole(warehouse, query, dimension, replace(wanted, search=""), name))
    sought = wanted.search.casefold()
    fitting = [row for one in every for row in one.rows if sought in row.label.casefold()]
    rows = tuple(fitting[wanted.offset : wanted.offset + wanted.limit])
    return replace(every[0], rows=rows, distinct=len(fitting))


def _whole(warehouse: Warehouse, query: Query, dimension: str, wanted: Slice, name: NameOf) -> Iterator[Table]:
    """All rows, some at a time."""
    offset, distinct = 0, 1
    while offset < distinct:
        found = _table(warehouse, query, dimension, replace(wanted, limit=AT_ONCE, offset=offset))
        yield _named(found, name)
        offset, distinct = offset + AT_ONCE, found.distinct


def _named(found: Table, name: NameOf) -> Table:
    return replace(found, rows=tuple(called(row, found.dimension, name) for row in found.rows))


def chosen(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """All of them where nobody chose."""
    return tuple(metrics) or tuple(Metric)

"""Top lists: the first rows of all dashboard tiles, in two statements.

One pass over the sessions by GROUPING SETS, and one UNION ALL over the hits. Each list equals `breakdown` of its
dimension; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Subquery,
    and_,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from proprium.metrics.aggregate import dimension_total, query_for_dimension
from proprium.metrics.breakdown import breakdown_of
from proprium.metrics.catalog.dimension_spec import TOP_ROWS, Scope
from proprium.metrics.catalog.dimensions import REPORT_DIMENSIONS, Dimension
from proprium.metrics.catalog.metrics import Metric
from proprium.metrics.query.query import MAX_CACHED_STATEMENTS, Audience, Query
from proprium.metrics.results import Breakdown, Totals
from proprium.metrics.where import Selection, column_of
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session


def top_lists(
    connection: Connection, query: Query, totals: Totals, dimensions: Collection[Dimension] = REPORT_DIMENSIONS
) -> Mapping[Dimension, Breakdown]:
    """Returns the first `top_rows` of each dimension. `totals`: of the same query, which the shares are of.

    Where a country is open, regions and cities are of that country.
    """
    query = query.normalised
    by_session = [dimension for dimension in dimensions if dimension.spec.scope is Scope.SESSION]
    subdivisions = tuple(dimension for dimension in by_session if query.open_country and dimension.spec.is_subdivision)
    global_dimensions = tuple(dimension for dimension in by_session if dimension not in subdivisions)
    by_hit = tuple(dimension for dimension in dimensions if dimension.spec.scope is not Scope.SESSION)
    # Regions and cities of the open country have their shares of the same number.
    country_total = dimension_total(connection, query, subdivisions[0].spec) if subdivisions else 0
    lists: dict[Dimension, Breakdown] = {}
    for listed_dimensions, listed_query, statement_of in (
        (global_dimensions, replace(query, open_country=None), session_statement),
        (subdivisions, query, session_statement),
        (by_hit, query, hit_statement),
    ):
        rows_by_set: dict[int, list[Row[Any]]] = {}
        is_empty = not listed_dimensions or (query.audience is Audience.BOTS and statement_of is session_statement)
        for row in () if is_empty else connection.execute(statement_of(listed_query, listed_dimensions)):
            rows_by_set.setdefault(row.grouping_set, []).append(row)
        for dimension in listed_dimensions:
            rows = rows_by_set.get(_grouping_set_id(listed_dimensions, dimension), [])
            distinct = int(rows[0].n_values) if rows else 0
            if dimension in subdivisions:
                total = country_total
            elif dimension.spec.scope is Scope.BOT:
                total = totals.bots
            else:
                total = int(totals.value(dimension.spec.default_metric) or 0)
            counts = [(row.value, row.n) for row in rows]
            lists[dimension] = breakdown_of(dimension.spec, counts, total, distinct, listed_query)
    return lists


@lru_cache(maxsize=MAX_CACHED_STATEMENTS)
def session_statement(query: Query, dimensions: tuple[Dimension, ...]) -> Select[Any]:
    """Builds one pass over the sessions that counts distinct visitors by each dimension's values.

    Each dimension is a grouping set, within `query.open_country` where it is set.
    """
    condition = Selection(query).active_sessions
    if query.open_country:
        condition = and_(condition, session.c.country == query.open_country)
    columns = (column_of(dimension.spec, query).label(dimension.value) for dimension in dimensions)
    rows = select(*columns, session.c.visitor).where(condition).subquery("rows")
    value_columns = [rows.c[dimension.value] for dimension in dimensions]
    # In each set, all other columns are NULL.
    value = func.coalesce(*value_columns) if len(value_columns) > 1 else value_columns[0]
    # Two levels of grouping cost half as much as COUNT(DISTINCT) in grouping sets.
    distinct_visitors = (
        select(dialect.grouping(*value_columns).label("grouping_set"), value.label("value"))
        .group_by(func.grouping_sets(*(tuple_(column, rows.c.visitor) for column in value_columns)))
        .subquery("each")
    )
    grouping_set, value = distinct_visitors.c.grouping_set, distinct_visitors.c.value
    counts = select(grouping_set, value, func.count().label("n")).group_by(grouping_set, value).subquery("counted")
    return _ranked(counts, dimensions)


@lru_cache(maxsize=MAX_CACHED_STATEMENTS)
def hit_statement(query: Query, dimensions: tuple[Dimension, ...]) -> Select[Any]:
    """Builds one UNION ALL of the dimensions: each part reads few columns, and most read few rows."""
    parts = []
    for dimension in dimensions:
        spec, value = dimension.spec, column_of(dimension.spec, query)
        is_counted = event.c.is_view if spec.default_metric is Metric.PAGE_VIEWS else true()
        set_id = literal(_grouping_set_id(dimensions, dimension)).label("grouping_set")
        counts = select(set_id, value.label("value"), func.count().label("n"))
        is_chosen = Selection(query_for_dimension(query, spec)).hits
        is_valued = true() if spec.condition is None else spec.condition
        parts.append(counts.where(is_chosen, is_counted, is_valued).group_by(value))
    return _ranked(union_all(*parts).subquery("counted"), dimensions)


def _ranked(counts: Subquery, dimensions: tuple[Dimension, ...]) -> Select[Any]:
    """Selects the first rows of each grouping set, highest count first, with its number of values."""
    # Most sessions have no campaign: such lists have no row for "(not set)".
    sets_without_unset = [_grouping_set_id(dimensions, each) for each in dimensions if each.spec.hides_unset]
    if sets_without_unset:
        is_listed = or_(counts.c.grouping_set.not_in(sets_without_unset), counts.c.value.is_not(None))
        counts = select(counts).where(is_listed).subquery("listed")
    grouping_set = counts.c.grouping_set
    order = (counts.c.n.desc(), counts.c.value.asc().nulls_last())
    ranked = select(
        counts,
        func.row_number().over(partition_by=grouping_set, order_by=order).label("n_rank"),
        func.count().over(partition_by=grouping_set).label("n_values"),
    ).subquery("ranked")
    long_lists = [
        and_(ranked.c.grouping_set == _grouping_set_id(dimensions, each), ranked.c.n_rank <= each.spec.top_rows)
        for each in dimensions
        if each.spec.top_rows > TOP_ROWS
    ]
    is_shown = or_(ranked.c.n_rank <= TOP_ROWS, *long_lists)
    return select(ranked).where(is_shown).order_by(ranked.c.grouping_set, ranked.c.n_rank)


def _grouping_set_id(columns: Sequence[str], column: str) -> int:
    """Returns the result of GROUPING() for the set of one column: a bit for each of the others."""
    all_bits = (1 << len(columns)) - 1
    return all_bits ^ (1 << (len(columns) - 1 - list(columns).index(column)))

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
    BigInteger,
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
from sqlalchemy.sql.elements import ColumnElement

from proprium.metrics import where
from proprium.metrics.breakdown import DEFAULT_LIMIT, VISITORS, breakdown_of, unit_of
from proprium.metrics.breakdown_query import CAMPAIGN_DIMENSIONS, SUBDIVISION_DIMENSIONS, query_for_dimension
from proprium.metrics.columns import session_column
from proprium.metrics.query.query import MAX_CACHED_STATEMENTS, Audience, Query, normalised_query
from proprium.metrics.results import Breakdown, Dimension
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

MAX_MAP_ROWS = 300
"""Rows of a list that a map is drawn from: every country, and every region of the open country."""

MAP_DIMENSIONS = frozenset({Dimension.COUNTRY, Dimension.REGION})
SESSION_TOP_LISTS = (
    Dimension.ENTRY_PAGE,
    Dimension.EXIT_PAGE,
    Dimension.REFERRER,
    Dimension.CHANNEL,
    Dimension.UTM_SOURCE,
    Dimension.UTM_MEDIUM,
    Dimension.UTM_CAMPAIGN,
    Dimension.UTM_TERM,
    Dimension.UTM_CONTENT,
    Dimension.COUNTRY,
    Dimension.REGION,
    Dimension.CITY,
    Dimension.BROWSER,
    Dimension.PLATFORM,
    Dimension.DEVICE,
    Dimension.SCREEN,
    Dimension.LANGUAGE,
    Dimension.HOSTNAME,
    Dimension.BROWSER_VERSION,
    Dimension.PLATFORM_VERSION,
    Dimension.SCREEN_CLASS,
)
ON_DEMAND_DIMENSIONS = (Dimension.BROWSER_VERSION, Dimension.PLATFORM_VERSION, Dimension.SCREEN_CLASS)
"""Dimensions that are read only while their tab is open."""

HIT_TOP_LISTS: dict[Dimension, tuple[ColumnElement[Any], ColumnElement[bool]]] = {
    Dimension.PAGE: (event.c.page, event.c.is_view),
    Dimension.EVENT_PAGE: (event.c.page, true()),
    Dimension.BOT_PAGE: (event.c.page, true()),
    Dimension.EVENT: (event.c.event, event.c.is_custom),
    Dimension.BOT: (event.c.bot_name, true()),
    Dimension.BOT_CATEGORY: (event.c.bot_category, true()),
}
"""Per dimension: the expression of its values, and the condition on the hits that count."""
DASHBOARD_DIMENSIONS = (*(name for name in SESSION_TOP_LISTS if name not in ON_DEMAND_DIMENSIONS), *HIT_TOP_LISTS)


def top_lists(
    connection: Connection, query: Query, dimensions: Collection[Dimension] = DASHBOARD_DIMENSIONS
) -> Mapping[Dimension, Breakdown]:
    """Returns the first DEFAULT_LIMIT rows of each dimension; maps have up to MAX_MAP_ROWS.

    Where a country is open, regions and cities are of that country.
    """
    query = normalised_query(query)
    session_dimensions = [name for name in SESSION_TOP_LISTS if name in dimensions]
    subdivisions = tuple(name for name in session_dimensions if query.open_country and name in SUBDIVISION_DIMENSIONS)
    global_dimensions = tuple(name for name in session_dimensions if name not in subdivisions)
    return {
        **_session_top_lists(connection, replace(query, open_country=None), global_dimensions),
        **_session_top_lists(connection, query, subdivisions),
        **_hit_top_lists(connection, query, tuple(name for name in HIT_TOP_LISTS if name in dimensions)),
    }


def _session_top_lists(
    connection: Connection, query: Query, dimensions: tuple[Dimension, ...]
) -> dict[Dimension, Breakdown]:
    """Reads the lists of session dimensions, within `query.open_country` where it is set."""
    if query.audience is Audience.BOTS or not dimensions:
        return {name: breakdown_of(name, VISITORS, [], 0, 0) for name in dimensions}
    rows_by_set = _rows_by_set(connection, _session_statement(query, dimensions))
    return {name: _to_breakdown(name, rows_by_set.get(_grouping_set_id(dimensions, name), [])) for name in dimensions}


@lru_cache(maxsize=MAX_CACHED_STATEMENTS)
def _session_statement(query: Query, dimensions: tuple[Dimension, ...]) -> Select[Any]:
    condition = where.active_sessions(query)
    if query.open_country:
        condition = and_(condition, session.c.country == query.open_country)
    columns = (session_column(name.value).label(name.value) for name in dimensions)
    rows = select(*columns, session.c.visitor).where(condition).subquery("rows")
    counts = _count_visitors(rows, [rows.c[name.value] for name in dimensions])
    # Most sessions have no campaign: these lists have no row for "(not set)".
    campaign_sets = [_grouping_set_id(dimensions, name) for name in dimensions if name in CAMPAIGN_DIMENSIONS]
    listed_rows = select(counts).where(or_(counts.c.grouping_set.not_in(campaign_sets), counts.c.value.is_not(None)))
    ranked = _rank(listed_rows.subquery("listed"))
    map_sets = [_grouping_set_id(dimensions, name) for name in dimensions if name in MAP_DIMENSIONS]
    is_map_row = and_(ranked.c.grouping_set.in_(map_sets), ranked.c.n_rank <= MAX_MAP_ROWS)
    return (
        select(ranked)
        .where(or_(ranked.c.n_rank <= DEFAULT_LIMIT, is_map_row))
        .order_by(ranked.c.grouping_set, ranked.c.n_rank)
    )


def _to_breakdown(dimension: Dimension, rows: Sequence[Row[Any]]) -> Breakdown:
    total, distinct = (int(rows[0].n_total), int(rows[0].n_values)) if rows else (0, 0)
    return breakdown_of(dimension, unit_of(dimension), [(row.value, row.n) for row in rows], total, distinct)


def _hit_top_lists(
    connection: Connection, query: Query, dimensions: tuple[Dimension, ...]
) -> dict[Dimension, Breakdown]:
    if not dimensions:
        return {}
    rows_by_set = _rows_by_set(connection, _hit_statement(query, dimensions))
    return {name: _to_breakdown(name, rows_by_set.get(set_id, [])) for set_id, name in enumerate(dimensions)}


@lru_cache(maxsize=MAX_CACHED_STATEMENTS)
def _hit_statement(query: Query, dimensions: tuple[Dimension, ...]) -> Select[Any]:
    """Builds one UNION ALL of the dimensions: each part reads few columns, and most read few rows."""
    counts = union_all(*(_count_hits(query, name, set_id) for set_id, name in enumerate(dimensions)))
    ranked = _rank(counts.subquery("counted"))
    return select(ranked).where(ranked.c.n_rank <= DEFAULT_LIMIT).order_by(ranked.c.grouping_set, ranked.c.n_rank)


def _count_hits(query: Query, dimension: Dimension, set_id: int) -> Select[Any]:
    value, is_counted = HIT_TOP_LISTS[dimension]
    is_chosen = where.chosen_hits(query_for_dimension(query, dimension))
    return (
        select(literal(set_id).label("grouping_set"), value.label("value"), func.count().label("n"))
        .where(is_chosen, is_counted)
        .group_by(value)
    )


def _rows_by_set(connection: Connection, statement: Select[Any]) -> dict[int, list[Row[Any]]]:
    rows_by_set: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(statement):
        rows_by_set.setdefault(row.grouping_set, []).append(row)
    return rows_by_set


def _count_visitors(rows: Subquery, columns: Sequence[ColumnElement[Any]]) -> Subquery:
    """Counts distinct visitors by value, for each column as a grouping set of its own."""
    # Two levels of grouping cost half as much as COUNT(DISTINCT) in grouping sets.
    value = func.coalesce(*columns) if len(columns) > 1 else columns[0]  # in each set, all other columns are NULL
    distinct_visitors = (
        select(dialect.grouping(*columns).label("grouping_set"), value.label("value"))
        .group_by(func.grouping_sets(*(tuple_(column, rows.c.visitor) for column in columns)))
        .subquery("each")
    )
    grouped = select(distinct_visitors.c.grouping_set, distinct_visitors.c.value, func.count().label("n"))
    return grouped.group_by(distinct_visitors.c.grouping_set, distinct_visitors.c.value).subquery("counted")


def _rank(counts: Subquery) -> Subquery:
    """Adds to each count its rank, the total and the number of values of its grouping set."""
    grouping_set = counts.c.grouping_set
    order = (counts.c.n.desc(), counts.c.value.asc().nulls_last())
    return select(
        counts,
        func.row_number().over(partition_by=grouping_set, order_by=order).label("n_rank"),
        func.sum(counts.c.n, type_=BigInteger).over(partition_by=grouping_set).label("n_total"),
        func.count().over(partition_by=grouping_set).label("n_values"),
    ).subquery("ranked")


def _grouping_set_id(columns: Sequence[str], column: str) -> int:
    """Returns the result of GROUPING() for the set of one column: a bit for each of the others."""
    all_bits = (1 << len(columns)) - 1
    return all_bits ^ (1 << (len(columns) - 1 - list(columns).index(column)))

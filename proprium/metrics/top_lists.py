"""All tiles of a dashboard: one pass over the sessions, by GROUPING SETS, and the hits in one statement.

Each is what `breakdown` gives for its dimension; a test holds the two together.
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
from proprium.metrics.breakdown import LIMIT, VISITORS, breakdown_of, unit_of
from proprium.metrics.breakdown_query import CAMPAIGN, PLACES_IN_A_COUNTRY, about
from proprium.metrics.columns import session_column
from proprium.metrics.query.query import KEPT, Audience, Query, timeless
from proprium.metrics.results import Breakdown, Dimension
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

PLACES_LIMIT = 300
"""A map shows every country, and every region of the open one."""

MAPPED = frozenset({Dimension.COUNTRY, Dimension.REGION})
OF_SESSIONS = (
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
UNREPORTED = (Dimension.BROWSER_VERSION, Dimension.PLATFORM_VERSION, Dimension.SCREEN_CLASS)
"""Nobody asks for these unless their tab is open."""

OF_HITS: dict[Dimension, tuple[ColumnElement[Any], ColumnElement[bool]]] = {
    Dimension.PAGE: (event.c.page, event.c.is_view),
    Dimension.EVENT_PAGE: (event.c.page, true()),
    Dimension.BOT_PAGE: (event.c.page, true()),
    Dimension.EVENT: (event.c.event, event.c.is_custom),
    Dimension.BOT: (event.c.bot_name, true()),
    Dimension.BOT_CATEGORY: (event.c.bot_category, true()),
}
"""What the rows are called, and which hits count."""
TILED = (*(name for name in OF_SESSIONS if name not in UNREPORTED), *OF_HITS)


def tiles(
    connection: Connection, query: Query, dimensions: Collection[Dimension] = TILED
) -> Mapping[Dimension, Breakdown]:
    """The first rows of each. Regions and cities are the open country's, where one is open."""
    query = timeless(query)
    of_sessions = [name for name in OF_SESSIONS if name in dimensions]
    there = tuple(name for name in of_sessions if query.open_country and name in PLACES_IN_A_COUNTRY)
    everywhere = tuple(name for name in of_sessions if name not in there)
    return {
        **_session_tiles(connection, replace(query, open_country=None), everywhere),
        **_session_tiles(connection, query, there),
        **_hit_tiles(connection, query, tuple(name for name in OF_HITS if name in dimensions)),
    }


def _session_tiles(
    connection: Connection, query: Query, dimensions: tuple[Dimension, ...]
) -> dict[Dimension, Breakdown]:
    """Of the open country, where one is."""
    if query.audience is Audience.BOTS or not dimensions:
        return {name: breakdown_of(name, VISITORS, [], 0, 0) for name in dimensions}
    by_set = _by_set(connection, _session_question(query, dimensions))
    return {name: _tile(name, by_set.get(_set_number(dimensions, name), [])) for name in dimensions}


@lru_cache(maxsize=KEPT)
def _session_question(query: Query, dimensions: tuple[Dimension, ...]) -> Select[Any]:
    chosen = where.active_sessions(query)
    if query.open_country:
        chosen = and_(chosen, session.c.country == query.open_country)
    columns = (session_column(name.value).label(name.value) for name in dimensions)
    rows = select(*columns, session.c.visitor).where(chosen).subquery("rows")
    counted = _visitors(rows, [rows.c[name.value] for name in dimensions])
    # Where most rows have none, "not set" is no row of the tile.
    campaigns = [_set_number(dimensions, name) for name in dimensions if name in CAMPAIGN]
    listed = select(counted).where(or_(counted.c.grouping_set.not_in(campaigns), counted.c.value.is_not(None)))
    ranked = _ranked(listed.subquery("listed"))
    mapped = [_set_number(dimensions, name) for name in dimensions if name in MAPPED]
    many = and_(ranked.c.grouping_set.in_(mapped), ranked.c.n_rank <= PLACES_LIMIT)
    return select(ranked).where(or_(ranked.c.n_rank <= LIMIT, many)).order_by(ranked.c.grouping_set, ranked.c.n_rank)


def _tile(dimension: Dimension, rows: Sequence[Row[Any]]) -> Breakdown:
    total, distinct = (int(rows[0].n_total), int(rows[0].n_values)) if rows else (0, 0)
    return breakdown_of(dimension, unit_of(dimension), [(row.value, row.n) for row in rows], total, distinct)


def _hit_tiles(connection: Connection, query: Query, dimensions: tuple[Dimension, ...]) -> dict[Dimension, Breakdown]:
    if not dimensions:
        return {}
    by_set = _by_set(connection, _hit_question(query, dimensions))
    return {name: _tile(name, by_set.get(number, [])) for number, name in enumerate(dimensions)}


@lru_cache(maxsize=KEPT)
def _hit_question(query: Query, dimensions: tuple[Dimension, ...]) -> Select[Any]:
    """One after another in one statement: each reads few columns, and most of them few rows."""
    counted = union_all(*(_count_hits(query, name, number) for number, name in enumerate(dimensions)))
    ranked = _ranked(counted.subquery("counted"))
    return select(ranked).where(ranked.c.n_rank <= LIMIT).order_by(ranked.c.grouping_set, ranked.c.n_rank)


def _count_hits(query: Query, dimension: Dimension, number: int) -> Select[Any]:
    value, counts = OF_HITS[dimension]
    chosen = where.chosen_hits(about(query, dimension))
    return (
        select(literal(number).label("grouping_set"), value.label("value"), func.count().label("n"))
        .where(chosen, counts)
        .group_by(value)
    )


def _by_set(connection: Connection, question: Select[Any]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(question):
        found.setdefault(row.grouping_set, []).append(row)
    return found


def _visitors(rows: Subquery, columns: Sequence[ColumnElement[Any]]) -> Subquery:
    """Distinct visitors of each value of each column. Two levels of grouping cost half of COUNT(DISTINCT) in sets."""
    each = (
        select(*_set_and_value(columns))
        .group_by(func.grouping_sets(*(tuple_(column, rows.c.visitor) for column in columns)))
        .subquery("each")
    )
    grouped = select(each.c.grouping_set, each.c.value, func.count().label("n"))
    return grouped.group_by(each.c.grouping_set, each.c.value).subquery("counted")


def _set_and_value(columns: Sequence[ColumnElement[Any]]) -> tuple[ColumnElement[int], ColumnElement[Any]]:
    """In each set all columns but its own are NULL."""
    value = func.coalesce(*columns) if len(columns) > 1 else columns[0]
    return dialect.grouping(*columns).label("grouping_set"), value.label("value")


def _ranked(counted: Subquery) -> Subquery:
    """Beside each count its rank in its grouping set, the sum of all, and how many values there are."""
    own = counted.c.grouping_set
    order = (counted.c.n.desc(), counted.c.value.asc().nulls_last())
    return select(
        counted,
        func.row_number().over(partition_by=own, order_by=order).label("n_rank"),
        func.sum(counted.c.n, type_=BigInteger).over(partition_by=own).label("n_total"),
        func.count().over(partition_by=own).label("n_values"),
    ).subquery("ranked")


def _set_number(columns: Sequence[str], column: str) -> int:
    """What GROUPING calls the set of one column: a bit for each of the others."""
    every = (1 << len(columns)) - 1
    return every ^ (1 << (len(columns) - 1 - list(columns).index(column)))

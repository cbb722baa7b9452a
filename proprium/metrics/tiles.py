"""All tiles of a dashboard: one pass over the sessions, one over the hits, by GROUPING SETS.

Each is what `breakdown` gives for its dimension; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    RowMapping,
    Select,
    Subquery,
    and_,
    case,
    false,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.sql.elements import ColumnElement

from proprium.metrics import selection
from proprium.metrics.breakdown import LIMIT, VISITORS, breakdown_of, unit_of
from proprium.metrics.columns import session_column
from proprium.metrics.query import Audience, Query
from proprium.metrics.results import Breakdown, Dimension
from proprium.metrics.table import CAMPAIGN, PLACES_IN_A_COUNTRY
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

# What each dimension of hits groups by, and which of a group's counts it shows.
OF_HITS = {
    Dimension.PAGE: ("page", "views"),
    Dimension.EVENT_PAGE: ("page", "events"),
    Dimension.BOT_PAGE: ("page", "bots"),
    Dimension.EVENT: ("custom", "customs"),
    Dimension.BOT: ("bot_name", "bots"),
    Dimension.BOT_CATEGORY: ("bot_category", "bots"),
}
TILED = (*(name for name in OF_SESSIONS if name not in UNREPORTED), *OF_HITS)
GROUPS = ("page", "custom", "bot_name", "bot_category")
COUNTS = ("views", "events", "bots", "customs")


def tiles(
    connection: Connection, query: Query, dimensions: Collection[Dimension] = TILED
) -> Mapping[Dimension, Breakdown]:
    """The first rows of each. Regions and cities are the open country's, where one is open."""
    of_sessions = [name for name in OF_SESSIONS if name in dimensions]
    there = [name for name in of_sessions if query.open_country and name in PLACES_IN_A_COUNTRY]
    everywhere = [name for name in of_sessions if name not in there]
    active = selection.active_sessions(query)
    return {
        **_session_tiles(connection, query, everywhere, active),
        **_session_tiles(connection, query, there, and_(active, session.c.country == query.open_country)),
        **_hit_tiles(connection, query, [name for name in OF_HITS if name in dimensions]),
    }


def _session_tiles(
    connection: Connection, query: Query, dimensions: Sequence[Dimension], chosen: ColumnElement[bool]
) -> dict[Dimension, Breakdown]:
    if query.audience is Audience.BOTS or not dimensions:
        return {name: breakdown_of(name, VISITORS, [], 0, 0) for name in dimensions}
    by_set: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(_session_question(dimensions, chosen)):
        by_set.setdefault(row.grouping_set, []).append(row)
    return {name: _tile(name, by_set.get(_set_number(dimensions, name), [])) for name in dimensions}


def _session_question(dimensions: Sequence[Dimension], chosen: ColumnElement[bool]) -> Select[Any]:
    columns = (session_column(name.value).label(name.value) for name in dimensions)
    rows = select(*columns, session.c.visitor).where(chosen).subquery("rows")
    counted = _visitors(rows, [rows.c[name.value] for name in dimensions])
    # Where most rows have none, "not set" is no row of the tile.
    campaigns = [_set_number(dimensions, name) for name in dimensions if name in CAMPAIGN]
    listed = select(counted).where(or_(counted.c.grouping_set.not_in(campaigns), counted.c.value.is_not(None)))
    ranked = _ranked(listed.subquery("listed"), "n")
    mapped = [_set_number(dimensions, name) for name in dimensions if name in MAPPED]
    many = and_(ranked.c.grouping_set.in_(mapped), ranked.c.n_rank <= PLACES_LIMIT)
    return select(ranked).where(or_(ranked.c.n_rank <= LIMIT, many)).order_by(ranked.c.grouping_set, ranked.c.n_rank)


def _tile(dimension: Dimension, rows: Sequence[Row[Any]]) -> Breakdown:
    total, distinct = (int(rows[0].n_total), int(rows[0].n_values)) if rows else (0, 0)
    return breakdown_of(dimension, unit_of(dimension), [(row.value, row.n) for row in rows], total, distinct)


def _hit_tiles(connection: Connection, query: Query, dimensions: Sequence[Dimension]) -> dict[Dimension, Breakdown]:
    if not dimensions:
        return {}
    groups = [group for group in GROUPS if group in {OF_HITS[name][0] for name in dimensions}]
    answer = connection.execute(_hit_question(query, groups)).mappings().all()
    return {name: _hit_tile(name, groups, answer) for name in dimensions}


def _hit_tile(dimension: Dimension, groups: Sequence[str], answer: Sequence[RowMapping]) -> Breakdown:
    group, count = OF_HITS[dimension]
    own = [row for row in answer if row["grouping_set"] == _set_number(groups, group)]
    rows = sorted(
        (row for row in own if row[count] > 0 and row[f"{count}_rank"] <= LIMIT), key=lambda row: row[f"{count}_rank"]
    )
    total, distinct = (int(rows[0][f"{count}_total"]), int(rows[0][f"{count}_values"])) if rows else (0, 0)
    return breakdown_of(dimension, unit_of(dimension), [(row["value"], row[count]) for row in rows], total, distinct)


def _hit_question(query: Query, groups: Sequence[str]) -> Select[Any]:
    is_chosen = selection.is_of_audience(query)
    hits = (
        select(
            event.c.page,
            case((event.c.is_custom, event.c.event)).label("custom"),
            event.c.bot_name,
            event.c.bot_category,
            and_(is_chosen, event.c.is_view).label("is_view"),
            is_chosen.label("is_chosen"),
            event.c.is_bot,
            and_(is_chosen, event.c.is_custom).label("is_custom"),
        )
        .where(selection.all_hits(query))
        .subquery("rows")
    )
    flags = dict(zip(COUNTS, (hits.c.is_view, hits.c.is_chosen, hits.c.is_bot, hits.c.is_custom), strict=True))
    columns = [hits.c[name] for name in groups]
    counted = (
        select(*_set_and_value(columns), *(func.count().filter(flag).label(name) for name, flag in flags.items()))
        .group_by(func.grouping_sets(*(tuple_(column) for column in columns)))
        .subquery("counted")
    )
    ranked = _ranked(counted, *COUNTS)
    return select(ranked).where(or_(false(), *(and_(ranked.c[n] > 0, ranked.c[f"{n}_rank"] <= LIMIT) for n in COUNTS)))


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


def _ranked(counted: Subquery, *counts: str) -> Subquery:
    """Beside each count its rank in its grouping set, the sum of all, and how many values have any."""
    windows: list[ColumnElement[Any]] = []
    for name in counts:
        column, own = counted.c[name], counted.c.grouping_set
        order = (column.desc(), counted.c.value.asc().nulls_last())
        windows += [
            func.row_number().over(partition_by=own, order_by=order).label(f"{name}_rank"),
            func.sum(column, type_=BigInteger).over(partition_by=own).label(f"{name}_total"),
            func.count(case((column > 0, 1))).over(partition_by=own).label(f"{name}_values"),
        ]
    return select(counted, *windows).subquery("ranked")


def _set_number(columns: Sequence[str], column: str) -> int:
    """What GROUPING calls the set of one column: a bit for each of the others."""
    every = (1 << len(columns)) - 1
    return every ^ (1 << (len(columns) - 1 - list(columns).index(column)))

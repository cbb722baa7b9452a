"""Tiles: the values of one dimension, most first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, Subquery, Text, cast, func, null, select, true
from sqlalchemy.sql.elements import ColumnElement

from proprium.errors import BadQuery
from proprium.metrics import selection
from proprium.metrics.filters import DATA_PREFIX, is_filterable
from proprium.metrics.query import Query
from proprium.metrics.results import Breakdown, Dimension, Row
from proprium.warehouse.schema import event, session

if TYPE_CHECKING:
    from proprium.warehouse.connect import Warehouse

LIMIT = 10
MAX_LIMIT = 1000

VISITORS, SESSIONS, PAGE_VIEWS, EVENTS, HITS = "visitors", "sessions", "page views", "events", "hits"

CAMPAIGN = frozenset(
    {
        Dimension.UTM_SOURCE,
        Dimension.UTM_MEDIUM,
        Dimension.UTM_CAMPAIGN,
        Dimension.UTM_TERM,
        Dimension.UTM_CONTENT,
    }
)
"""Most visits have none, so that "not set" would hide the rest: these list only what was set."""

PLACES_IN_A_COUNTRY = frozenset({Dimension.REGION, Dimension.CITY})

_WITHOUT = {Dimension.REFERRER: "Direct / none", Dimension.COUNTRY: "Unknown", Dimension.REGION: "Unknown"}
_WITHOUT |= {Dimension.CITY: "Unknown", Dimension.BOT: "Unknown bot", Dimension.BOT_CATEGORY: "Other"}


@dataclass(frozen=True)
class Source:
    """Where a dimension's rows come from and what is counted of them."""

    rows: Select[Any]  # columns value, and visitor where visitors are counted
    unit: str

    def count(self, rows: Subquery) -> ColumnElement[int]:
        return func.count(rows.c.visitor.distinct()) if self.unit == VISITORS else func.count()


def breakdown(
    warehouse: Warehouse,
    query: Query,
    dimension: Dimension | str,
    *,
    limit: int = LIMIT,
    offset: int = 0,
    search: str = "",
    count_sessions: bool = False,
) -> Breakdown:
    """Values with their counts, most first. `search` narrows the rows, not the total that shares are of.

    `count_sessions` counts sessions instead of visitors, where a dimension belongs to sessions. Raises BadQuery for
    a dimension that does not exist.
    """
    wanted = dimension_from(dimension)
    source = _source(query, wanted, count_sessions)
    with warehouse.read() as connection:
        return _asked(connection, wanted, source, max(1, min(limit, MAX_LIMIT)), max(0, offset), search.strip())


def dimension_from(name: str) -> str:
    """A Dimension, or data.<key>. Raises BadQuery with the names there are."""
    if name.startswith(DATA_PREFIX) and is_filterable(name):
        return name
    try:
        return Dimension(name)
    except ValueError:
        known = ", ".join(Dimension)
        raise BadQuery(f"There is no dimension {name[:60]!r}. Choose one of {known}, or data.<key>.") from None


def unit_of(dimension: str) -> str:
    """What a tile counts."""
    units = {Dimension.PAGE: PAGE_VIEWS, Dimension.EVENT_PAGE: EVENTS, Dimension.EVENT: EVENTS}
    if dimension.startswith(DATA_PREFIX):
        return EVENTS
    if dimension in {Dimension.BOT, Dimension.BOT_CATEGORY, Dimension.BOT_PAGE}:
        return HITS
    return units.get(Dimension(dimension), VISITORS)


def breakdown_of(
    dimension: str, unit: str, counted: Sequence[tuple[str | None, int]], total: int, distinct: int
) -> Breakdown:
    """The rows with labels and shares."""
    rows = tuple(
        Row(value, label_of(dimension, value), count, 100 * count / total if total else 0.0) for value, count in counted
    )
    return Breakdown(str(dimension), unit, rows, total, distinct)


def label_of(dimension: str, value: str | None) -> str:
    """The value, or what its absence means. Names of places are put on where a screen is drawn."""
    if value is not None:
        return value
    return _WITHOUT.get(dimension, "(not set)")  # type: ignore[call-overload, no-any-return]


def _asked(connection: Connection, dimension: str, source: Source, limit: int, offset: int, search: str) -> Breakdown:
    rows = source.rows.subquery("rows")
    counted = select(rows.c.value, source.count(rows).label("n")).group_by(rows.c.value).subquery("counted")
    summed = select(counted.c.value, counted.c.n, func.sum(counted.c.n).over().label("total")).subquery("summed")
    found = cast(summed.c.value, Text).icontains(search, autoescape=True) if search else true()
    question = (
        select(summed.c.value, summed.c.n, summed.c.total, func.count().over().label("distinct_values"))
        .where(found)
        .order_by(summed.c.n.desc(), summed.c.value.asc().nulls_last())
    )
    answer = connection.execute(question.limit(limit).offset(offset)).all()
    if not answer and offset:  # past the last row: the sizes are still to be told
        answer = connection.execute(question.limit(1)).all()
        return breakdown_of(dimension, source.unit, [], *_sizes(answer))
    return breakdown_of(dimension, source.unit, [(value, n) for value, n, _, _ in answer], *_sizes(answer))


def _sizes(answer: Sequence[Any]) -> tuple[int, int]:
    return (int(answer[0].total), answer[0].distinct_values) if answer else (0, 0)


def _source(query: Query, dimension: str, count_sessions: bool) -> Source:
    unit = unit_of(dimension)
    if dimension.startswith(DATA_PREFIX):
        return _data_source(query, dimension.removeprefix(DATA_PREFIX))
    if unit == VISITORS:
        return Source(_session_rows(query, Dimension(dimension)), SESSIONS if count_sessions else VISITORS)
    return Source(_hit_rows(query, Dimension(dimension)), unit)


def _data_source(query: Query, key: str) -> Source:
    value = selection.data_column(key).label("value")
    hits = select(value).where(selection.chosen_hits(query)).subquery("hits")
    return Source(select(hits.c.value).where(hits.c.value.is_not(None)), EVENTS)


def _session_rows(query: Query, dimension: Dimension) -> Select[Any]:
    column = session.c[dimension.value]
    rows = select(column.label("value"), session.c.visitor).where(selection.chosen_sessions(query))
    if dimension in CAMPAIGN:
        return rows.where(column.is_not(None))
    if dimension in PLACES_IN_A_COUNTRY and query.open_country:
        return rows.where(session.c.country == query.open_country)
    return rows


def _hit_rows(query: Query, dimension: Dimension) -> Select[Any]:
    match dimension:
        case Dimension.PAGE:
            return _hits(event.c.page).where(selection.chosen_hits(query), event.c.is_view)
        case Dimension.EVENT_PAGE:
            return _hits(event.c.page).where(selection.chosen_hits(query))
        case Dimension.EVENT:
            return _hits(event.c.event).where(selection.chosen_hits(query), event.c.is_custom)
        case Dimension.BOT:
            return _hits(event.c.bot_name).where(selection.bot_hits(query))
        case Dimension.BOT_CATEGORY:
            return _hits(event.c.bot_category).where(selection.bot_hits(query))
        case _:
            return _hits(event.c.page).where(selection.bot_hits(query))


def _hits(column: ColumnElement[Any]) -> Select[Any]:
    return select(column.label("value"), null().label("visitor"))

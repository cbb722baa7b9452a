"""Any dimension with any metrics: searched, sorted by any of them, and paged.

A row says what the cards say once its value is filtered for. Hits, sessions and page views are counted apart, each by
the dimension's value, and laid side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Double,
    Select,
    String,
    Subquery,
    Text,
    and_,
    cast,
    func,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.sql.elements import Label

from proprium.errors import BadQuery
from proprium.metrics import where
from proprium.metrics.aggregates import (
    COUNTS,
    hit_counts,
    hit_rows,
    numbers_of,
    session_counts,
    session_rows,
    view_counts,
)
from proprium.metrics.columns import hit_column, is_of_sessions, session_column
from proprium.metrics.labels import label_of
from proprium.metrics.page_engagement import views
from proprium.metrics.query.filters import DATA_PREFIX, NOT_KEPT, Filter, Operator, is_filterable
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.results import Dimension, Metric, Table, TableRow
from proprium.warehouse.schema import event, session

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

MAX_LIMIT = 1000
"""Rows that a program may ask for at once."""
MOST_ROWS = 10_000
"""Of one answer: a whole file of them, so that it is of one moment."""

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
OF_BOTS = frozenset({Dimension.BOT, Dimension.BOT_CATEGORY, Dimension.BOT_PAGE})

VIEWED = frozenset(
    {Dimension.PAGE, Dimension.TITLE, Dimension.SECTION, Dimension.WEEKDAY, Dimension.HOUR, Dimension.WEEKDAY_HOUR}
)
COLUMN_NAMES = {
    Dimension.EVENT_PAGE: "page",
    Dimension.EVENT_NAME: "event",
    Dimension.BOT: "bot_name",
    Dimension.BOT_PAGE: "page",
}

Column = ColumnElement[Any]


def table(
    warehouse: Warehouse,
    query: Query,
    dimension: Dimension | str,
    *,
    metrics: Sequence[Metric] = (),
    sort: Metric | None = None,
    ascending: bool = False,
    search: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Table:
    """Values that have the dimension's own count, by `sort` (default: that count), unknown numbers and ties last.

    `metrics` default to all that make sense. Raises BadQuery for a dimension that does not exist, and
    DataKeyNotPublic for a data key that the query's principal may not see.
    """
    wanted = dimension_from(dimension)
    query.data_access.require(wanted)
    columns = tuple(metrics) or tuple(Metric)
    order = sort or own_count(wanted)
    asked = _Asked(about(query, wanted), wanted, tuple(dict.fromkeys((*columns, order, own_count(wanted)))))
    with warehouse.read() as connection:
        question = asked.page(order, ascending, search.strip(), max(1, min(limit, MOST_ROWS)), max(0, offset))
        answer = [dict(row) for row in connection.execute(question).mappings()]
        if not answer and offset:  # past the last row: the sizes are still to be told
            first = connection.execute(asked.page(order, ascending, search.strip(), 1, 0)).mappings()
            answer = [dict(row) for row in first]
            return Table(str(wanted), columns, order, (), *_sizes(answer))
    rows = tuple(TableRow(row["value"], label_of(wanted, row["value"]), asked.numbers(row, columns)) for row in answer)
    return Table(str(wanted), columns, order, rows, *_sizes(answer))


def dimension_from(name: str) -> str:
    """A Dimension, or data.<key>. Raises BadQuery with the names there are."""
    if (why := NOT_KEPT.get(name.removeprefix(DATA_PREFIX))) is not None and name.startswith(DATA_PREFIX):
        raise BadQuery(f"{name} cannot be broken down by. {why}")
    if name.startswith(DATA_PREFIX) and is_filterable(name):
        return name
    try:
        return Dimension(name)
    except ValueError:
        known = ", ".join(Dimension)
        raise BadQuery(f"There is no dimension {name[:60]!r}. Choose one of {known}, or data.<key>.") from None


def own_count(dimension: str) -> Metric:
    """What a dimension's values are listed for: without it there is no row."""
    if dimension in VIEWED:
        return Metric.PAGE_VIEWS
    return Metric.VISITORS if is_of_sessions(dimension) else Metric.EVENTS


def about(query: Query, dimension: str) -> Query:
    """The query that a dimension's values answer: those of bots are about bots, and regions about the open country."""
    if dimension in OF_BOTS:
        return replace(query, audience=Audience.BOTS)
    if dimension in PLACES_IN_A_COUNTRY and query.open_country:
        return query.with_filters(*query.filters, Filter(Dimension.COUNTRY, Operator.IS, (query.open_country,)))
    return query


def _sizes(answer: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    return (int(answer[0]["total"]), answer[0]["distinct_values"]) if answer else (0, 0)


@dataclass(frozen=True)
class _Asked:
    """One table's SQL."""

    query: Query
    dimension: str
    metrics: tuple[Metric, ...]

    @property
    def is_of_sessions(self) -> bool:
        return is_of_sessions(self.dimension)

    def page(self, order: Metric, ascending: bool, search: str, limit: int, offset: int) -> Select[Any]:
        listed = self._listed()
        found = cast(listed.c.value, Text).icontains(search, autoescape=True) if search else true()
        by = SORTED_BY[order](listed.c)
        return (
            select(listed, func.count().over().label("distinct_values"))
            .where(found)
            .order_by((by.asc() if ascending else by.desc()).nulls_last(), listed.c.value.asc().nulls_last())
            .limit(limit)
            .offset(offset)
        )

    def numbers(self, row: Mapping[str, Any], columns: Sequence[Metric]) -> dict[Metric, float | None]:
        every = numbers_of(self.query, row)
        return {metric: every[metric] for metric in columns}

    def _listed(self) -> Subquery:
        """Side by side, without the values that have nothing of the dimension's own count."""
        together = union_all(*self._parts()).subquery("parts")
        counted = (
            select(together.c.value, *(func.max(together.c[name]).label(name) for name in COUNTED))
            .group_by(together.c.value)
            .subquery("counted")
        )
        own = counted.c[own_count(self.dimension).value]
        is_row = and_(own > 0, counted.c.value.is_not(None)) if _lists_only_what_is_set(self.dimension) else own > 0
        return select(counted, func.sum(own).over().label("total")).where(is_row).subquery("listed")

    def _parts(self) -> list[Select[Any]]:
        """Only those that the metrics need."""
        wanted = set(self.metrics)
        of_hits = OF_HITS if self.is_of_sessions else OF_HITS | {Metric.VISITORS}
        makers = ((of_hits, self._hits), (OF_SESSIONS, self._sessions), (OF_VIEWS, self._views))
        parts = [make() for made, make in makers if made & wanted]
        return [*parts, self._visitors()] if self.is_of_sessions and Metric.VISITORS in wanted else parts

    def _hits(self) -> Select[Any]:
        rows = self._of_sessions_too(hit_rows(self.query, self._value()).where(self._counts())).subquery("hits")
        counts = hit_counts(rows)
        if not self.is_of_sessions:
            counts["visitors"] = func.count(rows.c.visitor.distinct())
        return _by_value(rows, counts)

    def _visitors(self) -> Select[Any]:
        rows = select(self._value(), session.c.visitor).where(where.active_sessions(self.query)).subquery("active")
        return _by_value(rows, {"visitors": func.count(rows.c.visitor.distinct())})

    def _sessions(self) -> Select[Any]:
        if self.is_of_sessions:
            question = session_rows(self.query, self._value()).where(where.chosen_sessions(self.query))
        else:
            question = self._sessions_of_hits()
        rows = question.subquery("sessions")
        return _by_value(rows, session_counts(rows))

    def _sessions_of_hits(self) -> Select[Any]:
        """Each session once for every value that one of its hits has."""
        has_session = event.c.session.is_not(None)
        pairs = (
            select(self._value(), event.c.session)
            .where(where.chosen_hits(self.query), self._counts(), has_session)
            .distinct()
            .subquery("pairs")
        )
        its_own = and_(pairs.c.session == session.c.session, _about_then(self.query))
        return session_rows(self.query, pairs.c.value).select_from(session.join(pairs, its_own))

    def _views(self) -> Select[Any]:
        rows = views(self.query, self._value().element, of_sessions=self.is_of_sessions)
        return _by_value(rows, view_counts(rows))

    @property
    def _column(self) -> str:
        """What the dimension is called where it is kept."""
        return COLUMN_NAMES.get(self.dimension, self.dimension)  # type: ignore[call-overload, no-any-return]

    def _value(self) -> Label[Any]:
        if self.is_of_sessions:
            return session_column(self._column).label("value")
        return hit_column(self._column, self.query).label("value")

    def _of_sessions_too(self, question: Select[Any]) -> Select[Any]:
        if not self.is_of_sessions:
            return question
        return question.select_from(
            event.join(session, and_(event.c.session == session.c.session, _about_then(self.query)))
        )

    def _counts(self) -> Column:
        return event.c.is_custom if self.dimension == Dimension.EVENT else true()


def _about_then(query: Query) -> Column:
    return where.sessions_from(query, where.LONGEST_SESSION)


def _lists_only_what_is_set(dimension: str) -> bool:
    return dimension in CAMPAIGN or dimension.startswith(DATA_PREFIX)


def _by_value(rows: Subquery, counts: Mapping[str, Column]) -> Select[Any]:
    """One row a value, with a column for everything that is counted anywhere."""
    own = {name: cast(count, Double) for name, count in counts.items()}
    columns = (own.get(name, cast(null(), Double)).label(name) for name in COUNTED)
    return select(cast(rows.c.value, String).label("value"), *columns).group_by(rows.c.value)


def _ratio(part: Column, whole: Column) -> Column:
    return part / func.nullif(whole, 0.0)


COUNTED = (
    *("visitors", "new_visitors", "page_views", "clicks", "scrolls", "events", "exits"),
    *("sessions", "bounces", "duration_median", "duration_mean", "converted"),
    *("engaged_ms", "depth"),
)
OF_SESSIONS = frozenset(
    {
        Metric.SESSIONS,
        Metric.VIEWS_PER_SESSION,
        Metric.BOUNCE_RATE,
        Metric.ENGAGEMENT_RATE,
        Metric.VISIT_DURATION,
        Metric.CONVERSIONS,
        Metric.CONVERSION_RATE,
    }
)
OF_VIEWS = frozenset({Metric.TIME_ON_PAGE, Metric.SCROLL_DEPTH})
OF_HITS = frozenset(
    {
        Metric.NEW_VISITORS,
        Metric.PAGE_VIEWS,
        Metric.CLICKS,
        Metric.SCROLLS,
        Metric.EVENTS,
        Metric.VIEWS_PER_SESSION,
        Metric.EXIT_RATE,
    }
)
"""Which rows a metric needs; views per session need both."""

SORTED_BY: dict[Metric, Callable[[Any], Column]] = {
    **{metric: itemgetter(metric.value) for metric in COUNTS},
    Metric.VIEWS_PER_SESSION: lambda counted: _ratio(counted.page_views, counted.sessions),
    Metric.BOUNCE_RATE: lambda counted: _ratio(counted.bounces, counted.sessions),
    Metric.ENGAGEMENT_RATE: lambda counted: -_ratio(counted.bounces, counted.sessions),
    Metric.VISIT_DURATION: lambda counted: counted.duration_median,
    Metric.TIME_ON_PAGE: lambda counted: counted.engaged_ms,
    Metric.SCROLL_DEPTH: lambda counted: counted.depth,
    Metric.EXIT_RATE: lambda counted: _ratio(counted.exits, counted.page_views),
    Metric.CONVERSIONS: lambda counted: counted.converted,
    Metric.CONVERSION_RATE: lambda counted: _ratio(counted.converted, counted.sessions),
}
"""numbers_of in SQL, as far as the order goes."""

"""Breakdown query: a dimension's values with any metrics, searched, sorted by any metric, and paginated.

A row has the same numbers as the cards under a filter on its value. Hits, sessions and page views are aggregated
separately by the dimension's value and merged by UNION ALL.
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
    SIMPLE_COUNT_METRICS,
    hit_counts,
    hit_rows,
    metric_values,
    session_counts,
    session_rows,
    view_counts,
)
from proprium.metrics.columns import hit_column, is_session_dimension, session_column
from proprium.metrics.labels import label_of
from proprium.metrics.page_engagement import reported_views
from proprium.metrics.query.filters import DATA_PREFIX, UNSUPPORTED_DATA_KEYS, Filter, Operator, is_filterable
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.results import BreakdownTable, BreakdownTableRow, Dimension, Metric
from proprium.warehouse.schema import event, session

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

MAX_LIMIT = 1000
"""Rows per page that an API client may request."""
MAX_ROWS = 10_000
"""Rows of one result. An export reads all its rows at once, so that they are from one snapshot."""

CAMPAIGN_DIMENSIONS = frozenset(
    {
        Dimension.UTM_SOURCE,
        Dimension.UTM_MEDIUM,
        Dimension.UTM_CAMPAIGN,
        Dimension.UTM_TERM,
        Dimension.UTM_CONTENT,
    }
)
"""Dimensions without a row for "(not set)": most visits have no campaign, so that it would dwarf the other rows."""

SUBDIVISION_DIMENSIONS = frozenset({Dimension.REGION, Dimension.CITY})
BOT_DIMENSIONS = frozenset({Dimension.BOT, Dimension.BOT_CATEGORY, Dimension.BOT_PAGE})

PAGE_VIEW_DIMENSIONS = frozenset(
    {Dimension.PAGE, Dimension.TITLE, Dimension.SECTION, Dimension.WEEKDAY, Dimension.HOUR, Dimension.WEEKDAY_HOUR}
)
COLUMN_BY_DIMENSION = {
    Dimension.EVENT_PAGE: "page",
    Dimension.EVENT_NAME: "event",
    Dimension.BOT: "bot_name",
    Dimension.BOT_PAGE: "page",
}

Column = ColumnElement[Any]


def breakdown_table(
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
) -> BreakdownTable:
    """Returns one page of a dimension's values with metrics, sorted by `sort`.

    Lists values whose default metric is above 0. Rows without a number come last, ties are by value. `metrics` defaults
    to all, `sort` to the default metric. Raises BadQuery for a dimension that does not exist, and DataKeyNotPublic for
    a data key that the query's principal may not see.
    """
    dimension_ = dimension_from(dimension)
    query.data_access.require(dimension_)
    columns = tuple(metrics) or tuple(Metric)
    sort_metric = sort or default_metric(dimension_)
    breakdown_sql = _BreakdownSql(
        query_for_dimension(query, dimension_),
        dimension_,
        tuple(dict.fromkeys((*columns, sort_metric, default_metric(dimension_)))),
    )
    with warehouse.read() as connection:
        statement = breakdown_sql.page(
            sort_metric, ascending, search.strip(), max(1, min(limit, MAX_ROWS)), max(0, offset)
        )
        result_rows = [dict(row) for row in connection.execute(statement).mappings()]
        if not result_rows and offset:  # past the last row: total and distinct are still needed
            first_rows = connection.execute(breakdown_sql.page(sort_metric, ascending, search.strip(), 1, 0)).mappings()
            result_rows = [dict(row) for row in first_rows]
            return BreakdownTable(str(dimension_), columns, sort_metric, (), *_total_and_distinct(result_rows))
    rows = tuple(
        BreakdownTableRow(row["value"], label_of(dimension_, row["value"]), breakdown_sql.row_metrics(row, columns))
        for row in result_rows
    )
    return BreakdownTable(str(dimension_), columns, sort_metric, rows, *_total_and_distinct(result_rows))


def dimension_from(name: str) -> str:
    """Validates a dimension's name: a Dimension or data.<key>. Raises BadQuery with the valid names."""
    is_data = name.startswith(DATA_PREFIX)
    advice = UNSUPPORTED_DATA_KEYS.get(name.removeprefix(DATA_PREFIX)) if is_data else None
    if advice is not None:
        raise BadQuery(f"{name} cannot be broken down by. {advice}")
    if is_data and is_filterable(name):
        return name
    try:
        return Dimension(name)
    except ValueError:
        dimension_names = ", ".join(Dimension)
        raise BadQuery(
            f"There is no dimension {name[:60]!r}. Choose one of {dimension_names}, or data.<key>."
        ) from None


def default_metric(dimension: str) -> Metric:
    """Returns the metric that a dimension is ranked by; values without it are not listed."""
    if dimension in PAGE_VIEW_DIMENSIONS:
        return Metric.PAGE_VIEWS
    return Metric.VISITORS if is_session_dimension(dimension) else Metric.EVENTS


def query_for_dimension(query: Query, dimension: str) -> Query:
    """Narrows a query for a dimension: bots for bot dimensions, the open country for regions and cities."""
    if dimension in BOT_DIMENSIONS:
        return replace(query, audience=Audience.BOTS)
    if dimension in SUBDIVISION_DIMENSIONS and query.open_country:
        return query.with_filters(*query.filters, Filter(Dimension.COUNTRY, Operator.IS, (query.open_country,)))
    return query


def _total_and_distinct(result_rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    return (int(result_rows[0]["total"]), result_rows[0]["distinct_values"]) if result_rows else (0, 0)


@dataclass(frozen=True)
class _BreakdownSql:
    """Builds the SQL of one breakdown table."""

    query: Query
    dimension: str
    metrics: tuple[Metric, ...]

    @property
    def is_session_dimension(self) -> bool:
        return is_session_dimension(self.dimension)

    def page(self, sort_metric: Metric, ascending: bool, search: str, limit: int, offset: int) -> Select[Any]:
        """Selects the listed rows that match `search`, sorted, with `total` and `distinct_values` beside each."""
        listed_rows = self._listed_rows()
        matches_search = cast(listed_rows.c.value, Text).icontains(search, autoescape=True) if search else true()
        sort_expression = SORT_EXPRESSIONS[sort_metric](listed_rows.c)
        return (
            select(listed_rows, func.count().over().label("distinct_values"))
            .where(matches_search)
            .order_by(
                (sort_expression.asc() if ascending else sort_expression.desc()).nulls_last(),
                listed_rows.c.value.asc().nulls_last(),
            )
            .limit(limit)
            .offset(offset)
        )

    def row_metrics(self, row: Mapping[str, Any], columns: Sequence[Metric]) -> dict[Metric, float | None]:
        values = metric_values(self.query, row)
        return {metric: values[metric] for metric in columns}

    def _listed_rows(self) -> Subquery:
        """Merges the parts by value and keeps values whose default metric is above 0."""
        parts = union_all(*self._part_statements()).subquery("parts")
        merged = (
            select(parts.c.value, *(func.max(parts.c[name]).label(name) for name in AGGREGATE_COLUMNS))
            .group_by(parts.c.value)
            .subquery("counted")
        )
        default_count = merged.c[default_metric(self.dimension).value]
        hides_unset = self.dimension in CAMPAIGN_DIMENSIONS or self.dimension.startswith(DATA_PREFIX)
        is_listed = and_(default_count > 0, merged.c.value.is_not(None)) if hides_unset else default_count > 0
        return select(merged, func.sum(default_count).over().label("total")).where(is_listed).subquery("listed")

    def _part_statements(self) -> list[Select[Any]]:
        """Returns the statements that the required metrics need, and no others."""
        required_metrics = set(self.metrics)
        hit_metrics = HIT_METRICS if self.is_session_dimension else HIT_METRICS | {Metric.VISITORS}
        builders = (
            (hit_metrics, self._hit_statement),
            (SESSION_METRICS, self._session_statement),
            (VIEW_METRICS, self._view_statement),
        )
        parts = [build() for part_metrics, build in builders if part_metrics & required_metrics]
        return (
            [*parts, self._visitor_statement()]
            if self.is_session_dimension and Metric.VISITORS in required_metrics
            else parts
        )

    def _hit_statement(self) -> Select[Any]:
        statement = hit_rows(self.query, self._value()).where(self._is_counted())
        if self.is_session_dimension:
            is_same_session = and_(event.c.session == session.c.session, _is_session_in_reach(self.query))
            statement = statement.select_from(event.join(session, is_same_session))
        rows = statement.subquery("hits")
        counts = hit_counts(rows)
        if not self.is_session_dimension:
            counts["visitors"] = func.count(rows.c.visitor.distinct())
        return _group_by_value(rows, counts)

    def _visitor_statement(self) -> Select[Any]:
        rows = select(self._value(), session.c.visitor).where(where.active_sessions(self.query)).subquery("active")
        return _group_by_value(rows, {"visitors": func.count(rows.c.visitor.distinct())})

    def _session_statement(self) -> Select[Any]:
        if self.is_session_dimension:
            statement = session_rows(self.query, self._value()).where(where.chosen_sessions(self.query))
        else:
            statement = self._hit_session_statement()
        rows = statement.subquery("sessions")
        return _group_by_value(rows, session_counts(rows))

    def _hit_session_statement(self) -> Select[Any]:
        """Selects sessions by a hit's dimension: each session once per distinct value of its hits."""
        has_session = event.c.session.is_not(None)
        pairs = (
            select(self._value(), event.c.session)
            .where(where.chosen_hits(self.query), self._is_counted(), has_session)
            .distinct()
            .subquery("pairs")
        )
        is_same_session = and_(pairs.c.session == session.c.session, _is_session_in_reach(self.query))
        return session_rows(self.query, pairs.c.value).select_from(session.join(pairs, is_same_session))

    def _view_statement(self) -> Select[Any]:
        rows = reported_views(self.query, self._value().element, of_sessions=self.is_session_dimension)
        return _group_by_value(rows, view_counts(rows))

    @property
    def _column(self) -> str:
        """Name of the dimension's warehouse column."""
        return COLUMN_BY_DIMENSION.get(self.dimension, self.dimension)  # type: ignore[call-overload, no-any-return]

    def _value(self) -> Label[Any]:
        if self.is_session_dimension:
            return session_column(self._column).label("value")
        return hit_column(self._column, self.query).label("value")

    def _is_counted(self) -> Column:
        return event.c.is_custom if self.dimension == Dimension.EVENT else true()


def _is_session_in_reach(query: Query) -> Column:
    return where.sessions_from(query, where.MAX_SESSION_LENGTH)


def _group_by_value(rows: Subquery, counts: Mapping[str, Column]) -> Select[Any]:
    """Groups by value. All AGGREGATE_COLUMNS are present, as UNION ALL needs; absent counts are NULL."""
    column_by_name = {name: cast(count, Double) for name, count in counts.items()}
    columns = (column_by_name.get(name, cast(null(), Double)).label(name) for name in AGGREGATE_COLUMNS)
    return select(cast(rows.c.value, String).label("value"), *columns).group_by(rows.c.value)


def _ratio(part: Column, whole: Column) -> Column:
    return part / func.nullif(whole, 0.0)


AGGREGATE_COLUMNS = (
    *("visitors", "new_visitors", "page_views", "clicks", "scrolls", "events", "exits"),
    *("sessions", "bounces", "duration_median", "duration_mean", "converted"),
    *("engaged_ms", "depth"),
)
SESSION_METRICS = frozenset(
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
VIEW_METRICS = frozenset({Metric.TIME_ON_PAGE, Metric.SCROLL_DEPTH})
HIT_METRICS = frozenset(
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
"""The kinds of rows that each metric is computed from; views per session needs both hits and sessions."""

SORT_EXPRESSIONS: dict[Metric, Callable[[Any], Column]] = {
    **{metric: itemgetter(metric.value) for metric in SIMPLE_COUNT_METRICS},
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
"""`aggregates.metric_values` as SQL expressions of the same order (engagement rate: negated bounce rate)."""

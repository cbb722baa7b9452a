"""Aggregation: the facts of a query, of its whole period, by time bucket, or by a dimension's value.

Each kind of rows (hits, visitors, sessions, page views, bot hits) is aggregated by a statement of its own. Over time,
additive facts (hits, page views, bots) and others (sessions, distinct visitors, medians) are separate, so that the
additive ones of closed days can be cached (`metrics.cached_reader`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Select,
    String,
    Subquery,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.sql.elements import Label

from proprium.metrics.catalog import facts as catalog
from proprium.metrics.catalog.dimension_spec import DimensionSpec, Scope
from proprium.metrics.catalog.dimensions import Dimension
from proprium.metrics.catalog.facts import Fact, Rows
from proprium.metrics.catalog.metrics import Metric, facts_of
from proprium.metrics.page_engagement import reported_views
from proprium.metrics.query.buckets import Buckets
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.period import Interval
from proprium.metrics.query.query import MAX_CACHED_STATEMENTS, Audience, Query
from proprium.metrics.where import Selection, column_of, counts_viewers
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

Column = ColumnElement[Any]
Counts = dict[str, Any]
"""Facts by name."""
SumsByBucket = Mapping[int | None, Counts]
"""Additive facts by bucket key, without the whole period. Sums of two adjacent periods add up to the joined one."""

WHOLE_PERIOD = None
"""Key of the whole period, beside the keys of its buckets."""
DAILY_IDENTITY = 2  # event.identity: a cookieless visitor, recognised for one day only


@dataclass(frozen=True)
class DimensionRows:
    """Groups by a dimension's values: one page of those that match the search, sorted by a metric, ties by value."""

    dimension: DimensionSpec
    sort: Metric
    is_ascending: bool = False
    search: str = ""
    values: tuple[str | None, ...] | None = None  # searched for by their names instead; None: all
    limit: int = 100
    offset: int = 0


GroupBy = Buckets | DimensionRows | None


@lru_cache(maxsize=MAX_CACHED_STATEMENTS)
def total_facts(query: Query) -> tuple[Fact, ...]:
    """Returns the facts of all metrics, custom cards and goals, and those of `Totals` that are no metrics."""
    custom = (catalog.count_events(f"custom_{index}", name) for index, name in enumerate(query.custom_cards))
    reached = (catalog.count_reached_goal(index) for index in range(len(query.goals)))
    return (*facts_of(tuple(Metric)), catalog.SINGLE_DAY_VISITORS, catalog.BOTS, *custom, *reached)


def aggregate(
    connection: Connection,
    query: Query,
    facts: tuple[Fact, ...],
    group_by: GroupBy = None,
    sums: SumsByBucket | None = None,
) -> dict[Any, Counts]:
    """Returns facts by key: of the whole period (WHOLE_PERIOD) and its buckets, or of a dimension's values.

    Buckets without rows are missing. Rows of a dimension are in their order, each with `distinct_values`. `sums`: the
    result of `additive_sums`, where it is cached. Over time, `query` is normalised, so that its statements are shared.
    """
    if isinstance(group_by, DimensionRows):
        rows = connection.execute(dimension_statement(query, facts, group_by)).mappings()
        return {row["value"]: dict(row) for row in rows}
    sums = additive_sums(connection, query, facts, group_by) if sums is None else sums
    sums_of_whole: list[SumsByBucket] = [{WHOLE_PERIOD: counts} for counts in sums.values()]
    counts_by_key = {**sums, **add_sums({WHOLE_PERIOD: {}}, *sums_of_whole)}
    for statement in time_statements(query, facts, group_by).others:
        for row in connection.execute(statement).mappings():
            key = row.get("bucket", WHOLE_PERIOD)
            counts_by_key[key] = {**counts_by_key.get(key, {}), **row}
    return counts_by_key


def additive_sums(
    connection: Connection, query: Query, facts: tuple[Fact, ...], buckets: Buckets | None
) -> SumsByBucket:
    """Returns the additive facts by bucket key: of bots, of page engagement, and of hits.

    Hits are additive only where visitors are counted by session; otherwise one statement counts both.
    """
    statements = time_statements(query, facts, buckets).additive
    rows = (dict(row) for statement in statements for row in connection.execute(statement).mappings())
    return add_sums(*({row.pop("bucket", WHOLE_PERIOD): row} for row in rows))


def add_sums(*parts: SumsByBucket) -> SumsByBucket:
    """Adds facts of the same bucket and name; a missing fact or NULL is 0."""
    total_sums: dict[int | None, Counts] = {}
    for part in parts:
        for key, counts in part.items():
            bucket_total = total_sums.setdefault(key, {})
            bucket_total.update({name: bucket_total.get(name, 0) + (value or 0) for name, value in counts.items()})
    return total_sums


class TimeStatements(NamedTuple):
    """Statements by time bucket, with the bucket's key as `bucket`; without it for the whole period only."""

    additive: tuple[Select[Any], ...]
    others: tuple[Select[Any], ...]  # with a row for the whole period, whose bucket is NULL


@lru_cache(maxsize=MAX_CACHED_STATEMENTS)
def time_statements(query: Query, facts: tuple[Fact, ...], buckets: Buckets | None) -> TimeStatements:
    """Builds the statements that the facts need; only sessions, distinct visitors and medians do not add up.

    Cached: for a small property, building a statement costs as much as executing it.
    """
    selection, buckets = Selection(query), buckets if buckets and buckets.keys else None

    def bucket(timestamp: Column) -> Column:
        return (buckets.key(timestamp) if buckets else literal(0)).label("bucket")

    def group(rows: Subquery, *kinds: Rows, with_whole: bool = False) -> tuple[Select[Any], ...]:
        columns = _columns(rows, facts, kinds)
        if not columns or buckets is None:
            return (select(*columns).select_from(rows),) if columns else ()
        sets = func.grouping_sets(tuple_(rows.c.bucket), tuple_()) if with_whole else rows.c.bucket
        return (select(rows.c.bucket, *columns).select_from(rows).group_by(sets),)

    hits = hit_rows(selection, facts, bucket(event.c.created_at)).subquery("hits")
    bots = select(bucket(event.c.created_at)).where(selection.bot_hits).subquery("bots")
    engaged_views = reported_views(selection)
    at = bucket(engaged_views.c.at)  # a page view belongs to the bucket in which it began
    views = select(at, engaged_views.c.engaged_ms, engaged_views.c.depth).subquery("reported")
    sessions = session_rows(selection, bucket(session.c.started_at)).where(selection.sessions).subquery("sessions")
    additive = (*group(bots, Rows.BOTS), *group(views, Rows.VIEWS))
    others = group(sessions, Rows.SESSIONS, with_whole=True)
    # Where possible, visitors are counted from sessions instead of hits, which are five times as many. Not for buckets
    # of a minute or an hour: a session can span one of those without a hit in it, but not a whole day.
    has_day_buckets = buckets is None or buckets.interval not in {Interval.MINUTE, Interval.HOUR}
    has_hit_filter = any(filter_.is_hit_filter for filter_ in query.conditions)
    if not has_day_buckets or query.audience is not Audience.HUMANS or has_hit_filter:
        return TimeStatements(additive, (*others, *group(hits, Rows.HITS, Rows.VISITORS, with_whole=True)))
    visitors = (_visitor_statement(selection, facts, bucket if buckets else None),) if catalog.VISITORS in facts else ()
    return TimeStatements((*group(hits, Rows.HITS), *additive), (*others, *visitors))


def _visitor_statement(
    selection: Selection, facts: tuple[Fact, ...], bucket: Callable[[Column], Column] | None
) -> Select[Any]:
    """Counts distinct visitors by session, in the buckets of its first and last hit; those of one day as a whole only.

    A session of at most 24 h touches a third day only where a clock change makes the day between shorter than that.
    """
    active = selection.active_sessions
    sessions = select(session.c.visitor, _is_daily(session)).where(active).subquery("active")
    whole_period = select(*_columns(sessions, facts, (Rows.VISITORS,))).select_from(sessions)
    if bucket is None:
        return whole_period
    first, last = bucket(session.c.started_at), bucket(session.c.ended_at)
    days = select(session.c.visitor, first.label("first"), last.label("last")).where(active).cte("days")
    first, last = days.c.first, days.c.last
    active_buckets = union_all(
        select(first.label("bucket"), days.c.visitor),
        select(last, days.c.visitor).where(last != first),
        select(first + 1, days.c.visitor).where(last == first + 2),
    ).subquery("seen")
    distinct_buckets = select(active_buckets.c.bucket, active_buckets.c.visitor).distinct().subquery("once")
    counts_by_day = (
        Label(name, func.count() if name == catalog.VISITORS.name else null())
        for name, _ in whole_period.selected_columns.items()
    )
    by_day = select(distinct_buckets.c.bucket, *counts_by_day).group_by(distinct_buckets.c.bucket)
    all_rows = union_all(
        by_day,
        whole_period.with_only_columns(null().label("bucket"), *whole_period.selected_columns),
    ).subquery("found")
    return select(*all_rows.c)


def _is_daily(table: Any) -> Column:
    return Label("is_daily", table.c.identity == DAILY_IDENTITY)


def hit_rows(
    selection: Selection, facts: tuple[Fact, ...], key: Column, dimension: DimensionSpec | None = None
) -> Select[Any]:
    """Selects the query's hits with the columns of Rows.HITS and Rows.VISITORS; `dimension` is that of the key."""
    dimensions = () if dimension is None else (dimension.key,)
    visitor: Column = event.c.visitor
    if counts_viewers(selection.query, *dimensions):
        visitor = case((or_(event.c.is_view, event.c.is_bot), visitor)).label("visitor")
    is_exit: Column = false()
    if selection.query.with_exits and catalog.EXITS in facts:  # costs as much as all other columns of hits together
        is_exit = and_(event.c.is_view, selection.is_last_view)
    return select(
        key,
        visitor,
        event.c.event,
        event.c.is_view,
        _is_daily(event),
        is_exit.label("is_exit"),
    ).where(selection.hits)


def session_rows(selection: Selection, key: Column) -> Select[Any]:
    """Selects sessions, still without a condition, with the columns of Rows.SESSIONS.

    A session converts by any goal, or by the one that the query names.
    """
    query = selection.query
    reaches = [session.c.session.in_(selection.sessions_reaching_goal(goal)) for goal in query.goals]
    chosen = (reaches[index] for index, goal in enumerate(query.goals) if query.goal in {"", goal.name})
    return select(
        key,
        session.c.is_bounce,
        dialect.seconds_between(session.c.started_at, session.c.ended_at).label("duration"),
        *(condition.label(f"goal_{index}") for index, condition in enumerate(reaches)),
        or_(false(), *chosen).label("is_converted"),
    )


def dimension_statement(query: Query, facts: tuple[Fact, ...], group_by: DimensionRows) -> Select[Any]:
    """Builds the statement of a page of a dimension's values: parts by kind of rows, merged by UNION ALL.

    Lists values whose default metric is above 0, with the number of those that match the search as `distinct_values`.
    """
    spec = group_by.dimension
    parts = union_all(*_parts_by_value(query_for_dimension(query, spec), facts, spec)).subquery("parts")
    merged = (
        select(parts.c.value, *(Label(fact.name, func.max(parts.c[fact.name])) for fact in facts))
        .group_by(parts.c.value)
        .subquery("counted")
    )
    default_count = spec.default_metric.spec.formula.sql(dict(merged.c))
    is_listed = and_(default_count > 0, merged.c.value.is_not(None)) if spec.hides_unset else default_count > 0
    listed = select(merged).where(is_listed).subquery("listed")
    sort_by = group_by.sort.spec.formula.sql(dict(listed.c))
    statement = (
        select(listed, func.count().over().label("distinct_values"))
        .order_by(
            (sort_by.asc() if group_by.is_ascending else sort_by.desc()).nulls_last(),
            listed.c.value.asc().nulls_last(),
        )
        .limit(group_by.limit)
        .offset(group_by.offset)
    )
    return statement.where(*_matching(listed.c.value, group_by))


def dimension_total(connection: Connection, query: Query, dimension: DimensionSpec) -> int:
    """Returns what the card of a dimension's default metric says, of which its rows have shares."""
    metric = dimension.default_metric
    narrowed = query_for_dimension(query, dimension).normalised
    return int(metric.spec.formula.value(aggregate(connection, narrowed, metric.spec.facts)[WHOLE_PERIOD]) or 0)


def matching_total(connection: Connection, query: Query, group_by: DimensionRows) -> int:
    """Returns the default metric over the listed values that match the search, each visitor once."""
    spec = group_by.dimension
    query = query_for_dimension(query, spec)
    selection, value = Selection(query), column_of(spec, query)
    is_listed: list[Column] = [value.is_not(None)] if spec.hides_unset else []
    is_listed += [] if spec.condition is None else [spec.condition]
    if spec.scope is Scope.SESSION:
        rows = select(func.count(session.c.visitor.distinct())).where(selection.active_sessions)
    else:
        rows = select(func.count()).select_from(event).where(selection.hits)
        is_listed += [event.c.is_view] if spec.default_metric is Metric.PAGE_VIEWS else []
    return connection.scalar(rows.where(*is_listed, *_matching(cast(value, String), group_by))) or 0


def _matching(value: Column, group_by: DimensionRows) -> Iterator[Column]:
    """Yields the conditions of the search."""
    if group_by.search:
        yield cast(value, Text).icontains(group_by.search, autoescape=True)
    if group_by.values is not None:
        known_values = [text for text in group_by.values if text is not None]
        is_unset = value.is_(None) if None in group_by.values else false()
        yield or_(value.in_(known_values), is_unset)


def query_for_dimension(query: Query, spec: DimensionSpec) -> Query:
    """Narrows a query for a dimension: bots for bot dimensions, the open country for regions and cities."""
    if spec.scope is Scope.BOT:
        return replace(query, audience=Audience.BOTS)
    if spec.is_subdivision and query.open_country:
        is_in_country = Filter(Dimension.COUNTRY, Operator.IS, (query.open_country,))
        return replace(query, filters=(*query.filters, is_in_country))
    return query


def _parts_by_value(query: Query, facts: tuple[Fact, ...], spec: DimensionSpec) -> Iterator[Select[Any]]:
    """Builds a statement per kind of rows that the facts need, all with the same columns, as UNION ALL needs."""
    selection, needed_kinds = Selection(query), {fact.rows for fact in facts}
    is_session, value = spec.scope is Scope.SESSION, column_of(spec, query)
    key, is_counted = value.label("value"), true() if spec.condition is None else spec.condition
    # A hit dimension's visitors are those of its hits.
    hit_kinds = (Rows.HITS,) if is_session else (Rows.HITS, Rows.VISITORS)

    def group(rows: Subquery, *kinds: Rows) -> Select[Any]:
        column_by_name = {column.name: cast(column.element, Double) for column in _columns(rows, facts, kinds)}
        no_value = cast(null(), Double)
        columns = (Label(fact.name, column_by_name.get(fact.name, no_value)) for fact in facts)
        return select(cast(rows.c.value, String).label("value"), *columns).group_by(rows.c.value)

    if needed_kinds.intersection(hit_kinds):
        hits = hit_rows(selection, facts, key, spec).where(is_counted)
        if is_session:
            is_same_session = and_(event.c.session == session.c.session, selection.sessions_in_reach)
            hits = hits.select_from(event.join(session, is_same_session))
        yield group(hits.subquery("hits"), *hit_kinds)
    if Rows.SESSIONS in needed_kinds:
        if is_session:
            sessions = session_rows(selection, key).where(selection.sessions)
        else:  # each session once per distinct value of its hits
            has_session = event.c.session.is_not(None)
            hits = select(key, event.c.session).where(selection.hits, is_counted, has_session)
            pairs = hits.distinct().subquery("pairs")
            is_same_session = and_(pairs.c.session == session.c.session, selection.sessions_in_reach)
            sessions = session_rows(selection, pairs.c.value).select_from(session.join(pairs, is_same_session))
        yield group(sessions.subquery("sessions"), Rows.SESSIONS)
    if Rows.VIEWS in needed_kinds:
        yield group(reported_views(selection, value, of_sessions=is_session), Rows.VIEWS)
    if is_session and Rows.VISITORS in needed_kinds:
        visitors = select(key, session.c.visitor, _is_daily(session)).where(selection.active_sessions)
        yield group(visitors.subquery("active"), Rows.VISITORS)


def _columns(rows: Subquery, facts: tuple[Fact, ...], kinds: Collection[Rows]) -> list[Label[Any]]:
    """Returns the facts of these kinds of rows as labelled columns."""
    return [Label(fact.name, fact.aggregate(rows.c)) for fact in facts if fact.rows in kinds]

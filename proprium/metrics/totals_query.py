"""Totals query: all metrics of a period and of each of its time buckets.

Additive counts (hits, bots, page engagement) and non-additive ones (sessions, distinct visitors, medians) are separate
statements, so that the additive ones of closed days can be cached (see cached_reader).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Subquery, func, literal, null, select, tuple_, union_all
from sqlalchemy.sql.elements import ColumnElement, Label

from proprium.metrics import where
from proprium.metrics.aggregates import (
    count_if,
    hit_counts,
    hit_rows,
    metric_values,
    session_counts,
    session_rows,
    view_counts,
    view_means,
    view_sums,
)
from proprium.metrics.page_engagement import reported_views
from proprium.metrics.query.buckets import Buckets
from proprium.metrics.query.period import Interval
from proprium.metrics.query.query import MAX_CACHED_STATEMENTS, Audience, Query, normalised_query
from proprium.metrics.results import Totals
from proprium.warehouse.schema import event, session

Column = ColumnElement[Any]

WHOLE_PERIOD = None
"""Key of the whole period, beside the keys of its buckets."""

CountsByName = dict[str, Any]
SumsByBucket = Mapping[int | None, CountsByName]
"""Additive counts by bucket key, without the whole period. Sums of two adjacent periods add up to the joined one."""


def query_totals(
    connection: Connection, query: Query, buckets: Buckets | None = None, precomputed_sums: SumsByBucket | None = None
) -> Mapping[int | None, Totals]:
    """Returns totals by bucket key, those of the period under WHOLE_PERIOD; buckets without rows are missing.

    `precomputed_sums`: the result of `query_sums`, where it is cached.
    """
    counts_by_bucket = _with_whole_period(
        query_sums(connection, query, buckets) if precomputed_sums is None else precomputed_sums
    )
    for statement in _non_additive_statements(normalised_query(query), buckets):
        for row in connection.execute(statement).mappings():
            counts_by_bucket.setdefault(row["bucket"], {}).update(row)
    is_multi_day = query.period.day_count > 1
    return {
        key: totals_of(query, counts, key is WHOLE_PERIOD and is_multi_day) for key, counts in counts_by_bucket.items()
    }


def query_sums(connection: Connection, query: Query, buckets: Buckets | None) -> SumsByBucket:
    """Returns the additive counts by bucket key: of bots, of page engagement, and of hits.

    Hits are additive only where visitors are counted by session; otherwise one statement counts both.
    """
    results = (
        connection.execute(statement).mappings() for statement in _additive_statements(normalised_query(query), buckets)
    )
    rows = (dict(row) for result in results for row in result)
    return add_sums(*({row.pop("bucket"): row} for row in rows))


def add_sums(*parts: SumsByBucket) -> SumsByBucket:
    """Adds counts of the same bucket and name; a missing count or NULL is 0."""
    total_sums: dict[int | None, CountsByName] = {}
    for part in parts:
        for key, counts in part.items():
            bucket_total = total_sums.setdefault(key, {})
            bucket_total.update({name: bucket_total.get(name, 0) + (value or 0) for name, value in counts.items()})
    return total_sums


def _with_whole_period(bucket_sums: SumsByBucket) -> dict[int | None, CountsByName]:
    parts: list[SumsByBucket] = [{WHOLE_PERIOD: counts} for counts in bucket_sums.values()]
    counts_by_bucket = {**bucket_sums, WHOLE_PERIOD: add_sums({WHOLE_PERIOD: {}}, *parts)[WHOLE_PERIOD]}
    return {key: counts | view_means(counts) for key, counts in counts_by_bucket.items()}


def totals_of(query: Query, counts: Mapping[str, Any], is_multi_day: bool = False) -> Totals:
    """Makes Totals of one row of counts; `is_multi_day` allows them to be labelled as daily visitors."""
    values_by_metric = {metric.value: value for metric, value in metric_values(query, counts).items()}
    return Totals(
        **values_by_metric,  # type: ignore[arg-type]
        visit_duration_mean=counts.get("duration_mean"),
        bots=counts.get("bots", 0),
        daily_visitors=is_multi_day and counts.get("daily", 0) > 0,
        custom={name: counts.get(f"custom_{index}", 0) for index, name in enumerate(query.custom_cards)},
        goals={goal.name: counts.get(f"reached_{index}", 0) for index, goal in enumerate(query.goals)},
    )


def statements_for(query: Query, columns: Collection[str]) -> list[Select[Any]]:
    """Returns the whole period's statements that compute these columns, reduced to them."""
    normalised = normalised_query(query)
    statements = [
        *_additive_statements(normalised, None),
        *_non_additive_statements(normalised, None),
        _view_statement(query, None, view_counts),
    ]
    matching_columns = (
        [column for column in statement.selected_columns if column.name in columns] for statement in statements
    )
    return [
        statement.with_only_columns(*statement_columns)
        for statement, statement_columns in zip(statements, matching_columns, strict=True)
        if statement_columns
    ]


@lru_cache(maxsize=MAX_CACHED_STATEMENTS)
def _non_additive_statements(query: Query, buckets: Buckets | None) -> list[Select[Any]]:
    """Builds the statements for sessions and distinct visitors, which do not add up over buckets."""
    # Cached: for a small property, building a statement costs as much as executing it.
    is_by_session = _can_count_visitors_by_session(query, buckets)
    visitor_statement = (
        _visitor_statement(query, buckets) if is_by_session else _hit_statement(query, buckets, with_visitors=True)
    )
    return [_session_statement(query, buckets), visitor_statement]


@lru_cache(maxsize=MAX_CACHED_STATEMENTS)
def _additive_statements(query: Query, buckets: Buckets | None) -> list[Select[Any]]:
    hit_statements = (
        [_hit_statement(query, buckets, with_visitors=False)] if _can_count_visitors_by_session(query, buckets) else []
    )
    return [*hit_statements, _bot_statement(query, buckets), _view_statement(query, buckets, view_sums)]


def _can_count_visitors_by_session(query: Query, buckets: Buckets | None) -> bool:
    """Returns True where visitors can be counted from sessions instead of hits, which are five times as many.

    Not for buckets of a minute or an hour: a session can span one of those without a hit in it, but not a whole day.
    """
    has_day_buckets = buckets is None or buckets.interval not in {Interval.MINUTE, Interval.HOUR}
    return (
        has_day_buckets
        and query.audience is Audience.HUMANS
        and not any(filter_.is_hit_filter for filter_ in query.filters)
    )


def _hit_statement(query: Query, buckets: Buckets | None, *, with_visitors: bool) -> Select[Any]:
    rows = hit_rows(query, _bucket_column(buckets, event.c.created_at)).subquery("hits")
    custom = {f"custom_{index}": count_if(rows.c.event == name) for index, name in enumerate(query.custom_cards)}
    counts = {
        **({"visitors": func.count(rows.c.visitor.distinct())} if with_visitors else {}),
        **hit_counts(rows),
        "daily": count_if(rows.c.is_daily),
    }
    return _group_by_bucket(rows, buckets, counts | custom, with_whole=with_visitors)


def _bot_statement(query: Query, buckets: Buckets | None) -> Select[Any]:
    """Counts bot hits, which no other metric includes."""
    rows = select(_bucket_column(buckets, event.c.created_at)).where(where.bot_hits(query)).subquery("bots")
    return _group_by_bucket(rows, buckets, {"bots": func.count()}, with_whole=False)


def _visitor_statement(query: Query, buckets: Buckets | None) -> Select[Any]:
    """Counts distinct visitors by session, in the buckets of its first and last hit.

    A session of at most 24 h touches a third day only where a clock change makes the day between shorter than that.
    """
    active = where.active_sessions(query)
    whole_columns: tuple[Any, ...] = (
        null().label("bucket"),
        func.count(session.c.visitor.distinct()).label("visitors"),
    )
    whole_statement = select(*whole_columns).where(active)
    if not (buckets and buckets.keys):
        return whole_statement
    first, last = buckets.key(session.c.started_at), buckets.key(session.c.ended_at)
    days = select(session.c.visitor, first.label("first"), last.label("last")).where(active).cte("days")
    first, last = days.c.first, days.c.last
    active_buckets = union_all(
        select(first.label("bucket"), days.c.visitor),
        select(last, days.c.visitor).where(last != first),
        select(first + 1, days.c.visitor).where(last == first + 2),
    ).subquery("seen")
    distinct_buckets = select(active_buckets.c.bucket, active_buckets.c.visitor).distinct().subquery("once")
    by_day = select(distinct_buckets.c.bucket, func.count().label("visitors")).group_by(distinct_buckets.c.bucket)
    all_rows = union_all(by_day, whole_statement).subquery("found")
    return select(all_rows.c.bucket, all_rows.c.visitors)


def _session_statement(query: Query, buckets: Buckets | None) -> Select[Any]:
    starts = _bucket_column(buckets, session.c.started_at)
    rows = session_rows(query, starts).where(where.chosen_sessions(query)).subquery("sessions")
    goals = {f"reached_{index}": count_if(rows.c[f"goal_{index}"]) for index in range(len(query.goals))}
    return _group_by_bucket(rows, buckets, session_counts(rows) | goals)


def _view_statement(
    query: Query, buckets: Buckets | None, counts: Callable[[Subquery], dict[str, Column]]
) -> Select[Any]:
    """Aggregates page engagement; a page view belongs to the bucket in which it began."""
    engaged_views = reported_views(query)
    rows = select(
        _bucket_column(buckets, engaged_views.c.at), engaged_views.c.engaged_ms, engaged_views.c.depth
    ).subquery("reported")
    return _group_by_bucket(rows, buckets, counts(rows), with_whole=False)


def _bucket_column(buckets: Buckets | None, timestamp: ColumnElement[Any]) -> Label[Any]:
    return (buckets.key(timestamp) if buckets and buckets.keys else literal(0)).label("bucket")


def _group_by_bucket(
    rows: Subquery, buckets: Buckets | None, counts: Mapping[str, Column], *, with_whole: bool = True
) -> Select[Any]:
    """Groups by bucket; `with_whole` adds a row with bucket NULL for the whole period."""
    aggregate_columns = [count.label(name) for name, count in counts.items()]
    columns: tuple[Column, ...] = (
        rows.c.bucket if buckets and buckets.keys else null().label("bucket"),
        *aggregate_columns,
    )
    statement = select(*columns).select_from(rows)
    if not (buckets and buckets.keys):
        return statement
    return statement.group_by(func.grouping_sets(tuple_(rows.c.bucket), tuple_()) if with_whole else rows.c.bucket)

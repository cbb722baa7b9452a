"""Aggregates: the SQL expressions of every metric, and the formulas that turn counts into metrics.

Cards and charts group them by time bucket, breakdowns by a dimension's value. There are three kinds of rows: hits,
sessions, page views. Each metric's definition is written once, as one column.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Double, Select, Subquery, and_, false, func, or_, select

from proprium.metrics import where
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

DAILY_IDENTITY = 2  # event.identity: a cookieless visitor, recognised for one day only

Column = ColumnElement[Any]


def hit_rows(query: Query, *extra_columns: Column) -> Select[Any]:
    """Selects the query's hits with the columns that `hit_counts` aggregates."""
    # Only on demand: it costs as much as all other columns of hits together.
    is_exit: Column = and_(event.c.is_view, where.is_last_view(query)) if query.with_exits else false()
    return select(
        *extra_columns,
        event.c.visitor,
        event.c.event,
        event.c.is_view,
        (event.c.identity == DAILY_IDENTITY).label("is_daily"),
        is_exit.label("is_exit"),
    ).where(where.chosen_hits(query))


def hit_counts(rows: Subquery) -> dict[str, Column]:
    return {
        "new_visitors": count_if(rows.c.event == "session_start"),
        "page_views": count_if(rows.c.is_view),
        "clicks": count_if(rows.c.event == "click"),
        "scrolls": count_if(rows.c.event == "scroll"),
        "events": func.count(),
        "exits": count_if(rows.c.is_exit),
    }


def session_rows(query: Query, *extra_columns: Column) -> Select[Any]:
    """Selects sessions, still without a condition, with the columns that `session_counts` aggregates."""
    return select(
        *extra_columns,
        session.c.is_bounce,
        dialect.seconds_between(session.c.started_at, session.c.ended_at).label("duration"),
        *reached_goals(query).values(),
    )


def session_counts(rows: Subquery) -> dict[str, Column]:
    return {
        "sessions": func.count(),
        "bounces": count_if(rows.c.is_bounce),
        "duration_median": dialect.median(rows.c.duration),
        "duration_mean": func.avg(rows.c.duration, type_=Double),
        "converted": count_if(rows.c.is_converted),
    }


def view_counts(rows: Subquery) -> dict[str, Column]:
    """Returns mean engaged time and scroll depth of `page_engagement.reported_views`."""
    return {
        "engaged_ms": func.avg(rows.c.engaged_ms, type_=Double),
        "depth": func.avg(rows.c.depth, type_=Double),
    }


def view_sums(rows: Subquery) -> dict[str, Column]:
    """Returns the additive sums and numbers behind the means of `view_counts`."""
    return {
        f"{name}_{suffix}": aggregate(rows.c[name])
        for name in ("engaged_ms", "depth")
        for suffix, aggregate in (("sum", partial(func.sum, type_=BigInteger)), ("number", func.count))
    }


def view_means(sums: Mapping[str, Any]) -> dict[str, float | None]:
    """Returns the means of `view_counts`, computed from the result of `view_sums`."""
    return {name: _mean(sums, name) for name in ("engaged_ms", "depth")}


def _mean(sums: Mapping[str, Any], name: str) -> float | None:
    count = sums.get(f"{name}_number")
    return sums[f"{name}_sum"] / count if count else None


def reached_goals(query: Query) -> dict[str, Column]:
    """Returns a session's conditions, labelled by key: `goal_<index>` per goal, and `is_converted`.

    Where the query names a goal, only that one converts.
    """
    goal_conditions = {
        f"goal_{index}": session.c.session.in_(where.sessions_reaching_goal(query, goal))
        for index, goal in enumerate(query.goals)
    }
    chosen_conditions = [
        goal_conditions[f"goal_{index}"] for index, goal in enumerate(query.goals) if query.goal in {"", goal.name}
    ]
    return {
        name: condition.label(name)
        for name, condition in {**goal_conditions, "is_converted": or_(false(), *chosen_conditions)}.items()
    }


def count_if(condition: Column) -> Column:
    return func.count().filter(condition)


def metric_values(query: Query, counts: Mapping[str, Any]) -> dict[Metric, float | None]:
    """Computes the metrics of one bucket or row. Missing counts are 0; rates without a denominator are None."""
    session_count, view_count = counts.get("sessions") or 0, counts.get("page_views") or 0
    bounce_rate = _percent(counts.get("bounces"), session_count)
    engaged_ms = counts.get("engaged_ms")
    converted_count = int(counts.get("converted") or 0) if query.goals else None
    return {
        **{metric: int(counts.get(metric.value) or 0) for metric in SIMPLE_COUNT_METRICS},
        Metric.VIEWS_PER_SESSION: view_count / session_count if session_count else None,
        Metric.BOUNCE_RATE: bounce_rate,
        Metric.ENGAGEMENT_RATE: None if bounce_rate is None else 100 - bounce_rate,
        Metric.VISIT_DURATION: counts.get("duration_median"),
        Metric.TIME_ON_PAGE: None if engaged_ms is None else engaged_ms / 1000,
        Metric.SCROLL_DEPTH: counts.get("depth"),
        Metric.EXIT_RATE: _percent(counts.get("exits"), view_count) if query.with_exits else None,
        Metric.CONVERSIONS: converted_count,
        Metric.CONVERSION_RATE: None if converted_count is None else _percent(converted_count, session_count),
    }


SIMPLE_COUNT_METRICS = (
    Metric.VISITORS,
    Metric.NEW_VISITORS,
    Metric.SESSIONS,
    Metric.PAGE_VIEWS,
    Metric.CLICKS,
    Metric.SCROLLS,
    Metric.EVENTS,
)
"""Metrics that are the count of the same name."""

COLUMNS_BY_METRIC: dict[Metric, tuple[str, ...]] = {
    **{metric: (metric.value,) for metric in SIMPLE_COUNT_METRICS},
    Metric.VIEWS_PER_SESSION: ("page_views", "sessions"),
    Metric.BOUNCE_RATE: ("bounces", "sessions"),
    Metric.ENGAGEMENT_RATE: ("bounces", "sessions"),
    Metric.VISIT_DURATION: ("duration_median", "duration_mean"),
    Metric.TIME_ON_PAGE: ("engaged_ms",),
    Metric.SCROLL_DEPTH: ("depth",),
    Metric.EXIT_RATE: ("exits", "page_views"),
    Metric.CONVERSIONS: ("converted",),
    Metric.CONVERSION_RATE: ("converted", "sessions"),
}
"""The aggregate columns that each metric is computed from."""


def _percent(part: int | None, whole: int) -> float | None:
    return 100 * (part or 0) / whole if whole else None

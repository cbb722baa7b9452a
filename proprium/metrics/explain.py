"""Explains a metric's value: definition, period, filter funnel, excluded hits, and the SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, and_, func, not_, select

from proprium.metrics import where
from proprium.metrics.aggregates import COLUMNS_BY_METRIC
from proprium.metrics.definitions import DEFINITIONS
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.results import Metric
from proprium.metrics.totals_query import WHOLE_PERIOD, query_totals, statements_for
from proprium.warehouse.schema import event, left_out, session

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

NameOf = Callable[[str, str], str]

GOAL_METRICS = frozenset({Metric.CONVERSIONS, Metric.CONVERSION_RATE})
EXCLUSION_LABELS = {"country": "Excluded countries", "path": "Excluded paths", "user_agent": "Excluded User-Agents"}
"""Labels by warehouse.left_out.reason."""


@dataclass(frozen=True)
class FunnelStep:
    """Hits and sessions that remain after one more condition."""

    label: str
    hits: int
    sessions: int


@dataclass(frozen=True)
class ExcludedHits:
    """Hits of the period that the metric does not include, for one reason."""

    reason: str
    count: int  # hits
    explanation: str


@dataclass(frozen=True)
class Explanation:
    """Everything that the panel about one metric shows."""

    metric: Metric
    definition: str
    value: float | None
    window: tuple[tuple[str, str], ...]  # (label, text): from, until, time zone, in UTC
    steps: tuple[FunnelStep, ...]  # from all stored events of the period to the counted ones
    left_out: tuple[ExcludedHits, ...]
    sql: str  # statements separated by ";\n\n"; "" where a goal's conditions must stay private


def explain(
    warehouse: Warehouse,
    query: Query,
    metric: Metric,
    *,
    rejected_counts: Mapping[str, int] | None = None,
    name_of: NameOf = lambda dimension, value: value,
) -> Explanation:
    """Explains one metric of a query, read from one snapshot of the warehouse.

    `rejected_counts`: events of the period that the collector rejected, by reason, as far as they are stored.
    `name_of(dimension, value)` turns codes in filter labels into names.
    """
    with warehouse.read() as connection:
        return Explanation(
            metric=metric,
            definition=DEFINITIONS[metric],
            value=query_totals(connection, query)[WHOLE_PERIOD].value(metric),
            window=_window(query),
            steps=tuple(_funnel_steps(connection, query, name_of)),
            left_out=tuple(_exclusions(connection, query, rejected_counts or {})),
            sql=_sql(connection, query, metric),
        )


def _window(query: Query) -> tuple[tuple[str, str], ...]:
    period = query.period
    return (
        ("From", f"{period.start:%Y-%m-%d %H:%M}"),
        ("Until", f"{period.end:%Y-%m-%d %H:%M}"),
        ("Time zone", query.timezone.key),
        ("In UTC", f"{period.start_utc:%Y-%m-%d %H:%M} – {period.end_utc:%Y-%m-%d %H:%M}"),
    )


def _funnel_steps(connection: Connection, query: Query, name_of: NameOf) -> Iterator[FunnelStep]:
    unfiltered_query = query.with_filters()
    session_count = _count_sessions(connection, unfiltered_query)
    yield FunnelStep(
        "All stored events",
        _count_hits(connection, where.hits_in_period(query)),
        session_count,
    )
    if query.audience is not Audience.ALL:
        audience_hit_count = _count_hits(connection, where.chosen_hits(unfiltered_query))
        yield FunnelStep(
            "From humans" if query.audience is Audience.HUMANS else "From bots", audience_hit_count, session_count
        )
    for filter_count, filter_ in enumerate(query.filters, start=1):
        narrowed_query = query.with_filters(*query.filters[:filter_count])
        hit_count = _count_hits(connection, where.chosen_hits(narrowed_query))
        yield FunnelStep(filter_.label(name_of), hit_count, _count_sessions(connection, narrowed_query))


def _exclusions(connection: Connection, query: Query, rejected_counts: Mapping[str, int]) -> Iterator[ExcludedHits]:
    is_in_period = where.hits_in_period(query)
    if query.audience is Audience.HUMANS and (bot_count := _count_hits(connection, and_(is_in_period, event.c.is_bot))):
        yield ExcludedHits(
            "Bots", bot_count, "Known crawlers, monitors and automated browsers are reported only under Bots."
        )
    is_duplicate_view = and_(is_in_period, not_(event.c.is_bot), event.c.event == "page_view", not_(event.c.is_view))
    if count := _count_hits(connection, is_duplicate_view):
        yield ExcludedHits(
            "Duplicate page views", count, "The same visitor on the same path again within 1 s, without a view_id."
        )
    if count := _count_hits(connection, and_(is_in_period, not_(event.c.is_bot), event.c.visitor.is_(None))):
        yield ExcludedHits(
            "Without a visitor",
            count,
            "Server-side events without a user_id count as events, not as visitors or sessions.",
        )
    for reason, count in _excluded_counts(connection, query):
        yield ExcludedHits(EXCLUSION_LABELS[reason], count, "Excluded from every metric by the property's settings.")
    for reason, count in rejected_counts.items():
        yield ExcludedHits(
            f"Rejected: {reason}",
            count,
            "Rejected by the collector, never counted. The newest are under Rejected events.",
        )


def _excluded_counts(connection: Connection, query: Query) -> list[tuple[str, int]]:
    statement = (
        select(left_out.c.reason, func.count())
        .where(
            left_out.c.property == query.property_number,
            left_out.c.created_at >= query.period.start_utc,
            left_out.c.created_at < query.period.end_utc,
        )
        .group_by(left_out.c.reason)
        .order_by(left_out.c.reason)
    )
    return [(row[0], row[1]) for row in connection.execute(statement)]


def _count_hits(connection: Connection, condition: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(event).where(condition)) or 0


def _count_sessions(connection: Connection, query: Query) -> int:
    return connection.scalar(select(func.count()).select_from(session).where(where.chosen_sessions(query))) or 0


def _sql(connection: Connection, query: Query, metric: Metric) -> str:
    """Returns the metric's statements with their values inlined, to read or to run at a SQL prompt.

    Returns "" where the SQL would show the private values that a goal is defined by.
    """
    visible_goals = tuple(goal for goal in query.goals if query.data_access.allows_all(goal.filters))
    if metric in GOAL_METRICS and visible_goals != query.goals:
        return ""
    query = replace(query, goals=visible_goals)
    return ";\n\n".join(
        _literal_sql(connection, statement) for statement in statements_for(query, COLUMNS_BY_METRIC[metric])
    )


def _literal_sql(connection: Connection, statement: Any) -> str:
    return str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))

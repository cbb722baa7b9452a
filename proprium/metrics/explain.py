"""Why a number is what it is: what it means, which rows it was counted from, what was left out, and the SQL."""

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

OF_GOALS = frozenset({Metric.CONVERSIONS, Metric.CONVERSION_RATE})
EXCLUSION_LABELS = {"country": "Excluded countries", "path": "Excluded paths", "user_agent": "Excluded User-Agents"}
"""warehouse.left_out.reason as people read it."""


@dataclass(frozen=True)
class FunnelStep:
    """What is left after one more condition."""

    label: str
    hits: int
    sessions: int


@dataclass(frozen=True)
class ExcludedHits:
    reason: str
    count: int  # hits
    explanation: str


@dataclass(frozen=True)
class Explanation:
    metric: Metric
    definition: str
    value: float | None
    window: tuple[tuple[str, str], ...]  # (what, text): from, to, zone, in UTC
    steps: tuple[FunnelStep, ...]  # the first one is everything of the period, the last one what was counted
    left_out: tuple[ExcludedHits, ...]
    sql: str


def explain(
    warehouse: Warehouse,
    query: Query,
    metric: Metric,
    *,
    rejected_counts: Mapping[str, int] | None = None,
    name_of: NameOf = lambda dimension, value: value,
) -> Explanation:
    """`refused`: how many events of the period were turned away at the door, by reason, as far as that is known."""
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
        "Everything that was stored for this period",
        _count_hits(connection, where.hits_in_period(query)),
        session_count,
    )
    if query.audience is not Audience.ALL:
        audience_hit_count = _count_hits(connection, where.chosen_hits(unfiltered_query))
        yield FunnelStep(
            "Sent by people" if query.audience is Audience.HUMANS else "Sent by bots", audience_hit_count, session_count
        )
    for filter_count, filter_ in enumerate(query.filters, start=1):
        narrowed_query = query.with_filters(*query.filters[:filter_count])
        hit_count = _count_hits(connection, where.chosen_hits(narrowed_query))
        yield FunnelStep(filter_.label(name_of), hit_count, _count_sessions(connection, narrowed_query))


def _exclusions(connection: Connection, query: Query, rejected_counts: Mapping[str, int]) -> Iterator[ExcludedHits]:
    is_in_period = where.hits_in_period(query)
    if query.audience is Audience.HUMANS and (bot_count := _count_hits(connection, and_(is_in_period, event.c.is_bot))):
        yield ExcludedHits(
            "Bots", bot_count, "Known crawlers, monitors and automated browsers stand in no number but their own."
        )
    is_duplicate_view = and_(is_in_period, not_(event.c.is_bot), event.c.event == "page_view", not_(event.c.is_view))
    if count := _count_hits(connection, is_duplicate_view):
        yield ExcludedHits(
            "Double page views", count, "The same visitor on the same path again within a second, unnamed."
        )
    if count := _count_hits(connection, and_(is_in_period, not_(event.c.is_bot), event.c.visitor.is_(None))):
        yield ExcludedHits(
            "Nobody's", count, "Server-side events without a user_id are events, but no visitors or sessions."
        )
    for reason, count in _excluded_counts(connection, query):
        yield ExcludedHits(EXCLUSION_LABELS[reason], count, "The property's settings leave them out of every number.")
    for reason, count in rejected_counts.items():
        yield ExcludedHits(
            f"Refused: {reason}", count, "Turned away at the door and never stored; the newest are listed."
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
    """As it is asked, with the values in it: for reading, and for a SQL prompt of one's own.

    "" where it would show a reader the private values that a goal is defined by.
    """
    visible = tuple(goal for goal in query.goals if query.data_access.allows_all(goal.filters))
    if metric in OF_GOALS and visible != query.goals:
        return ""
    query = replace(query, goals=visible)
    return ";\n\n".join(
        _literal_sql(connection, statement) for statement in statements_for(query, COLUMNS_BY_METRIC[metric])
    )


def _literal_sql(connection: Connection, statement: Any) -> str:
    return str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))

"""Explains a metric's value: definition, period, filter funnel, excluded hits, and the SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, not_, select

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.aggregate import WHOLE_PERIOD, time_statements
from proprium.metrics.definitions import definition
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.results import Metric
from proprium.metrics.totals import query_totals
from proprium.metrics.where import Selection
from proprium.warehouse.schema import event, left_out, session

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

NameOf = Callable[[str, str], str]

EXCLUSION_LABELS = {
    "country": N_("Excluded countries"),
    "path": N_("Excluded paths"),
    "user_agent": N_("Excluded User-Agents"),
}
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
    sql: str  # statements separated by ";\n\n"; "" where conditions of the owner must stay private


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
    period, selection = query.period, Selection(query)
    with warehouse.read() as connection:
        totals = query_totals(connection, query)[WHOLE_PERIOD]
        return Explanation(
            metric=metric,
            definition=definition(metric, query.limits, totals),
            value=totals.value(metric),
            window=(
                (_("From"), f"{period.start:%Y-%m-%d %H:%M}"),
                (_("Until"), f"{period.end:%Y-%m-%d %H:%M}"),
                (_("Time zone"), query.timezone.key),
                (_("In UTC"), f"{period.start_utc:%Y-%m-%d %H:%M} – {period.end_utc:%Y-%m-%d %H:%M}"),
            ),
            steps=tuple(_funnel_steps(connection, query, name_of)),
            left_out=tuple(
                exclusion for exclusion in _exclusions(connection, selection, rejected_counts or {}) if exclusion.count
            )
            if not query.data_access.restriction  # they count what the principal may not see
            else (),
            sql=";\n\n".join(
                str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
                for statement in _readable_statements(query, metric)
            ),
        )


def _funnel_steps(connection: Connection, query: Query, name_of: NameOf) -> Iterator[FunnelStep]:
    unfiltered = Selection(query.with_filters())
    session_count = _count_sessions(connection, unfiltered)
    if query.data_access.restriction:
        yield FunnelStep(_("All shared events"), _count_hits(connection, unfiltered.all_hits), session_count)
    else:
        yield FunnelStep(_("All stored events"), _count_hits(connection, unfiltered.hits_in_period), session_count)
    if query.audience is not Audience.ALL:
        label = _("From humans") if query.audience is Audience.HUMANS else _("From bots")
        yield FunnelStep(label, _count_hits(connection, unfiltered.hits), session_count)
    for filter_count, filter_ in enumerate(query.filters, start=1):
        narrowed = Selection(query.with_filters(*query.filters[:filter_count]))
        hit_count = _count_hits(connection, narrowed.hits)
        yield FunnelStep(filter_.label(name_of), hit_count, _count_sessions(connection, narrowed))


def _exclusions(
    connection: Connection, selection: Selection, rejected_counts: Mapping[str, int]
) -> Iterator[ExcludedHits]:
    """Yields each reason with its number of hits, which may be 0."""
    query, is_human = selection.query, and_(selection.hits_in_period, not_(event.c.is_bot))
    if query.audience is Audience.HUMANS:
        yield ExcludedHits(
            _("Bots"),
            _count_hits(connection, and_(selection.hits_in_period, event.c.is_bot)),
            _("Known crawlers, monitors and automated browsers are reported only under Bots."),
        )
    yield ExcludedHits(
        _("Duplicate page views"),
        _count_hits(connection, and_(is_human, event.c.event == "page_view", not_(event.c.is_view))),
        _("The same visitor on the same path again within 1 s, without a view_id."),
    )
    yield ExcludedHits(
        _("Without a visitor"),
        _count_hits(connection, and_(is_human, event.c.visitor.is_(None))),
        _("Server-side events without a user_id count as events, not as visitors or sessions."),
    )
    excluded_counts = (
        select(left_out.c.reason, func.count())
        .where(
            left_out.c.property == query.property_number,
            left_out.c.created_at >= query.period.start_utc,
            left_out.c.created_at < query.period.end_utc,
        )
        .group_by(left_out.c.reason)
        .order_by(left_out.c.reason)
    )
    for reason, count in connection.execute(excluded_counts):
        explanation = _("Excluded from every metric by the property's settings.")
        yield ExcludedHits(_(EXCLUSION_LABELS[reason]), count, explanation)
    for reason, count in rejected_counts.items():
        explanation = _("Rejected by the collector, never counted. The newest are under Rejected events.")
        yield ExcludedHits(_("Rejected: {reason}", reason=reason), count, explanation)


def _count_hits(connection: Connection, condition: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(event).where(condition)) or 0


def _count_sessions(connection: Connection, selection: Selection) -> int:
    return connection.scalar(select(func.count()).select_from(session).where(selection.sessions)) or 0


def _readable_statements(query: Query, metric: Metric) -> tuple[Select[Any], ...]:
    """Returns the metric's statements, to read or to run at a SQL prompt.

    Returns none where the SQL would show the private values that a goal or the principal's segment is defined by.
    """
    if query.data_access.restriction:
        return ()
    visible_goals = tuple(goal for goal in query.goals if query.data_access.allows_all(goal.filters))
    if metric.spec.needs_goals and visible_goals != query.goals:
        return ()
    statements = time_statements(replace(query, goals=visible_goals).normalised, metric.spec.facts, None)
    return (*statements.additive, *statements.others)

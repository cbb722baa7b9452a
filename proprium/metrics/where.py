"""Which rows a query is about: hits of people, hits of bots, and sessions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, not_, or_, select

from proprium.metrics.columns import hit_column, session_column
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.query import Audience, Goal, Query
from proprium.warehouse.schema import event, session

MAX_SESSION_LENGTH = timedelta(hours=24)
NO_LOOKBACK = timedelta()

Condition = ColumnElement[bool]


def hits_in_period(query: Query) -> Condition:
    """Every hit of the property in the period, whoever sent it."""
    return and_(
        event.c.property == query.property_number,
        event.c.created_at >= query.period.start_utc,
        event.c.created_at < query.period.end_utc,
    )


def chosen_hits(query: Query) -> Condition:
    """Hits of the query's audience that match its filters."""
    if query.audience is Audience.BOTS:
        return bot_hits(query)
    if query.audience is Audience.ALL:
        return all_hits(query)
    return human_hits(query)


def human_hits(query: Query) -> Condition:
    return and_(
        hits_in_period(query), not_(event.c.is_bot), *_hit_conditions(query), *_session_conditions_on_hits(query)
    )


def bot_hits(query: Query) -> Condition:
    """Of the filters, bots know only the one by page: they have no session."""
    page_conditions = (_matches(event.c.page, filter_) for filter_ in query.filters if filter_.dimension == "page")
    return and_(hits_in_period(query), event.c.is_bot, *page_conditions)


def all_hits(query: Query) -> Condition:
    """Those of people and those of bots, each under the filters that they know."""
    if not query.filters:
        return hits_in_period(query)
    return or_(human_hits(query), bot_hits(query))


def chosen_sessions(query: Query) -> Condition:
    """Sessions that start in the period; under a filter on hits, those with a matching hit in the period."""
    if query.audience is Audience.BOTS:
        return false()
    if _hit_conditions(query):
        return _has_matching_hit(query)
    return and_(sessions_from(query, NO_LOOKBACK), *_session_conditions(query))


def active_sessions(query: Query) -> Condition:
    """Sessions with a hit in the period that matches: whose visitors the period has seen."""
    if query.audience is Audience.BOTS:
        return false()
    if _hit_conditions(query):
        return _has_matching_hit(query)
    is_still_active = session.c.ended_at >= query.period.start_utc
    return and_(sessions_from(query, MAX_SESSION_LENGTH), is_still_active, *_session_conditions(query))


def sessions_from(query: Query, lookback: timedelta) -> Condition:
    """Sessions of the property that start in the period, or at most so long before it."""
    return and_(
        session.c.property == query.property_number,
        session.c.started_at >= query.period.start_utc - lookback,
        session.c.started_at < query.period.end_utc,
    )


def sessions_reaching_goal(query: Query, goal: Goal) -> Select[Any]:
    """Ids of the sessions with a hit that reaches the goal, whatever the query's own filters are.

    A session is the period's whole: what it did before and after counts as well.
    """
    as_defined = replace(query, data_access=EVERY_KEY)  # its number is the same for the owner and for readers
    goal_conditions = (_matches(hit_column(filter_.dimension, as_defined), filter_) for filter_ in goal.filters)
    return select(event.c.session).where(
        event.c.property == query.property_number,
        event.c.created_at >= query.period.start_utc - MAX_SESSION_LENGTH,
        event.c.created_at < query.period.end_utc + MAX_SESSION_LENGTH,
        not_(event.c.is_bot),
        event.c.session.is_not(None),
        *goal_conditions,
    )


def is_last_view(query: Query) -> Condition:
    """For a hit: nothing was viewed after it in its session."""
    return event.c.seq.in_(select(session.c.exit_view).where(sessions_from(query, MAX_SESSION_LENGTH)))


def _has_matching_hit(query: Query) -> Condition:
    matching_sessions = select(event.c.session).where(
        hits_in_period(query), not_(event.c.is_bot), event.c.session.is_not(None), *_hit_conditions(query)
    )
    return and_(
        sessions_from(query, MAX_SESSION_LENGTH), *_session_conditions(query), session.c.session.in_(matching_sessions)
    )


def _hit_conditions(query: Query) -> list[Condition]:
    hit_filters = (filter_ for filter_ in query.filters if filter_.is_hit_filter)
    return [_matches(hit_column(filter_.dimension, query), filter_) for filter_ in hit_filters]


def _session_conditions(query: Query) -> list[Condition]:
    session_filters = (filter_ for filter_ in query.filters if not filter_.is_hit_filter)
    return [_matches(session_column(filter_.dimension), filter_) for filter_ in session_filters]


def _session_conditions_on_hits(query: Query) -> list[Condition]:
    """Source, device and place of a hit are its session's, which took them from its first hit."""
    conditions = _session_conditions(query)
    if not conditions:
        return []
    return [event.c.session.in_(select(session.c.session).where(sessions_from(query, MAX_SESSION_LENGTH), *conditions))]


def _matches(column: ColumnElement[Any], filter_: Filter) -> Condition:
    value = filter_.value
    match filter_.operator:
        case Operator.IS:
            return column == value if value else or_(column.is_(None), column == "")
        case Operator.IS_NOT:
            return column.is_distinct_from(value) if value else and_(column.is_not(None), column != "")
        case Operator.CONTAINS:
            return column.icontains(value, autoescape=True)
        case Operator.NOT_CONTAINS:
            return or_(column.is_(None), not_(column.icontains(value, autoescape=True)))
        case Operator.MATCHES:
            return column.like(_like_pattern(value), escape="\\")
        case Operator.ONE_OF:
            return column.in_(filter_.values)
        case Operator.IS_SET:
            return column.is_not(None)


def _like_pattern(value: str) -> str:
    """A * of ours as SQL's %, and nothing else with a meaning."""
    for character in "\\%_":
        value = value.replace(character, "\\" + character)
    return value.replace("*", "%")

"""WHERE conditions: the hits and sessions that a query selects by property, period, audience and filters."""

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
    """Matches every hit of the property in the period, of humans and bots, regardless of filters."""
    return and_(
        event.c.property == query.property_number,
        event.c.created_at >= query.period.start_utc,
        event.c.created_at < query.period.end_utc,
    )


def chosen_hits(query: Query) -> Condition:
    """Matches hits of the query's audience under its filters."""
    if query.audience is Audience.BOTS:
        return bot_hits(query)
    if query.audience is Audience.ALL:
        return all_hits(query)
    return human_hits(query)


def human_hits(query: Query) -> Condition:
    """Matches hits that are not from bots, under all filters."""
    return and_(
        hits_in_period(query), not_(event.c.is_bot), *_hit_conditions(query), *_session_conditions_on_hits(query)
    )


def bot_hits(query: Query) -> Condition:
    """Matches bot hits. Of the filters, only those on page apply: bots have no session."""
    page_conditions = (_matches(event.c.page, filter_) for filter_ in query.filters if filter_.dimension == "page")
    return and_(hits_in_period(query), event.c.is_bot, *page_conditions)


def all_hits(query: Query) -> Condition:
    """Matches hits of humans and bots, each under the filters that apply to them."""
    if not query.filters:
        return hits_in_period(query)
    return or_(human_hits(query), bot_hits(query))


def chosen_sessions(query: Query) -> Condition:
    """Matches sessions that start in the period; under a hit filter, those with a matching hit in it."""
    if query.audience is Audience.BOTS:
        return false()
    if _hit_conditions(query):
        return _has_matching_hit(query)
    return and_(sessions_from(query, NO_LOOKBACK), *_session_conditions(query))


def active_sessions(query: Query) -> Condition:
    """Matches sessions with a hit in the period, under the filters; used to count the period's visitors."""
    if query.audience is Audience.BOTS:
        return false()
    if _hit_conditions(query):
        return _has_matching_hit(query)
    is_still_active = session.c.ended_at >= query.period.start_utc
    return and_(sessions_from(query, MAX_SESSION_LENGTH), is_still_active, *_session_conditions(query))


def sessions_from(query: Query, lookback: timedelta) -> Condition:
    """Matches sessions of the property that start in the period or at most `lookback` before it."""
    return and_(
        session.c.property == query.property_number,
        session.c.started_at >= query.period.start_utc - lookback,
        session.c.started_at < query.period.end_utc,
    )


def sessions_reaching_goal(query: Query, goal: Goal) -> Select[Any]:
    """Selects ids of sessions with a hit that reaches the goal, regardless of the query's filters.

    Hits of the session before and after the period count as well.
    """
    as_defined = replace(query, data_access=EVERY_KEY)  # conversions are the same for owners and readers
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
    """Matches hits that are the last page view of their session."""
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
    """Applies session filters to hits: a hit's source, device and location are those of its session."""
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
    """Translates a pattern to LIKE: * becomes %, and LIKE's own special characters are escaped."""
    for character in "\\%_":
        value = value.replace(character, "\\" + character)
    return value.replace("*", "%")

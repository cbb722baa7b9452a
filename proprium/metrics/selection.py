"""Which rows a query is about: hits of people, hits of bots, and sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, false, not_, or_, select

from proprium.metrics.filters import Filter, Operator
from proprium.metrics.query import Audience, Query
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

LONGEST_SESSION = timedelta(hours=24)

DATA_COLUMNS: dict[str, ColumnElement[Any]] = {
    "user_id": event.c.user_id,
    "url": event.c.page,
    "screen_width": dialect.text_part(event.c.screen, "×", 1),
    "screen_height": dialect.text_part(event.c.screen, "×", 2),
    "title": event.c.title,
    "hostname": event.c.hostname,
    "referrer": event.c.referrer,
    "language": event.c.language,
    "utm_source": event.c.utm_source,
    "utm_medium": event.c.utm_medium,
    "utm_campaign": event.c.utm_campaign,
    "utm_term": event.c.utm_term,
    "utm_content": event.c.utm_content,
    "time_on_page": event.c.engaged_ms,
    "scroll_depth": event.c.scroll_depth,
}
"""Keys of `data` that stand in a column of the warehouse instead of its JSON."""

Condition = ColumnElement[bool]


def hits_in_period(query: Query) -> Condition:
    """Every hit of the property in the period, whoever sent it."""
    return and_(
        event.c.property == query.property,
        event.c.created_at >= query.period.start_utc,
        event.c.created_at < query.period.end_utc,
    )


def chosen_hits(query: Query) -> Condition:
    """Hits of the query's audience that match its filters."""
    if query.audience is Audience.BOTS:
        return bot_hits(query)
    return and_(hits_in_period(query), not_(event.c.is_bot), *_hit_filters(query), *_session_filters_on_hits(query))


def bot_hits(query: Query) -> Condition:
    """Of the filters, bots know only the one by page: they have no session."""
    pages = (_matches(event.c.page, wanted) for wanted in query.filters if wanted.dimension == "page")
    return and_(hits_in_period(query), event.c.is_bot, *pages)


def all_hits(query: Query) -> Condition:
    """Those of people and those of bots, each under the filters that they know."""
    if not query.filters:
        return hits_in_period(query)
    return or_(chosen_hits(query), bot_hits(query))


def is_of_audience(query: Query) -> Condition:
    return event.c.is_bot if query.audience is Audience.BOTS else not_(event.c.is_bot)


def chosen_sessions(query: Query) -> Condition:
    """Sessions that start in the period; under a filter on hits, those with a matching hit in the period."""
    if query.audience is Audience.BOTS:
        return false()
    filters = [_matches(session.c[wanted.dimension], wanted) for wanted in query.filters if not wanted.is_about_hits]
    hits = _hit_filters(query)
    if not hits:
        return and_(_sessions_from(query, timedelta()), *filters)
    matching = select(event.c.session).where(hits_in_period(query), not_(event.c.is_bot), *hits)
    return and_(_sessions_from(query, LONGEST_SESSION), *filters, session.c.session.in_(matching))


def data_column(key: str) -> ColumnElement[Any]:
    """The text of data.<key> of a hit; NULL: not sent."""
    column = DATA_COLUMNS.get(key)
    return dialect.data_value(event.c.data, key) if column is None else cast(column, Text)


def _sessions_from(query: Query, earlier: timedelta) -> Condition:
    return and_(
        session.c.property == query.property,
        session.c.started_at >= query.period.start_utc - earlier,
        session.c.started_at < query.period.end_utc,
    )


def _hit_filters(query: Query) -> list[Condition]:
    return [_matches(_hit_column(wanted), wanted) for wanted in query.filters if wanted.is_about_hits]


def _hit_column(wanted: Filter) -> ColumnElement[Any]:
    return event.c[wanted.dimension] if wanted.data_key is None else data_column(wanted.data_key)


def _session_filters_on_hits(query: Query) -> list[Condition]:
    """Source, device and place of a hit are its session's, which took them from its first hit."""
    filters = [_matches(session.c[wanted.dimension], wanted) for wanted in query.filters if not wanted.is_about_hits]
    if not filters:
        return []
    return [event.c.session.in_(select(session.c.session).where(_sessions_from(query, LONGEST_SESSION), *filters))]


def _matches(column: ColumnElement[Any], wanted: Filter) -> Condition:
    value = wanted.value
    match wanted.operator:
        case Operator.IS:
            return column == value if value else or_(column.is_(None), column == "")
        case Operator.IS_NOT:
            return column.is_distinct_from(value) if value else and_(column.is_not(None), column != "")
        case Operator.CONTAINS:
            return column.icontains(value, autoescape=True)
        case Operator.NOT_CONTAINS:
            return or_(column.is_(None), not_(column.icontains(value, autoescape=True)))
        case Operator.ONE_OF:
            return column.in_(wanted.values)
        case Operator.IS_SET:
            return column.is_not(None)

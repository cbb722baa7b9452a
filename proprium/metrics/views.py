"""Page views with what was reported of them later: how long they were read, and how far they were scrolled.

A page_leave or scroll belongs to its view by view_id; those of old scripts, which send none, to the visitor's latest
view of that path. Parts of a view add up, whenever they arrive.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    FromClause,
    Select,
    SmallInteger,
    String,
    Subquery,
    and_,
    case,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from proprium.metrics import selection
from proprium.metrics.query import Query
from proprium.warehouse.schema import event, session

LONGEST_VIEW_MS = 1_800_000
SHORTEST_VIEW_MS = 1_000
LATEST_PART = timedelta(hours=24)  # a page_leave is looked for so long after the period

REPORTS = ("page_leave", "scroll")
_NO_VALUE = literal(None, String)


def views(query: Query, value: ColumnElement[Any] | None = None, *, of_sessions: bool = False) -> Subquery:
    """The query's page views: at, value, engaged_ms (NULL: under a second, or not told), depth (percent or NULL).

    `value` is an expression over the view's hit, or over its session where `of_sessions`.
    """
    value = _NO_VALUE if value is None else value
    parts = union_all(
        _views_by_id(query, value, of_sessions=of_sessions),
        _reports_by_id(query),
        _parts_by_path(query, value, of_sessions=of_sessions),
    ).subquery("parts")
    # Without coalesce a view that reported nothing would have read for half an hour: LEAST skips NULL.
    engaged_ms = func.least(func.coalesce(func.sum(parts.c.engaged_ms), 0), LONGEST_VIEW_MS, type_=BigInteger)
    each = (
        select(
            func.min(parts.c.at).label("at"),
            func.max(parts.c.value).label("value"),
            engaged_ms.label("engaged_ms"),
            func.max(parts.c.depth).label("depth"),
        )
        .group_by(parts.c.has_id, parts.c.view)
        .subquery("each_view")
    )
    reported = case((each.c.engaged_ms >= SHORTEST_VIEW_MS, each.c.engaged_ms))
    return (
        select(each.c.at, each.c.value, reported.label("engaged_ms"), each.c.depth)
        .where(each.c.at.is_not(None), or_(each.c.engaged_ms >= SHORTEST_VIEW_MS, each.c.depth.is_not(None)))
        .subquery("views")
    )


def _views_by_id(query: Query, value: ColumnElement[Any], *, of_sessions: bool) -> Select[Any]:
    """When each began. A view tells nothing of its own end."""
    nothing = type_coerce(null(), BigInteger), type_coerce(null(), SmallInteger)
    question = select(
        true().label("has_id"),
        event.c.view_id.label("view"),
        event.c.created_at.label("at"),
        value.label("value"),
        nothing[0].label("engaged_ms"),
        nothing[1].label("depth"),
    ).where(event.c.view_id.is_not(None), event.c.is_view, selection.chosen_hits(query))
    return question.select_from(_with_sessions(query)) if of_sessions else question


def _reports_by_id(query: Query) -> Select[Any]:
    return select(
        true(), event.c.view_id, case((false(), event.c.created_at)), _NO_VALUE, event.c.engaged_ms, _depth()
    ).where(event.c.view_id.is_not(None), _until_the_last_part(query), _is_report())


def _parts_by_path(query: Query, value: ColumnElement[Any], *, of_sessions: bool) -> Select[Any]:
    latest_view = func.max(case((event.c.is_view, event.c.seq))).over(
        partition_by=(event.c.visitor, event.c.page),
        order_by=(event.c.created_at, event.c.seq),
        rows=(None, 0),
    )
    is_chosen = and_(event.c.is_view, selection.chosen_hits(query))
    if of_sessions:
        is_chosen = and_(is_chosen, session.c.session.is_not(None))
    question = select(
        latest_view.label("view"),
        case((is_chosen, event.c.created_at)).label("at"),
        case((is_chosen, value)).label("value"),
        event.c.engaged_ms,
        _depth().label("depth"),
    ).where(event.c.view_id.is_(None), _until_the_last_part(query), or_(event.c.is_view, _is_report()))
    parts = (question.select_from(_with_sessions(query, outer=True)) if of_sessions else question).subquery("by_path")
    return select(false(), parts.c.view, parts.c.at, parts.c.value, parts.c.engaged_ms, parts.c.depth).where(
        parts.c.view.is_not(None)
    )


def _with_sessions(query: Query, *, outer: bool = False) -> FromClause:
    """Hits with their sessions, which may have begun before the period."""
    its_own = and_(event.c.session == session.c.session, selection.sessions_from(query, selection.LONGEST_SESSION))
    return event.join(session, its_own, isouter=outer)


def _depth() -> ColumnElement[Any]:
    return case((_is_report(), event.c.scroll_depth))


def _until_the_last_part(query: Query) -> ColumnElement[bool]:
    return and_(
        event.c.property == query.property,
        event.c.created_at >= query.period.start_utc,
        event.c.created_at < query.period.end_utc + LATEST_PART,
    )


def _is_report() -> ColumnElement[bool]:
    return event.c.event.in_(REPORTS)

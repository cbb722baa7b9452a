"""Page views with what was reported of them later: how long they were read, and how far they were scrolled.

A page_leave or scroll belongs to its view by view_id; those of old scripts, which send none, to the visitor's latest
view of that path. Parts of a view add up, up to a day after the period.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    FromClause,
    Select,
    String,
    Subquery,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
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
NO_VALUE = literal(None, String)

Column = ColumnElement[Any]


def views(query: Query, value: Column | None = None, *, of_sessions: bool = False) -> Subquery:
    """The query's page views that reported something: at, value, engaged_ms (NULL: under a second), depth (percent).

    `value` is an expression over the view's hit, or over its session where `of_sessions`.
    """
    has_value = value is not None
    value = NO_VALUE if value is None else value
    by_id, by_path = _parts_by_id(query, value, of_sessions), _parts_by_path(query, value, of_sessions)
    each = union_all(
        _added_up(by_id, has_value=has_value).group_by(by_id.c.view),
        _added_up(by_path, has_value=has_value).group_by(by_path.c.visitor, by_path.c.page, by_path.c.view),
    ).subquery("each_view")
    is_read = each.c.engaged_ms >= SHORTEST_VIEW_MS
    return (
        select(each.c.at, each.c.value, case((is_read, each.c.engaged_ms)).label("engaged_ms"), each.c.depth)
        .where(each.c.at.is_not(None), or_(is_read, each.c.depth.is_not(None)))
        .subquery("views")
    )


def _added_up(parts: Subquery, *, has_value: bool) -> Select[Any]:
    """`at` is NULL where the view is none of the query's."""
    # Without coalesce a view that reported nothing would have read for half an hour: LEAST skips NULL.
    engaged_ms = func.least(func.coalesce(func.sum(parts.c.engaged_ms), 0), LONGEST_VIEW_MS, type_=BigInteger)
    # The maximum of nothing but NULL costs as much as that of texts.
    columns: tuple[Column, ...] = (
        func.min(parts.c.at).label("at"),
        (func.max(parts.c.value) if has_value else NO_VALUE).label("value"),
        engaged_ms.label("engaged_ms"),
        func.max(parts.c.depth).label("depth"),
    )
    return select(*columns)


def _parts_by_id(query: Query, value: Column, of_sessions: bool) -> Subquery:
    """When each view began, and everything that may be reported of one."""
    nothing = type_coerce(null(), BigInteger)
    began = select(
        event.c.view_id.label("view"),
        event.c.created_at.label("at"),
        value.label("value"),
        nothing.label("engaged_ms"),
        nothing.label("depth"),
    ).where(event.c.view_id.is_not(None), event.c.is_view, selection.chosen_hits(query))
    reported = select(
        event.c.view_id, case((false(), event.c.created_at)), NO_VALUE, event.c.engaged_ms, event.c.scroll_depth
    ).where(event.c.view_id.is_not(None), _until_the_last_part(query), _is_report())
    if query.filters:  # of few views; else nearly all reports belong to one, and looking for theirs costs more
        reported = reported.where(event.c.view_id.in_(select(began.subquery("chosen").c.view)))
    return union_all(began.select_from(_with_sessions(query)) if of_sessions else began, reported).subquery("by_id")


def _parts_by_path(query: Query, value: Column, of_sessions: bool) -> Subquery:
    """`view` counts a visitor's views of a path: what is reported later has the number of the latest one."""
    number = func.count(case((event.c.is_view, 1))).over(
        partition_by=(event.c.visitor, event.c.page), order_by=(event.c.created_at, event.c.seq), rows=(None, 0)
    )
    is_chosen = and_(event.c.is_view, selection.chosen_hits(query))
    if of_sessions:
        is_chosen = and_(is_chosen, session.c.session.is_not(None))
    question = select(
        event.c.visitor,
        event.c.page,
        number.label("view"),
        case((is_chosen, event.c.created_at)).label("at"),
        case((is_chosen, value)).label("value"),
        case((_is_report(), event.c.engaged_ms)).label("engaged_ms"),
        case((_is_report(), event.c.scroll_depth)).label("depth"),
    ).where(
        event.c.view_id.is_(None),
        event.c.visitor.is_not(None),
        _until_the_last_part(query),
        or_(event.c.is_view, _is_report()),
    )
    numbered = (question.select_from(_with_sessions(query, outer=True)) if of_sessions else question).subquery("parts")
    return select(numbered).where(numbered.c.view > 0).subquery("by_path")


def _with_sessions(query: Query, *, outer: bool = False) -> FromClause:
    """Hits with their sessions, which may have begun before the period."""
    its_own = and_(event.c.session == session.c.session, selection.sessions_from(query, selection.LONGEST_SESSION))
    return event.join(session, its_own, isouter=outer)


def _until_the_last_part(query: Query) -> Column:
    return and_(
        event.c.property == query.property,
        event.c.created_at >= query.period.start_utc,
        event.c.created_at < query.period.end_utc + LATEST_PART,
    )


def _is_report() -> Column:
    return and_(event.c.event.in_(REPORTS), not_(event.c.is_bot))

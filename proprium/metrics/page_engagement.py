"""Page engagement: engaged time and scroll depth of page views.

`page_leave` and `scroll` events are credited to their page view by view_id; the projector has written the result into
the view's row (warehouse.projection.page_engagement). Events of old scripts, which send no view_id, are credited here
to the visitor's latest view of the same path within VIEW_WINDOW_US (24 h). Several reports of one view add up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    FromClause,
    String,
    Subquery,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from proprium.metrics.where import Selection
from proprium.warehouse import dialect
from proprium.warehouse.projection.page_engagement import VIEW_WINDOW_US
from proprium.warehouse.projection.view_updates import REPORT_EVENTS
from proprium.warehouse.schema import event, session

MAX_VIEW_MS = 1_800_000
MIN_VIEW_MS = 1_000

NO_VALUE = literal(None, String)

Column = ColumnElement[Any]


def reported_views(selection: Selection, value: Column | None = None, *, of_sessions: bool = False) -> Subquery:
    """Selects the query's page views with engagement: at, value, engaged_ms (NULL: under 1 s), depth (percent).

    `value` is an expression over the view's hit, or over its session where `of_sessions`.
    """
    value = NO_VALUE if value is None else value
    views_by_id = select(  # their engagement stands in their own row
        event.c.created_at.label("at"),
        value.label("value"),
        event.c.read_ms.label("engaged_ms"),
        event.c.read_depth.label("depth"),
    ).where(event.c.read_ms.is_not(None), event.c.is_view, selection.hits)
    if of_sessions:
        views_by_id = views_by_id.select_from(_with_sessions(selection))
    # Views without a view_id have the sum of their reports.
    parts = _parts_by_path(selection, value, of_sessions)
    # LEAST skips NULL: without coalesce, a view that reported nothing would have 30 minutes of engaged time.
    engaged_ms = func.least(func.coalesce(func.sum(parts.c.engaged_ms), 0), MAX_VIEW_MS, type_=BigInteger)
    started_at = func.min(parts.c.at)
    columns: tuple[Column, ...] = (
        started_at.label("at"),
        # MAX over only NULLs costs as much as over texts, so it is left out.
        (value if value is NO_VALUE else func.max(parts.c.value)).label("value"),
        engaged_ms.label("engaged_ms"),
        func.max(parts.c.depth).label("depth"),
    )
    views_by_path = select(*columns).group_by(parts.c.visitor, parts.c.page, parts.c.view)
    is_in_query = started_at.is_not(None)
    all_views = union_all(views_by_id, views_by_path.having(is_in_query)).subquery("each_view")
    is_read = all_views.c.engaged_ms >= MIN_VIEW_MS
    return (
        select(
            all_views.c.at,
            all_views.c.value,
            case((is_read, all_views.c.engaged_ms)).label("engaged_ms"),
            all_views.c.depth,
        )
        .where(or_(is_read, all_views.c.depth.is_not(None)))
        .subquery("views")
    )


def _parts_by_path(selection: Selection, value: Column, of_sessions: bool) -> Subquery:
    """Selects views and reports without a view_id; `view` numbers a visitor's views of a path.

    A report has the number of the latest view before it.
    """
    path = func.coalesce(event.c.own_page, event.c.page)  # not the pattern that groups it with other paths
    window: dict[str, Any] = {
        "partition_by": (event.c.visitor, path),
        "order_by": (event.c.created_at, event.c.seq),
        "rows": (None, 0),
    }
    view_number = func.count(case((event.c.is_view, 1))).over(**window)
    timestamp_us = dialect.epoch_us(event.c.created_at)
    view_start_us = func.max(case((event.c.is_view, timestamp_us))).over(**window)
    is_report = and_(event.c.event.in_(REPORT_EVENTS), not_(event.c.is_bot))
    is_chosen = and_(event.c.is_view, selection.hits)
    if of_sessions:
        is_chosen = and_(is_chosen, session.c.session.is_not(None))
    period = selection.query.period
    statement = select(
        event.c.visitor,
        path.label("page"),
        view_number.label("view"),
        (timestamp_us - view_start_us <= VIEW_WINDOW_US).label("is_in_window"),
        case((is_chosen, event.c.created_at)).label("at"),
        case((is_chosen, value)).label("value"),
        case((is_report, event.c.engaged_ms)).label("engaged_ms"),
        case((is_report, event.c.scroll_depth)).label("depth"),
    ).where(
        event.c.view_id.is_(None),
        event.c.visitor.is_not(None),
        event.c.property == selection.query.property_number,
        event.c.created_at >= period.start_utc,
        event.c.created_at < period.end_utc + timedelta(microseconds=VIEW_WINDOW_US),
        or_(event.c.is_view, is_report),
    )
    numbered_parts = (
        statement.select_from(_with_sessions(selection, outer=True)) if of_sessions else statement
    ).subquery("parts")
    return select(numbered_parts).where(numbered_parts.c.view > 0, numbered_parts.c.is_in_window).subquery("by_path")


def _with_sessions(selection: Selection, *, outer: bool = False) -> FromClause:
    """Joins hits with their sessions, which may have begun before the period."""
    return event.join(session, and_(event.c.session == session.c.session, selection.sessions_in_reach), isouter=outer)

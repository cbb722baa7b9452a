"""The cards' numbers for a whole period and for each of its buckets, in three statements over one reading."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Double,
    Select,
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
    tuple_,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from proprium.metrics import selection
from proprium.metrics.buckets import Buckets
from proprium.metrics.query import Query
from proprium.metrics.results import Totals
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

DAILY = 2  # event.identity: a visitor known for a day only
LONGEST_VIEW_MS = 1_800_000
SHORTEST_VIEW_MS = 1_000
LATEST_LEAVE = timedelta(hours=24)  # a page_leave is looked for so long after the period

WHOLE = None
"""The key under which the whole period stands beside its buckets."""


def measure(connection: Connection, query: Query, buckets: Buckets | None = None) -> Mapping[int | None, Totals]:
    """Totals by bucket key, and under WHOLE those of the period; buckets without any row are missing."""
    hits = _by_bucket(connection, _hit_counts(query, buckets))
    sessions = _by_bucket(connection, _session_counts(query, buckets))
    times = _by_bucket(connection, _times_on_page(query, buckets))
    keys = {WHOLE, *hits, *sessions, *times}
    several_days = query.period.days > 1
    return {
        key: _totals(
            hits.get(key, {}),
            sessions.get(key, {}),
            times.get(key, {}),
            query.custom_cards,
            key is WHOLE and several_days,
        )
        for key in keys
    }


def _by_bucket(connection: Connection, question: Select[Any]) -> dict[int | None, Mapping[str, Any]]:
    return {row["bucket"]: dict(row) for row in connection.execute(question).mappings()}


def _hit_counts(query: Query, buckets: Buckets | None) -> Select[Any]:
    is_chosen = selection.is_of_audience(query)
    hits = (
        select(
            _bucket(buckets, event.c.created_at),
            case((is_chosen, event.c.visitor)).label("visitor"),
            case((is_chosen, event.c.event)).label("event"),
            and_(is_chosen, event.c.is_view).label("is_view"),
            and_(is_chosen, event.c.identity == DAILY).label("is_daily"),
            event.c.is_bot,
        )
        .where(selection.all_hits(query))
        .subquery("hits")
    )
    custom = [_count(hits.c.event == name).label(f"custom_{i}") for i, name in enumerate(query.custom_cards)]
    return _per_bucket(
        hits,
        buckets,
        func.count(hits.c.visitor.distinct()).label("visitors"),
        _count(hits.c.event == "session_start").label("new_visitors"),
        _count(hits.c.is_view).label("page_views"),
        _count(hits.c.event == "click").label("clicks"),
        _count(hits.c.event == "scroll").label("scrolls"),
        func.count(hits.c.event).label("events"),
        _count(hits.c.is_bot).label("bots"),
        _count(hits.c.is_daily).label("daily"),
        *custom,
    )


def _session_counts(query: Query, buckets: Buckets | None) -> Select[Any]:
    sessions = (
        select(
            _bucket(buckets, session.c.started_at),
            session.c.is_bounce,
            dialect.seconds_between(session.c.started_at, session.c.ended_at).label("duration"),
        )
        .where(selection.chosen_sessions(query))
        .subquery("sessions")
    )
    return _per_bucket(
        sessions,
        buckets,
        func.count().label("sessions"),
        _count(sessions.c.is_bounce).label("bounces"),
        dialect.median(sessions.c.duration).label("duration_median"),
        func.avg(sessions.c.duration, type_=Double).label("duration_mean"),
    )


def _times_on_page(query: Query, buckets: Buckets | None) -> Select[Any]:
    """Parts of a view add up, whenever they arrive; a view belongs to the bucket in which it began."""
    parts = union_all(_parts_by_view_id(query), _parts_by_path(query)).subquery("parts")
    views = (
        select(
            func.min(parts.c.at).label("at"),
            # Without coalesce a view that reported nothing would have read for half an hour: LEAST skips NULL.
            func.least(func.coalesce(func.sum(parts.c.engaged_ms), 0), LONGEST_VIEW_MS, type_=BigInteger).label(
                "engaged_ms"
            ),
        )
        .group_by(parts.c.has_id, parts.c.view)
        .subquery("views")
    )
    reported = (
        select(_bucket(buckets, views.c.at), views.c.engaged_ms)
        .where(views.c.at.is_not(None), views.c.engaged_ms >= SHORTEST_VIEW_MS)
        .subquery("reported")
    )
    return _per_bucket(reported, buckets, func.avg(reported.c.engaged_ms, type_=Double).label("engaged_ms"))


def _parts_by_view_id(query: Query) -> Select[Any]:
    """Views of the query, with the time they began, and every page_leave that may be one's."""
    began = case((event.c.is_view, event.c.created_at)).label("at")
    return select(true().label("has_id"), event.c.view_id.label("view"), began, event.c.engaged_ms).where(
        event.c.view_id.is_not(None),
        or_(and_(_until_the_last_leave(query), _is_leave()), and_(event.c.is_view, selection.chosen_hits(query))),
    )


def _parts_by_path(query: Query) -> Select[Any]:
    """Of old scripts, which send no view_id: a page_leave is a part of its visitor's latest view of that path."""
    began = case((and_(event.c.is_view, selection.chosen_hits(query)), event.c.created_at)).label("at")
    latest_view = func.max(case((event.c.is_view, event.c.seq))).over(
        partition_by=(event.c.visitor, event.c.page),
        order_by=(event.c.created_at, event.c.seq),
        rows=(None, 0),
    )
    parts = (
        select(latest_view.label("view"), began, event.c.engaged_ms)
        .where(event.c.view_id.is_(None), _until_the_last_leave(query), or_(event.c.is_view, _is_leave()))
        .subquery("by_path")
    )
    return select(false().label("has_id"), parts.c.view, parts.c.at, parts.c.engaged_ms).where(
        parts.c.view.is_not(None)
    )


def _until_the_last_leave(query: Query) -> ColumnElement[bool]:
    return and_(
        event.c.property == query.property,
        event.c.created_at >= query.period.start_utc,
        event.c.created_at < query.period.end_utc + LATEST_LEAVE,
    )


def _is_leave() -> ColumnElement[bool]:
    return event.c.event == "page_leave"


def _bucket(buckets: Buckets | None, moment: ColumnElement[Any]) -> ColumnElement[Any]:
    return (buckets.key(moment) if buckets and buckets.keys else literal(0)).label("bucket")


def _per_bucket(rows: Subquery, buckets: Buckets | None, *measured: ColumnElement[Any]) -> Select[Any]:
    """One row for each bucket, and one with bucket NULL for them all."""
    if not (buckets and buckets.keys):
        return select(null().label("bucket"), *measured).select_from(rows)
    sets = func.grouping_sets(tuple_(rows.c.bucket), tuple_())
    return select(rows.c.bucket, *measured).select_from(rows).group_by(sets)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)


def _totals(
    hits: Mapping[str, Any],
    sessions: Mapping[str, Any],
    times: Mapping[str, Any],
    custom_cards: tuple[str, ...],
    several_days: bool,
) -> Totals:
    count, views = sessions.get("sessions", 0), hits.get("page_views", 0)
    bounce_rate = 100 * sessions["bounces"] / count if count else None
    engaged_ms = times.get("engaged_ms")
    return Totals(
        visitors=hits.get("visitors", 0),
        new_visitors=hits.get("new_visitors", 0),
        sessions=count,
        page_views=views,
        views_per_session=views / count if count else None,
        bounce_rate=bounce_rate,
        engagement_rate=None if bounce_rate is None else 100 - bounce_rate,
        visit_duration=sessions.get("duration_median"),
        visit_duration_mean=sessions.get("duration_mean"),
        time_on_page=None if engaged_ms is None else engaged_ms / 1000,
        clicks=hits.get("clicks", 0),
        scrolls=hits.get("scrolls", 0),
        events=hits.get("events", 0),
        bots=hits.get("bots", 0),
        daily_visitors=several_days and hits.get("daily", 0) > 0,
        custom={name: hits.get(f"custom_{i}", 0) for i, name in enumerate(custom_cards)},
    )

"""Reads and updates page views by view_id, many in one statement, for page engagement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Select,
    Table,
    func,
    not_,
    or_,
    select,
    update,
)

from proprium.warehouse.dialect import epoch_us
from proprium.warehouse.engine import stage
from proprium.warehouse.schema import event

ViewKey = tuple[int, int]
"""(property, view_id)."""
ViewWindows = Mapping[ViewKey, tuple[int, int]]
"""The time window of each view key in microseconds, both ends included."""

REPORT_EVENTS = ("page_leave", "scroll")
"""Events that report the engagement of a page view."""

_staging_metadata = MetaData()
_staged_window = Table(
    "staged_name",
    _staging_metadata,
    Column("property", Integer),
    Column("view_id", BigInteger),
    Column("start", DateTime(timezone=True)),
    Column("end", DateTime(timezone=True)),
)
_ENGAGEMENT_COLUMNS = ("seq", "read_ms", "read_depth")
_staged_engagement = Table(
    "staged_reading", _staging_metadata, *(Column(name, event.c[name].type) for name in _ENGAGEMENT_COLUMNS)
)


class ViewEngagement(Protocol):
    """The columns that `write_engagement` updates."""

    seq: int
    read_ms: int | None
    read_depth: int | None


class ViewHit(NamedTuple):
    """A page view, or an event that reports its engagement. `created_at` is in microseconds."""

    property: int
    view_id: int
    created_at: int
    seq: int
    is_view: bool
    engaged_ms: int | None
    scroll_depth: int | None
    read_ms: int | None
    read_depth: int | None


def read_hits(connection: Connection, windows: ViewWindows) -> list[ViewHit]:
    """Reads views and reports of these keys, each in its window, without bots.

    Returns nothing for keys without a view in their window.
    """
    with stage(connection, _staged_window, _window_columns(windows)):
        viewed_keys = set(map(tuple, connection.execute(_SELECT_VIEWED)))
    if not viewed_keys:  # the usual case: most keys that are not cached belong to views that never arrived
        return []
    viewed_windows = {view_key: window for view_key, window in windows.items() if view_key in viewed_keys}
    with stage(connection, _staged_window, _window_columns(viewed_windows)):
        return [ViewHit(*row) for row in connection.execute(_SELECT_HITS)]


def _window_columns(windows: ViewWindows) -> dict[str, list[int]]:
    return {
        "property": [property_number for property_number, _ in windows],
        "view_id": [view_id for _, view_id in windows],
        "start": [start for start, _ in windows.values()],
        "end": [end for _, end in windows.values()],
    }


def partly_matching_views(connection: Connection, hits: ColumnElement[bool]) -> dict[ViewKey, tuple[int, int]]:
    """Finds view keys of which some events, but not all, match the condition `hits`.

    Returns the time window of the matching events of each key, in microseconds.
    """
    key_columns, timestamp_us = (event.c.property, event.c.view_id), epoch_us(event.c.created_at)
    view_ids = select(event.c.view_id).where(hits, event.c.view_id.is_not(None))
    statement = (
        select(*key_columns, func.min(timestamp_us).filter(hits), func.max(timestamp_us).filter(hits))
        .where(event.c.view_id.in_(view_ids))
        .group_by(*key_columns)
        .having(func.count().filter(hits).between(1, func.count() - 1))
    )
    return {
        (property_number, view_id): (start, end)
        for property_number, view_id, start, end in connection.execute(statement)
    }


def newest_timestamps(connection: Connection) -> dict[int, int]:
    """Reads the time of each property's latest event, in microseconds."""
    statement = select(event.c.property, epoch_us(func.max(event.c.created_at))).group_by(event.c.property)
    return {property_number: timestamp_us for property_number, timestamp_us in connection.execute(statement)}  # noqa: C416


def write_engagement(connection: Connection, engagements: Sequence[ViewEngagement]) -> None:
    """Updates time on page and scroll depth of views that are in the warehouse already."""
    if engagements:
        columns = {name: list(map(attrgetter(name), engagements)) for name in _ENGAGEMENT_COLUMNS}
        with stage(connection, _staged_engagement, columns):
            connection.execute(_UPDATE_ENGAGEMENT)


def _select_in_windows(*columns: ColumnElement[Any]) -> Select[Any]:
    created_at, window = event.c.created_at, _staged_window.c
    # The bounds of all windows let the engine skip row groups outside of them.
    bounds = select(func.min(window.start).label("start"), func.max(window.end).label("end")).subquery()
    return (
        select(*columns)
        .join_from(event, _staged_window, (event.c.property == window.property) & (event.c.view_id == window.view_id))
        .where(created_at.between(window.start, window.end))
        .where(
            created_at >= select(bounds.c.start).scalar_subquery(), created_at <= select(bounds.c.end).scalar_subquery()
        )
    )


_SELECT_VIEWED = _select_in_windows(event.c.property, event.c.view_id).where(event.c.is_view).distinct()
_SELECT_HITS = _select_in_windows(
    *(epoch_us(event.c.created_at) if name == "created_at" else event.c[name] for name in ViewHit._fields)
).where(not_(event.c.is_bot), or_(event.c.is_view, event.c.event.in_(REPORT_EVENTS)))
_UPDATE_ENGAGEMENT = (
    update(event)
    .where(event.c.seq == _staged_engagement.c.seq)
    .values({"read_ms": _staged_engagement.c.read_ms, "read_depth": _staged_engagement.c.read_depth})
)

"""Hits that name their page view, by a view_id: read and written, always many in one statement."""

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

from proprium.warehouse.dialect import micros
from proprium.warehouse.schema import event
from proprium.warehouse.warehouse import staged

Name = tuple[int, int]
"""(property, view_id)."""
Windows = Mapping[Name, tuple[int, int]]
"""The first and last moment that matters of each name, in microseconds."""

REPORTS = ("page_leave", "scroll")
"""Events that tell of a view."""

_staging = MetaData()
_window = Table(
    "staged_name",
    _staging,
    Column("property", Integer),
    Column("view_id", BigInteger),
    Column("start", DateTime(timezone=True)),
    Column("end", DateTime(timezone=True)),
)
_READING = ("seq", "read_ms", "read_depth")
_read = Table("staged_reading", _staging, *(Column(name, event.c[name].type) for name in _READING))


class Reading(Protocol):
    """What is written of a view."""

    seq: int
    read_ms: int | None
    read_depth: int | None


class NamedHit(NamedTuple):
    """A view, or a report of one. Its time is in microseconds."""

    property: int
    view_id: int
    created_at: int
    seq: int
    is_view: bool
    engaged_ms: int | None
    scroll_depth: int | None
    read_ms: int | None
    read_depth: int | None


def hits_in(connection: Connection, windows: Windows) -> list[NamedHit]:
    """People's views and reports of these names, each in its window; nothing of names without a view there."""
    with staged(connection, _window, _columns(windows)):
        viewed = set(map(tuple, connection.execute(_VIEWED)))
    if not viewed:  # most names of which memory knows nothing are of views that never arrived
        return []
    some = {name: window for name, window in windows.items() if name in viewed}
    with staged(connection, _window, _columns(some)):
        return [NamedHit(*row) for row in connection.execute(_HITS)]


def _columns(windows: Windows) -> dict[str, list[int]]:
    return {
        "property": [number for number, _ in windows],
        "view_id": [view_id for _, view_id in windows],
        "start": [start for start, _ in windows.values()],
        "end": [end for _, end in windows.values()],
    }


def names_left_of(connection: Connection, hits: ColumnElement[bool]) -> dict[Name, tuple[int, int]]:
    """Names of which some hits are among these and some are not; when those among them were."""
    name, at = (event.c.property, event.c.view_id), micros(event.c.created_at)
    theirs = select(event.c.view_id).where(hits, event.c.view_id.is_not(None))
    question = (
        select(*name, func.min(at).filter(hits), func.max(at).filter(hits))
        .where(event.c.view_id.in_(theirs))
        .group_by(*name)
        .having(func.count().filter(hits).between(1, func.count() - 1))
    )
    return {(number, view_id): (start, end) for number, view_id, start, end in connection.execute(question)}


def newest(connection: Connection) -> dict[int, int]:
    """The time of each property's latest hit, in microseconds."""
    question = select(event.c.property, micros(func.max(event.c.created_at))).group_by(event.c.property)
    return {number: at for number, at in connection.execute(question)}  # noqa: C416


def write(connection: Connection, readings: Sequence[Reading]) -> None:
    """Into the rows of views that are in the warehouse already."""
    if readings:
        columns = {name: list(map(attrgetter(name), readings)) for name in _READING}
        with staged(connection, _read, columns):
            connection.execute(_WRITE)


def _of_names(*columns: ColumnElement[Any]) -> Select[Any]:
    at, window = event.c.created_at, _window.c
    # The bounds of all windows let the engine pass over what is outside.
    bounds = select(func.min(window.start).label("start"), func.max(window.end).label("end")).subquery()
    return (
        select(*columns)
        .join_from(event, _window, (event.c.property == window.property) & (event.c.view_id == window.view_id))
        .where(at.between(window.start, window.end))
        .where(at >= select(bounds.c.start).scalar_subquery(), at <= select(bounds.c.end).scalar_subquery())
    )


_VIEWED = _of_names(event.c.property, event.c.view_id).where(event.c.is_view).distinct()
_HITS = _of_names(
    *(micros(event.c.created_at) if name == "created_at" else event.c[name] for name in NamedHit._fields)
).where(not_(event.c.is_bot), or_(event.c.is_view, event.c.event.in_(REPORTS)))
_WRITE = (
    update(event)
    .where(event.c.seq == _read.c.seq)
    .values({"read_ms": _read.c.read_ms, "read_depth": _read.c.read_depth})
)

"""Deletions: applies storage's deletions to the warehouse, and recomputes the sessions of the remaining events."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

from proprium.storage.event_codec import from_timestamp_us
from proprium.storage.tables import ChangeKind, StorageChange
from proprium.warehouse import schema
from proprium.warehouse.projection import bulk_writes
from proprium.warehouse.projection.event_projection import Projection
from proprium.warehouse.projection.page_engagement import recompute_views
from proprium.warehouse.projection.view_updates import partly_matching_views

_event, _session, _left_out = schema.event, schema.session, schema.left_out
_own_visitor = func.coalesce(_event.c.own_visitor, _event.c.visitor)

Condition = ColumnElement[bool]


def delete_property(connection: Connection, projection: Projection, change: StorageChange) -> None:
    """Deletes all rows of a property."""
    property_number = change.property or 0
    connection.execute(delete(_event).where(_event.c.property == property_number))
    connection.execute(delete(_session).where(_session.c.property == property_number))
    connection.execute(delete(_left_out).where(_left_out.c.property == property_number))
    projection.reset(property_number)


def prune(connection: Connection, projection: Projection, change: StorageChange) -> None:
    """Deletes events older than the change's cutoff, and recomputes their sessions.

    Only events up to the change's `last_seq`, where it has one: events that were stored after the deletion remain, even
    with an older timestamp.
    """
    connection.execute(delete(_left_out).where(_is_old(_left_out, change)))
    _delete_hits(connection, projection, _is_old(_event, change))


def _is_old(table: Table, change: StorageChange) -> Condition:
    is_old = table.c.created_at < from_timestamp_us(change.before or 0)
    if (last_seq := change.detail.get("last_seq")) is not None:
        is_old &= table.c.seq <= last_seq
    return is_old if change.property is None else is_old & (table.c.property == change.property)


def erase_visitor(connection: Connection, projection: Projection, change: StorageChange) -> None:
    """Deletes all events of one visitor."""
    is_of_visitor = (_event.c.property == change.property) & (_own_visitor == change.detail["visitor"])
    is_excluded_of_visitor = (_left_out.c.property == change.property) & (
        _left_out.c.visitor == change.detail["visitor"]
    )
    connection.execute(delete(_left_out).where(is_excluded_of_visitor))
    _delete_hits(connection, projection, is_of_visitor)


def delete_events(connection: Connection, projection: Projection, change: StorageChange) -> None:
    """Deletes single events, listed by seq."""
    is_listed = _event.c.seq.in_(change.detail["seqs"])
    connection.execute(delete(_left_out).where(_left_out.c.seq.in_(change.detail["seqs"])))
    _delete_hits(connection, projection, is_listed)


def _delete_hits(connection: Connection, projection: Projection, condition: Condition) -> None:
    has_deleted_hit = _session.c.session.in_(select(_event.c.session).where(condition))
    session_ids = connection.scalars(select(_session.c.session).where(has_deleted_hit)).all()
    windows, view_windows = (
        bulk_writes.windows_of_sessions(connection, session_ids),
        partly_matching_views(connection, condition),
    )
    connection.execute(delete(_event).where(condition))
    bulk_writes.delete_sessions(connection, session_ids)
    recompute_views(connection, view_windows)
    if windows:
        projection.recompute(connection, windows)


DeletionHandler = Callable[[Connection, Projection, StorageChange], None]

DELETION_HANDLERS: dict[ChangeKind, DeletionHandler] = {
    ChangeKind.PROPERTY_DELETED: delete_property,
    ChangeKind.PROPERTY_RESET: delete_property,
    ChangeKind.PRUNED: prune,
    ChangeKind.VISITOR_ERASED: erase_visitor,
    ChangeKind.EVENTS_DELETED: delete_events,
}

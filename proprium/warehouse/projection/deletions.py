"""What storage deleted, deleted here as well, with the sessions of what is left."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

from proprium.storage.event_codec import moment
from proprium.storage.tables import Change, ChangeKind
from proprium.warehouse import schema
from proprium.warehouse.projection import bulk_writes
from proprium.warehouse.projection.event_projection import Projection
from proprium.warehouse.projection.page_engagement import renew
from proprium.warehouse.projection.view_updates import names_left_of

_event, _session, _left_out = schema.event, schema.session, schema.left_out
_own_visitor = func.coalesce(_event.c.own_visitor, _event.c.visitor)

Condition = ColumnElement[bool]


def delete_property(connection: Connection, projection: Projection, change: Change) -> None:
    """Everything of a property."""
    number = change.property or 0
    connection.execute(delete(_event).where(_event.c.property == number))
    connection.execute(delete(_session).where(_session.c.property == number))
    connection.execute(delete(_left_out).where(_left_out.c.property == number))
    projection.reset(number)


def prune(connection: Connection, projection: Projection, change: Change) -> None:
    """Hits from before a moment that were stored by then; their sessions are made of what is left of them."""
    connection.execute(delete(_left_out).where(_is_old(_left_out, change)))
    _delete_hits(connection, projection, _is_old(_event, change))


def _is_old(table: Table, change: Change) -> Condition:
    old = table.c.created_at < moment(change.before or 0)
    if (last := change.detail.get("last_seq")) is not None:
        old &= table.c.seq <= last
    return old if change.property is None else old & (table.c.property == change.property)


def erase_visitor(connection: Connection, projection: Projection, change: Change) -> None:
    """All hits of one visitor."""
    theirs = (_event.c.property == change.property) & (_own_visitor == change.detail["visitor"])
    unseen = (_left_out.c.property == change.property) & (_left_out.c.visitor == change.detail["visitor"])
    connection.execute(delete(_left_out).where(unseen))
    _delete_hits(connection, projection, theirs)


def delete_events(connection: Connection, projection: Projection, change: Change) -> None:
    """Single events, named by their seq."""
    theirs = _event.c.seq.in_(change.detail["seqs"])
    connection.execute(delete(_left_out).where(_left_out.c.seq.in_(change.detail["seqs"])))
    _delete_hits(connection, projection, theirs)


def _delete_hits(connection: Connection, projection: Projection, hits: Condition) -> None:
    of_theirs = _session.c.session.in_(select(_event.c.session).where(hits))
    ids = connection.scalars(select(_session.c.session).where(of_theirs)).all()
    windows, names = bulk_writes.windows_of(connection, ids), names_left_of(connection, hits)
    connection.execute(delete(_event).where(hits))
    bulk_writes.delete_sessions(connection, ids)
    renew(connection, names)
    if windows:
        projection.recompute(connection, windows)


Apply = Callable[[Connection, Projection, Change], None]

DELETIONS: dict[ChangeKind, Apply] = {
    ChangeKind.PROPERTY_DELETED: delete_property,
    ChangeKind.PROPERTY_RESET: delete_property,
    ChangeKind.PRUNED: prune,
    ChangeKind.VISITOR_ERASED: erase_visitor,
    ChangeKind.EVENTS_DELETED: delete_events,
}

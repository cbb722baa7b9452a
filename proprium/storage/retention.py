"""Data retention: deletes events by age, and all events of a property, in batches.

Each transaction also writes a StorageChange, from which the warehouse applies the deletion, and is short enough that
collectors can commit between two of them.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast

from sqlalchemy import delete, func, select
from sqlmodel import Session

from proprium.storage import event_codec
from proprium.storage.database import Database
from proprium.storage.events import has_events
from proprium.storage.tables import ChangeKind, EventRow, Property, RejectedEvent, StorageChange, VisitorKey

DELETE_BATCH_SIZE = 20_000

BATCH_PAUSE_S = 0.15
"""Pause between two batches. SQLite has no lock queue: a collector that waits for the lock polls at intervals of up to
100 ms, and would hardly ever hit the gap between two transactions."""

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_property: Any = Property.__table__  # type: ignore[attr-defined]
_rejected: Any = RejectedEvent.__table__  # type: ignore[attr-defined]
_visitor_key: Any = VisitorKey.__table__  # type: ignore[attr-defined]


def delete_property_events(
    database: Database,
    property_number: int,
    kind: ChangeKind = ChangeKind.PROPERTY_DELETED,
    *,
    batch_size: int = DELETE_BATCH_SIZE,
) -> int:
    """Deletes all events, rejected events and visitor keys of a property.

    Returns the number of deleted events.
    """
    with database.write_transaction() as session:
        deleted_count = delete_property_event_batch(session, property_number, kind, batch_size)
    return deleted_count + delete_remaining_property_events(database, property_number, kind, batch_size)


def delete_remaining_property_events(
    database: Database, property_number: int, kind: ChangeKind, batch_size: int = DELETE_BATCH_SIZE
) -> int:
    """Deletes the events that a first batch left, and truncates the WAL, which may hold visitor keys.

    Returns the number of deleted events.
    """
    deleted_count = 0
    while has_events(database, property_number):
        time.sleep(BATCH_PAUSE_S)
        with database.write_transaction() as session:
            deleted_count += delete_property_event_batch(session, property_number, kind, batch_size)
    database.truncate_wal()
    return deleted_count


def delete_property_event_batch(
    session: Session, property_number: int, kind: ChangeKind, batch_size: int = DELETE_BATCH_SIZE
) -> int:
    """Deletes one batch of events in the caller's transaction; returns the number of deleted events."""
    batch = select(_event.c.seq).where(_event.c.property == property_number).limit(batch_size)
    deleted_count = _affected_row_count(session, delete(_event).where(_event.c.seq.in_(batch)))
    session.execute(delete(_visitor_key).where(_visitor_key.c.property == property_number))
    session.execute(delete(_rejected).where(_rejected.c.property == property_number))
    session.add(StorageChange(kind=kind, property=property_number))
    return deleted_count


def delete_orphaned_events(database: Database) -> int:
    """Deletes events of properties that no longer exist; returns the number of deleted events.

    They remain when a deletion was interrupted, or when hits were being stored at the time.
    """
    orphan_numbers = []
    with database.engine.connect() as connection:
        property_numbers = set(connection.scalars(select(_property.c.number)))
        number: int | None = -1
        # Seeks the next number in the index; DISTINCT would scan all of it.
        while (
            number := connection.scalar(select(func.min(_event.c.property)).where(_event.c.property > number))
        ) is not None:
            if number not in property_numbers:
                orphan_numbers.append(number)
    return sum(delete_property_events(database, property_number) for property_number in orphan_numbers)


def prune(
    database: Database, before: datetime, property_number: int | None = None, *, batch_size: int = DELETE_BATCH_SIZE
) -> int:
    """Deletes events and rejected events older than `before`, of one property or of all.

    Returns the number of deleted events.
    """
    is_old_rejected = [_rejected.c.at < before]
    if property_number is not None:
        is_old_rejected.append(_rejected.c.property == property_number)
    with database.write_transaction() as session:
        session.execute(delete(_rejected).where(*is_old_rejected))
    with database.engine.connect() as connection:
        lowest_seq, highest_seq = connection.execute(select(func.min(_event.c.seq), func.max(_event.c.seq))).one()
    total_count, highest_seq = 0, highest_seq or 0
    for first_seq in range(lowest_seq or 1, highest_seq + 1, batch_size):
        with database.write_transaction() as session:
            last_seq = min(first_seq + batch_size - 1, highest_seq)
            is_in_batch = _event.c.seq.between(first_seq, last_seq)
            deleted_count = _affected_row_count(
                session, delete(_event).where(is_in_batch, *_older_than(before, property_number))
            )
            if deleted_count:
                before_us = event_codec.to_timestamp_us(before)
                detail = {"last_seq": last_seq}  # events with an old time that are stored meanwhile remain
                session.add(
                    StorageChange(kind=ChangeKind.PRUNED, property=property_number, before=before_us, detail=detail)
                )
        total_count += deleted_count
        if deleted_count and first_seq + batch_size <= highest_seq:
            time.sleep(BATCH_PAUSE_S)
    if total_count:
        database.truncate_wal()
    return total_count


def count_before(database: Database, before: datetime, property_number: int | None = None) -> int:
    """Counts the events that `prune` would delete."""
    with database.engine.connect() as connection:
        statement = select(func.count()).select_from(_event).where(*_older_than(before, property_number))
        return cast(int, connection.scalar(statement))


def _older_than(before: datetime, property_number: int | None) -> list[Any]:
    conditions = [_event.c.created_at < event_codec.to_timestamp_us(before)]
    return conditions if property_number is None else [*conditions, _event.c.property == property_number]


def _affected_row_count(session: Session, statement: Any) -> int:
    return cast(int, session.execute(statement).rowcount)  # type: ignore[attr-defined]

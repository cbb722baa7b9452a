"""Deleting events: each transaction writes a Change, so that the warehouse follows, and ends soon enough that
collectors can commit between two of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, delete, func, select
from sqlmodel import Session

from proprium.storage import event_codec
from proprium.storage.database import Database
from proprium.storage.tables import Change, ChangeKind, EventRow, Property, Refused, VisitorKey

ROWS_AT_ONCE = 20_000

PAUSE_S = 0.15
"""Between two shares. SQLite keeps no queue: a collector that waits for the lock looks every 100 ms at most, and would
hardly ever find the moment between two transactions."""

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_property: Any = Property.__table__  # type: ignore[attr-defined]
_refused: Any = Refused.__table__  # type: ignore[attr-defined]
_visitor_key: Any = VisitorKey.__table__  # type: ignore[attr-defined]


def delete_property_events(
    database: Database, number: int, kind: ChangeKind = ChangeKind.PROPERTY_DELETED, *, at_once: int = ROWS_AT_ONCE
) -> int:
    """Deletes every event and every visitor key of a property; how many events."""
    with database.writing() as session:
        deleted = delete_some_property_events(session, number, kind, at_once)
    return deleted + delete_the_rest(database, number, kind, at_once)


def delete_the_rest(database: Database, number: int, kind: ChangeKind, at_once: int = ROWS_AT_ONCE) -> int:
    """What a first share left, and the log, which held the property's visitor keys; how many events."""
    total = 0
    while _has_events(database, number):
        time.sleep(PAUSE_S)
        with database.writing() as session:
            total += delete_some_property_events(session, number, kind, at_once)
    database.forget_log()
    return total


def delete_some_property_events(session: Session, number: int, kind: ChangeKind, at_once: int = ROWS_AT_ONCE) -> int:
    """A share, inside a transaction of the caller's."""
    some = select(_event.c.seq).where(_event.c.property == number).limit(at_once)
    deleted = _rows(session, delete(_event).where(_event.c.seq.in_(some)))
    session.execute(delete(_visitor_key).where(_visitor_key.c.property == number))
    session.execute(delete(_refused).where(_refused.c.property == number))
    session.add(Change(kind=kind, property=number))
    return deleted


def delete_orphans(database: Database) -> int:
    """Deletes events whose property is gone: a deletion that was interrupted, or hits that were under way; how many."""
    with database.engine.connect() as connection:
        known = set(connection.scalars(select(_property.c.number)))
        orphans = [number for number in _numbers_with_events(connection) if number not in known]
    return sum(delete_property_events(database, number) for number in orphans)


def prune(
    database: Database, before: datetime, property_number: int | None = None, *, at_once: int = ROWS_AT_ONCE
) -> int:
    """Deletes the events from before a moment, of one property or of all, and the refused ones; how many events."""
    _prune_refused(database, before, property_number)
    total, lowest, highest = 0, *_span(database)
    for start in range(lowest, highest + 1, at_once):
        with database.writing() as session:
            last = min(start + at_once - 1, highest)
            in_share = _event.c.seq.between(start, last)
            deleted = _rows(session, delete(_event).where(in_share, *_older(before, property_number)))
            if deleted:
                moment = event_codec.microseconds(before)
                share = {"last_seq": last}  # what comes meanwhile from the past stays
                session.add(Change(kind=ChangeKind.PRUNED, property=property_number, before=moment, detail=share))
        total += deleted
        if deleted and start + at_once <= highest:
            time.sleep(PAUSE_S)
    if total:
        database.forget_log()
    return total


def count_before(database: Database, before: datetime, property_number: int | None = None) -> int:
    """What prune would delete."""
    with database.engine.connect() as connection:
        question = select(func.count()).select_from(_event).where(*_older(before, property_number))
        return cast(int, connection.scalar(question))


def _prune_refused(database: Database, before: datetime, property_number: int | None) -> None:
    old = _refused.c.at < before
    with database.writing() as session:
        session.execute(
            delete(_refused).where(old if property_number is None else old & (_refused.c.property == property_number))
        )


def _older(before: datetime, property_number: int | None) -> list[Any]:
    conditions = [_event.c.created_at < event_codec.microseconds(before)]
    return conditions if property_number is None else [*conditions, _event.c.property == property_number]


def _has_events(database: Database, number: int) -> bool:
    with database.engine.connect() as connection:
        return connection.execute(select(_event.c.seq).where(_event.c.property == number).limit(1)).first() is not None


def _numbers_with_events(connection: Connection) -> Iterator[int]:
    """From one number to the next through the index: DISTINCT would read all of it."""
    number: int | None = -1
    while (
        number := connection.scalar(select(func.min(_event.c.property)).where(_event.c.property > number))
    ) is not None:
        yield number


def _span(database: Database) -> tuple[int, int]:
    with database.engine.connect() as connection:
        lowest, highest = connection.execute(select(func.min(_event.c.seq), func.max(_event.c.seq))).one()
    return lowest or 1, highest or 0


def _rows(session: Session, statement: Any) -> int:
    return cast(int, session.execute(statement).rowcount)  # type: ignore[attr-defined]

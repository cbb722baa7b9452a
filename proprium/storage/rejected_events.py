"""Rejected events: the newest of each property with the reason, for its owner. IP addresses are never stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from collector.event import HitOutcome
from proprium.storage.database import Database
from proprium.storage.tables import Property, RejectedEvent

MAX_EVENTS_PER_PROPERTY = 1_000
WRITE_BATCH_SIZE = 50
"""Capacity of the buffer, which keeps the newest events: a flood of rejected events must not become write load."""
MAX_TEXT_LENGTH = 500  # characters of any text


class RejectedEventBuffer:
    """Bounded buffer of rejected events until `flush`. `add` may be called for every hit, from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: deque[tuple[UUID, HitOutcome]] = deque(maxlen=WRITE_BATCH_SIZE)

    def add(self, property_id: UUID, outcome: HitOutcome) -> None:
        """Buffers a rejected event; ignores accepted ones."""
        if outcome.reason is not None:
            self._pending.append((property_id, outcome))

    def flush(self) -> int:
        """Writes the buffered events to storage in one transaction; returns the number of written events."""
        pending = [self._pending.popleft() for _ in range(len(self._pending))]
        if not pending:
            return 0
        with self._database.write_transaction() as session:
            property_ids = {property_id for property_id, _ in pending}
            existing: Any = select(col(Property.id), col(Property.number)).where(col(Property.id).in_(property_ids))
            property_numbers = dict(session.execute(existing).all())
            rows = [
                RejectedEvent(
                    property=property_numbers[property_id],
                    at=outcome.received_at,
                    reason=_truncate(outcome.reason) or "",
                    event=_truncate(outcome.event) or "",
                    page=_truncate(outcome.page),
                    hostname=_truncate(outcome.hostname),
                    browser=outcome.browser,
                )
                for property_id, outcome in pending
                if property_id in property_numbers
            ]
            session.add_all(rows)
            session.flush()
            for property_number in {row.property for row in rows}:
                _trim(session, property_number)
        return len(rows)


def newest(database: Database, property_number: int, limit: int = MAX_EVENTS_PER_PROPERTY) -> Sequence[RejectedEvent]:
    """Lists the rejected events of a property, newest first."""
    statement = (
        select(RejectedEvent)
        .where(col(RejectedEvent.property) == property_number)
        .order_by(col(RejectedEvent.seq).desc())
        .limit(limit)
    )
    with database.session() as session:
        return session.scalars(statement).all()


def clear(database: Database, property_number: int) -> None:
    """Deletes the rejected events of a property."""
    with database.write_transaction() as session:
        session.execute(delete(RejectedEvent).where(col(RejectedEvent.property) == property_number))


def _trim(session: Session, property_number: int) -> None:
    is_of_property = col(RejectedEvent.property) == property_number
    oldest_seq = (
        select(col(RejectedEvent.seq))
        .where(is_of_property)
        .order_by(col(RejectedEvent.seq).desc())
        .offset(MAX_EVENTS_PER_PROPERTY - 1)
        .limit(1)
    )
    session.execute(
        delete(RejectedEvent).where(
            is_of_property, col(RejectedEvent.seq) < func.coalesce(oldest_seq.scalar_subquery(), 0)
        )
    )


def _truncate(text: str | None) -> str | None:
    return text and text[:MAX_TEXT_LENGTH]

"""Events that were turned away, so that their property's owner can see why: the newest, never with an address."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from collector.event import Outcome
from proprium.storage.database import Database
from proprium.storage.tables import Property, Refused

KEPT = 1_000  # of each property
AT_ONCE = 50
"""Written at most so many a time, the newest: somebody's flood of refused events must not become our load."""
LONGEST = 500  # characters of any text


class Refusals:
    """Remembers what was refused until `write`. `note` may be called for every hit, from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: deque[tuple[UUID, Outcome]] = deque(maxlen=AT_ONCE)

    def note(self, property_id: UUID, outcome: Outcome) -> None:
        if outcome.reason is not None:
            self._noted.append((property_id, outcome))

    def write(self) -> int:
        """Puts what was noted into storage, in one transaction; how many."""
        noted = [self._noted.popleft() for _ in range(len(self._noted))]
        if not noted:
            return 0
        with self._database.writing() as session:
            numbers = _numbers(session, {property_id for property_id, _ in noted})
            rows = [_row(numbers[id_], outcome) for id_, outcome in noted if id_ in numbers]
            session.add_all(rows)
            session.flush()
            for number in {row.property for row in rows}:
                _trim(session, number)
        return len(rows)


def newest(database: Database, number: int, limit: int = KEPT) -> Sequence[Refused]:
    """A property's refused events, the newest first."""
    question = select(Refused).where(col(Refused.property) == number).order_by(col(Refused.seq).desc()).limit(limit)
    with database.session() as session:
        return session.scalars(question).all()


def forget(database: Database, number: int) -> None:
    """Empties a property's list."""
    with database.writing() as session:
        session.execute(delete(Refused).where(col(Refused.property) == number))


def _numbers(session: Session, ids: Iterable[UUID]) -> dict[UUID, int]:
    """Of the properties that are still there."""
    question: Any = select(col(Property.id), col(Property.number)).where(col(Property.id).in_(ids))
    return dict(session.execute(question).all())


def _row(number: int, outcome: Outcome) -> Refused:
    return Refused(
        property=number,
        at=outcome.at,
        reason=_cut(outcome.reason) or "",
        event=_cut(outcome.event) or "",
        page=_cut(outcome.page),
        hostname=_cut(outcome.hostname),
        browser=outcome.browser,
    )


def _trim(session: Session, number: int) -> None:
    own = col(Refused.property) == number
    oldest = select(col(Refused.seq)).where(own).order_by(col(Refused.seq).desc()).offset(KEPT - 1).limit(1)
    session.execute(delete(Refused).where(own, col(Refused.seq) < func.coalesce(oldest.scalar_subquery(), 0)))


def _cut(text: str | None) -> str | None:
    return text and text[:LONGEST]

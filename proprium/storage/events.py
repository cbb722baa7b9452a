"""Events, as they are appended and read back: durable, in order, each once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError

from collector.errors import StoreUnavailable
from collector.event import Event
from collector.user_agent import classify, is_automated
from proprium.storage import codec
from proprium.storage.database import Database, transaction
from proprium.storage.tables import EventRow, Property, UserAgentRow
from proprium.storage.user_agents import UserAgentNumbers

log = logging.getLogger(__name__)

BATCH = 1_000

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_user_agent: Any = UserAgentRow.__table__  # type: ignore[attr-defined]
_property: Any = Property.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as storage gives it back: what was sent in one `data`, and what we found out about its sender."""

    seq: int
    id: UUID
    property: UUID | None  # None when the property is being deleted
    event: str
    created_at: datetime  # UTC, aware
    data: dict[str, Any]
    hostname: str  # as sent, or of the page that the request came from; "" where neither said it
    platform: str
    browser: str
    device: str
    country: str
    region: str
    city: str
    is_bot: bool
    bot_name: str
    is_automated: bool  # a program drives the browser: a property may count it like a person's


class EventStore:
    """The sink that the collector appends to. It keeps one connection, for one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._user_agents = UserAgentNumbers()
        self._insert = _insert_statement(database)
        self._refusals = (SQLAlchemyError, database.driver.Error)

    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        """Commits all events in one durable transaction, in order: True stored, False there already.

        Raises StoreUnavailable when nothing was stored: locked for too long, disk full, read-only, broken. The next
        call tries anew.
        """
        if not events:
            return ()
        try:
            stored = self._commit_even_poison(events)
        except self._refusals as problem:
            self._user_agents.rolled_back()
            self.close()
            log.warning("storage took no events: %s", problem)
            raise StoreUnavailable("The events could not be stored; send them again later.") from problem
        except BaseException:  # whoever ends the committer must not leave it a half-known table
            self._user_agents.rolled_back()
            self.close()
            raise
        self._user_agents.committed()
        return stored

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # not back to the pool: it may be what is broken
            connection.close()

    def _commit_even_poison(self, events: Sequence[Event]) -> list[bool]:
        try:
            return self._commit(events)
        except (OverflowError, UnicodeError):  # one event must not keep the others out
            self._user_agents.rolled_back()
            return self._commit([codec.made_storable(event) for event in events])

    def _commit(self, events: Sequence[Event]) -> list[bool]:
        if self._connection is None:
            self._connection = self._database.writing_engine.connect()
        # The driver's own cursor: SQLAlchemy's execute costs more than the insert does, its transaction as much as ten.
        cursor: Any = self._connection.connection.cursor()
        with transaction(cursor):
            self._user_agents.begun(cursor)
            execute, insert = cursor.execute, self._insert
            stored = []
            for event in events:
                row = codec.to_row(event, self._user_agents.number(cursor, event.user_agent))
                stored.append(execute(insert, row).rowcount == 1)
        return stored


def read_events(
    database: Database, property_number: int | None = None, *, after_seq: int = 0, before_seq: int | None = None
) -> Iterator[StoredEvent]:
    """All events, or one property's, in the order of their storage; in batches, so that any number fits in memory."""
    with database.engine.connect() as connection:
        while rows := connection.execute(_page(property_number, after_seq, before_seq)).mappings().all():
            connection.rollback()  # no snapshot is held while the caller works: it would keep the log from shrinking
            yield from map(from_row, rows)
            after_seq = rows[-1]["seq"]


def from_row(row: Any) -> StoredEvent:
    """`row` holds the columns of `event` by name, and those of its User-Agent and property as `_page` names them."""
    values = dict(row, automated=bool(row["automated"]), user_agent=row["agent_text"] or "")
    return StoredEvent(
        seq=row["seq"],
        id=UUID(bytes=row["id"]),
        property=row["property_id"],
        event=row["event"],
        created_at=codec.moment(row["created_at"]),
        data=codec.data_of(values, row["sent"], row["rest"]),
        hostname=row["hostname"] or "",
        platform=row["platform"] or "",
        browser=row["browser"] or "",
        device=row["device"] or "",
        country=row["country"] or "",
        region=row["region"] or "",
        city=row["city"] or "",
        is_bot=bool(row["is_bot"] or row["automated"]),
        bot_name=row["bot_name"] or "",
        is_automated=is_automated(classify(values["user_agent"]), values["automated"]),
    )


def count_events(database: Database, property_number: int | None = None) -> int:
    question = select(func.count()).select_from(_event)
    if property_number is not None:
        question = question.where(_event.c.property == property_number)
    with database.engine.connect() as connection:
        return cast(int, connection.scalar(question))


def _page(property_number: int | None, after_seq: int, before_seq: int | None) -> Any:
    agent = _user_agent.c
    question = (
        select(
            _event,
            agent.text.label("agent_text"),
            *(agent.browser, agent.platform, agent.device, agent.is_bot, agent.bot_name),
            _property.c.id.label("property_id"),
        )
        .outerjoin_from(_event, _user_agent, _event.c.user_agent == agent.id)
        .outerjoin(_property, _event.c.property == _property.c.number)
        .where(_event.c.seq > after_seq)
        .order_by(_event.c.seq)
        .limit(BATCH)
    )
    if before_seq is not None:
        question = question.where(_event.c.seq < before_seq)
    if property_number is not None:
        question = question.where(_event.c.property == property_number)
    return question


def _insert_statement(database: Database) -> str:
    """The text of `INSERT … ON CONFLICT DO NOTHING`, its values in the order of codec.COLUMNS."""
    values = dict.fromkeys(codec.COLUMNS)
    statement = sqlite.insert(_event).values(values).on_conflict_do_nothing(index_elements=["property", "id"])
    compiled = statement.compile(dialect=database.engine.dialect)
    assert tuple(compiled.positiontup or ()) == codec.COLUMNS
    return str(compiled)

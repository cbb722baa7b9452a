"""Events, as they are appended and read back: durable, in order, each once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError

from collector.errors import StoreUnavailable
from collector.event import Event
from collector.user_agent import classify, is_automated
from proprium.storage import event_codec
from proprium.storage.database import Database, transaction
from proprium.storage.tables import EventRow, Property, UserAgentRow
from proprium.storage.user_agents import UserAgentNumbers

log = logging.getLogger(__name__)

BATCH = 1_000
ROWS_IN_A_STATEMENT = (64, 32, 16, 8, 4, 2, 1)  # few texts, so that each is parsed once

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_user_agent: Any = UserAgentRow.__table__  # type: ignore[attr-defined]
_property: Any = Property.__table__  # type: ignore[attr-defined]
_AUTOMATED, _HOSTNAME, _USER_AGENT = map(list(event_codec.KNOWN_KEYS).index, ("automated", "hostname", "user_agent"))


class StoredEvent(NamedTuple):
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
        self._inserts = {count: _insert_statement(database, count) for count in ROWS_IN_A_STATEMENT}
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
            return self._commit([event_codec.made_storable(event) for event in events])

    def _commit(self, events: Sequence[Event]) -> list[bool]:
        if self._connection is None:
            self._connection = self._database.writing_engine.connect()
        # The driver's own cursor: SQLAlchemy's execute costs more than the insert does.
        cursor: Any = self._connection.connection.cursor()
        with transaction(cursor):
            self._user_agents.begun(cursor)
            number = self._user_agents.number
            rows = [event_codec.to_row(event, number(cursor, event.user_agent)) for event in events]
            return self._insert_all(cursor, rows)

    def _insert_all(self, cursor: Any, rows: Sequence[tuple[Any, ...]]) -> list[bool]:
        """Many rows a statement: the driver lets go of Python's lock for each one, and on a busy server gets it back
        only milliseconds later. Where some are there already, one by one, to learn which."""
        if len(rows) > 1:
            cursor.execute("SAVEPOINT together")
            if sum(self._insert_some(cursor, some) for some in _portions(rows)) == len(rows):
                return [True] * len(rows)
            cursor.execute("ROLLBACK TO together")
        return [self._insert_some(cursor, [row]) == 1 for row in rows]

    def _insert_some(self, cursor: Any, rows: Sequence[tuple[Any, ...]]) -> int:
        """How many are new."""
        cursor.execute(self._inserts[len(rows)], list(chain.from_iterable(rows)))
        return int(cursor.rowcount)


@dataclass(frozen=True)
class Span:
    """Events from one moment up to, not including, another, in µs since 1970. None: without an end."""

    since: int | None = None
    until: int | None = None


def read_events(
    database: Database,
    property_number: int | None = None,
    *,
    after_seq: int = 0,
    before_seq: int | None = None,
    span: Span | None = None,
) -> Iterator[StoredEvent]:
    """All events, or one property's, in the order of their storage; in batches, so that any number fits in memory.

    Nothing is held between two batches: a reader that stops for good costs nothing.
    """
    while events := _read(database, _page(property_number, after_seq, before_seq, span or Span())):
        yield from events
        after_seq = events[-1].seq


def _stored(row: Any, property_of: Mapping[int, UUID]) -> StoredEvent:
    """`row` is one of `_page`."""
    seq, id_, property_, event, at, sent, rest, country, region, city = row[len(event_codec.KNOWN_KEYS) : -5]
    browser, platform, device, is_bot, bot_name = row[-5:]
    return StoredEvent(
        seq,
        UUID(bytes=id_),
        property_of.get(property_),
        event,
        event_codec.moment(at),
        event_codec.data_of(row, sent, rest),
        row[_HOSTNAME] or "",
        platform or "",
        browser or "",
        device or "",
        country or "",
        region or "",
        city or "",
        bool(is_bot or row[_AUTOMATED]),
        bot_name or "",
        is_automated(classify(row[_USER_AGENT]), bool(row[_AUTOMATED])),
    )


def count_events(database: Database, property_number: int | None = None) -> int:
    question = select(func.count()).select_from(_event)
    if property_number is not None:
        question = question.where(_event.c.property == property_number)
    with database.engine.connect() as connection:
        return cast(int, connection.scalar(question))


def has_events(database: Database, property_number: int) -> bool:
    """Whether a property ever received one; at once, however many there are."""
    with database.engine.connect() as connection:
        return connection.scalar(select(_event.c.seq).where(_event.c.property == property_number).limit(1)) is not None


def last_seq(database: Database) -> int:
    """Of the latest event; 0 when there is none."""
    with database.engine.connect() as connection:
        return connection.scalar(select(func.max(_event.c.seq))) or 0


def _read(database: Database, question: Any) -> list[StoredEvent]:
    with database.engine.connect() as connection:
        rows = connection.execute(question).all()
        numbers = {row.property for row in rows}
        known = connection.execute(select(_property.c.number, _property.c.id).where(_property.c.number.in_(numbers)))
        property_of = {number: id_ for number, id_ in known}  # noqa: C416 (rows are no pairs to a type checker)
        return [_stored(row, property_of) for row in rows]


def _page(property_number: int | None, after_seq: int, before_seq: int | None, span: Span) -> Any:
    """The next rows: what `codec.data_of` needs first, then the event, then its sender."""
    agent, own = _user_agent.c, _event.c
    known = (
        func.coalesce(agent.text, "") if name == "user_agent" else own[name] for name in event_codec.KNOWN_KEYS.values()
    )
    question = (
        select(
            *known,
            *(own.seq, own.id, own.property, own.event, own.created_at, own.sent, own.rest),
            *(own.country, own.region, own.city),
            *(agent.browser, agent.platform, agent.device, agent.is_bot, agent.bot_name),
        )
        .outerjoin_from(_event, _user_agent, own.user_agent == agent.id)
        .where(own.seq > after_seq)
        .order_by(own.seq)
        .limit(BATCH)
    )
    if before_seq is not None:
        question = question.where(_event.c.seq < before_seq)
    if property_number is not None:
        # The sum keeps SQLite off the index of (property, id): it would read and sort all of it for every batch.
        question = question.where(_event.c.property + 0 == property_number)
    if span.since is not None:
        question = question.where(_event.c.created_at >= span.since)
    if span.until is not None:
        question = question.where(_event.c.created_at < span.until)
    return question


def _portions(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """In their order, as many at a time as there are statements for."""
    start = 0
    while left := len(rows) - start:
        size = next(size for size in ROWS_IN_A_STATEMENT if size <= left)
        yield rows[start : start + size]
        start += size


def _insert_statement(database: Database, count: int) -> str:
    """The text of `INSERT … ON CONFLICT DO NOTHING` of so many rows, their values in the order of codec.COLUMNS."""
    values = [dict.fromkeys(event_codec.COLUMNS)] * count
    statement = sqlite.insert(_event).values(values).on_conflict_do_nothing(index_elements=["property", "id"])
    compiled = statement.compile(dialect=database.engine.dialect)
    sent = [name.rpartition("_m")[0] for name in compiled.positiontup or ()]
    assert sent == [*event_codec.COLUMNS] * count
    return str(compiled)

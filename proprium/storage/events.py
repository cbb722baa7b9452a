"""Event store: appends events durably, in order and each once (idempotent by ID), and reads them back."""

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
from collector.user_agent import classify, is_automated, is_library_page_view
from proprium.storage import event_codec
from proprium.storage.database import Database, transaction
from proprium.storage.tables import EventRow, Property, UserAgentRow
from proprium.storage.user_agents import UserAgentIds

log = logging.getLogger(__name__)

READ_BATCH_SIZE = 1_000
INSERT_BATCH_SIZES = (64, 32, 16, 8, 4, 2, 1)  # few different statements, so that SQLite parses each only once

_event: Any = EventRow.__table__  # type: ignore[attr-defined]
_user_agent: Any = UserAgentRow.__table__  # type: ignore[attr-defined]
_property: Any = Property.__table__  # type: ignore[attr-defined]
_AUTOMATED_INDEX, _HOSTNAME_INDEX, _USER_AGENT_INDEX, _USER_ID_INDEX = map(
    list(event_codec.KNOWN_KEYS).index, ("automated", "hostname", "user_agent", "user_id")
)


class StoredEvent(NamedTuple):
    """A stored event: `data` as it was sent, and what was derived about its sender."""

    seq: int
    id: UUID
    property: UUID | None  # None when the property is being deleted
    event: str
    created_at: datetime  # UTC, aware
    data: dict[str, Any]
    hostname: str  # as sent, or of the page that sent the request; "" if unknown
    platform: str
    browser: str
    device: str
    country: str
    region: str
    city: str
    is_bot: bool  # as the property counts it
    bot_name: str
    is_automated: bool  # from an automated browser, which a property may count as a visitor


class EventStore:
    """The sink to which the collector appends events. Keeps one connection: use it from one thread only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._user_agents = UserAgentIds()
        self._insert_statements = {count: _insert_statement(database, count) for count in INSERT_BATCH_SIZES}
        self._storage_errors = (SQLAlchemyError, database.driver.Error)

    def append(self, events: Sequence[Event]) -> Sequence[bool]:
        """Commits all events in one durable transaction, in order.

        Returns a flag for each event: True if it was stored, False if it is a duplicate. Raises StoreUnavailable when
        nothing was stored: locked for too long, disk full, read-only, broken. The next call opens a new connection.
        """
        if not events:
            return ()
        try:
            try:
                stored_flags = self._commit(events)
            except (OverflowError, UnicodeError):  # one invalid event must not block the others
                self._user_agents.on_rollback()
                stored_flags = self._commit([event_codec.make_storable(event) for event in events])
        except self._storage_errors as problem:
            self._database.note_error(problem)
            self._user_agents.on_rollback()
            self.close()
            log.warning("events could not be stored", extra={"events": len(events), "error": str(problem)})
            raise StoreUnavailable("The events could not be stored; send them again later.") from problem
        except BaseException:  # an interrupted commit must not leave uncommitted IDs in the User-Agent cache
            self._user_agents.on_rollback()
            self.close()
            raise
        self._user_agents.on_commit()
        return stored_flags

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # not returned to the pool, since it may be broken
            connection.close()

    def _commit(self, events: Sequence[Event]) -> list[bool]:
        if self._connection is None:
            self._connection = self._database.write_engine.connect()
        # The driver's own cursor: SQLAlchemy's execute costs more than the insert does.
        cursor: Any = self._connection.connection.cursor()
        with transaction(cursor):
            self._user_agents.on_begin(cursor)
            get_or_create = self._user_agents.get_or_create
            rows = [event_codec.to_row(event, get_or_create(cursor, event.user_agent)) for event in events]
            return self._insert_all(cursor, rows)

    def _insert_all(self, cursor: Any, rows: Sequence[tuple[Any, ...]]) -> list[bool]:
        """Inserts rows with few statements; returns True for each new row.

        The driver releases the GIL for every statement, and on a busy server waits milliseconds to get it back. If some
        rows are duplicates, all are inserted one by one, to learn which.
        """
        if len(rows) > 1:
            cursor.execute("SAVEPOINT together")
            start, new_count = 0, 0
            while remaining_count := len(rows) - start:
                size = next(size for size in INSERT_BATCH_SIZES if size <= remaining_count)
                new_count += self._insert_batch(cursor, rows[start : start + size])
                start += size
            if new_count == len(rows):
                return [True] * len(rows)
            cursor.execute("ROLLBACK TO together")
        return [self._insert_batch(cursor, [row]) == 1 for row in rows]

    def _insert_batch(self, cursor: Any, rows: Sequence[tuple[Any, ...]]) -> int:
        """Inserts rows with one statement; returns the number of new ones."""
        cursor.execute(self._insert_statements[len(rows)], list(chain.from_iterable(rows)))
        return int(cursor.rowcount)


@dataclass(frozen=True)
class TimeRange:
    """Half-open range of time, in µs since 1970; None means unbounded."""

    since_us: int | None = None
    until_us: int | None = None


def read_events(
    database: Database,
    property_number: int | None = None,
    *,
    after_seq: int = 0,
    before_seq: int | None = None,
    time_range: TimeRange | None = None,
    counts_automated: bool = False,
) -> Iterator[StoredEvent]:
    """Iterates over all events, or those of one property, in the order of their storage.

    With `counts_automated`, automated browsers are no bots.
    Reads in batches of READ_BATCH_SIZE, so that memory is bounded. Holds no connection between two batches, so that an
    abandoned iterator blocks nothing.
    """
    while True:
        statement = _select_batch(property_number, after_seq, before_seq, time_range or TimeRange())
        with database.engine.connect() as connection:
            rows = connection.execute(statement).all()
            numbers = {row.property for row in rows}
            properties = select(_property.c.number, _property.c.id).where(_property.c.number.in_(numbers))
            id_by_number = {number: id_ for number, id_ in connection.execute(properties)}  # noqa: C416 (rows are no pairs to a type checker)
        if not rows:
            return
        yield from [_stored_event(row, id_by_number, counts_automated=counts_automated) for row in rows]
        after_seq = rows[-1].seq


def _stored_event(row: Any, id_by_property_number: Mapping[int, UUID], *, counts_automated: bool) -> StoredEvent:
    """Decodes a row of `_select_batch`. Bots are those of today's lists, by the rules of the warehouse."""
    seq, id_, property_number, event, timestamp_us, sent, rest, country, region, city = row[
        len(event_codec.KNOWN_KEYS) : -3
    ]
    browser, platform, device = row[-3:]
    agent = classify(row[_USER_AGENT_INDEX])
    is_browser_automated = is_automated(agent, bool(row[_AUTOMATED_INDEX]))
    if is_library_page_view(agent, event, row[_USER_ID_INDEX]):
        is_bot, bot_name = True, agent.library_name
    elif is_browser_automated:
        is_bot = not counts_automated
        bot_name = "" if counts_automated else agent.bot_name or agent.browser
    else:
        is_bot, bot_name = agent.is_bot, agent.bot_name
    return StoredEvent(
        seq,
        UUID(bytes=id_),
        id_by_property_number.get(property_number),
        event,
        event_codec.from_timestamp_us(timestamp_us),
        event_codec.data_of(row, sent, rest),
        row[_HOSTNAME_INDEX] or "",
        platform or "",
        browser or "",
        device or "",
        country or "",
        region or "",
        city or "",
        is_bot,
        bot_name,
        is_browser_automated,
    )


def count_events(database: Database, property_number: int | None = None) -> int:
    """Counts all events, or those of one property."""
    statement = select(func.count()).select_from(_event)
    if property_number is not None:
        statement = statement.where(_event.c.property == property_number)
    with database.engine.connect() as connection:
        return cast(int, connection.scalar(statement))


def has_events(database: Database, property_number: int) -> bool:
    """Returns True if a property has events; constant time, by an index."""
    with database.engine.connect() as connection:
        return connection.scalar(select(_event.c.seq).where(_event.c.property == property_number).limit(1)) is not None


def last_seq(database: Database) -> int:
    """Returns the `seq` of the latest event, 0 without events."""
    with database.engine.connect() as connection:
        return connection.scalar(select(func.max(_event.c.seq))) or 0


def _select_batch(property_number: int | None, after_seq: int, before_seq: int | None, time_range: TimeRange) -> Any:
    """Selects the next rows: the columns for `event_codec.data_of`, then the event, then its User-Agent."""
    agent_columns, event_columns = _user_agent.c, _event.c
    known_columns = (
        func.coalesce(agent_columns.text, "") if name == "user_agent" else event_columns[name]
        for name in event_codec.KNOWN_KEYS.values()
    )
    statement = (
        select(
            *known_columns,
            *(
                event_columns.seq,
                event_columns.id,
                event_columns.property,
                event_columns.event,
                event_columns.created_at,
                event_columns.sent,
                event_columns.rest,
            ),
            *(event_columns.country, event_columns.region, event_columns.city),
            *(agent_columns.browser, agent_columns.platform, agent_columns.device),
        )
        .outerjoin_from(_event, _user_agent, event_columns.user_agent == agent_columns.id)
        .where(event_columns.seq > after_seq)
        .order_by(event_columns.seq)
        .limit(READ_BATCH_SIZE)
    )
    if before_seq is not None:
        statement = statement.where(_event.c.seq < before_seq)
    if property_number is not None:
        # The addition keeps SQLite off the index on (property, id): it would read and sort all of it for every batch.
        statement = statement.where(_event.c.property + 0 == property_number)
    if time_range.since_us is not None:
        statement = statement.where(_event.c.created_at >= time_range.since_us)
    if time_range.until_us is not None:
        statement = statement.where(_event.c.created_at < time_range.until_us)
    return statement


def _insert_statement(database: Database, row_count: int) -> str:
    """Returns an `INSERT … ON CONFLICT DO NOTHING` of `row_count` rows, values in the order of event_codec.COLUMNS."""
    values = [dict.fromkeys(event_codec.COLUMNS)] * row_count
    statement = sqlite.insert(_event).values(values).on_conflict_do_nothing(index_elements=["property", "id"])
    compiled = statement.compile(dialect=database.engine.dialect)
    bound_columns = [name.rpartition("_m")[0] for name in compiled.positiontup or ()]
    assert bound_columns == [*event_codec.COLUMNS] * row_count
    return str(compiled)

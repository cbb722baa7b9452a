"""What the projector writes and reads back, always many rows in one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Table,
    delete,
    func,
    insert,
    select,
    union_all,
    update,
)

from proprium.warehouse import schema
from proprium.warehouse.connect import staged
from proprium.warehouse.dialect import micros
from proprium.warehouse.rows import AT, COLUMNS, IS_VIEW, OWN_VISITOR, SENDER_AT, SESSION, VISITOR, hit_of
from proprium.warehouse.sessions import Hit, Key, Visit

_staging = MetaData()
_event, _session = schema.event, schema.session


def _copy_of(table: Table) -> Table:
    return Table(f"staged_{table.name}", _staging, *(Column(c.name, c.type) for c in table.columns))


_new_event = _copy_of(_event)
_new_session = _copy_of(_session)
_id = Table("staged_id", _staging, Column("id", BigInteger))
_window = Table(
    "staged_window",
    _staging,
    Column("property", Integer),
    Column("visitor", BigInteger),
    Column("start", DateTime(timezone=True)),
    Column("end", DateTime(timezone=True)),
)
_placed = Table(
    "staged_placed",
    _staging,
    *(Column(name, BigInteger) for name in ("seq", "visitor", "own_visitor", "session")),
    Column("is_view", Boolean),
)
_GROWS = (
    "ended_at",
    "hits",
    "views",
    "custom_events",
    "link_clicks",
    "engaged_ms",
    "is_bounce",
    "entry_page",
    "exit_page",
)
_grown = Table(
    "staged_grown", _staging, Column("session", BigInteger), *(Column(n, _session.c[n].type) for n in _GROWS)
)

_INSERT_EVENTS = insert(_event).from_select(list(COLUMNS), select(_new_event))
_INSERT_SESSIONS = insert(_session).from_select([c.name for c in _session.columns], select(_new_session))
_GROW_SESSIONS = (
    update(_session).where(_session.c.session == _grown.c.session).values({name: _grown.c[name] for name in _GROWS})
)
_PLACE_EVENTS = (
    update(_event)
    .where(_event.c.seq == _placed.c.seq)
    .values({name: _placed.c[name] for name in ("visitor", "own_visitor", "session", "is_view")})
)
_own_visitor = func.coalesce(_event.c.own_visitor, _event.c.visitor)
_hit = [micros(c).label(c.name) if c.name == "created_at" else c for c in _event.columns]


def insert_events(connection: Connection, rows: Sequence[list[Any]]) -> None:
    """Rows as rows.row_of makes them, with their sessions put in."""
    if rows:
        with staged(connection, _new_event, dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))):
            connection.execute(_INSERT_EVENTS)


def write_visits(connection: Connection, visits: Iterable[Visit]) -> None:
    """New ones are inserted, known ones updated where they grow."""
    fresh: list[Visit] = []
    grown: list[Visit] = []
    for visit in visits:
        (grown if visit.is_written else fresh).append(visit)
    _insert_sessions(connection, fresh)
    _grow_sessions(connection, grown)


def delete_sessions(connection: Connection, ids: Collection[int]) -> None:
    if ids:
        with staged(connection, _id, {"id": list(ids)}):
            connection.execute(delete(_session).where(_session.c.session.in_(select(_id.c.id))))


def place_events(connection: Connection, hits: Sequence[Hit]) -> None:
    """Gives hits that are in the warehouse already the sessions that they now belong to."""
    if hits:
        rows = [hit.row for hit in hits]
        columns = {name: [row[AT[name]] for row in rows] for name in _placed.columns.keys()}  # noqa: SIM118
        with staged(connection, _placed, columns):
            connection.execute(_PLACE_EVENTS)


def hits_in(connection: Connection, windows: Mapping[Key, tuple[int, int]]) -> list[Hit]:
    """Hits in the warehouse by these visitors, and by those of the next day who may be them, each in its window."""
    columns = {
        "property": [number for number, _ in windows],
        "visitor": [visitor for _, visitor in windows],
        "start": [start for start, _ in windows.values()],
        "end": [end for _, end in windows.values()],
    }
    with staged(connection, _window, columns):
        rows = connection.execute(union_all(_hits_by(_own_visitor), _hits_by(_event.c.previous_visitor)))
        found = {row[0]: list(row) for row in rows}
    return [hit for row in found.values() if (hit := hit_of(row))]


def windows_of(connection: Connection, sessions: Collection[int]) -> dict[Key, tuple[int, int]]:
    """Everybody who has hits in these sessions, with the time of the first and last of them."""
    at = micros(_event.c.created_at)
    question = (
        select(_event.c.property, _own_visitor, func.min(at), func.max(at))
        .where(_event.c.session.in_(select(_id.c.id)))
        .group_by(_event.c.property, _own_visitor)
    )
    with staged(connection, _id, {"id": list(sessions)}):
        return {(number, visitor): (start, end) for number, visitor, start, end in connection.execute(question)}


def put_in(hit: Hit) -> bool:
    """Writes the hit's session into its row; True when that changes the row."""
    visit, row = hit.visit, hit.row
    assert visit is not None
    own = None if visit.visitor == hit.visitor else hit.visitor
    if row[SESSION] == visit.id and row[IS_VIEW] == hit.is_view and row[OWN_VISITOR] == own:
        return False
    row[SESSION], row[VISITOR], row[OWN_VISITOR], row[IS_VIEW] = visit.id, visit.visitor, own, hit.is_view
    return True


def _hits_by(visitor: Any) -> Any:
    window = _window.c
    bounds = select(func.min(window.start).label("start"), func.max(window.end).label("end")).subquery()
    return (
        select(*_hit)
        .join_from(_event, _window, (_event.c.property == window.property) & (visitor == window.visitor))
        .where(_event.c.created_at.between(window.start, window.end), _event.c.session.is_not(None))
        .where(_event.c.created_at >= select(bounds.c.start).scalar_subquery())
        .where(_event.c.created_at <= select(bounds.c.end).scalar_subquery())
    )


def _insert_sessions(connection: Connection, visits: Sequence[Visit]) -> None:
    if not visits:
        return
    rows = [_session_row(visit) for visit in visits]
    names = [column.name for column in _session.columns]
    with staged(connection, _new_session, dict(zip(names, zip(*rows, strict=True), strict=True))):
        connection.execute(_INSERT_SESSIONS)
    for visit in visits:
        visit.is_written, visit.first = True, None


def _session_row(visit: Visit) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    assert visit.first is not None
    return (
        *(visit.id, visit.number, visit.visitor, visit.started, visit.ended),
        *(visit.hits, visit.views, visit.custom_events, visit.link_clicks, visit.engaged_ms, visit.is_bounce),
        *(visit.entry_page, visit.exit_page),
        *visit.first.row[SENDER_AT],
    )


def _grow_sessions(connection: Connection, visits: Sequence[Visit]) -> None:
    if not visits:
        return
    columns = {name: [getattr(visit, _FIELDS.get(name, name)) for visit in visits] for name in ("session", *_GROWS)}
    with staged(connection, _grown, columns):
        connection.execute(_GROW_SESSIONS)


_FIELDS = {"session": "id", "ended_at": "ended"}

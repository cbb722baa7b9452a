"""What the projector writes and reads back, always many rows in one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
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
from proprium.warehouse.dialect import micros
from proprium.warehouse.projection.event_rows import Rows, hits_of
from proprium.warehouse.projection.sessionizer import Hit, Key, PaceOf, Placed, Visit
from proprium.warehouse.warehouse import staged

_staging = MetaData()
_event, _session = schema.event, schema.session


def _copy_of(table: Table, names: Collection[str]) -> Table:
    return Table(f"staged_{table.name}", _staging, *(Column(name, table.c[name].type) for name in names))


_new_event = _copy_of(_event, _event.c.keys())
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
    "exit_view",
    "is_new",
)
_grown = Table(
    "staged_grown", _staging, Column("session", BigInteger), *(Column(n, _session.c[n].type) for n in _GROWS)
)

_OWN = tuple(column.name for column in _session.columns if column.name not in schema.SENDER)
_facts = _copy_of(_session, _OWN)
"""Of new sessions, what is not their first hit's."""

_left_out = _copy_of(schema.left_out, schema.left_out.c.keys())
_INSERT_LEFT_OUT = insert(schema.left_out).from_select(schema.left_out.c.keys(), select(_left_out))
_INSERT_EVENTS = insert(_event).from_select([c.name for c in _event.columns], select(_new_event))
_GROW_SESSIONS = (
    update(_session).where(_session.c.session == _grown.c.session).values({name: _grown.c[name] for name in _GROWS})
)
_PLACE_EVENTS = (
    update(_event)
    .where(_event.c.seq == _placed.c.seq)
    .values({name: _placed.c[name] for name in ("visitor", "own_visitor", "session", "is_view")})
)
_own_visitor = func.coalesce(_event.c.own_visitor, _event.c.visitor)
_HIT = (
    *("seq", "property", "created_at", "event", "visitor", "own_visitor", "previous_visitor", "session", "is_bot"),
    *("is_custom", "is_view", "view_id", "page", "engaged_ms", "data"),
)
_hit = [micros(_event.c[name]).label(name) if name == "created_at" else _event.c[name] for name in _HIT]


def add_rows(connection: Connection, rows: Rows, visits: Iterable[Visit]) -> None:
    """New rows with their sessions put in, and sessions that are new or have grown."""
    with staged(connection, _new_event, rows):
        connection.execute(_INSERT_EVENTS)
        _write_visits(connection, visits, _new_event, set(rows["seq"]))


def write_visits(connection: Connection, visits: Iterable[Visit]) -> None:
    """Of hits that are in the warehouse already. New ones are inserted, known ones updated where they grow."""
    _write_visits(connection, visits, _event, ())


def note_left_out(connection: Connection, rows: Mapping[str, Sequence[Any]]) -> None:
    """What the rules leave out, so that one can tell how much that is."""
    if rows["seq"]:
        with staged(connection, _left_out, rows):
            connection.execute(_INSERT_LEFT_OUT)


def delete_sessions(connection: Connection, ids: Collection[int]) -> None:
    if ids:
        with staged(connection, _id, {"id": list(ids)}):
            connection.execute(delete(_session).where(_session.c.session.in_(select(_id.c.id))))


def place_events(connection: Connection, hits: Sequence[Hit]) -> None:
    """Gives hits that are in the warehouse already the sessions that they now belong to."""
    if hits:
        now = [(hit.seq, *hit.placed()) for hit in hits]
        columns = dict(zip(("seq", *Placed._fields), zip(*now, strict=True), strict=True))
        with staged(connection, _placed, columns):
            connection.execute(_PLACE_EVENTS)


def hits_in(connection: Connection, windows: Mapping[Key, tuple[int, int]], pace_of: PaceOf) -> list[Hit]:
    """Hits in the warehouse by these visitors, and by those of the next day who may be them, each in its window."""
    columns = {
        "property": [number for number, _ in windows],
        "visitor": [visitor for _, visitor in windows],
        "start": [start for start, _ in windows.values()],
        "end": [end for _, end in windows.values()],
    }
    with staged(connection, _window, columns):
        rows = connection.execute(union_all(_hits_by(_own_visitor), _hits_by(_event.c.previous_visitor))).all()
    return _known({row[0]: tuple(row) for row in rows}.values(), pace_of)


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


def put_in(rows: Rows, hits: Iterable[Hit]) -> None:
    """Writes the sessions of hits into their rows."""
    sessions, visitors, own_visitors, views = (rows[name] for name in Placed._fields)
    for hit in hits:
        place, visit = hit.place, hit.visit
        assert visit is not None
        sessions[place], views[place] = visit.id, hit.is_view
        if visit.visitor != hit.visitor:
            visitors[place], own_visitors[place] = visit.visitor, hit.visitor


def _known(rows: Collection[tuple[Any, ...]], pace_of: PaceOf) -> list[Hit]:
    columns: dict[str, Any] = dict(zip(_HIT, zip(*rows, strict=True) if rows else [()] * len(_HIT), strict=True))
    were = list(map(Placed._make, zip(*(columns[name] for name in Placed._fields), strict=True)))
    columns["visitor"] = [was.visitor if was.own_visitor is None else was.own_visitor for was in were]
    hits = hits_of(columns, pace_of)
    for hit in hits:
        hit.was = were[hit.place]
    return hits


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


def _write_visits(connection: Connection, visits: Iterable[Visit], hits: Table, seqs: Collection[int]) -> None:
    """`hits` has the first hits of those in `seqs`."""
    fresh: list[Visit] = []
    older: list[Visit] = []
    grown: list[Visit] = []
    for visit in visits:
        (grown if visit.is_written else fresh if visit.id in seqs else older).append(visit)
    _insert_sessions(connection, fresh, hits)
    _insert_sessions(connection, older, _event)
    _grow_sessions(connection, grown)


def _insert_sessions(connection: Connection, visits: Sequence[Visit], hits: Table) -> None:
    if not visits:
        return
    columns = _columns(visits, _OWN)
    ids = [visit.id for visit in visits]
    sender = [hits.c[name] for name in schema.SENDER]
    # The bounds let the engine pass over all that is older.
    rows = select(_facts, *sender).join(hits, (hits.c.seq == _facts.c.session) & hits.c.seq.between(min(ids), max(ids)))
    with staged(connection, _facts, columns):
        connection.execute(insert(_session).from_select([*_OWN, *schema.SENDER], rows))
    for visit in visits:
        visit.is_written = True


def _grow_sessions(connection: Connection, visits: Sequence[Visit]) -> None:
    if not visits:
        return
    columns = _columns(visits, ("session", *_GROWS))
    with staged(connection, _grown, columns):
        connection.execute(_GROW_SESSIONS)


def _columns(visits: Sequence[Visit], names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: list(map(attrgetter(_FIELDS.get(name, name)), visits)) for name in names}


_FIELDS = {"session": "id", "property": "number", "started_at": "started", "ended_at": "ended"}

"""Bulk writes and reads of the projection: events, sessions and session assignments, many rows in one statement."""

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
    bindparam,
    delete,
    func,
    insert,
    select,
    union_all,
    update,
)

from proprium.storage.event_columns import DictionaryColumn
from proprium.warehouse import schema
from proprium.warehouse.dialect import epoch_us
from proprium.warehouse.engine import stage
from proprium.warehouse.projection.event_rows import EventRows, session_hits
from proprium.warehouse.projection.session_context import CONTEXT_GROUPS
from proprium.warehouse.projection.sessionizer import (
    Session,
    SessionAssignment,
    SessionHit,
    SessionRulesLookup,
    VisitorKey,
)

_staging_metadata = MetaData()
_event, _session = schema.event, schema.session


def _staged_copy(table: Table, names: Collection[str]) -> Table:
    return Table(f"staged_{table.name}", _staging_metadata, *(Column(name, table.c[name].type) for name in names))


_staged_event = _staged_copy(_event, _event.c.keys())
_staged_id = Table("staged_id", _staging_metadata, Column("id", BigInteger))
_staged_window = Table(
    "staged_window",
    _staging_metadata,
    Column("property", Integer),
    Column("visitor", BigInteger),
    Column("start", DateTime(timezone=True)),
    Column("end", DateTime(timezone=True)),
)
_staged_assignment = Table(
    "staged_placed",
    _staging_metadata,
    *(Column(name, BigInteger) for name in ("seq", "visitor", "own_visitor", "session")),
    Column("is_view", Boolean),
)
_GROWING_COLUMNS = (
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
_staged_growth = Table(
    "staged_grown",
    _staging_metadata,
    Column("session", BigInteger),
    *(Column(n, _session.c[n].type) for n in _GROWING_COLUMNS),
)

_SESSION_COLUMNS = tuple(column.name for column in _session.columns if column.name not in schema.CONTEXT_COLUMNS)
_staged_session = _staged_copy(_session, _session.c.keys())
_GROUPED_COLUMNS = {name for group in CONTEXT_GROUPS for name in group.columns}
_FIRST_HIT_COLUMNS = tuple(name for name in schema.CONTEXT_COLUMNS if name not in _GROUPED_COLUMNS)
_COLUMNS_BY_HIT = {"id": _FIRST_HIT_COLUMNS, **{group.attribute: group.columns for group in CONTEXT_GROUPS}}
"""Context columns by the attribute of Session that is the seq of the hit from whose row they are copied."""

_staged_left_out = _staged_copy(schema.left_out, schema.left_out.c.keys())
_INSERT_LEFT_OUT = insert(schema.left_out).from_select(schema.left_out.c.keys(), select(_staged_left_out))
_INSERT_SESSIONS = insert(_session).from_select(_session.c.keys(), select(_staged_session))
_SELECT_CONTEXT = select(_event.c.seq, *(_event.c[name] for name in schema.CONTEXT_COLUMNS)).where(
    _event.c.seq.in_(select(_staged_id.c.id)),
    _event.c.seq.between(bindparam("first_seq"), bindparam("last_seq")),  # lets the engine skip row groups
)
_INSERT_EVENTS = insert(_event).from_select([c.name for c in _event.columns], select(_staged_event))
_UPDATE_SESSIONS = (
    update(_session)
    .where(_session.c.session == _staged_growth.c.session)
    .values({name: _staged_growth.c[name] for name in _GROWING_COLUMNS})
)
_UPDATE_ASSIGNMENTS = (
    update(_event)
    .where(_event.c.seq == _staged_assignment.c.seq)
    .values({name: _staged_assignment.c[name] for name in ("visitor", "own_visitor", "session", "is_view")})
)
_own_visitor = func.coalesce(_event.c.own_visitor, _event.c.visitor)
_HIT_COLUMNS = (
    *("seq", "property", "created_at", "event", "visitor", "own_visitor", "previous_visitor", "session", "is_bot"),
    *("is_custom", "is_view", "view_id", "page", "own_page", "engaged_ms", "context_bits", "data"),
)
_HIT_EXPRESSIONS = [
    epoch_us(_event.c[name]).label(name) if name == "created_at" else _event.c[name] for name in _HIT_COLUMNS
]


def add_rows(connection: Connection, rows: EventRows, sessions: Iterable[Session]) -> None:
    """Inserts new rows, with session columns filled in, and writes their sessions."""
    with stage(connection, _staged_event, rows):
        connection.execute(_INSERT_EVENTS)
        _write_sessions(connection, sessions, rows)


def write_sessions(connection: Connection, sessions: Iterable[Session]) -> None:
    """Writes sessions whose hits are all in the warehouse: inserts new sessions, updates stored ones."""
    _write_sessions(connection, sessions, {"seq": ()})


def add_excluded_rows(connection: Connection, rows: Mapping[str, Sequence[Any]]) -> None:
    """Inserts excluded events, so that they can be counted by reason."""
    if rows["seq"]:
        with stage(connection, _staged_left_out, rows):
            connection.execute(_INSERT_LEFT_OUT)


def delete_sessions(connection: Connection, ids: Collection[int]) -> None:
    if ids:
        with stage(connection, _staged_id, {"id": list(ids)}):
            connection.execute(delete(_session).where(_session.c.session.in_(select(_staged_id.c.id))))


def update_assignments(connection: Connection, hits: Sequence[SessionHit]) -> None:
    """Updates the session columns of stored hits to their current sessions."""
    if hits:
        assignments = [(hit.seq, *hit.assignment()) for hit in hits]
        columns = dict(zip(("seq", *SessionAssignment._fields), zip(*assignments, strict=True), strict=True))
        with stage(connection, _staged_assignment, columns):
            connection.execute(_UPDATE_ASSIGNMENTS)


def read_hits(
    connection: Connection, windows: Mapping[VisitorKey, tuple[int, int]], session_rules_of: SessionRulesLookup
) -> list[SessionHit]:
    """Reads the stored hits of these visitors, each in its window.

    Includes hits of next-day visitors who may continue them. Windows are in microseconds, both ends included.
    """
    window_columns = {
        "property": [property_number for property_number, _ in windows],
        "visitor": [visitor for _, visitor in windows],
        "start": [start for start, _ in windows.values()],
        "end": [end for _, end in windows.values()],
    }
    with stage(connection, _staged_window, window_columns):
        rows = connection.execute(
            union_all(_select_hits_by(_own_visitor), _select_hits_by(_event.c.previous_visitor))
        ).all()
    unique_rows = {row[0]: tuple(row) for row in rows}.values()
    values = zip(*unique_rows, strict=True) if unique_rows else [()] * len(_HIT_COLUMNS)
    columns: dict[str, Any] = dict(zip(_HIT_COLUMNS, values, strict=True))
    assignments = list(
        map(SessionAssignment._make, zip(*(columns[name] for name in SessionAssignment._fields), strict=True))
    )
    columns["visitor"] = [
        assignment.visitor if assignment.own_visitor is None else assignment.own_visitor for assignment in assignments
    ]
    hits = session_hits(columns, session_rules_of)
    for hit in hits:
        hit.stored_assignment = assignments[hit.index]
    return hits


def windows_of_sessions(connection: Connection, session_ids: Collection[int]) -> dict[VisitorKey, tuple[int, int]]:
    """Finds all visitors with hits in these sessions.

    Returns the time of each visitor's first and last hit there, in microseconds.
    """
    timestamp_us = epoch_us(_event.c.created_at)
    statement = (
        select(_event.c.property, _own_visitor, func.min(timestamp_us), func.max(timestamp_us))
        .where(_event.c.session.in_(select(_staged_id.c.id)))
        .group_by(_event.c.property, _own_visitor)
    )
    with stage(connection, _staged_id, {"id": list(session_ids)}):
        return {
            (property_number, visitor): (start, end)
            for property_number, visitor, start, end in connection.execute(statement)
        }


def fill_columns(rows: EventRows, hits: Iterable[SessionHit]) -> None:
    """Sets the session columns of rows from their hits' sessions."""
    session_ids, visitors, own_visitors, is_view_flags = (rows[name] for name in SessionAssignment._fields)
    for hit in hits:
        index, session = hit.index, hit.session
        assert session is not None
        session_ids[index], is_view_flags[index] = session.id, hit.is_view
        if session.visitor != hit.visitor:
            visitors[index], own_visitors[index] = session.visitor, hit.visitor


def _select_hits_by(visitor: Any) -> Any:
    window = _staged_window.c
    bounds = select(func.min(window.start).label("start"), func.max(window.end).label("end")).subquery()
    return (
        select(*_HIT_EXPRESSIONS)
        .join_from(_event, _staged_window, (_event.c.property == window.property) & (visitor == window.visitor))
        .where(_event.c.created_at.between(window.start, window.end), _event.c.session.is_not(None))
        .where(_event.c.created_at >= select(bounds.c.start).scalar_subquery())
        .where(_event.c.created_at <= select(bounds.c.end).scalar_subquery())
    )


def _write_sessions(connection: Connection, sessions: Iterable[Session], new_rows: EventRows) -> None:
    """Inserts new sessions, updates stored ones, and replaces those that copy columns from other hits than before.

    `new_rows` are in the warehouse already, as all hits are.
    """
    index_by_seq = {seq: index for index, seq in enumerate(new_rows["seq"])}
    new_sessions: list[Session] = []
    older_sessions: list[Session] = []
    grown_sessions: list[Session] = []
    for session in sessions:
        if session.is_written and not session.has_new_context:
            grown_sessions.append(session)
        elif index_by_seq.keys() >= set(filter(None, _hits_of(session))):
            new_sessions.append(session)
        else:
            older_sessions.append(session)
    delete_sessions(connection, [session.id for session in older_sessions if session.is_written])
    _insert_sessions(connection, new_sessions, _copy_context(new_sessions, new_rows, index_by_seq))
    _insert_sessions(connection, older_sessions, _read_context(connection, older_sessions))
    if grown_sessions:
        columns = _columns_of(grown_sessions, ("session", *_GROWING_COLUMNS))
        with stage(connection, _staged_growth, columns):
            connection.execute(_UPDATE_SESSIONS)


def _insert_sessions(connection: Connection, sessions: Sequence[Session], context_columns: Mapping[str, Any]) -> None:
    if not sessions:
        return
    with stage(connection, _staged_session, {**_columns_of(sessions, _SESSION_COLUMNS), **context_columns}):
        connection.execute(_INSERT_SESSIONS)
    for session in sessions:
        session.is_written, session.has_new_context = True, False


def _copy_context(
    sessions: Sequence[Session], rows: EventRows, index_by_seq: Mapping[int, int]
) -> Mapping[str, DictionaryColumn]:
    """Copies the context columns of sessions from the rows of their hits, with the dictionaries of these."""
    columns: dict[str, DictionaryColumn] = {}
    for attribute, names in _COLUMNS_BY_HIT.items() if sessions else ():
        indexes = [None if seq is None else index_by_seq[seq] for seq in map(attrgetter(attribute), sessions)]
        session_codes_by_id: dict[int, list[int | None]] = {}  # the columns share their codes
        for name in names:
            codes, dictionary = rows[name].codes, rows[name].dictionary
            if (session_codes := session_codes_by_id.get(id(codes))) is None:
                session_codes = [None if index is None else codes[index] for index in indexes]
                session_codes_by_id[id(codes)] = session_codes
            columns[name] = DictionaryColumn(session_codes, dictionary)
    return columns


def _read_context(connection: Connection, sessions: Sequence[Session]) -> Mapping[str, list[Any]]:
    """Reads the context columns of sessions from the rows of their hits in the warehouse."""
    seqs = {seq for session in sessions for seq in _hits_of(session) if seq is not None}
    if not seqs:
        return {}
    with stage(connection, _staged_id, {"id": list(seqs)}):
        rows = connection.execute(_SELECT_CONTEXT, {"first_seq": min(seqs), "last_seq": max(seqs)}).mappings()
        row_by_seq = {row["seq"]: row for row in rows}
    return {
        name: [None if seq is None else row_by_seq[seq][name] for seq in map(attrgetter(attribute), sessions)]
        for attribute, names in _COLUMNS_BY_HIT.items()
        for name in names
    }


def _columns_of(sessions: Sequence[Session], names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: list(map(attrgetter(_ATTRIBUTE_BY_COLUMN.get(name, name)), sessions)) for name in names}


_hits_of = attrgetter(*_COLUMNS_BY_HIT)
_ATTRIBUTE_BY_COLUMN = {
    "session": "id",
    "property": "property_number",
    "started_at": "started_us",
    "ended_at": "ended_us",
}

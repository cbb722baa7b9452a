"""Statements that somebody keeps under a name: their own, and nobody else sees them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import Session, col

from proprium.clock import utc_now
from proprium.errors import Conflict, NotFound, UserFacingError
from proprium.sql_console.runner import MAX_SQL_LENGTH
from proprium.storage.database import Database
from proprium.storage.tables import SavedQuery

MAX_NAME_LENGTH = 100
MAX_QUERIES_PER_USER = 200
"""Of one person."""


def list_saved(database: Database, user_id: UUID) -> list[SavedQuery]:
    """By name."""
    statement = select(SavedQuery).where(col(SavedQuery.user_id) == user_id).order_by(func.lower(SavedQuery.name))
    with database.session() as session:
        return list(session.scalars(statement))


def save(database: Database, user_id: UUID, name: str, sql: str) -> SavedQuery:
    """A name that is there already gets the new text."""
    name, sql = validate_name(name), validate_sql(sql)
    with database.write_transaction() as session:
        saved_query = _find_by_name(session, user_id, name)
        if saved_query is None:
            _check_query_limit(session, user_id)
            saved_query = SavedQuery(user_id=user_id, name=name, sql=sql)
            session.add(saved_query)
        saved_query.sql, saved_query.changed_at = sql, utc_now()
    return saved_query


def rename(database: Database, user_id: UUID, query_id: UUID, name: str) -> SavedQuery:
    """Raises Conflict when another one has that name."""
    name = validate_name(name)
    with database.write_transaction() as session:
        saved_query = _find(session, user_id, query_id)
        other_query = _find_by_name(session, user_id, name)
        if other_query is not None and other_query.id != query_id:
            raise Conflict(f"Another one is called “{name}”.")
        saved_query.name = name
    return saved_query


def delete(database: Database, user_id: UUID, query_id: UUID) -> None:
    with database.write_transaction() as session:
        session.delete(_find(session, user_id, query_id))


def validate_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise UserFacingError("A saved query needs a name.")
    if len(name) > MAX_NAME_LENGTH:
        raise UserFacingError(f"The name is {len(name)} characters long; at most {MAX_NAME_LENGTH} fit.")
    return name


def validate_sql(sql: str) -> str:
    if not sql.strip():
        raise UserFacingError("There is no statement to save.")
    if len(sql) > MAX_SQL_LENGTH:
        raise UserFacingError(f"The statement is {len(sql):,} characters long; at most {MAX_SQL_LENGTH:,} fit.")
    return sql.encode("utf-8", "replace").decode()


def _find(session: Session, user_id: UUID, query_id: UUID) -> SavedQuery:
    """The same for one that is missing and one that is somebody else's."""
    saved_query = session.get(SavedQuery, query_id)
    if saved_query is None or saved_query.user_id != user_id:
        raise NotFound("This saved query does not exist any more.")
    return saved_query


def _find_by_name(session: Session, user_id: UUID, name: str) -> SavedQuery | None:
    statement = select(SavedQuery).where(col(SavedQuery.user_id) == user_id, col(SavedQuery.name) == name)
    return session.scalars(statement).first()


def _check_query_limit(session: Session, user_id: UUID) -> None:
    statement = select(func.count()).select_from(SavedQuery).where(col(SavedQuery.user_id) == user_id)
    if (session.scalar(statement) or 0) >= MAX_QUERIES_PER_USER:
        raise Conflict(f"{MAX_QUERIES_PER_USER} queries are saved. Delete one first.")

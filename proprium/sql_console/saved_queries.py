"""Statements that somebody keeps under a name: their own, and nobody else sees them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import Session, col

from proprium.clock import utc_now
from proprium.errors import Conflict, NotFound, ProblemForReader
from proprium.sql_console.runner import LONGEST_SQL
from proprium.storage.database import Database
from proprium.storage.tables import SavedQuery

LONGEST_NAME = 100
MOST = 200
"""Of one person."""


def saved_of(database: Database, user_id: UUID) -> list[SavedQuery]:
    """By name."""
    question = select(SavedQuery).where(col(SavedQuery.user_id) == user_id).order_by(func.lower(SavedQuery.name))
    with database.session() as session:
        return list(session.scalars(question))


def save(database: Database, user_id: UUID, name: str, sql: str) -> SavedQuery:
    """A name that is there already gets the new text."""
    name, sql = checked_name(name), checked_sql(sql)
    with database.writing() as session:
        found = _by_name(session, user_id, name)
        if found is None:
            _refuse_too_many(session, user_id)
            found = SavedQuery(user_id=user_id, name=name, sql=sql)
            session.add(found)
        found.sql, found.changed_at = sql, utc_now()
    return found


def rename(database: Database, user_id: UUID, query_id: UUID, name: str) -> SavedQuery:
    """Raises Conflict when another one has that name."""
    name = checked_name(name)
    with database.writing() as session:
        found = _find(session, user_id, query_id)
        other = _by_name(session, user_id, name)
        if other is not None and other.id != query_id:
            raise Conflict(f"Another one is called “{name}”.")
        found.name = name
    return found


def delete(database: Database, user_id: UUID, query_id: UUID) -> None:
    with database.writing() as session:
        session.delete(_find(session, user_id, query_id))


def checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise ProblemForReader("A saved query needs a name.")
    if len(name) > LONGEST_NAME:
        raise ProblemForReader(f"The name is {len(name)} characters long; at most {LONGEST_NAME} fit.")
    return name


def checked_sql(sql: str) -> str:
    if not sql.strip():
        raise ProblemForReader("There is no statement to save.")
    if len(sql) > LONGEST_SQL:
        raise ProblemForReader(f"The statement is {len(sql):,} characters long; at most {LONGEST_SQL:,} fit.")
    return sql.encode("utf-8", "replace").decode()


def _find(session: Session, user_id: UUID, query_id: UUID) -> SavedQuery:
    """The same for one that is missing and one that is somebody else's."""
    found = session.get(SavedQuery, query_id)
    if found is None or found.user_id != user_id:
        raise NotFound("This saved query does not exist any more.")
    return found


def _by_name(session: Session, user_id: UUID, name: str) -> SavedQuery | None:
    question = select(SavedQuery).where(col(SavedQuery.user_id) == user_id, col(SavedQuery.name) == name)
    return session.scalars(question).first()


def _refuse_too_many(session: Session, user_id: UUID) -> None:
    count = select(func.count()).select_from(SavedQuery).where(col(SavedQuery.user_id) == user_id)
    if (session.scalar(count) or 0) >= MOST:
        raise Conflict(f"{MOST} queries are saved. Delete one first.")

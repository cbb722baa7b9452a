"""Saved queries of the SQL console: named statements, visible to their user only."""

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
"""Limit per user."""


def list_saved(database: Database, user_id: UUID) -> list[SavedQuery]:
    """Returns the user's saved queries, sorted by name."""
    statement = select(SavedQuery).where(col(SavedQuery.user_id) == user_id).order_by(func.lower(SavedQuery.name))
    with database.session() as session:
        return list(session.scalars(statement))


def save(database: Database, user_id: UUID, name: str, sql: str) -> SavedQuery:
    """Saves a query; an existing one with the same name is overwritten."""
    name, sql = validate_name(name), validate_sql(sql)
    with database.write_transaction() as session:
        saved_query = _find_by_name(session, user_id, name)
        if saved_query is None:
            count = select(func.count()).select_from(SavedQuery).where(col(SavedQuery.user_id) == user_id)
            if (session.scalar(count) or 0) >= MAX_QUERIES_PER_USER:
                raise Conflict(f"You have reached the limit of {MAX_QUERIES_PER_USER} saved queries. Delete one first.")
            saved_query = SavedQuery(user_id=user_id, name=name, sql=sql)
            session.add(saved_query)
        saved_query.sql, saved_query.changed_at = sql, utc_now()
    return saved_query


def rename(database: Database, user_id: UUID, query_id: UUID, name: str) -> SavedQuery:
    """Renames a saved query. Raises Conflict if another one has that name."""
    name = validate_name(name)
    with database.write_transaction() as session:
        saved_query = _find(session, user_id, query_id)
        other_query = _find_by_name(session, user_id, name)
        if other_query is not None and other_query.id != query_id:
            raise Conflict(f"A saved query named “{name}” already exists.")
        saved_query.name = name
    return saved_query


def delete(database: Database, user_id: UUID, query_id: UUID) -> None:
    with database.write_transaction() as session:
        session.delete(_find(session, user_id, query_id))


def validate_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise UserFacingError("Enter a name for the query.")
    if len(name) > MAX_NAME_LENGTH:
        raise UserFacingError(f"The name has {len(name)} characters; the maximum is {MAX_NAME_LENGTH}.")
    return name


def validate_sql(sql: str) -> str:
    if not sql.strip():
        raise UserFacingError("Enter a statement to save.")
    if len(sql) > MAX_SQL_LENGTH:
        raise UserFacingError(f"The statement has {len(sql):,} characters; the maximum is {MAX_SQL_LENGTH:,}.")
    return sql.encode("utf-8", "replace").decode()


def _find(session: Session, user_id: UUID, query_id: UUID) -> SavedQuery:
    """Raises NotFound for missing queries and for those of other users alike."""
    saved_query = session.get(SavedQuery, query_id)
    if saved_query is None or saved_query.user_id != user_id:
        raise NotFound("This saved query no longer exists.")
    return saved_query


def _find_by_name(session: Session, user_id: UUID, name: str) -> SavedQuery | None:
    statement = select(SavedQuery).where(col(SavedQuery.user_id) == user_id, col(SavedQuery.name) == name)
    return session.scalars(statement).first()

"""Audit log: who changed what, and when; lists its entries and deletes old ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select
from sqlmodel import col

from proprium.properties.audit_log import (
    COMMAND_LINE,
    SERVER,
    Action,
    Actor,
    network_of,
    record,
    record_change,
)
from proprium.storage.database import Database
from proprium.storage.tables import AuditEntry

__all__ = ["COMMAND_LINE", "SERVER", "Action", "Actor", "network_of", "record", "record_change"]

LIFETIME = timedelta(days=400)
MAX_FAILED_SIGN_INS = 20_000
"""Failed sign-ins that are kept, at some 200 bytes: anyone can cause them, so that age alone does not bound them."""
BATCH_SIZE = 1_000


@dataclass(frozen=True)
class AuditFilter:
    """Conditions on entries of the log; each one that is set must hold."""

    property_id: UUID | None = None
    action: Action | None = None
    actor: str = ""  # as the log names it: an e-mail address, the name of a key, "command line"
    since: datetime | None = None
    until: datetime | None = None  # excluded


def list_entries(
    database: Database, entry_filter: AuditFilter, *, before_id: int | None = None, limit: int = BATCH_SIZE
) -> list[AuditEntry]:
    """Lists entries, newest first; with `before_id`, those that follow the entry with this id in the list."""
    statement = _matching(select(AuditEntry), entry_filter)
    if before_id is not None:
        statement = statement.where(col(AuditEntry.id) < before_id)
    with database.session() as session:
        return list(session.scalars(statement.order_by(col(AuditEntry.id).desc()).limit(limit)))


def entry_batches(database: Database, entry_filter: AuditFilter) -> Iterator[list[AuditEntry]]:
    """Yields all matching entries, newest first, in batches, so that a long log is never held in memory."""
    before_id = None
    while entries := list_entries(database, entry_filter, before_id=before_id):
        yield entries
        before_id = entries[-1].id


def list_actors(database: Database, property_id: UUID | None = None) -> list[str]:
    """Lists the names of all actors in the log, or in a property's part of it.

    Those of failed sign-ins are left out: anyone can type any address.
    """
    statement = select(col(AuditEntry.actor)).where(col(AuditEntry.action) != Action.SIGN_IN_FAILED).distinct()
    if property_id is not None:
        statement = statement.where(col(AuditEntry.property_id) == property_id)
    with database.session() as session:
        return sorted(session.scalars(statement))


def record_export(database: Database, target: str, property_id: UUID | None = None, *, actor: Actor) -> None:
    """Records a download, which changes nothing, in a transaction of its own."""
    with database.write_transaction() as session:
        record(session, Action.EXPORTED, actor, property_id=property_id, target=target)


def delete_expired(database: Database, now: datetime) -> int:
    """Deletes entries older than LIFETIME, and all but the newest failed sign-ins; returns their number."""
    failed = select(col(AuditEntry.id)).where(col(AuditEntry.action) == Action.SIGN_IN_FAILED)
    kept = failed.order_by(col(AuditEntry.id).desc()).limit(MAX_FAILED_SIGN_INS)
    conditions = [
        col(AuditEntry.at) < now - LIFETIME,
        (col(AuditEntry.action) == Action.SIGN_IN_FAILED) & col(AuditEntry.id).not_in(kept),
    ]
    deleted_count = 0
    with database.session() as session:  # most nights nothing is deleted: no lock is taken to find that out
        is_due = session.scalar(select(func.count()).where(conditions[0] | conditions[1])) != 0
    if is_due:
        with database.write_transaction() as session:
            for condition in conditions:
                deleted_count += session.execute(delete(AuditEntry).where(condition)).rowcount  # type: ignore[attr-defined]
    return deleted_count


def _matching(statement: Select[Any], entry_filter: AuditFilter) -> Select[Any]:
    if entry_filter.property_id is not None:
        statement = statement.where(col(AuditEntry.property_id) == entry_filter.property_id)
    if entry_filter.action is not None:
        statement = statement.where(col(AuditEntry.action) == entry_filter.action)
    if entry_filter.actor:
        statement = statement.where(col(AuditEntry.actor) == entry_filter.actor)
    if entry_filter.since is not None:
        statement = statement.where(col(AuditEntry.at) >= entry_filter.since)
    if entry_filter.until is not None:
        statement = statement.where(col(AuditEntry.at) < entry_filter.until)
    return statement

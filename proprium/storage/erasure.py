"""Secure deletion in storage: removes what a deletion leaves behind in other rows, in the log and in backups."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, update

from proprium.clock import Clock, utc_now
from proprium.storage import backups, instance_settings
from proprium.storage.database import Database
from proprium.storage.tables import Change, ChangeKind
from proprium.storage.user_agents import sweep_user_agents

log = logging.getLogger(__name__)

ERASED_TO = "erased_to"
"""The setting that holds the last deletion of which storage keeps no trace: a restart goes on from there."""
QUIET = timedelta(seconds=3)
"""A long deletion comes in shares: so long after the last of them, all are finished at once."""

_change: Any = Change.__table__  # type: ignore[attr-defined]


def finish_deletions(
    database: Database, folder: Path, warehouse_erased_to: int, *, clock: Clock = utc_now, quiet: timedelta = QUIET
) -> None:
    """Removes User-Agents without events, deleted events from the backups in `folder`, and the log.

    Cheap where nothing was deleted. `warehouse_erased_to` is the last change that is gone from the warehouse's file.
    """
    with database.engine.connect() as connection:
        last = _last_deletion(connection)
    if last is None:
        return
    erased_to = instance_settings.get(database, ERASED_TO, 0)
    if last.seq > erased_to and clock() - last.created_at >= quiet:
        sweep_user_agents(database)
        backups.erase_from_copies(database, folder)
        if database.forget_log():
            instance_settings.put(database, ERASED_TO, last.seq)
            erased_to = last.seq
    _forget_subjects(database, min(erased_to, warehouse_erased_to))


def _last_deletion(connection: Connection) -> Any:
    deletions = select(_change.c.seq, _change.c.created_at).where(_change.c.kind != ChangeKind.RULES_CHANGED)
    return connection.execute(deletions.order_by(_change.c.seq.desc()).limit(1)).first()


def _forget_subjects(database: Database, last: int) -> None:
    """Blanks which visitors and events the changes up to `last` deleted: that is personal itself.

    A warehouse that has not followed such a change makes the rows of that property again from what is left.
    """
    kinds = (ChangeKind.VISITOR_ERASED, ChangeKind.EVENTS_DELETED)
    named = (_change.c.seq <= last) & _change.c.kind.in_(kinds) & (func.json(_change.c.detail) != "{}")
    with database.engine.connect() as connection:
        if not connection.scalar(select(func.count()).where(named)):
            return
    with database.writing() as session:
        session.execute(update(_change).where(named).values(detail={}))
    database.forget_log()

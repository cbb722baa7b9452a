"""Secure deletion: removes traces of deleted data from User-Agents, backups, changes and the write-ahead log."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from proprium.clock import Clock, utc_now
from proprium.storage import backups, instance_settings
from proprium.storage.database import Database
from proprium.storage.tables import ChangeKind, StorageChange
from proprium.storage.user_agents import delete_unused_user_agents

log = logging.getLogger(__name__)

ERASED_SEQ_SETTING = "erased_to"
"""Setting with the `seq` of the last deletion that has been finished; a restart continues from it."""
QUIET_PERIOD = timedelta(seconds=3)
"""Debounce: a long deletion consists of batches, and is finished once, this long after the last of them."""

_change_table: Any = StorageChange.__table__  # type: ignore[attr-defined]


def finish_deletions(
    database: Database,
    folder: Path,
    warehouse_erased_seq: int,
    *,
    clock: Clock = utc_now,
    quiet_period: timedelta = QUIET_PERIOD,
) -> None:
    """Removes traces of deletions: unused User-Agents, deleted events in backups in `folder`, and the WAL.

    Cheap if nothing was deleted. `warehouse_erased_seq` is the last change whose data is gone from the warehouse's
    file; details of changes are blanked only up to it.
    """
    deletions = select(_change_table.c.seq, _change_table.c.created_at).where(
        _change_table.c.kind != ChangeKind.RULES_CHANGED
    )
    with database.engine.connect() as connection:
        last_deletion = connection.execute(deletions.order_by(_change_table.c.seq.desc()).limit(1)).first()
    if last_deletion is None:
        return
    erased_seq = instance_settings.get(database, ERASED_SEQ_SETTING, 0)
    if last_deletion.seq > erased_seq and clock() - last_deletion.created_at >= quiet_period:
        delete_unused_user_agents(database)
        backups.erase_from_copies(database, folder)
        if database.truncate_wal():
            instance_settings.put(database, ERASED_SEQ_SETTING, last_deletion.seq)
            erased_seq = last_deletion.seq
    _blank_details(database, min(erased_seq, warehouse_erased_seq))


def _blank_details(database: Database, last_seq: int) -> None:
    """Blanks the visitors and events in changes up to `last_seq`: they are personal data themselves.

    A warehouse that has not applied such a change yet recomputes the whole property from the remaining events.
    """
    kinds = (ChangeKind.VISITOR_ERASED, ChangeKind.EVENTS_DELETED)
    has_details = (
        (_change_table.c.seq <= last_seq)
        & _change_table.c.kind.in_(kinds)
        & (func.json(_change_table.c.detail) != "{}")
    )
    with database.engine.connect() as connection:
        if not connection.scalar(select(func.count()).where(has_details)):
            return
    with database.write_transaction() as session:
        session.execute(update(_change_table).where(has_details).values(detail={}))
    database.truncate_wal()

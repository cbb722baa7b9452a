"""Backups of the storage file: complete, readable by this user only, and without visitor keys.

One is made before each schema migration. Later deletions are applied to the backups as well.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import select

from proprium.clock import utc_now
from proprium.storage.database import Database
from proprium.storage.event_codec import from_timestamp_us
from proprium.storage.tables import ChangeKind, StorageChange

log = logging.getLogger(__name__)

MAX_BACKUPS = 3
"""Number of backups to keep; older ones are deleted."""


def create_backup(database: Database, folder: Path, reason: str) -> Path:
    """Creates a backup of the file and returns its path.

    It is a consistent snapshot, although other processes may write meanwhile. `reason` becomes a part of its name.
    """
    backup = folder / f"{database.path.name}.{utc_now():%Y%m%dT%H%M%S%f}.{reason}.bak"
    os.close(os.open(backup, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    with database.engine.connect() as connection, closing(sqlite3.connect(backup)) as target:
        source: Any = connection.connection.dbapi_connection
        source.backup(target)
        # Visitor keys would outlive their day in a backup, and link visitors to IP addresses.
        target.execute("PRAGMA journal_mode=DELETE")
        target.execute("PRAGMA secure_delete=ON")
        if target.execute("SELECT 1 FROM sqlite_master WHERE name = 'visitor_key'").fetchone():
            target.execute("DELETE FROM visitor_key")
        target.commit()
    log.info("created a backup of storage", extra={"path": str(backup)})
    for old_backup in list_backups(database.path, folder)[:-MAX_BACKUPS]:
        old_backup.unlink(missing_ok=True)
    return backup


def list_backups(path: Path, folder: Path) -> list[Path]:
    """Lists the backups of a storage file, oldest first."""
    return sorted(folder.glob(f"{path.name}.*.bak"))


def erase_from_copies(database: Database, folder: Path) -> None:
    """Applies the deletions since each backup was made to it.

    A backup in which that fails is deleted, so that no deleted event survives in it.
    """
    if not (paths := list_backups(database.path, folder)):
        return
    with database.session() as session:
        changes = session.scalars(select(StorageChange).order_by(StorageChange.seq)).all()  # type: ignore[arg-type]
    for path in paths:
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as backup:
                _apply_deletions(backup, changes)
        except sqlite3.Error as problem:
            log.warning(
                "deleted a backup from which deleted events could not be removed",
                extra={"path": str(path), "error": str(problem)},
            )
            path.unlink(missing_ok=True)


def _apply_deletions(backup: sqlite3.Connection, changes: Sequence[StorageChange]) -> None:
    """Applies the deletions that the backup does not contain yet.

    The file's user_version is the last change that was applied to it. Every schema since the first has these tables.
    """
    backup.execute("PRAGMA secure_delete=ON")
    backup.execute("PRAGMA foreign_keys=ON")
    [(applied_seq,)] = backup.execute(
        "SELECT max(coalesce(max(seq), 0), (SELECT * FROM pragma_user_version)) FROM change"
    )
    pending_changes = [change for change in changes if (change.seq or 0) > applied_seq]
    if not pending_changes:
        return
    backup.execute("BEGIN IMMEDIATE")
    for change in pending_changes:
        _apply_deletion(backup, change)
    backup.execute("DELETE FROM user_agent WHERE id NOT IN (SELECT user_agent FROM event WHERE user_agent IS NOT NULL)")
    backup.execute(f"PRAGMA user_version={pending_changes[-1].seq}")
    backup.execute("COMMIT")


def _apply_deletion(backup: sqlite3.Connection, change: StorageChange) -> None:
    property_number, detail = change.property, change.detail
    if change.kind in {ChangeKind.PROPERTY_DELETED, ChangeKind.PROPERTY_RESET}:
        backup.execute("DELETE FROM event WHERE property = ?", (property_number,))
        backup.execute("DELETE FROM refused WHERE property = ?", (property_number,))
    if change.kind == ChangeKind.PROPERTY_DELETED:
        backup.execute("DELETE FROM property WHERE number = ?", (property_number,))
    if change.kind == ChangeKind.PRUNED:
        values = (change.before, detail.get("last_seq"), property_number)
        is_old = "created_at < ?1 AND (?2 IS NULL OR seq <= ?2) AND (?3 IS NULL OR property = ?3)"
        backup.execute(f"DELETE FROM event WHERE {is_old}", values)
        before = f"{from_timestamp_us(change.before or 0):%Y-%m-%d %H:%M:%S.%f}"
        backup.execute("DELETE FROM refused WHERE at < ?1 AND (?2 IS NULL OR property = ?2)", (before, property_number))
    if change.kind == ChangeKind.VISITOR_ERASED:
        backup.execute("DELETE FROM event WHERE property = ? AND visitor = ?", (property_number, detail.get("visitor")))
    if change.kind == ChangeKind.EVENTS_DELETED:
        ids = [(bytes.fromhex(id_), property_number) for id_ in detail.get("ids", ())]
        backup.executemany("DELETE FROM event WHERE id = ? AND property = ?", ids)
        backup.executemany("DELETE FROM event WHERE seq = ?", [(seq,) for seq in detail.get("seqs", ())])

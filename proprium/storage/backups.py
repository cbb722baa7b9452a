"""Copies of the file that are kept before something dangerous: whole, private, and without a visitor key.

What is deleted later is deleted from them as well.
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
"""The newest ones; older are deleted."""


def create_backup(database: Database, folder: Path, reason: str) -> Path:
    """Copies the file as it is at this moment, while others write, and returns where it is."""
    backup = folder / f"{database.path.name}.{utc_now():%Y%m%dT%H%M%S%f}.{reason}.bak"
    os.close(os.open(backup, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    with database.engine.connect() as connection, closing(sqlite3.connect(backup)) as target:
        source: Any = connection.connection.dbapi_connection
        source.backup(target)
        _delete_visitor_keys(target)
    log.info("kept a copy of storage in %s", backup)
    _delete_old_backups(database.path, folder)
    return backup


def list_backups(path: Path, folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(folder.glob(f"{path.name}.*.bak"))


def erase_from_copies(database: Database, folder: Path) -> None:
    """Deletes from each copy what was deleted since it was made; a copy in which that fails is deleted itself."""
    if not (copies := list_backups(database.path, folder)):
        return
    with database.session() as session:
        changes = session.scalars(select(StorageChange).order_by(StorageChange.seq)).all()  # type: ignore[arg-type]
    for copy in copies:
        try:
            with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
                _erase(connection, changes)
        except sqlite3.Error as problem:
            log.warning("deleted %s, since deleted events could not be removed from it: %s", copy, problem)
            copy.unlink(missing_ok=True)


def _erase(copy: sqlite3.Connection, changes: Sequence[StorageChange]) -> None:
    """The file's user version says up to which change this was done. Schemas since the first one have these tables."""
    copy.execute("PRAGMA secure_delete=ON")
    copy.execute("PRAGMA foreign_keys=ON")
    [(done,)] = copy.execute("SELECT max(coalesce(max(seq), 0), (SELECT * FROM pragma_user_version)) FROM change")
    later = [change for change in changes if (change.seq or 0) > done]
    if not later:
        return
    copy.execute("BEGIN IMMEDIATE")
    for change in later:
        _erase_change(copy, change)
    copy.execute("DELETE FROM user_agent WHERE id NOT IN (SELECT user_agent FROM event WHERE user_agent IS NOT NULL)")
    copy.execute(f"PRAGMA user_version={later[-1].seq}")
    copy.execute("COMMIT")


def _erase_change(copy: sqlite3.Connection, change: StorageChange) -> None:
    number, detail = change.property, change.detail
    if change.kind in {ChangeKind.PROPERTY_DELETED, ChangeKind.PROPERTY_RESET}:
        copy.execute("DELETE FROM event WHERE property = ?", (number,))
        copy.execute("DELETE FROM refused WHERE property = ?", (number,))
    if change.kind == ChangeKind.PROPERTY_DELETED:
        copy.execute("DELETE FROM property WHERE number = ?", (number,))
    if change.kind == ChangeKind.PRUNED:
        values = (change.before, detail.get("last_seq"), number)
        old = "created_at < ?1 AND (?2 IS NULL OR seq <= ?2) AND (?3 IS NULL OR property = ?3)"
        copy.execute(f"DELETE FROM event WHERE {old}", values)
        before = f"{from_timestamp_us(change.before or 0):%Y-%m-%d %H:%M:%S.%f}"
        copy.execute("DELETE FROM refused WHERE at < ?1 AND (?2 IS NULL OR property = ?2)", (before, number))
    if change.kind == ChangeKind.VISITOR_ERASED:
        copy.execute("DELETE FROM event WHERE property = ? AND visitor = ?", (number, detail.get("visitor")))
    if change.kind == ChangeKind.EVENTS_DELETED:
        ids = [(bytes.fromhex(id_), number) for id_ in detail.get("ids", ())]
        copy.executemany("DELETE FROM event WHERE id = ? AND property = ?", ids)
        copy.executemany("DELETE FROM event WHERE seq = ?", [(seq,) for seq in detail.get("seqs", ())])


def _delete_visitor_keys(backup: sqlite3.Connection) -> None:
    """A key in a copy would outlive its day, and with it the link between a visitor and an address."""
    backup.execute("PRAGMA journal_mode=DELETE")
    backup.execute("PRAGMA secure_delete=ON")
    if backup.execute("SELECT 1 FROM sqlite_master WHERE name = 'visitor_key'").fetchone():
        backup.execute("DELETE FROM visitor_key")
    backup.commit()


def _delete_old_backups(path: Path, folder: Path) -> None:
    for backup in list_backups(path, folder)[:-MAX_BACKUPS]:
        backup.unlink(missing_ok=True)

"""Copies of the file that are kept before something dangerous: whole, private, and without a visitor key."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from proprium.clock import utc_now
from proprium.storage.database import Database

log = logging.getLogger(__name__)

KEPT = 3
"""The newest ones; older are deleted."""


def keep_copy(database: Database, folder: Path, why: str) -> Path:
    """Copies the file as it is at this moment, while others write, and returns where it is."""
    copy = folder / f"{database.path.name}.{utc_now():%Y%m%dT%H%M%S%f}.{why}.bak"
    os.close(os.open(copy, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    with database.engine.connect() as connection, closing(sqlite3.connect(copy)) as target:
        source: Any = connection.connection.dbapi_connection
        source.backup(target)
        _forget_keys(target)
    log.info("kept a copy of storage in %s", copy)
    _keep_the_newest(database.path, folder)
    return copy


def kept_copies(path: Path, folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(folder.glob(f"{path.name}.*.bak"))


def _forget_keys(copy: sqlite3.Connection) -> None:
    """A key in a copy would outlive its day, and with it the link between a visitor and an address."""
    copy.execute("PRAGMA journal_mode=DELETE")
    copy.execute("PRAGMA secure_delete=ON")
    if copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'visitor_key'").fetchone():
        copy.execute("DELETE FROM visitor_key")
    copy.commit()


def _keep_the_newest(path: Path, folder: Path) -> None:
    for copy in kept_copies(path, folder)[:-KEPT]:
        copy.unlink(missing_ok=True)

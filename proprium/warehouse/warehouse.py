"""The open warehouse: snapshot reads, one writer, and a database file that a rebuild can swap.

Up to 32 readers at a time, each with a consistent snapshot. Writes are serialised by a lock.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.exc import TimeoutError

from proprium.errors import WarehouseBusy, WarehouseRebuilding
from proprium.warehouse import schema
from proprium.warehouse.engines.duckdb import (
    ENGINE_ERRORS,
    DuckDBStore,
    WarehouseUnreadable,
    batches,
    delete_files,
    reader_problem,
    stage,
)
from proprium.warehouse.query_cache import QueryCache
from proprium.warehouse.query_timeout import QueryDeadline, current_deadline, with_deadline
from proprium.warehouse.swap_lock import SwapLock, SwapLockClosed

log = logging.getLogger(__name__)

__all__ = ["Warehouse", "batches", "open_warehouse", "stage"]

SWAP_DRAIN_TIMEOUT_S = 30.0
"""Drain timeout of a swap: running queries may take this long to finish, then they are interrupted."""
CLOSE_DRAIN_TIMEOUT_S = 5.0
"""Drain timeout of `close`."""


class Warehouse:
    """A warehouse file, its connections, its write lock and its query cache.

    Only this package opens the file. Another engine would replace `DuckDBStore` here.
    """

    def __init__(self, path: Path, memory: str = "512MB", threads: int | None = None) -> None:
        self.path = path
        self._memory = memory
        self._threads = threads
        self._write_lock = threading.RLock()
        self._swap_lock = SwapLock()
        self._reader_connections: set[Connection] = set()
        self.query_cache = QueryCache()
        self.progress_seq = 0
        """Highest event seq of storage that the sync has written, committed or not."""
        self._rebuild_target: Warehouse | None = None
        self._outdated_seq: int | None = None
        self._store = self._open_or_reset()
        # Left by a rebuild that was killed. Only after the file's lock is held: another process may be writing it.
        delete_files(self.rebuild_path)

    @property
    def rebuild_path(self) -> Path:
        """Path of the file that a rebuild or compaction writes before the swap."""
        return self.path.with_name(f"{self.path.stem}.next{self.path.suffix}")

    def rebuild_percent(self) -> int | None:
        """Progress of the rebuild in percent (0–99), or None when the warehouse can be read.

        Not None only on a schema mismatch: another version wrote the file, and its columns are not those of today.
        """
        if self._outdated_seq is None:
            return None
        progress_seq = self._rebuild_target.progress_seq if self._rebuild_target else 0
        return min(99, 100 * progress_seq // max(1, self._outdated_seq))

    @contextmanager
    def read(self, *, allow_outdated: bool = False) -> Iterator[Connection]:
        """Opens a read connection for the current thread, with a consistent snapshot.

        Raises WarehouseBusy when there are too many readers, and when the warehouse is closed; WarehouseRebuilding
        on a schema mismatch, unless `allow_outdated`; QueryTimeout when the thread's query deadline has expired or
        was cancelled; QueryTooLarge when memory or disk space is exhausted.
        """
        if not allow_outdated and (percent := self.rebuild_percent()) is not None:
            raise WarehouseRebuilding(percent)
        deadline = current_deadline() or QueryDeadline()
        try:
            with (
                self._swap_lock.read(SWAP_DRAIN_TIMEOUT_S),
                self._store.engine.connect() as connection,
                with_deadline(deadline),
                deadline.enforce(partial(self._store.interrupt, connection)),
            ):
                self._reader_connections.add(connection)
                try:
                    yield connection
                finally:
                    self._reader_connections.discard(connection)
        except (SwapLockClosed, TimeoutError):
            raise WarehouseBusy("The warehouse is busy. Try again in a moment.") from None
        except ENGINE_ERRORS as error:
            deadline.check()
            if (problem := reader_problem(error)) is None:
                raise
            first_line, *_ = str(getattr(error, "orig", error)).splitlines() or [""]
            log.warning("warehouse query failed: %s", first_line)
            raise problem from None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Opens a write transaction, rolled back on any error. One writer at a time."""
        with self._write_lock, self._store.engine.begin() as connection:
            yield connection

    def checkpoint(self) -> None:
        """Writes the write-ahead log into the database file."""
        with self._write_lock:
            self._store.checkpoint()

    def create_rebuild_target(self) -> Warehouse:
        """Creates an empty warehouse at `rebuild_path`; pass it to `swap` or `discard`."""
        delete_files(self.rebuild_path)
        self._rebuild_target = Warehouse(self.rebuild_path, self._memory, self._threads)
        return self._rebuild_target

    def copy(self, on_batch_done: Callable[[], None]) -> Warehouse:
        """Copies a snapshot of all rows to a new file, without the bytes of deleted rows.

        Pass the copy to `swap` or `discard`. `on_batch_done` is called about once a second; it may write to this
        warehouse.
        """
        tables = [table for table in schema.metadata.sorted_tables if table is not schema.compaction]
        self._store.copy(tables, on_batch_done)
        rebuild_target = Warehouse(self.rebuild_path, self._memory, self._threads)
        with rebuild_target.write() as connection:
            connection.execute(insert(schema.compaction).values(is_pending=False))
        self._rebuild_target = rebuild_target
        return rebuild_target

    def swap(self, rebuild_target: Warehouse) -> None:
        """Replaces the file by the rebuild target's, and clears the query cache.

        Running queries finish on the old file within SWAP_DRAIN_TIMEOUT_S; new ones wait for the swap.
        """
        with self._exclusive(SWAP_DRAIN_TIMEOUT_S):
            rebuild_target.close()
            self._store.close()
            # The old write-ahead log must be gone before the rename, or the engine replays it into the new file.
            Path(f"{self.path}.wal").unlink(missing_ok=True)
            os.replace(rebuild_target.path, self.path)
            self._store = self._open_or_reset()
            self._rebuild_target = None
            self.query_cache.clear()

    def discard(self, rebuild_target: Warehouse) -> None:
        """Closes and deletes the target of a failed rebuild; the next one starts over."""
        self._rebuild_target = None
        rebuild_target.close()
        delete_files(rebuild_target.path)

    def reopen(self) -> None:
        """Reopens the file after an error from which the engine does not recover."""
        with self._exclusive(0):
            self._store.close()
            self._store = self._open_or_reset()

    def close(self) -> None:
        """Closes the warehouse for good, after running queries have finished or CLOSE_DRAIN_TIMEOUT_S."""
        with self._exclusive(CLOSE_DRAIN_TIMEOUT_S, is_permanent=True):
            self._store.close()

    def _open_or_reset(self) -> DuckDBStore:
        try:
            return self._open_store()
        except WarehouseUnreadable as problem:
            log.warning("the warehouse cannot be read; deleting it and rebuilding it from storage: %s", problem)
            delete_files(self.path)
            return self._open_store()

    def _open_store(self) -> DuckDBStore:
        store = DuckDBStore(self.path, self.rebuild_path, self._memory, self._threads)
        try:
            with store.engine.begin() as connection:
                self._outdated_seq = _outdated_seq(connection)
                schema.metadata.create_all(connection)
        except WarehouseUnreadable:
            store.close()
            raise
        return store

    @contextmanager
    def _exclusive(self, drain_timeout_s: float, *, is_permanent: bool = False) -> Iterator[None]:
        """Excludes writers and readers; readers that outlast the drain timeout are interrupted and disconnected."""
        with (
            self._write_lock,
            self._swap_lock.exclusive(drain_timeout_s, self._interrupt_readers, is_permanent=is_permanent),
        ):
            for connection in list(self._reader_connections):
                self._store.disconnect(connection)
            yield

    def _interrupt_readers(self) -> None:
        for connection in list(self._reader_connections):
            self._store.interrupt(connection)


def _outdated_seq(connection: Connection) -> int | None:
    """Reads the event seq that a file of another schema version has reached.

    None for a new file or one of this version. Raises WarehouseUnreadable when the position cannot be read.
    """
    position, inspector = schema.position, inspect(connection)
    if not inspector.has_table(position.name):
        return None
    if {column["name"] for column in inspector.get_columns(position.name)} != set(position.c.keys()):
        raise WarehouseUnreadable("table `position` has the columns of another version of Proprium")
    row = connection.execute(select(position.c.schema_version, position.c.event_seq)).first()
    return row.event_seq if row and row.schema_version != schema.VERSION else None


def open_warehouse(path: Path, memory: str = "512MB", threads: int | None = None) -> Warehouse:
    """Opens or creates the warehouse file. Raises OperatorError when another process has it open."""
    return Warehouse(path, memory, threads)

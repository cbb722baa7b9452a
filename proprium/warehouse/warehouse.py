"""The open warehouse: many readers, each with a snapshot of its own, one writer, and a file that can be swapped."""

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
"""How long a swap lets readers finish before it ends their questions."""
CLOSE_DRAIN_TIMEOUT_S = 5.0
"""The same at the end."""


class Warehouse:
    """Derived from storage and disposable. Only this room opens it; a later engine takes DuckDBStore's place here."""

    def __init__(self, path: Path, memory: str = "512MB", threads: int | None = None) -> None:
        self.path = path
        self._memory = memory
        self._threads = threads
        self._write_lock = threading.RLock()
        self._swap_lock = SwapLock()
        self._reader_connections: set[Connection] = set()
        self.query_cache = QueryCache()
        self.progress_seq = 0
        """How far in storage's sequence whoever fills it has come, committed or not."""
        self._rebuild_target: Warehouse | None = None
        self._outdated_seq: int | None = None
        self._store = self._open_or_reset()
        delete_files(
            self.rebuild_path
        )  # a killed rebuild's; not before the file is ours, since another process may write it

    @property
    def rebuild_path(self) -> Path:
        """Where a rebuild writes."""
        return self.path.with_name(f"{self.path.stem}.next{self.path.suffix}")

    def rebuild_percent(self) -> int | None:
        """While the file is another version's, whose columns are not ours: how far the new one is. None: ask."""
        if self._outdated_seq is None:
            return None
        progress_seq = self._rebuild_target.progress_seq if self._rebuild_target else 0
        return min(99, 100 * progress_seq // max(1, self._outdated_seq))

    @contextmanager
    def read(self, *, allow_outdated: bool = False) -> Iterator[Connection]:
        """A connection of one's own, for one thread; everything it reads is from one moment.

        Raises WarehouseBusy when there are too many readers, and when the warehouse is closed; WarehouseRebuilding
        when it is another version's; TooSlow when the thread's patience ends; TooLarge when memory or disk do.
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
            log.warning("a question to the warehouse was given up: %s", first_line)
            raise problem from None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end or not at all. One writer at a time."""
        with self._write_lock, self._store.engine.begin() as connection:
            yield connection

    def checkpoint(self) -> None:
        with self._write_lock:
            self._store.checkpoint()

    def create_rebuild_target(self) -> Warehouse:
        """An empty warehouse beside this one, for a rebuild; hand it to `swap` or `abandon`."""
        delete_files(self.rebuild_path)
        self._rebuild_target = Warehouse(self.rebuild_path, self._memory, self._threads)
        return self._rebuild_target

    def copy(self, between: Callable[[], None]) -> Warehouse:
        """What this one holds at the moment, beside it and without a trace of deleted rows: for `swap` or `abandon`.

        `between` is called every second or so; it may write to this one.
        """
        tables = [table for table in schema.metadata.sorted_tables if table is not schema.compaction]
        self._store.copy(tables, between)
        successor = Warehouse(self.rebuild_path, self._memory, self._threads)
        with successor.write() as connection:
            connection.execute(insert(schema.compaction).values(is_pending=False))
        self._rebuild_target = successor
        return successor

    def swap(self, rebuild_target: Warehouse) -> None:
        """Takes the successor's file for its own. Readers in flight finish on the old one, new ones wait that long."""
        with self._exclusive(SWAP_DRAIN_TIMEOUT_S):
            rebuild_target.close()
            self._store.close()
            # The old log must be gone before the new file has its name: it would be read as the new one's.
            Path(f"{self.path}.wal").unlink(missing_ok=True)
            os.replace(rebuild_target.path, self.path)
            self._store = self._open_or_reset()
            self._rebuild_target = None
            self.query_cache.clear()

    def discard(self, rebuild_target: Warehouse) -> None:
        """Closes it and deletes its file: that rebuild failed, and the next one begins at nothing."""
        self._rebuild_target = None
        rebuild_target.close()
        delete_files(rebuild_target.path)

    def reopen(self) -> None:
        """After a fault that the engine does not recover from by itself."""
        with self._exclusive(0):
            self._store.close()
            self._store = self._open_or_reset()

    def close(self) -> None:
        """After the questions that are being answered, or a few seconds. Nobody can read afterwards."""
        with self._exclusive(CLOSE_DRAIN_TIMEOUT_S, is_permanent=True):
            self._store.close()

    def _open_or_reset(self) -> DuckDBStore:
        try:
            return self._open_store()
        except WarehouseUnreadable as problem:
            log.warning("the warehouse is thrown away and filled again from storage: %s", problem)
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
        """While it lasts nobody writes or reads; who will not end is cut off."""
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
    """How far another version had filled this file; None where it is this version's, or new."""
    position, inspector = schema.position, inspect(connection)
    if not inspector.has_table(position.name):
        return None
    if {column["name"] for column in inspector.get_columns(position.name)} != set(position.c.keys()):
        raise WarehouseUnreadable("another version of Proprium kept its place in another way")
    row = connection.execute(select(position.c.schema_version, position.c.event_seq)).first()
    return row.event_seq if row and row.schema_version != schema.VERSION else None


def open_warehouse(path: Path, memory: str = "512MB", threads: int | None = None) -> Warehouse:
    """Raises ProblemForOperator when another process has it open."""
    return Warehouse(path, memory, threads)

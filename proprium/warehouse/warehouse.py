"""The open warehouse: snapshot reads, one writer, and contents that a rebuild can swap.

Many readers at a time, each with a consistent snapshot. Writes are serialised by a lock. How rows are stored is the
engine's business.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.exc import TimeoutError

from proprium.errors import WarehouseBusy, WarehouseRebuilding
from proprium.warehouse import schema
from proprium.warehouse.engine import Engine, WarehouseUnreadable
from proprium.warehouse.engines.factory import Location, engine_at
from proprium.warehouse.query_cache import QueryCache
from proprium.warehouse.query_timeout import QueryDeadline, current_deadline, with_deadline
from proprium.warehouse.swap_lock import SwapLock, SwapLockClosed

log = logging.getLogger(__name__)

SWAP_DRAIN_TIMEOUT_S = 30.0
"""Drain timeout of a swap: running queries may take this long to finish, then they are interrupted."""
CLOSE_DRAIN_TIMEOUT_S = 5.0
"""Drain timeout of `close`."""


class Warehouse:
    """An open engine with its write lock, swap lock and query cache.

    Raises OperatorError when another process has it open.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._write_lock = threading.RLock()
        self._swap_lock = SwapLock()
        self._reader_connections: set[Connection] = set()
        self.query_cache = QueryCache()
        self.progress_seq = 0
        """Highest event seq of storage that the sync has written, committed or not."""
        self._rebuild_target: Warehouse | None = None
        self._outdated_seq: int | None = None
        self._open_or_reset()

    def rebuild_percent(self) -> int | None:
        """Progress of the rebuild in percent (0–99), or None when the warehouse can be read.

        Not None only on a schema mismatch: another version wrote the tables, and their columns are not those of today.
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
                self.engine.read() as connection,
                with_deadline(deadline),
                deadline.enforce(partial(self.engine.interrupt, connection)),
            ):
                self._reader_connections.add(connection)
                try:
                    yield connection
                finally:
                    self._reader_connections.discard(connection)
        except (SwapLockClosed, TimeoutError):
            raise WarehouseBusy("The warehouse is busy. Try again in a moment.") from None
        except self.engine.statement_errors as error:
            deadline.check()
            if (problem := self.engine.user_facing_error(error)) is None:
                raise
            first_line, *_ = str(getattr(error, "orig", error)).splitlines() or [""]
            log.warning("warehouse query failed", extra={"error": first_line})
            raise problem from None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Opens a write transaction, rolled back on any error. One writer at a time."""
        with self._write_lock, self.engine.write() as connection:
            yield connection

    def checkpoint(self) -> None:
        """Moves logged writes into their final place."""
        with self._write_lock:
            self.engine.checkpoint()

    def create_rebuild_target(self) -> Warehouse:
        """Creates an empty warehouse beside this one; pass it to `swap` or `discard`."""
        self._rebuild_target = Warehouse(self.engine.create_rebuild_target())
        return self._rebuild_target

    def copy(self, on_batch_done: Callable[[], None]) -> Warehouse:
        """Copies a snapshot of all rows to a new warehouse, without the bytes of deleted rows.

        Pass the copy to `swap` or `discard`. `on_batch_done` is called about once a second; it may write to this
        warehouse.
        """
        tables = [table for table in schema.metadata.sorted_tables if table is not schema.compaction]
        rebuild_target = Warehouse(self.engine.copy(tables, on_batch_done))
        with rebuild_target.write() as connection:
            connection.execute(insert(schema.compaction).values(is_pending=False))
        self._rebuild_target = rebuild_target
        return rebuild_target

    def swap(self, rebuild_target: Warehouse) -> None:
        """Replaces the contents by the rebuild target's, and clears the query cache.

        Running queries finish on the old contents within SWAP_DRAIN_TIMEOUT_S; new ones wait for the swap.
        """
        with self._exclusive(SWAP_DRAIN_TIMEOUT_S):
            rebuild_target.close()
            self.engine.replace_with(rebuild_target.engine)
            self._open_or_reset()
            self._rebuild_target = None
            self.query_cache.clear()

    def discard(self, rebuild_target: Warehouse) -> None:
        """Closes and deletes the target of a failed rebuild; the next one starts over."""
        self._rebuild_target = None
        rebuild_target.close()
        rebuild_target.engine.erase()

    def reopen(self) -> None:
        """Reopens the engine after an error from which it does not recover."""
        with self._exclusive(0):
            self.engine.close()
            self._open_or_reset()

    def close(self) -> None:
        """Closes the warehouse for good, after running queries have finished or CLOSE_DRAIN_TIMEOUT_S."""
        with self._exclusive(CLOSE_DRAIN_TIMEOUT_S, is_permanent=True):
            self.engine.close()

    def _open_or_reset(self) -> None:
        try:
            self._open()
        except WarehouseUnreadable as problem:
            log.warning(
                "the warehouse cannot be read; deleting it and rebuilding it from storage",
                extra={"error": str(problem)},
            )
            self.engine.erase()
            self._open()

    def _open(self) -> None:
        self.engine.open()
        try:
            with self.engine.write() as connection:
                self._outdated_seq = _outdated_seq(connection)
                schema.metadata.create_all(connection)
        except WarehouseUnreadable:
            self.engine.close()
            raise

    @contextmanager
    def _exclusive(self, drain_timeout_s: float, *, is_permanent: bool = False) -> Iterator[None]:
        """Excludes writers and readers; readers that outlast the drain timeout are interrupted and disconnected."""
        with (
            self._write_lock,
            self._swap_lock.exclusive(drain_timeout_s, self.interrupt_readers, is_permanent=is_permanent),
        ):
            for connection in list(self._reader_connections):
                self.engine.disconnect(connection)
            yield

    def interrupt_readers(self) -> None:
        """Interrupts all running queries, which end with WarehouseBusy."""
        for connection in list(self._reader_connections):
            self.engine.interrupt(connection)


def _outdated_seq(connection: Connection) -> int | None:
    """Reads the event seq that tables of another schema version, or with other columns, have reached.

    None for a new database or one of this version. Raises WarehouseUnreadable when the position cannot be read.
    """
    position, inspector = schema.position, inspect(connection)
    if not inspector.has_table(position.name):
        return None
    if {column["name"] for column in inspector.get_columns(position.name)} != set(position.c.keys()):
        raise WarehouseUnreadable("table `position` has the columns of another version of Proprium")
    row = connection.execute(select(position.c.schema_version, position.c.event_seq)).first()
    is_outdated = row is not None and (
        row.schema_version != schema.VERSION
        or any(
            {column["name"] for column in inspector.get_columns(table.name)} != set(table.c.keys())
            for table in (schema.event, schema.session)
        )
    )
    return row.event_seq if row and is_outdated else None


def open_warehouse(location: Location, memory: str = "512MB", threads: int | None = None) -> Warehouse:
    """Opens or creates the warehouse at a location. Raises OperatorError when another process has it open."""
    return Warehouse(engine_at(location, memory, threads))


def warehouse_exists(location: Location) -> bool:
    """Returns whether a warehouse has been created at a location; does not open it."""
    return engine_at(location).exists()

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
    reader_problem,
    remove,
    staged,
)
from proprium.warehouse.query_cache import Memo
from proprium.warehouse.query_timeout import Patience, asking, patience_here
from proprium.warehouse.swap_lock import Gate, Shut

log = logging.getLogger(__name__)

__all__ = ["Warehouse", "batches", "open_warehouse", "staged"]

SWAP_S = 30.0
"""How long a swap lets readers finish before it ends their questions."""
FAREWELL_S = 5.0
"""The same at the end."""


class Warehouse:
    """Derived from storage and disposable. Only this room opens it; a later engine takes DuckDBStore's place here."""

    def __init__(self, path: Path, memory: str = "512MB", threads: int | None = None) -> None:
        self.path = path
        self._memory = memory
        self._threads = threads
        self._writer = threading.RLock()
        self._gate = Gate()
        self._readers: set[Connection] = set()
        self.memo = Memo()
        self.filled_to = 0
        """How far in storage's sequence whoever fills it has come, committed or not."""
        self._successor: Warehouse | None = None
        self._outdated_at: int | None = None
        self._store = self._open()
        remove(self.next_path)  # a killed rebuild's; not before the file is ours, since another process may write it

    @property
    def next_path(self) -> Path:
        """Where a rebuild writes."""
        return self.path.with_name(f"{self.path.stem}.next{self.path.suffix}")

    def rebuilt_percent(self) -> int | None:
        """While the file is another version's, whose columns are not ours: how far the new one is. None: ask."""
        if self._outdated_at is None:
            return None
        filled_to = self._successor.filled_to if self._successor else 0
        return min(99, 100 * filled_to // max(1, self._outdated_at))

    @contextmanager
    def read(self, *, even_outdated: bool = False) -> Iterator[Connection]:
        """A connection of one's own, for one thread; everything it reads is from one moment.

        Raises WarehouseBusy when there are too many readers, and when the warehouse is closed; WarehouseRebuilding
        when it is another version's; TooSlow when the thread's patience ends; TooLarge when memory or disk do.
        """
        if not even_outdated and (percent := self.rebuilt_percent()) is not None:
            raise WarehouseRebuilding(percent)
        patience = patience_here() or Patience()
        try:
            with (
                self._gate.entered(SWAP_S),
                self._store.engine.connect() as connection,
                asking(patience),
                patience.reading(partial(self._store.interrupt, connection)),
            ):
                self._readers.add(connection)
                try:
                    yield connection
                finally:
                    self._readers.discard(connection)
        except (Shut, TimeoutError):
            raise WarehouseBusy("The warehouse is busy. Try again in a moment.") from None
        except ENGINE_ERRORS as error:
            patience.check()
            if (problem := reader_problem(error)) is None:
                raise
            first_line, *_ = str(getattr(error, "orig", error)).splitlines() or [""]
            log.warning("a question to the warehouse was given up: %s", first_line)
            raise problem from None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end or not at all. One writer at a time."""
        with self._writer, self._store.engine.begin() as connection:
            yield connection

    def checkpoint(self) -> None:
        with self._writer:
            self._store.checkpoint()

    def successor(self) -> Warehouse:
        """An empty warehouse beside this one, for a rebuild; hand it to `swap` or `abandon`."""
        remove(self.next_path)
        self._successor = Warehouse(self.next_path, self._memory, self._threads)
        return self._successor

    def copy(self, between: Callable[[], None]) -> Warehouse:
        """What this one holds at the moment, beside it and without a trace of deleted rows: for `swap` or `abandon`.

        `between` is called every second or so; it may write to this one.
        """
        tables = [table for table in schema.metadata.sorted_tables if table is not schema.compaction]
        self._store.copy(tables, between)
        successor = Warehouse(self.next_path, self._memory, self._threads)
        with successor.write() as connection:
            connection.execute(insert(schema.compaction).values(is_pending=False))
        self._successor = successor
        return successor

    def swap(self, successor: Warehouse) -> None:
        """Takes the successor's file for its own. Readers in flight finish on the old one, new ones wait that long."""
        with self._alone(SWAP_S):
            successor.close()
            self._store.close()
            # The old log must be gone before the new file has its name: it would be read as the new one's.
            Path(f"{self.path}.wal").unlink(missing_ok=True)
            os.replace(successor.path, self.path)
            self._store = self._open()
            self._successor = None
            self.memo.forget()

    def abandon(self, successor: Warehouse) -> None:
        """Closes it and deletes its file: that rebuild failed, and the next one begins at nothing."""
        self._successor = None
        successor.close()
        remove(successor.path)

    def reopen(self) -> None:
        """After a fault that the engine does not recover from by itself."""
        with self._alone(0):
            self._store.close()
            self._store = self._open()

    def close(self) -> None:
        """After the questions that are being answered, or a few seconds. Nobody can read afterwards."""
        with self._alone(FAREWELL_S, for_good=True):
            self._store.close()

    def _open(self) -> DuckDBStore:
        try:
            return self._prepared()
        except WarehouseUnreadable as problem:
            log.warning("the warehouse is thrown away and filled again from storage: %s", problem)
            remove(self.path)
            return self._prepared()

    def _prepared(self) -> DuckDBStore:
        store = DuckDBStore(self.path, self.next_path, self._memory, self._threads)
        try:
            with store.engine.begin() as connection:
                self._outdated_at = _outdated_at(connection)
                schema.metadata.create_all(connection)
        except WarehouseUnreadable:
            store.close()
            raise
        return store

    @contextmanager
    def _alone(self, patience_s: float, *, for_good: bool = False) -> Iterator[None]:
        """While it lasts nobody writes or reads; who will not end is cut off."""
        with self._writer, self._gate.shut(patience_s, self._interrupt, for_good=for_good):
            for connection in list(self._readers):
                self._store.cut_off(connection)
            yield

    def _interrupt(self) -> None:
        for connection in list(self._readers):
            self._store.interrupt(connection)


def _outdated_at(connection: Connection) -> int | None:
    """How far another version had filled this file; None where it is this version's, or new."""
    position, found = schema.position, inspect(connection)
    if not found.has_table(position.name):
        return None
    if {column["name"] for column in found.get_columns(position.name)} != set(position.c.keys()):
        raise WarehouseUnreadable("another version of Proprium kept its place in another way")
    row = connection.execute(select(position.c.schema_version, position.c.event_seq)).first()
    return row.event_seq if row and row.schema_version != schema.VERSION else None


def open_warehouse(path: Path, memory: str = "512MB", threads: int | None = None) -> Warehouse:
    """Raises ProblemForOperator when another process has it open."""
    return Warehouse(path, memory, threads)

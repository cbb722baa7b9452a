"""The open warehouse: many readers, each with a snapshot of its own, one writer, and a file that can be swapped."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from proprium.errors import WarehouseBusy
from proprium.warehouse import schema
from proprium.warehouse.engines.duckdb import DuckDBStore, WarehouseUnreadable, remove, staged

log = logging.getLogger(__name__)

__all__ = ["Warehouse", "open_warehouse", "staged"]

PATIENCE_S = 30.0
"""How long a swap lets readers finish before it ends their questions."""


class Warehouse:
    """Derived from storage and disposable. Only this room opens it; a later engine takes DuckDBStore's place here."""

    def __init__(self, path: Path, memory: str = "512MB", threads: int | None = None) -> None:
        self.path = path
        self._memory = memory
        self._threads = threads
        self._writer = threading.RLock()
        self._gate = threading.Condition()
        self._is_shut = False
        self._open_reads = 0
        self._readers: set[Connection] = set()
        self._mine = threading.local()  # how deep this thread is in read(): a nested read must not wait for itself
        remove(self.next_path)
        self._store = self._open()

    @property
    def next_path(self) -> Path:
        """Where a rebuild writes."""
        return self.path.with_name(f"{self.path.stem}.next{self.path.suffix}")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection of one's own, for one thread; everything it reads is from one moment.

        Raises WarehouseBusy when a swap does not end.
        """
        self._enter()
        try:
            with self._store.engine.connect() as connection:
                self._readers.add(connection)
                try:
                    yield connection
                finally:
                    self._readers.discard(connection)
        finally:
            self._leave()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end or not at all. One writer at a time."""
        with self._writer, self._store.engine.begin() as connection:
            yield connection

    def checkpoint(self) -> None:
        with self._writer:
            self._store.checkpoint()

    def successor(self) -> Warehouse:
        """An empty warehouse beside this one, for a rebuild; hand it to `swap`, or close it."""
        remove(self.next_path)
        return Warehouse(self.next_path, self._memory, self._threads)

    def swap(self, successor: Warehouse) -> None:
        """Takes the successor's file for its own. Readers in flight finish on the old one, new ones wait that long."""
        with self._writer, self._shut():
            successor.close()
            self._replace_by(successor.path)

    def discard(self) -> None:
        """Closes it and deletes the file."""
        self.close()
        remove(self.path)

    def close(self) -> None:
        """After the questions that are being answered."""
        with self._writer, self._shut():
            self._store.close()

    def _open(self) -> DuckDBStore:
        try:
            return self._prepared()
        except WarehouseUnreadable as problem:
            log.warning("the warehouse is thrown away and filled again from storage: %s", problem)
            remove(self.path)
            return self._prepared()

    def _prepared(self) -> DuckDBStore:
        store = DuckDBStore(self.path, self._memory, self._threads)
        with store.engine.begin() as connection:
            schema.metadata.create_all(connection)
        return store

    def _replace_by(self, path: Path) -> None:
        self._store.close()
        # The old log must be gone before the new file has its name: it would be read as the new one's.
        Path(f"{self.path}.wal").unlink(missing_ok=True)
        os.replace(path, self.path)
        self._store = self._open()

    def _enter(self) -> None:
        depth = getattr(self._mine, "depth", 0)
        with self._gate:
            if not depth and not self._gate.wait_for(lambda: not self._is_shut, PATIENCE_S):
                raise WarehouseBusy("The warehouse is being exchanged. Try again in a moment.")
            self._mine.depth = depth + 1
            self._open_reads += 1

    def _leave(self) -> None:
        with self._gate:
            self._mine.depth -= 1
            self._open_reads -= 1
            self._gate.notify_all()

    @contextmanager
    def _shut(self) -> Iterator[None]:
        """While it lasts nobody reads."""
        with self._gate:
            self._is_shut = True
            if not self._gate.wait_for(self._is_quiet, PATIENCE_S):
                self._interrupt_readers()
                self._gate.wait_for(self._is_quiet, PATIENCE_S)
        try:
            yield
        finally:
            with self._gate:
                self._is_shut = False
                self._gate.notify_all()

    def _is_quiet(self) -> bool:
        return self._open_reads == 0

    def _interrupt_readers(self) -> None:
        for connection in list(self._readers):
            self._store.interrupt(connection)


def open_warehouse(path: Path, memory: str = "512MB", threads: int | None = None) -> Warehouse:
    """Raises ProblemForOperator when another process has it open."""
    return Warehouse(path, memory, threads)
